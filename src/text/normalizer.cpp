#include "text/normalizer.h"

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

class Replace : public Normalizer {
  public:
    Replace(Pattern pattern, std::string content) : pattern_(std::move(pattern)), content_(std::move(content)) {}
    void apply(AlignedText& text) const override {
        std::vector<TextRange> matches;
        pattern_.find_all(text.text(), matches);
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
                const auto lower = utf8proc_tolower(static_cast<utf8proc_int32_t>(upper));
                characters.push_back({static_cast<char32_t>(lower), 0});
            }
        }
        transform(text, characters);
    }
};

class Strip : public Normalizer {
  public:
    Strip(bool left, bool right) : left_(left), right_(right) {}
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

class Sequence : public Normalizer {
  public:
    explicit Sequence(std::vector<std::unique_ptr<Normalizer>> steps) : steps_(std::move(steps)) {}
    void apply(AlignedText& text) const override {
        for (const auto& step : steps_) step->apply(text);
    }

  private:
    std::vector<std::unique_ptr<Normalizer>> steps_;
};

std::unique_ptr<Normalizer> make_sequence(const Json& json, const std::string& where, Problems& problems) {
    std::vector<std::unique_ptr<Normalizer>> steps;
    const Json& parts = json.value("normalizers", Json());
    if (!parts.is_array()) problems.add("{}: a Sequence without \"normalizers\"", where);
    for (std::size_t i = 0; parts.is_array() && i < parts.size(); ++i) {
        auto step = make_normalizer(parts[i], fmt::format("{}.normalizers[{}]", where, i), problems);
        if (step) steps.push_back(std::move(step));
    }
    return std::make_unique<Sequence>(std::move(steps));
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
        return std::make_unique<Strip>(left, field(json, "strip_right", true, where, problems));
    }
    if (type == "Replace") {
        auto pattern = Pattern::from_json(json.value("pattern", Json()), where, problems);
        std::string content = field<std::string>(json, "content", "", where, problems);
        if (!pattern) return nullptr;
        return std::make_unique<Replace>(std::move(*pattern), std::move(content));
    }
    if (type == "Sequence") return make_sequence(json, where, problems);
    problems.add("{}: the normalizer \"{}\" is not supported", where, type);
    return nullptr;
}

}  // namespace nepenthe::text
