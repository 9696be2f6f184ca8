// Familiarity by probability: how much of the next token's probability falls on words that give the corpus away.

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "evaluate/completion_prompts.h"
#include "evaluate/familiarity_prompts.h"
#include "evaluate/likelihood_request.h"
#include "evaluate/next_token_mass.h"
#include "evaluate/task.h"
#include "text/joined_text.h"

#include <algorithm>
#include <set>
#include <utility>

namespace nepenthe::evaluate {

namespace {

struct EncodedPrompt {
    std::vector<text::TokenId> ids;
    std::vector<text::TokenId> content, generic;  // sorted, disjoint
    std::vector<std::string> ambiguous;           // spellings of tokens that begin continuations of both kinds
};

// The token that a continuation begins with after the prompt. Where prompt and continuation merge into one token across
// their border, the continuation by itself.
text::TokenId first_token(const text::Tokenizer& tokenizer, const std::string& prompt,
                          const std::vector<text::TokenId>& prompt_ids, const std::string& continuation) {
    const text::JoinedText whole = text::join_texts(prompt, continuation);
    const auto joint = encode_with_special_tokens(tokenizer, whole.text);
    if (joint.size() > prompt_ids.size() && std::equal(prompt_ids.begin(), prompt_ids.end(), joint.begin())) {
        return joint[prompt_ids.size()];
    }
    const auto alone = tokenizer.encode_ids(std::string_view(whole.text).substr(whole.prompt_end), false);
    if (alone.empty()) fail(ErrorKind::kData, "the continuation \"{}\" has no tokens", continuation);
    return alone.front();
}

EncodedPrompt encode_prompt(const text::Tokenizer& tokenizer, const FamiliarityPrompt& prompt,
                            std::int64_t max_positions) {
    EncodedPrompt encoded;
    encoded.ids = encode_with_special_tokens(tokenizer, prompt.prompt);
    std::set<text::TokenId> content, generic;
    for (const std::string& word : prompt.content) {
        content.insert(first_token(tokenizer, prompt.prompt, encoded.ids, word));
    }
    for (const std::string& word : prompt.generic) {
        generic.insert(first_token(tokenizer, prompt.prompt, encoded.ids, word));
    }
    std::set_difference(content.begin(), content.end(), generic.begin(), generic.end(),
                        std::back_inserter(encoded.content));
    std::set_difference(generic.begin(), generic.end(), content.begin(), content.end(),
                        std::back_inserter(encoded.generic));
    for (const text::TokenId id : content) {
        if (generic.contains(id)) encoded.ambiguous.push_back(tokenizer.token(id));
    }
    if (encoded.ids.empty()) encoded.ids.push_back(prefix_token(tokenizer));
    if (std::cmp_greater(encoded.ids.size(), max_positions)) {
        encoded.ids.erase(encoded.ids.begin(), encoded.ids.end() - static_cast<std::ptrdiff_t>(max_positions));
    }
    return encoded;
}

class NextTokenTask : public Task {
  public:
    NextTokenTask(std::vector<FamiliarityPrompt> prompts, const TaskInput& input) : prompts_(std::move(prompts)) {
        for (const FamiliarityPrompt& prompt : prompts_) {
            encoded_.push_back(encode_prompt(input.tokenizer, prompt, input.config.max_positions));
        }
        const auto blind = std::count_if(encoded_.begin(), encoded_.end(),
                                         [](const EncodedPrompt& prompt) { return prompt.content.empty(); });
        if (blind > 0) {
            log_warning(
                "{} of {} prompts measure nothing with this tokenizer: their content-specific and generic "
                "continuations begin with the same tokens",
                blind, prompts_.size());
        }
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(prompts_.size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t item) const override {
        return static_cast<double>(encoded_[static_cast<std::size_t>(item)].ids.size());
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<NextTokenSets> sets;
        for (auto item = static_cast<std::size_t>(begin); std::cmp_less(item, end); ++item) {
            sets.push_back({encoded_[item].ids, {encoded_[item].content, encoded_[item].generic}});
        }
        const auto masses = next_token_masses(decoder, sets);
        std::vector<Json> rows;
        for (auto item = static_cast<std::size_t>(begin); std::cmp_less(item, end); ++item) {
            const auto& mass = masses[item - static_cast<std::size_t>(begin)];
            Json row = prompt_row(item, prompts_[item]);
            row.update({{"content_mass", mass[0]},
                        {"generic_mass", mass[1]},
                        {"content_tokens", encoded_[item].content.size()},
                        {"generic_tokens", encoded_[item].generic.size()}});
            if (!encoded_[item].ambiguous.empty()) row["ambiguous_tokens"] = encoded_[item].ambiguous;
            rows.push_back(std::move(row));
        }
        return rows;
    }

    std::vector<std::string> metrics() const override { return {"content_mass", "generic_mass"}; }

    std::string digest() const override {
        Json value = Json::array();
        for (const EncodedPrompt& prompt : encoded_) value.push_back({prompt.ids, prompt.content, prompt.generic});
        return sha256_hex(canonical_json(value));
    }

  private:
    std::vector<FamiliarityPrompt> prompts_;
    std::vector<EncodedPrompt> encoded_;
};

}  // namespace

std::unique_ptr<Task> make_next_token_task(const std::string& name, const TaskInput& input) {
    const bool neighbours = name == "neighbour_probability";
    const auto& file = neighbours ? input.options.neighbour_prompts : input.options.familiarity_prompts;
    return std::make_unique<NextTokenTask>(prompts_as_asked(file, true, input.options), input);
}

}  // namespace nepenthe::evaluate
