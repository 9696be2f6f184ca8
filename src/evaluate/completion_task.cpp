// Familiarity by completion: how often sampled completions bring up anchor terms that their prompt does not hold. A
// count of our own; the published measure asks a language model for a grade, which this does not replace.

#include "base/error.h"
#include "base/hash.h"
#include "evaluate/anchor_mentions.h"
#include "evaluate/familiarity_prompts.h"
#include "evaluate/likelihood_request.h"
#include "evaluate/task.h"
#include "model/generate.h"

#include <algorithm>
#include <utility>

namespace nepenthe::evaluate {

namespace {

class CompletionTask : public Task {
  public:
    CompletionTask(std::vector<FamiliarityPrompt> prompts, unlearn::Dictionary dictionary, const TaskInput& input)
        : prompts_(std::move(prompts)),
          mentions_(std::move(dictionary)),
          tokenizer_(input.tokenizer),
          samples_(static_cast<std::size_t>(input.options.completions)) {
        generate_.max_new_tokens = input.options.completion_tokens;
        generate_.greedy = false;
        generate_.temperature = 1;
        generate_.top_k = 5;
        generate_.seed = input.options.seed;
        generate_.stop = tokenizer_.ends();
        const std::int64_t room = input.config.max_positions - generate_.max_new_tokens;
        Problems problems;
        for (const FamiliarityPrompt& prompt : prompts_) {
            encoded_.push_back(encode_with_special_tokens(tokenizer_, prompt.prompt));
            if (encoded_.back().empty()) encoded_.back().push_back(prefix_token(tokenizer_));
            if (std::cmp_greater(encoded_.back().size(), room)) {
                problems.add("\"{}\": {} tokens and {} new ones do not fit into the model's {} positions",
                             prompt.prompt, encoded_.back().size(), generate_.max_new_tokens,
                             input.config.max_positions);
            }
        }
        problems.throw_if_any(ErrorKind::kData, "completion prompts");
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(prompts_.size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t item) const override {
        // A generated token goes through the model by itself, which costs several times a prompt's token.
        const double prompt = static_cast<double>(encoded_[static_cast<std::size_t>(item)].size());
        return static_cast<double>(samples_) * (prompt + 4 * static_cast<double>(generate_.max_new_tokens));
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<std::vector<text::TokenId>> prompts;
        std::vector<std::uint64_t> streams;
        for (auto item = static_cast<std::size_t>(begin); std::cmp_less(item, end); ++item) {
            for (std::size_t sample = 0; sample < samples_; ++sample) {
                prompts.push_back(encoded_[item]);
                streams.push_back(item * samples_ + sample);
            }
        }
        const auto completions = model::generate(decoder, prompts, generate_, streams);
        std::vector<Json> rows;
        for (auto item = static_cast<std::size_t>(begin), next = std::size_t{0}; std::cmp_less(item, end); ++item) {
            Json row = {{"id", item}, {"prompt", prompts_[item].prompt}, {"completions", Json::array()}};
            if (prompts_[item].subtlety > 0) row["subtlety"] = prompts_[item].subtlety;
            std::int64_t revealing = 0;
            for (std::size_t sample = 0; sample < samples_; ++sample, ++next) {
                const std::string text = tokenizer_.decode(completions[next], true);
                const auto terms = mentions_.new_terms(prompts_[item].prompt, text);
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
        return sha256_hex(canonical_json({{"prompts", encoded_},
                                          {"dictionary", mentions_.digest()},
                                          {"completions", samples_},
                                          {"tokens", generate_.max_new_tokens},
                                          {"top_k", generate_.top_k},
                                          {"seed", generate_.seed}}));
    }

  private:
    std::vector<FamiliarityPrompt> prompts_;
    AnchorMentions mentions_;
    const text::Tokenizer& tokenizer_;
    std::size_t samples_;
    model::GenerateOptions generate_;
    std::vector<std::vector<text::TokenId>> encoded_;
};

}  // namespace

std::unique_ptr<Task> make_completion_task(const std::string&, const TaskInput& input) {
    const EvaluateOptions& options = input.options;
    auto prompts = read_familiarity_prompts(completion_prompts_file(options), false);
    if (options.limit > 0 && std::cmp_less(options.limit, prompts.size())) {
        prompts.resize(static_cast<std::size_t>(options.limit));
    }
    return std::make_unique<CompletionTask>(std::move(prompts), unlearn::read_dictionary(options.dictionary), input);
}

}  // namespace nepenthe::evaluate
