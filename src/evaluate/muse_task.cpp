// MUSE (Shi et al. 2024): what is to be forgotten word for word (VerbMem) and as knowledge (KnowMem), knowledge that
// must stay, and whether losses give away what was forgotten (PrivLeak). specs: objectives.md §4.

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "evaluate/completion_prompts.h"
#include "evaluate/labelled_texts.h"
#include "evaluate/memorization.h"
#include "evaluate/metric.h"
#include "evaluate/muse_files.h"
#include "evaluate/muse_measures.h"
#include "evaluate/rouge.h"
#include "evaluate/task.h"
#include "model/generate.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace nepenthe::evaluate {

namespace {

enum class Set { kVerbMem, kKnowForget, kKnowRetain, kForgetText, kHoldoutText };

constexpr std::int64_t kPassageTokens = 128, kAnswerTokens = 32;
// Llama 2's window, in which the published texts lie.
constexpr std::int64_t kTextWindow = 4096;
constexpr const char* kVerbMem = "muse_verbmem_forget";
constexpr const char* kKnowForget = "muse_knowmem_forget";
constexpr const char* kKnowRetain = "muse_knowmem_retain";
constexpr const char* kMinK = "min_k_auc";
constexpr const char* kPrivLeak = "muse_privleak";

std::string set_name(Set set) {
    switch (set) {
        case Set::kVerbMem: return "verbmem_forget";
        case Set::kKnowForget: return "knowmem_forget";
        case Set::kKnowRetain: return "knowmem_retain";
        case Set::kForgetText: return "privleak_forget";
        case Set::kHoldoutText: return "privleak_holdout";
    }
    fail(ErrorKind::kInternal, "unknown MUSE set");
}

bool is_text(Set set) { return set == Set::kForgetText || set == Set::kHoldoutText; }
std::int64_t new_tokens(Set set) { return set == Set::kVerbMem ? kPassageTokens : is_text(set) ? 0 : kAnswerTokens; }

struct Item {
    Set set = Set::kVerbMem;
    EncodedText text;                   // of a text
    std::vector<text::TokenId> prompt;  // of the others
    std::string question, reference;
};

class MuseTask : public Task {
  public:
    explicit MuseTask(const TaskInput& input)
        : input_(input),
          tokenizer_(input.tokenizer),
          window_(text_window(input, kTextWindow)),
          retrained_(parse_muse_retrained(input.options.muse_retrained)) {
        const MuseSets sets = read_muse(input.options.muse, input.options.limit);
        for (const MusePassage& passage : sets.passages) {
            const auto ids = input.tokenizer.encode_ids(passage.continuation, true);
            const std::size_t count = std::min<std::size_t>(ids.size(), kPassageTokens);
            add_prompt(Set::kVerbMem, passage.prompt, "", tokenizer_.decode(std::span(ids).first(count), true));
        }
        for (const MuseQuestion& each : sets.forget)
            add_prompt(Set::kKnowForget, muse_prompt(sets.forget_before, each.question), each.question, each.answer);
        for (const MuseQuestion& each : sets.retain)
            add_prompt(Set::kKnowRetain, muse_prompt(sets.retain_before, each.question), each.question, each.answer);
        for (const std::string& text : sets.forget_texts) add_text(Set::kForgetText, text);
        for (const std::string& text : sets.holdout_texts) add_text(Set::kHoldoutText, text);
        settle();
    }

    std::int64_t items() const override { return static_cast<std::int64_t>(items_.size()); }
    std::int64_t items_per_block() const override { return 8; }
    double cost(std::int64_t index) const override {
        // A generated token goes through the model by itself, which costs several times a scored one.
        const Item& item = items_[static_cast<std::size_t>(index)];
        return static_cast<double>(item.prompt.size() + item.text.pair.ids.size()) +
               4 * static_cast<double>(new_tokens(item.set));
    }

    std::vector<Json> run(const model::Decoder& decoder, std::int64_t begin, std::int64_t end) const override {
        std::vector<Json> rows(static_cast<std::size_t>(end - begin));
        std::vector<EncodedText> texts;
        std::vector<std::size_t> scored;
        for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) {
            if (!is_text(items_[i].set)) continue;
            texts.push_back(items_[i].text);
            scored.push_back(i);
        }
        const auto results = score_labels(decoder, texts);
        for (std::size_t i = 0; i < scored.size(); ++i) {
            rows[scored[i] - static_cast<std::size_t>(begin)] = text_row(scored[i], results[i]);
        }
        for (const std::int64_t tokens : {kPassageTokens, kAnswerTokens}) generate(decoder, begin, end, tokens, rows);
        return rows;
    }

    std::vector<std::string> metrics() const override {
        std::vector<std::string> names = {kVerbMem, kKnowForget, kKnowRetain, kMinK};
        if (retrained_) names.emplace_back(kPrivLeak);
        return names;
    }

    std::vector<LeftOut> left_out() const override { return left_out_; }

    std::string digest() const override {
        Sha256 hash;
        for (const Item& item : items_) {
            hash.update(canonical_json(
                Json{set_name(item.set), item.prompt, item.reference, item.text.pair.context, item.text.pair.ids}));
        }
        hash.update(Json{retrained_.value_or(0), tokenizer_.ends()}.dump());
        return hash.hex();
    }

  private:
    void add_prompt(Set set, const std::string& prompt, const std::string& question, std::string reference) {
        Item item;
        item.set = set;
        item.prompt = encode_completion_prompt(tokenizer_, prompt);
        item.question = question;
        item.reference = std::move(reference);
        const std::int64_t positions = input_.config.max_positions;
        if (std::cmp_greater(item.prompt.size(), positions - new_tokens(set))) {
            problems_.add("{} {}: {} tokens and {} new ones do not fit into the model's {} positions", set_name(set),
                          number_of(set), item.prompt.size(), new_tokens(set), positions);
            return;
        }
        items_.push_back(std::move(item));
    }

    void add_text(Set set, const std::string& text) {
        const std::size_t number = number_of(set);
        try {
            Item item;
            item.set = set;
            item.text = encode_labelled_text(input_, {"", text}, "{}", window_);
            items_.push_back(std::move(item));
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kData) throw;
            problems_.add("{} {}: {}", set_name(set), number, error.what());
        }
    }

    // Of the record that comes next in its file.
    std::size_t number_of(Set set) { return ++read_[static_cast<std::size_t>(set)]; }

    bool every_set_is_there() const {
        for (const Set set : {Set::kVerbMem, Set::kKnowForget, Set::kKnowRetain, Set::kForgetText, Set::kHoldoutText}) {
            if (std::ranges::find(items_, set, &Item::set) == items_.end()) return false;
        }
        return true;
    }

    void settle() {
        if (!input_.options.fact_options.skip_bad || !every_set_is_there())
            problems_.throw_if_any(ErrorKind::kData, "muse");
        const auto cut = std::ranges::count_if(items_, [](const Item& item) { return item.text.cut; });
        if (cut > 0) left_out_.push_back({cut, fmt::format("ends of texts, behind their first {} tokens", window_)});
        if (problems_.empty()) return;
        const auto count = static_cast<std::int64_t>(problems_.items().size());
        log_warning("muse: {} records cannot be measured and are left out", count);
        left_out_.push_back({count, "records that cannot be measured, the first: " + problems_.items().front()});
    }

    // Fills the rows of those that are continued by `tokens`.
    void generate(const model::Decoder& decoder, std::int64_t begin, std::int64_t end, std::int64_t tokens,
                  std::vector<Json>& rows) const {
        std::vector<std::vector<text::TokenId>> prompts;
        std::vector<std::uint64_t> asked;
        for (auto i = static_cast<std::size_t>(begin); std::cmp_less(i, end); ++i) {
            if (new_tokens(items_[i].set) != tokens) continue;
            prompts.push_back(items_[i].prompt);
            asked.push_back(i);
        }
        if (prompts.empty()) return;
        model::GenerateOptions options;
        options.max_new_tokens = tokens;
        options.stop = tokenizer_.ends();
        const auto generated = model::generate(decoder, prompts, options, asked);
        for (std::size_t i = 0; i < asked.size(); ++i) {
            rows[asked[i] - static_cast<std::size_t>(begin)] =
                prompt_row(asked[i], tokenizer_.decode(generated[i], true));
        }
    }

    // Null for every metric that the item has no part in.
    Json empty_row(std::size_t index) const {
        Json row = {{"id", index}, {"set", set_name(items_[index].set)}};
        for (const std::string& metric : metrics()) row[metric] = nullptr;
        return row;
    }

    Json prompt_row(std::size_t index, const std::string& generated) const {
        const Item& item = items_[index];
        Json row = empty_row(index);
        if (item.set != Set::kVerbMem) row["question"] = item.question;
        row["reference"] = item.reference;
        row["generated"] = generated;
        const char* metric = item.set == Set::kVerbMem      ? kVerbMem
                             : item.set == Set::kKnowForget ? kKnowForget
                                                            : kKnowRetain;
        row[metric] = rouge_l_f1(item.reference, item.set == Set::kVerbMem ? generated : cut_muse_answer(generated));
        return row;
    }

    Json text_row(std::size_t index, const model::ScoreResult& result) const {
        Json row = empty_row(index);
        row["tokens"] = result.tokens;
        row[kMinK] = {min_k(result.per_token), items_[index].set == Set::kHoldoutText ? 1 : -1};
        if (!retrained_) return row;
        row[kPrivLeak] = row[kMinK];
        row[retrained_auc_field(kPrivLeak)] = *retrained_;
        return row;
    }

    TaskInput input_;
    const text::Tokenizer& tokenizer_;
    std::int64_t window_;
    std::optional<double> retrained_;
    std::array<std::size_t, 5> read_{};
    std::vector<Item> items_;
    Problems problems_;
    std::vector<LeftOut> left_out_;
};

}  // namespace

std::unique_ptr<Task> make_muse_task(const std::string&, const TaskInput& input) {
    return std::make_unique<MuseTask>(input);
}

}  // namespace nepenthe::evaluate
