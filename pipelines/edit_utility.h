#pragma once
// A budget on what edits may cost the model, looked at after every batch of facts: the perplexity of a text, and how
// many answers to questions that no edit is about change.

#include "base/error.h"
#include "base/json.h"
#include "dist/comm.h"
#include "evaluate/evaluate.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

struct UtilityBudget {
    std::filesystem::path text;   // empty = no perplexity is watched
    double budget = 0.05;         // largest relative rise of the perplexity
    std::int64_t windows = 20;    // of the text, 0 = all
    std::filesystem::path probe;  // facts that no edit is about; empty = no answers are watched
    double altered = 0.05;        // largest share of their greedy answers that may differ from the unedited model's

    explicit operator bool() const { return !text.empty() || !probe.empty(); }
    void check(Problems& problems) const;
    // What a run's key must tell: the budget, and the SHA-256 of what is read.
    Json to_json() const;
};

class UtilityWatch {
  public:
    // Collective. Measures `unedited`. The tokenizer must outlive this.
    UtilityWatch(const dist::Comm& comm, const model::Decoder& unedited, const text::Tokenizer& tokenizer,
                 UtilityBudget budget);
    // Collective. Throws Error(kGate) saying everything that is beyond the budget, on every rank.
    void check(const model::Decoder& edited);
    // {"perplexity": {"before": …, "after": [one a look], "budget": …}, "altered": {"after": [a share a look],
    // "budget": …}}, each where it is watched.
    Json to_json() const;

  private:
    double perplexity(const model::Decoder& decoder) const;
    evaluate::TaskResult answers(const model::Decoder& decoder) const;

    const dist::Comm& comm_;
    const text::Tokenizer& tokenizer_;
    UtilityBudget budget_;
    double perplexity_before_ = 0;
    evaluate::TaskResult answers_before_;
    std::vector<double> perplexities_, altered_;
};

}  // namespace nepenthe::pipelines
