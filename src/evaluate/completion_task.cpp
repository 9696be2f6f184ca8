// Familiarity by completion: how often sampled completions bring up anchor terms that their prompt does not hold. A
// count of our own; the published measure asks a language model for a grade, which this does not replace.

#include "base/hash.h"
#include "evaluate/anchor_mentions.h"
#include "evaluate/completion_prompts.h"
#include "evaluate/task.h"
#include "model/generate.h"

#include <utility>

namespace nepenthe::evaluate {

namespace {

class CompletionTask : public Task {
  public:
    explicit CompletionTask(const TaskInput& input)
        : prompts_(read_completion_prompts(input)),
          mentions_(unlearn::read_dictionary(input.options.dictionary)),
          tokenizer_(input.tokenizer),
          samples_(static_cast<std::size_t>(input.options.completions)) {
        generate_.max_new_tokens = input.options.completion_tokens;
        generate_.greedy = false;
        generate_.temperature = 1;
        generate_.top_k = 5;
        generate_.seed = input.options.seed;
        generate_.stop = tokenizer_.ends();
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(prompts_.prompts.size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t item) const override {
        // A generated token goes through the model by itself, which costs several times a prompt's token.
        const double prompt = static_cast<double>(prompts_.ids[static_cast<std::size_t>(item)].size());
        return static_cast<double>(samples_) * (prompt + 4 * static_cast<double>(generate_.max_new_tokens));
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<std::vector<text::TokenId>> prompts;
        std::vector<std::uint64_t> streams;
        for (auto item = static_cast<std::size_t>(begin); std::cmp_less(item, end); ++item) {
            for (std::size_t sample = 0; sample < samples_; ++sample) {
                prompts.push_back(prompts_.ids[item]);
                streams.push_back(item * samples_ + sample);
            }
        }
        const auto completions = model::generate(decoder, prompts, generate_, streams);
        std::vector<Json> rows;
        for (auto item = static_cast<std::size_t>(begin), next = std::size_t{0}; std::cmp_less(item, end); ++item) {
            Json row = prompt_row(item, prompts_.prompts[item]);
            row["completions"] = Json::array();
            std::int64_t revealing = 0;
            for (std::size_t sample = 0; sample < samples_; ++sample, ++next) {
                const std::string text = tokenizer_.decode(completions[next], true);
                const auto terms = mentions_.new_terms(prompts_.prompts[item].prompt, text);
                revealing += terms.empty() ? 0 : 1;
                row["completions"].push_back({{"text", text}, {"terms", terms}});
            }
            row["anchor_rate"] = {revealing, samples_};
            rows.push_back(std::move(row));
        }
        return rows;
    }

    std::vector<std::string> metrics() const override { return {"anchor_rate"}; }

    std::string digest() const override {
        return sha256_hex(canonical_json({{"prompts", prompts_.ids},
                                          {"dictionary", mentions_.digest()},
                                          {"completions", samples_},
                                          {"tokens", generate_.max_new_tokens},
                                          {"top_k", generate_.top_k},
                                          {"seed", generate_.seed}}));
    }

  private:
    CompletionPrompts prompts_;
    AnchorMentions mentions_;
    const text::Tokenizer& tokenizer_;
    std::size_t samples_;
    model::GenerateOptions generate_;
};

}  // namespace

std::unique_ptr<Task> make_completion_task(const std::string&, const TaskInput& input) {
    return std::make_unique<CompletionTask>(input);
}

}  // namespace nepenthe::evaluate
