// What a model's own text reads like: prompts are continued greedily, and the completions judged for repetition and
// degeneration. Perplexity, benchmarks and familiarity look at probabilities of given texts and say nothing of this.

#include "base/hash.h"
#include "evaluate/completion_prompts.h"
#include "evaluate/completion_quality.h"
#include "evaluate/task.h"
#include "model/generate.h"

#include <algorithm>
#include <utility>

namespace nepenthe::evaluate {

namespace {

class FluencyTask : public Task {
  public:
    explicit FluencyTask(const TaskInput& input)
        : prompts_(read_completion_prompts(input)), tokenizer_(input.tokenizer) {
        generate_.max_new_tokens = input.options.completion_tokens;
        generate_.stop = tokenizer_.ends();
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(prompts_.prompts.size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t item) const override {
        // A generated token goes through the model by itself, which costs several times a prompt's token.
        const double prompt = static_cast<double>(prompts_.ids[static_cast<std::size_t>(item)].size());
        return prompt + 4 * static_cast<double>(generate_.max_new_tokens);
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<std::vector<text::TokenId>> prompts;
        std::vector<std::uint64_t> streams;
        for (auto item = static_cast<std::size_t>(begin); std::cmp_less(item, end); ++item) {
            prompts.push_back(prompts_.ids[item]);
            streams.push_back(item);
        }
        auto completions = model::generate(decoder, prompts, generate_, streams);
        std::vector<Json> rows;
        for (auto item = static_cast<std::size_t>(begin); std::cmp_less(item, end); ++item) {
            rows.push_back(row(item, std::move(completions[rows.size()])));
        }
        return rows;
    }

    std::vector<std::string> metrics() const override {
        return {"seq_rep_2",        "seq_rep_3",         "seq_rep_4",         "degenerate",
                "degenerate_loops", "degenerate_digits", "degenerate_markup", "degenerate_stops"};
    }

    std::string digest() const override {
        return sha256_hex(canonical_json(
            {{"prompts", prompts_.ids}, {"tokens", generate_.max_new_tokens}, {"stop", generate_.stop}}));
    }

  private:
    Json row(std::size_t item, std::vector<text::TokenId> ids) const {
        const bool ended = !ids.empty() && std::ranges::find(generate_.stop, ids.back()) != generate_.stop.end();
        if (ended) ids.pop_back();
        const std::string text = tokenizer_.decode(ids, true);
        const CompletionQuality quality = judge_completion(text, ids, ended);
        Json row = prompt_row(item, prompts_.prompts[item]);
        row.update({{"completion", text},
                    {"completion_ids", ids},
                    {"ended", ended},
                    {"degenerate", quality.degenerate() ? 1 : 0},
                    {"degenerate_loops", quality.loops ? 1 : 0},
                    {"degenerate_digits", quality.digits ? 1 : 0},
                    {"degenerate_markup", quality.markup ? 1 : 0},
                    {"degenerate_stops", quality.stops ? 1 : 0}});
        for (std::size_t i = 0; i < kRepetitionLengths.size(); ++i) {
            const auto [repeated, ngrams] = quality.repetition[i];
            row["seq_rep_" + std::to_string(kRepetitionLengths[i])] =
                ngrams == 0 ? Json() : Json(static_cast<double>(repeated) / static_cast<double>(ngrams));
        }
        return row;
    }

    CompletionPrompts prompts_;
    const text::Tokenizer& tokenizer_;
    model::GenerateOptions generate_;
};

}  // namespace

std::unique_ptr<Task> make_fluency_task(const std::string&, const TaskInput& input) {
    return std::make_unique<FluencyTask>(input);
}

}  // namespace nepenthe::evaluate
