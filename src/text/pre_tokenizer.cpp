#include "text/pre_tokenizer.h"

#include "text/bert_characters.h"
#include "text/json_fields.h"
#include "text/pattern.h"

namespace nepenthe::text {

namespace {

// GPT-2's pattern (Radford et al. 2019, encoder.py), which ByteLevel stands for.
constexpr std::string_view kGpt2Pattern =
    R"('s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+)";

// Cuts every word; `find(word, delimiters)` gives the delimiters within the word's own bytes.
template <typename Find>
void split_each(Words& words, SplitBehavior behavior, bool invert, Find&& find) {
    std::vector<TextRange> cut, delimiters;
    cut.reserve(words.text.text().size() / 4);
    for (const TextRange word : words.ranges) {
        delimiters.clear();
        find(words.text.text().substr(word.begin, word.end - word.begin), delimiters);
        for (TextRange& delimiter : delimiters) {
            delimiter.begin += word.begin;
            delimiter.end += word.begin;
        }
        split(word, delimiters, behavior, invert, cut);
    }
    words.ranges = std::move(cut);
}

// Every character that `is_delimiter` holds of.
template <typename Predicate>
auto characters(Predicate is_delimiter) {
    return [is_delimiter](std::string_view word, std::vector<TextRange>& delimiters) {
        for (std::size_t at = 0; at < word.size();) {
            const std::size_t end = at + character_length(word[at]);
            if (is_delimiter(decode_at(word, at))) {
                delimiters.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
            }
            at = end;
        }
    };
}

class SplitPattern : public PreTokenizer {
  public:
    SplitPattern(Pattern pattern, SplitBehavior behavior, bool invert)
        : pattern_(std::move(pattern)), behavior_(behavior), invert_(invert) {}
    void apply(Words& words) const override {
        WorkBudget& budget = words.text.budget();
        split_each(words, behavior_, invert_, [&](std::string_view word, std::vector<TextRange>& delimiters) {
            pattern_.find_all(word, delimiters, budget);
        });
    }

  private:
    Pattern pattern_;
    SplitBehavior behavior_;
    bool invert_;
};

class Digits : public PreTokenizer {
  public:
    explicit Digits(bool individual) : individual_(individual) {}
    void apply(Words& words) const override {
        const auto behavior = individual_ ? SplitBehavior::kIsolated : SplitBehavior::kContiguous;
        split_each(words, behavior, false, characters(is_numeric));
    }

  private:
    bool individual_;
};

class Punctuation : public PreTokenizer {
  public:
    explicit Punctuation(SplitBehavior behavior) : behavior_(behavior) {}
    void apply(Words& words) const override { split_each(words, behavior_, false, characters(is_punctuation)); }

  private:
    SplitBehavior behavior_;
};

// White space falls away, every punctuation mark stands alone.
class BertPreTokenizer : public PreTokenizer {
  public:
    void apply(Words& words) const override {
        split_each(words, SplitBehavior::kRemoved, false, characters(is_white_space));
        split_each(words, SplitBehavior::kIsolated, false, characters(is_bert_punctuation));
    }
};

class WhitespaceSplit : public PreTokenizer {
  public:
    void apply(Words& words) const override {
        split_each(words, SplitBehavior::kRemoved, false, characters(is_white_space));
    }
};

// Runs of word characters and runs of what is neither that nor white space.
class Whitespace : public PreTokenizer {
  public:
    void apply(Words& words) const override {
        split_each(words, SplitBehavior::kRemoved, false, characters(is_white_space));
        split_each(words, SplitBehavior::kContiguous, false, characters(is_word));
    }
};

class MetaspacePreTokenizer : public PreTokenizer {
  public:
    enum class Prepend { kAlways, kFirst, kNever };
    MetaspacePreTokenizer(std::string replacement, Prepend scheme, bool split_words)
        : replacement_(std::move(replacement)),
          scheme_(scheme),
          split_words_(split_words),
          pattern_(Pattern::literal(replacement_)) {}

    void apply(Words& words) const override {
        AlignedTextBuilder builder(words.text);
        std::vector<TextRange> rewritten;
        for (const TextRange word : words.ranges) {
            const std::uint32_t begin = builder.size();
            rewrite(words.text, word, builder);
            rewritten.push_back({begin, builder.size()});
        }
        words = {builder.finish(), std::move(rewritten)};
        if (!split_words_) return;
        WorkBudget& budget = words.text.budget();
        split_each(words, SplitBehavior::kMergedWithNext, false,
                   [&](std::string_view word, std::vector<TextRange>& delimiters) {
                       pattern_.find_all(word, delimiters, budget);
                   });
    }

  private:
    void rewrite(const AlignedText& source, TextRange word, AlignedTextBuilder& builder) const {
        const std::string_view text = source.text().substr(0, word.end);
        const bool starts = text[word.begin] == ' ' || text.substr(word.begin).starts_with(replacement_);
        const bool wanted =
            scheme_ == Prepend::kAlways || (scheme_ == Prepend::kFirst && source.span(word.begin).begin == 0);
        if (wanted && !starts) builder.put(replacement_, source.span(word.begin));
        std::uint32_t copied = word.begin;
        for (std::size_t space = text.find(' ', copied); space != std::string_view::npos;
             space = text.find(' ', copied)) {
            builder.copy({copied, static_cast<std::uint32_t>(space)});
            builder.put(replacement_, source.span(space));
            copied = static_cast<std::uint32_t>(space) + 1;
        }
        builder.copy({copied, word.end});
    }

    std::string replacement_;
    Prepend scheme_;
    bool split_words_;
    Pattern pattern_;
};

class ByteLevelPreTokenizer : public PreTokenizer {
  public:
    ByteLevelPreTokenizer(bool add_prefix_space, bool use_regex) : add_prefix_space_(add_prefix_space) {
        if (use_regex) pattern_.emplace(kGpt2Pattern);
    }
    bool byte_level() const override { return true; }
    void apply(Words& words) const override {
        if (add_prefix_space_) put_prefix_spaces(words);
        if (!pattern_) return;
        WorkBudget& budget = words.text.budget();
        split_each(words, SplitBehavior::kIsolated, false,
                   [&](std::string_view word, std::vector<TextRange>& delimiters) {
                       pattern_->find_all(word, delimiters, budget);
                   });
    }

  private:
    static void put_prefix_spaces(Words& words) {
        AlignedTextBuilder builder(words.text);
        std::vector<TextRange> rewritten;
        for (const TextRange word : words.ranges) {
            const std::uint32_t begin = builder.size();
            if (words.text.text()[word.begin] == ' ') {
                builder.copy(word);
            } else {
                prepend(builder, words.text, word, " ");
            }
            rewritten.push_back({begin, builder.size()});
        }
        words = {builder.finish(), std::move(rewritten)};
    }

    bool add_prefix_space_;
    std::optional<Regex> pattern_;
};

class PreTokenizerSequence : public PreTokenizer {
  public:
    explicit PreTokenizerSequence(std::vector<std::unique_ptr<PreTokenizer>> steps) : steps_(std::move(steps)) {}
    bool byte_level() const override { return !steps_.empty() && steps_.back()->byte_level(); }
    void apply(Words& words) const override {
        for (const auto& step : steps_) step->apply(words);
    }

  private:
    std::vector<std::unique_ptr<PreTokenizer>> steps_;
};

SplitBehavior behavior_field(const Json& json, SplitBehavior fallback, const std::string& where, Problems& problems) {
    const std::string name = field<std::string>(json, "behavior", "", where, problems);
    if (name == "Removed") return SplitBehavior::kRemoved;
    if (name == "Isolated") return SplitBehavior::kIsolated;
    if (name == "MergedWithPrevious") return SplitBehavior::kMergedWithPrevious;
    if (name == "MergedWithNext") return SplitBehavior::kMergedWithNext;
    if (name == "Contiguous") return SplitBehavior::kContiguous;
    if (!name.empty()) problems.add("{}: the behaviour \"{}\" is not supported", where, name);
    return fallback;
}

std::unique_ptr<PreTokenizer> make_metaspace_pre_tokenizer(const Json& json, const std::string& where,
                                                           Problems& problems) {
    const std::string replacement = field<std::string>(json, "replacement", "▁", where, problems);
    // Older files say add_prefix_space instead of prepend_scheme.
    const bool prefix = field(json, "add_prefix_space", true, where, problems);
    const std::string scheme = field<std::string>(json, "prepend_scheme", prefix ? "always" : "never", where, problems);
    MetaspacePreTokenizer::Prepend prepend = MetaspacePreTokenizer::Prepend::kAlways;
    if (scheme == "first")
        prepend = MetaspacePreTokenizer::Prepend::kFirst;
    else if (scheme == "never")
        prepend = MetaspacePreTokenizer::Prepend::kNever;
    else if (scheme != "always")
        problems.add("{}: the prepend_scheme \"{}\" is not supported", where, scheme);
    if (replacement.empty()) problems.add("{}: an empty replacement", where);
    return std::make_unique<MetaspacePreTokenizer>(replacement, prepend, field(json, "split", true, where, problems));
}

std::unique_ptr<PreTokenizer> make_pre_tokenizer_sequence(const Json& json, const std::string& where,
                                                          Problems& problems) {
    std::vector<std::unique_ptr<PreTokenizer>> steps;
    const Json& parts = json.value("pretokenizers", Json());
    if (!parts.is_array()) problems.add("{}: a Sequence without \"pretokenizers\"", where);
    for (std::size_t i = 0; parts.is_array() && i < parts.size(); ++i) {
        auto step = make_pre_tokenizer(parts[i], fmt::format("{}.pretokenizers[{}]", where, i), problems);
        if (!step) continue;
        if (step->byte_level() && i + 1 < parts.size()) {
            problems.add("{}: ByteLevel is supported only as the last of a Sequence", where);
        }
        steps.push_back(std::move(step));
    }
    return std::make_unique<PreTokenizerSequence>(std::move(steps));
}

}  // namespace

std::unique_ptr<PreTokenizer> make_pre_tokenizer(const Json& json, const std::string& where, Problems& problems) {
    if (json.is_null()) return nullptr;
    const std::string type = component_type(json, where, problems);
    if (type.empty()) return nullptr;
    if (type == "ByteLevel") {
        const bool prefix = field(json, "add_prefix_space", true, where, problems);
        return std::make_unique<ByteLevelPreTokenizer>(prefix, field(json, "use_regex", true, where, problems));
    }
    if (type == "Split") {
        auto pattern = Pattern::from_json(json.value("pattern", Json()), where, problems);
        const auto behavior = behavior_field(json, SplitBehavior::kIsolated, where, problems);
        const bool invert = field(json, "invert", false, where, problems);
        if (!pattern) return nullptr;
        return std::make_unique<SplitPattern>(std::move(*pattern), behavior, invert);
    }
    if (type == "Digits") return std::make_unique<Digits>(field(json, "individual_digits", false, where, problems));
    if (type == "Metaspace") return make_metaspace_pre_tokenizer(json, where, problems);
    if (type == "Whitespace") return std::make_unique<Whitespace>();
    if (type == "BertPreTokenizer") return std::make_unique<BertPreTokenizer>();
    if (type == "WhitespaceSplit") return std::make_unique<WhitespaceSplit>();
    if (type == "Punctuation") {
        return std::make_unique<Punctuation>(behavior_field(json, SplitBehavior::kIsolated, where, problems));
    }
    if (type == "Sequence") return make_pre_tokenizer_sequence(json, where, problems);
    problems.add("{}: the pre-tokenizer \"{}\" is not supported", where, type);
    return nullptr;
}

}  // namespace nepenthe::text
