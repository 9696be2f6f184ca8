#define PCRE2_CODE_UNIT_WIDTH 8
#include "text/regex.h"

#include "base/error.h"

#include <pcre2.h>

#include <algorithm>
#include <cctype>

namespace nepenthe::text {

namespace {

// White_Space and what is not, as the inside of a class: PCRE2's own \s takes U+180E as well.
constexpr std::string_view kSpaces =
    R"(\x{09}-\x{0D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kNotSpaces =
    R"(\x{00}-\x{08}\x{0E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027})"
    R"(\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";

class Translator {
  public:
    explicit Translator(std::string_view pattern) : pattern_(pattern) {}

    std::string run() {
        while (at_ < pattern_.size()) {
            const char c = pattern_[at_];
            if (c == '\\') {
                escape();
                continue;
            }
            if (c == '[') {
                if (pattern_.substr(at_).starts_with("[:")) refuse("a POSIX class");
                if (in_class_) refuse("a class within a class");
                in_class_ = true;
                out_ += pattern_.substr(at_).starts_with("[^") ? "[^" : "[";
                at_ += pattern_.substr(at_).starts_with("[^") ? 2u : 1u;
                continue;
            }
            if (in_class_ && pattern_.substr(at_).starts_with("&&")) refuse("an intersection of classes");
            if (c == ']') in_class_ = false;
            out_ += c;
            ++at_;
        }
        return std::move(out_);
    }

  private:
    [[noreturn]] void refuse(std::string_view what) const {
        fail(ErrorKind::kData, "regular expression \"{}\": {} at byte {} is not supported", pattern_, what, at_);
    }

    void put_class(std::string_view inside, bool negated) {
        if (in_class_) {
            out_ += inside;
        } else {
            out_ += negated ? "[^" : "[";
            out_ += inside;
            out_ += ']';
        }
    }

    void escape() {
        if (at_ + 1 >= pattern_.size()) refuse("a backslash at the end");
        const char c = pattern_[at_ + 1];
        switch (c) {
            case 's': put_class(kSpaces, false); break;
            case 'S': put_class(kNotSpaces, false); break;
            case 'd': category("Nd", false); break;
            case 'D': category("Nd", true); break;
            case 'p': named_category(false); return;
            case 'P': named_category(true); return;
            case 'u': four_digits(); return;
            case 'n':
            case 'r':
            case 't':
            case 'f':
            case 'x':
                out_ += '\\';
                out_ += c;
                break;
            default:
                if (std::isalnum(static_cast<unsigned char>(c))) refuse(fmt::format("\\{}", c));
                out_ += '\\';
                out_ += c;
        }
        at_ += 2;
    }

    // \uhhhh → \x{hhhh}
    void four_digits() {
        const std::string_view digits = pattern_.substr(at_ + 2, 4);
        if (digits.size() != 4) refuse("\\u without four digits");
        out_ += fmt::format("\\x{{{}}}", digits);
        at_ += 6;
    }

    void named_category(bool negated) {
        const std::size_t close = pattern_.find('}', at_);
        if (pattern_.substr(at_ + 2, 1) != "{" || close == std::string_view::npos) refuse("\\p without braces");
        std::string_view name = pattern_.substr(at_ + 3, close - at_ - 3);
        if (name.starts_with('^')) {
            negated = !negated;
            name.remove_prefix(1);
        }
        constexpr std::string_view kMajor = "LMNPSZC";
        if (name.empty() || name.size() > 2 || kMajor.find(name[0]) == std::string_view::npos) {
            refuse(fmt::format("\\p{{{}}}", name));
        }
        category(name, negated);
        at_ = close + 1;
    }

    void category(std::string_view name, bool negated) {
        std::string inside = fmt::format("\\p{{{}}}", name);
        for (const CategoryRange& range : categories_since_unicode_15()) {
            if (!std::string_view(range.category).starts_with(name)) continue;
            inside += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", static_cast<unsigned>(range.first),
                                  static_cast<unsigned>(range.last));
        }
        // A negated category cannot be spelt inside a class as a union of ranges that are complete.
        if (negated && in_class_) refuse(fmt::format("\\P{{{}}} within a class", name));
        put_class(inside, negated);
    }

    std::string_view pattern_;
    std::size_t at_ = 0;
    bool in_class_ = false;
    std::string out_;
};

struct MatchDataFree {
    void operator()(pcre2_match_data* data) const { pcre2_match_data_free(data); }
};
struct MatchContextFree {
    void operator()(pcre2_match_context* context) const { pcre2_match_context_free(context); }
};

}  // namespace

std::string translate_pattern(std::string_view pattern) { return Translator(pattern).run(); }

struct Regex::Code {
    std::string pattern;
    pcre2_code* compiled = nullptr;
    bool jit = false;
    ~Code() { pcre2_code_free(compiled); }
};

Regex::Regex(std::string_view pattern) : code_(std::make_unique<Code>()) {
    code_->pattern = pattern;
    const std::string translated = translate_pattern(pattern);
    int error = 0;
    PCRE2_SIZE offset = 0;
    code_->compiled = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                                    PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
    if (code_->compiled == nullptr) {
        PCRE2_UCHAR message[256] = {};
        pcre2_get_error_message(error, message, sizeof message);
        fail(ErrorKind::kData, "regular expression \"{}\": {}", pattern, reinterpret_cast<const char*>(message));
    }
    // Without a just-in-time compiler for this processor the interpreter gives the same matches.
    code_->jit = pcre2_jit_compile(code_->compiled, PCRE2_JIT_COMPLETE) == 0;
}

Regex::~Regex() = default;
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;

void Regex::find_all(std::string_view text, std::vector<TextRange>& matches) const {
    const std::unique_ptr<pcre2_match_data, MatchDataFree> data(
        pcre2_match_data_create_from_pattern(code_->compiled, nullptr));
    const std::unique_ptr<pcre2_match_context, MatchContextFree> context(pcre2_match_context_create(nullptr));
    // A long run of spaces is tried from its end backwards, which takes steps as its length does; a pattern that takes
    // more than that is given up.
    const std::size_t steps = std::max<std::size_t>(10'000'000, 64 * text.size());
    pcre2_set_match_limit(context.get(), static_cast<std::uint32_t>(std::min<std::size_t>(steps, 0xFFFFFFFFu)));
    const auto match = code_->jit ? pcre2_jit_match : pcre2_match;
    const auto subject = reinterpret_cast<PCRE2_SPTR>(text.data());
    const PCRE2_SIZE* bounds = pcre2_get_ovector_pointer(data.get());
    std::size_t at = 0;
    std::size_t last_end = std::string_view::npos;
    while (at <= text.size()) {
        const int found =
            match(code_->compiled, subject, text.size(), at, PCRE2_NO_UTF_CHECK, data.get(), context.get());
        if (found == PCRE2_ERROR_NOMATCH) return;
        if (found < 0) {
            fail(ErrorKind::kData, "regular expression \"{}\" gives up at byte {} of the text (PCRE2 error {})",
                 code_->pattern, at, found);
        }
        const std::size_t begin = bounds[0], end = bounds[1];
        if (begin == end && end == last_end) {  // an empty match right behind the last one says nothing new
            at = begin < text.size() ? begin + character_length(text[begin]) : begin + 1;
            continue;
        }
        matches.push_back({static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(end)});
        last_end = at = end;
    }
}

}  // namespace nepenthe::text
