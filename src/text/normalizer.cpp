#include "text/normalizer.h"

#include "text/bert_characters.h"
#include "text/json_fields.h"
#include "text/normal_forms.h"
#include "text/pattern.h"

#include <utf8proc.h>

#include <vector>

namespace nepenthe::text {

namespace {

std::uint32_t size_of(const AlignedText& text) { return static_cast<std::uint32_t>(text.text().size()); }

class Prepend : public Normalizer {
  public:
    explicit Prepend(std::string prefix) : prefix_(std::move(prefix)) {}
    void apply(AlignedText& text) const override {
        if (text.text().empty() || prefix_.empty()) return;
        AlignedTextBuilder builder(text);
        prepend(builder, text, {0, size_of(text)}, prefix_);
        text = builder.finish();
    }

  private:
    std::string prefix_;
};

class ReplaceNormalizer : public Normalizer {
  public:
    ReplaceNormalizer(Pattern pattern, std::string content)
        : pattern_(std::move(pattern)), content_(std::move(content)) {}
    void apply(AlignedText& text) const override {
        std::vector<TextRange> matches;
        pattern_.find_all(text.text(), matches, text.budget());
        if (matches.empty()) return;
        AlignedTextBuilder builder(text);
        std::uint32_t copied = 0;
        for (const TextRange match : matches) {
            builder.copy({copied, match.begin});
            // What is put in stands for the last character of what it replaces.
            builder.put(content_, match.end > 0 ? text.span(static_cast<std::size_t>(match.end) - 1)
                                                : Offset{text.base(), text.base()});
            copied = match.end;
        }
        builder.copy({copied, size_of(text)});
        text = builder.finish();
    }

  private:
    Pattern pattern_;
    std::string content_;
};

class Form : public Normalizer {
  public:
    explicit Form(NormalForm form) : form_(form) {}
    void apply(AlignedText& text) const override { normalize(text, form_); }

  private:
    NormalForm form_;
};

// Lower case by Unicode 17; the library may be older.
char32_t lower_case(char32_t upper) {
    constexpr char32_t kLowerOfNewer[][2] = {{0x1C89, 0x1C8A}, {0xA7CB, 0x264},  {0xA7CC, 0xA7CD}, {0xA7CE, 0xA7CF},
                                             {0xA7D2, 0xA7D3}, {0xA7D4, 0xA7D5}, {0xA7DA, 0xA7DB}, {0xA7DC, 0x19B}};
    for (const auto& [from, to] : kLowerOfNewer) {
        if (upper == from) return to;
    }
    if (upper >= 0x10D50 && upper <= 0x10D65) return upper + 0x20;  // Garay
    if (upper >= 0x16EA0 && upper <= 0x16EB8) return upper + 0x1B;  // Beria Erfe
    return static_cast<char32_t>(utf8proc_tolower(static_cast<utf8proc_int32_t>(upper)));
}

class Lowercase : public Normalizer {
  public:
    void apply(AlignedText& text) const override {
        std::vector<TransformedCharacter> characters;
        const std::string_view old = text.text();
        for (std::size_t at = 0; at < old.size(); at += character_length(old[at])) {
            const char32_t upper = decode_at(old, at);
            // The one character whose lower case is two.
            constexpr char32_t kCapitalIWithDot = 0x130, kDotAbove = 0x307;
            if (upper == kCapitalIWithDot) {
                characters.push_back({U'i', 0});
                characters.push_back({kDotAbove, 1});
            } else {
                characters.push_back({lower_case(upper), 0});
            }
        }
        transform(text, characters);
    }
};

class StripNormalizer : public Normalizer {
  public:
    StripNormalizer(bool left, bool right) : left_(left), right_(right) {}
    void apply(AlignedText& text) const override {
        const std::string_view old = text.text();
        std::size_t begin = 0, end = old.size();
        while (left_ && begin < end && is_white_space(decode_at(old, begin))) begin += character_length(old[begin]);
        while (right_ && end > begin) {
            std::size_t last = end - 1;
            while (is_continuation_byte(old[last])) --last;
            if (!is_white_space(decode_at(old, last))) break;
            end = last;
        }
        if (begin == 0 && end == old.size()) return;
        AlignedTextBuilder builder(text);
        builder.copy({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        text = builder.finish();
    }

  private:
    bool left_, right_;
};

// What BERT's basic tokenizer does before it cuts (Devlin et al. 2019, tokenization.py).
class BertNormalizer : public Normalizer {
  public:
    BertNormalizer(bool clean, bool space_ideographs, bool strip_accents, bool lower)
        : clean_(clean), space_ideographs_(space_ideographs), strip_accents_(strip_accents), lower_(lower) {}
    void apply(AlignedText& text) const override {
        if (clean_) clean(text);
        if (space_ideographs_) put_spaces_around_ideographs(text);
        if (strip_accents_) {
            normalize(text, NormalForm::kNfd);
            remove(text, is_bert_accent);
        }
        if (lower_) Lowercase().apply(text);
    }

  private:
    static void clean(AlignedText& text) {
        remove(text, is_bert_control);
        std::vector<TransformedCharacter> characters;
        for_each_character(text, [&](char32_t c) { characters.push_back({is_bert_space(c) ? U' ' : c, 0}); });
        transform(text, characters);
    }
    static void put_spaces_around_ideographs(AlignedText& text) {
        std::vector<TransformedCharacter> characters;
        for_each_character(text, [&](char32_t c) {
            if (!is_bert_ideograph(c)) return characters.push_back({c, 0});
            characters.push_back({U' ', 0});
            characters.push_back({c, 1});
            characters.push_back({U' ', 1});
        });
        transform(text, characters);
    }
    template <typename Predicate>
    static void remove(AlignedText& text, Predicate is_removed) {
        AlignedTextBuilder builder(text);
        const std::string_view old = text.text();
        for (std::size_t at = 0, end; at < old.size(); at = end) {
            end = at + character_length(old[at]);
            if (is_removed(decode_at(old, at))) continue;
            builder.copy({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end)});
        }
        text = builder.finish();
    }
    template <typename Visit>
    static void for_each_character(const AlignedText& text, Visit&& visit) {
        const std::string_view old = text.text();
        for (std::size_t at = 0; at < old.size(); at += character_length(old[at])) visit(decode_at(old, at));
    }

    bool clean_, space_ideographs_, strip_accents_, lower_;
};

class NormalizerSequence : public Normalizer {
  public:
    explicit NormalizerSequence(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}
    void apply(AlignedText& text) const override {
        for (const auto& step : steps_) step->apply(text);
    }

  private:
    std::vector<std::unique_ptr<Normalizer>> steps_;
};

std::unique_ptr<Normalizer> make_normalizer_sequence(const Json& json, const std::string& where, Problems& problems) {
    std::vector<std::unique_ptr<Normalizer>> steps;
    const Json& parts = json.value("normalizers", Json());
    if (!parts.is_array()) problems.add("{}: a Sequence without \"normalizers\"", where);
    for (std::size_t i = 0; parts.is_array() && i < parts.size(); ++i) {
        auto step = make_normalizer(parts[i], fmt::format("{}.normalizers[{}]", where, i), problems);
        if (step) steps.push_back(std::move(step));
    }
    return std::make_unique<NormalizerSequence>(std::move(steps));
}

}  // namespace

std::unique_ptr<Normalizer> make_normalizer(const Json& json, const std::string& where, Problems& problems) {
    if (json.is_null()) return nullptr;
    const std::string type = component_type(json, where, problems);
    if (type.empty()) return nullptr;
    if (type == "NFC") return std::make_unique<Form>(NormalForm::kNfc);
    if (type == "NFD") return std::make_unique<Form>(NormalForm::kNfd);
    if (type == "NFKC") return std::make_unique<Form>(NormalForm::kNfkc);
    if (type == "NFKD") return std::make_unique<Form>(NormalForm::kNfkd);
    if (type == "Lowercase") return std::make_unique<Lowercase>();
    if (type == "Prepend") {
        return std::make_unique<Prepend>(field<std::string>(json, "prepend", "", where, problems));
    }
    if (type == "Strip") {
        const bool left = field(json, "strip_left", true, where, problems);
        return std::make_unique<StripNormalizer>(left, field(json, "strip_right", true, where, problems));
    }
    if (type == "Replace") {
        auto pattern = Pattern::from_json(json.value("pattern", Json()), where, problems);
        std::string content = field<std::string>(json, "content", "", where, problems);
        if (!pattern) return nullptr;
        return std::make_unique<ReplaceNormalizer>(std::move(*pattern), std::move(content));
    }
    if (type == "BertNormalizer") {
        const bool clean = field(json, "clean_text", true, where, problems);
        const bool ideographs = field(json, "handle_chinese_chars", true, where, problems);
        const bool lower = field(json, "lowercase", true, where, problems);
        // null: as for lower case.
        return std::make_unique<BertNormalizer>(clean, ideographs, field(json, "strip_accents", lower, where, problems),
                                                lower);
    }
    if (type == "Sequence") return make_normalizer_sequence(json, where, problems);
    problems.add("{}: the normalizer \"{}\" is not supported", where, type);
    return nullptr;
}

}  // namespace nepenthe::text
