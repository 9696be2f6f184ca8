#include "text/regex.h"

#include "base/error.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <vector>

namespace nepenthe::text {

namespace {

// White_Space and what is not, as the inside of a class: PCRE2's own \s takes U+180E as well.
constexpr std::string_view kSpaces =
    R"(\x{09}-\x{0D}\x{20}\x{85}\x{A0}\x{1680}\x{2000}-\x{200A}\x{2028}\x{2029}\x{202F}\x{205F}\x{3000})";
constexpr std::string_view kNotSpaces =
    R"(\x{00}-\x{08}\x{0E}-\x{1F}\x{21}-\x{84}\x{86}-\x{9F}\x{A1}-\x{167F}\x{1681}-\x{1FFF}\x{200B}-\x{2027})"
    R"(\x{202A}-\x{202E}\x{2030}-\x{205E}\x{2060}-\x{2FFF}\x{3001}-\x{10FFFF})";

constexpr int kDeepestClass = 16;

// Some characters: what stands in brackets for them, or for all others.
struct Characters {
    std::string inside;
    bool complement = false;

    std::string matcher() const { return (complement ? "[^" : "[") + inside + "]"; }
};

// Characters between "&&": what fits into one pair of brackets, and what needs an alternative of its own.
struct Union {
    std::string inside;
    std::vector<std::string> others;

    void add(const Characters& characters) {
        if (characters.complement) {
            others.push_back(characters.matcher());
        } else {
            inside += characters.inside;
        }
    }
    std::string matcher() const {
        std::vector<std::string> all = others;
        if (!inside.empty()) all.insert(all.begin(), "[" + inside + "]");
        if (all.empty()) return "(?!)";
        return all.size() == 1 ? all.front() : fmt::format("(?:{})", fmt::join(all, "|"));
    }
};

class Translator {
  public:
    explicit Translator(std::string_view pattern) : pattern_(pattern) {}

    std::string run() {
        std::string out;
        while (at_ < pattern_.size()) {
            if (pattern_[at_] == '[') {
                out += read_class(0);
            } else if (pattern_[at_] != '\\') {
                out += pattern_[at_++];
            } else if (Characters characters; read_set(characters)) {
                out += characters.matcher();
            } else {
                out += read_escape();
            }
        }
        return out;
    }

  private:
    [[noreturn]] void refuse(std::string_view what) const {
        fail(ErrorKind::kData, "regular expression \"{}\": {} at byte {} is not supported", pattern_, what, at_);
    }
    std::string_view rest() const { return pattern_.substr(at_); }

    // A class with classes within it and "&&" between them, as something that matches one character.
    std::string read_class(int depth) {
        if (depth > kDeepestClass) refuse("a class so deep within others");
        ++at_;
        const bool negated = rest().starts_with('^');
        if (negated) ++at_;
        std::vector<Union> parts(1);
        // A bracket right at the beginning is a character.
        for (bool first = true; first || !rest().starts_with(']'); first = false) {
            if (at_ >= pattern_.size()) refuse("a class without an end");
            if (rest().starts_with("&&")) {
                at_ += 2;
                parts.emplace_back();
            } else if (rest().starts_with("[:")) {
                parts.back().add(read_posix_class());
            } else if (rest().starts_with('[')) {
                parts.back().others.push_back(read_class(depth + 1));
            } else {
                read_item(parts.back());
            }
        }
        ++at_;
        if (parts.size() == 1 && parts[0].others.empty()) return Characters{parts[0].inside, negated}.matcher();
        std::string all;
        for (std::size_t i = 0; i + 1 < parts.size(); ++i) all += fmt::format("(?={})", parts[i].matcher());
        all = fmt::format("(?:{}{})", all, parts.back().matcher());
        return negated ? fmt::format("(?:(?!{})(?s:.))", all) : all;
    }

    // A character, a range, or an escape that stands for many characters.
    void read_item(Union& part) {
        if (Characters characters; rest().starts_with('\\') && read_set(characters)) {
            if (rest().starts_with('-') && !rest().starts_with("-]")) refuse("a range that begins with a class");
            return part.add(characters);
        }
        part.inside += read_character();
        if (!rest().starts_with('-') || rest().starts_with("-]")) return;
        ++at_;
        const std::size_t end = at_;
        if (Characters characters; rest().starts_with('[') || (rest().starts_with('\\') && read_set(characters))) {
            at_ = end;
            refuse("a range that ends with a class");
        }
        part.inside += '-';
        part.inside += read_character();
    }

    // One character of a class as PCRE2 spells it within brackets.
    std::string read_character() {
        if (at_ >= pattern_.size()) refuse("a class without an end");
        if (pattern_[at_] == '\\') return read_escape();
        const std::size_t length = character_length(pattern_[at_]);
        const std::string_view character = pattern_.substr(at_, length);
        at_ += length;
        const bool plain = length > 1 || std::isalnum(static_cast<unsigned char>(character[0]));
        return fmt::format("{}{}", plain ? "" : "\\", character);
    }

    Characters read_posix_class() {
        for (const auto& [name, inside] :
             {std::pair<std::string_view, std::string>{"digit:]", category("Nd")}, {"space:]", std::string(kSpaces)}}) {
            for (const bool negated : {false, true}) {
                const std::string spelt = fmt::format("[:{}{}", negated ? "^" : "", name);
                if (!rest().starts_with(spelt)) continue;
                at_ += spelt.size();
                return {inside, negated};
            }
        }
        refuse("a POSIX class other than digit and space");
    }

    // An escape that stands for many characters; false (and nothing read) for any other.
    bool read_set(Characters& set) {
        switch (rest().size() > 1 ? rest()[1] : '\0') {
            case 's': set = {std::string(kSpaces), false}; break;
            case 'S': set = {std::string(kNotSpaces), false}; break;
            case 'd': set = {category("Nd"), false}; break;
            case 'D': set = {category("Nd"), true}; break;
            case 'h': set = {"0-9A-Fa-f", false}; break;
            case 'H': set = {"0-9A-Fa-f", true}; break;
            case 'p': set = named_category(false); return true;
            case 'P': set = named_category(true); return true;
            default: return false;
        }
        at_ += 2;
        return true;
    }

    // An escape that stands for one character, or for a place.
    std::string read_escape() {
        if (rest().size() < 2) refuse("a backslash at the end");
        const char c = rest()[1];
        if (c == 'u') return four_digits();
        constexpr std::string_view kSame = "nrtfx";
        if (std::isalnum(static_cast<unsigned char>(c)) && kSame.find(c) == std::string_view::npos) {
            refuse(fmt::format("\\{}", c));
        }
        std::string escape = "\\";
        at_ += 2;
        escape += c;
        if (c != 'x') return escape;
        // \xhh or \x{…}: up to the last digit, so that a range's end is found.
        const std::size_t begin = at_;
        if (rest().starts_with('{')) {
            at_ = std::min(pattern_.find('}', at_), pattern_.size() - 1) + 1;
        } else {
            while (at_ < begin + 2 && at_ < pattern_.size() &&
                   std::isxdigit(static_cast<unsigned char>(pattern_[at_]))) {
                ++at_;
            }
        }
        return escape + std::string(pattern_.substr(begin, at_ - begin));
    }

    // \uhhhh → \x{hhhh}
    std::string four_digits() {
        const std::string_view digits = pattern_.substr(at_ + 2, 4);
        if (digits.size() != 4) refuse("\\u without four digits");
        at_ += 6;
        return fmt::format("\\x{{{}}}", digits);
    }

    Characters named_category(bool negated) {
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
        at_ = close + 1;
        return {category(name), negated};
    }

    static std::string category(std::string_view name) {
        std::string inside = fmt::format("\\p{{{}}}", name);
        for (const CategoryRange& range : categories_since_unicode_15()) {
            if (!std::string_view(range.category).starts_with(name)) continue;
            inside += fmt::format("\\x{{{:X}}}-\\x{{{:X}}}", static_cast<unsigned>(range.first),
                                  static_cast<unsigned>(range.last));
        }
        return inside;
    }

    std::string_view pattern_;
    std::size_t at_ = 0;
};

}  // namespace

std::string translate_pattern(std::string_view pattern) { return Translator(pattern).run(); }

}  // namespace nepenthe::text
