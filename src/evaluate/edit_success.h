#pragma once
// How well facts were written: what the model now says to the edited prompt, to paraphrases, and to prompts about other
// things. Three conventions, with metrics of different names because their figures do not compare. specs: editing.md
// §13.

#include "edit/facts/facts.h"
#include "evaluate/evaluate.h"
#include "evaluate/likelihood_request.h"
#include "model/decoder.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

namespace nepenthe::evaluate {

enum class EditMeasure {
    kCounterFact,  // new against true object: success, magnitude, strict match (ROME)
    kZsre,  // teacher-forced accuracy of the target's tokens; unrelated questions against their right answers (ROME,
            // MEMIT)
    kEasyEdit,  // teacher-forced accuracy beside strict match, also of what follows (portability); unrelated questions
                // against the unedited model, by compare()
};

// The name of the measure's task.
std::string edit_measure_name(EditMeasure measure);

// Facts as token ids, ready to be scored on any edited model. Each prompt is one joint sequence with each object behind
// it.
class EditSuccess {
  public:
    // Throws Error(kData) that lists every fact which cannot be measured: no true object (CounterFact), objects without
    // tokens or longer than the model.
    EditSuccess(EditMeasure measure, std::span<const edit::Fact> facts, const text::Tokenizer& tokenizer,
                std::int64_t max_positions);

    std::size_t facts() const { return facts_.size(); }
    // Tokens that a fact costs.
    double cost(std::size_t fact) const;
    // One row for each of the facts [begin, end): "id" (its index), "fact" (its id), a value of each metric, the
    // negative log-likelihoods. Not collective; the last bits depend on the facts of the call.
    std::vector<Json> rows(const model::Decoder& decoder, std::size_t begin, std::size_t end) const;
    // Without paraphrases, without prompts about other things, or without prompts about what follows (portability) in
    // any of the facts, the metrics about them are left out.
    std::vector<std::string> metrics() const;
    // The rows of all facts as a result like those of evaluate(), for tables and compare().
    TaskResult result(std::vector<Json> rows) const;
    // What the rows depend on beside the model.
    std::string digest() const;

  private:
    // A prompt with one object behind it, or with the new and the true one.
    using Prompt = std::vector<EncodedPair>;
    struct EncodedFact {
        std::string id;
        Prompt rewrite;
        std::vector<Prompt> paraphrases = {}, neighbourhood = {}, portability = {};
        std::vector<std::string> located = {}, ported = {};  // kinds of neighbourhood and portability prompts
    };

    EncodedFact encode(const edit::Fact& fact, const text::Tokenizer& tokenizer, std::int64_t max_positions) const;

    EditMeasure measure_;
    std::vector<EncodedFact> facts_;
    bool paraphrased_ = false, located_ = false;  // any fact has paraphrases, prompts about other things
    std::set<std::string> ported_;                // kinds of the portability prompts of all facts
};

}  // namespace nepenthe::evaluate
