#pragma once
// A budget on what edits may cost the model: the perplexity of a text, looked at after every batch of facts.

#include "base/error.h"
#include "base/json.h"
#include "dist/comm.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

struct UtilityBudget {
    std::filesystem::path text;  // empty = nothing is watched
    double budget = 0.05;        // largest relative rise of the perplexity
    std::int64_t windows = 20;   // of the text, 0 = all

    explicit operator bool() const { return !text.empty(); }
    void check(Problems& problems) const;
    // SHA-256 of the text.
    std::string digest() const;
};

class UtilityWatch {
  public:
    // Collective. Measures `unedited`. The tokenizer must outlive this.
    UtilityWatch(const dist::Comm& comm, const model::Decoder& unedited, const text::Tokenizer& tokenizer,
                 UtilityBudget budget);
    // Collective. Throws Error(kGate), on every rank, where `edited` is beyond the budget.
    void check(const model::Decoder& edited);
    // {"before": …, "after": [one perplexity a look], "budget": …}
    Json to_json() const;

  private:
    double perplexity(const model::Decoder& decoder) const;

    const dist::Comm& comm_;
    const text::Tokenizer& tokenizer_;
    UtilityBudget budget_;
    double before_;
    std::vector<double> after_;
};

}  // namespace nepenthe::pipelines
