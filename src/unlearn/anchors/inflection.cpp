#include "unlearn/anchors/inflection.h"

#include "text/folded_text.h"
#include "text/letters.h"
#include "text/scripts.h"
#include "text/unicode.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace nepenthe::unlearn {

namespace {

struct Irregular {
    std::string_view singular, plural;
};

// By the end of a word.
constexpr Irregular kIrregular[] = {
    {"woman", "women"}, {"child", "children"}, {"foot", "feet"},     {"tooth", "teeth"},   {"goose", "geese"},
    {"mouse", "mice"},  {"wife", "wives"},     {"knife", "knives"},  {"life", "lives"},    {"elf", "elves"},
    {"wolf", "wolves"}, {"half", "halves"},    {"leaf", "leaves"},   {"thief", "thieves"}, {"loaf", "loaves"},
    {"calf", "calves"}, {"dwarf", "dwarves"},  {"scarf", "scarves"}, {"man", "men"},
};
constexpr std::array<std::string_view, 8> kNoMen = {"human",   "german", "roman",    "norman",
                                                    "ottoman", "shaman", "talisman", "burman"};

constexpr std::array<std::string_view, 5> kHissing = {"s", "x", "z", "ch", "sh"};

bool ends_with_any(std::string_view word, std::span<const std::string_view> endings) {
    return std::any_of(endings.begin(), endings.end(), [&](auto ending) { return word.ends_with(ending); });
}

bool is_ascii_vowel(char letter) { return std::string_view("aeiou").find(letter) != std::string_view::npos; }

// Where the word begins and ends that is bent in `term`.
std::pair<std::size_t, std::size_t> head_word(std::string_view term) {
    std::size_t end = term.size();
    for (const std::string_view link : {" of ", " from ", " in ", " at ", " with ", " for ", " on ", " under "}) {
        const std::size_t at = term.find(link);
        if (at != std::string_view::npos && at > 0) end = std::min(end, at);
    }
    std::size_t begin = end;
    while (begin > 0 && term[begin - 1] != ' ') --begin;
    return {begin, end};
}

std::vector<std::string> plurals_of_word(std::string_view word) {
    const std::string lower = text::to_lower(word);
    if (lower.size() < 2 || lower.size() != word.size()) return {};
    const char last = lower.back();
    if (last < 'a' || last > 'z') {
        // A word that ends in another letter of a script with an s: Zoë, Zoës.
        const char32_t letter = text::code_point_before(word, word.size());
        const bool latin = letter >= 0xC0 && letter < 0x250 && text::is_word_character(letter);
        return latin ? std::vector<std::string>{std::string(word) + "s"} : std::vector<std::string>{};
    }
    const bool name = lower.front() != word.front();
    std::vector<std::string> regular, out;
    const auto with = [&](std::vector<std::string>& to, std::size_t cut, std::string_view ending) {
        to.push_back(std::string(word.substr(0, word.size() - cut)) + std::string(ending));
    };
    if (ends_with_any(lower, kHissing)) {
        with(regular, 0, "es");
    } else if (last == 'y' && !is_ascii_vowel(lower[lower.size() - 2])) {
        if (name) with(regular, 0, "s");
        with(regular, 1, "ies");
    } else {
        with(regular, 0, "s");
        if (last == 'o') with(regular, 0, "es");
    }
    bool first = false;
    for (const auto& [singular, plural] : kIrregular) {
        if (!lower.ends_with(singular)) continue;
        if (singular == "man" && ends_with_any(lower, kNoMen)) continue;
        // The first letter stays, so that its casing does.
        with(out, singular.size() - 1, plural.substr(1));
        first = !name || lower == singular;  // the Hermans, but Old Women
        break;
    }
    out.insert(first ? out.end() : out.begin(), regular.begin(), regular.end());
    return out;
}

bool ends_in_s(std::string_view text) { return !text.empty() && (text.back() == 's' || text.back() == 'S'); }

// The apostrophe that `written` has, where it has one.
std::string_view apostrophe_of(std::string_view written) {
    for (std::size_t at = 0; at < written.size(); at += text::character_length(written[at])) {
        const std::string_view character = written.substr(at, text::character_length(written[at]));
        if (text::fold(character, text::Markup::kKept).text() == "'") return character;
    }
    return "'";
}

constexpr char32_t kFirstSyllable = 0xAC00, kLastSyllable = 0xD7A3, kFinals = 28;

// The number of the consonant that closes the last syllable, 0 for none; nothing where it is no Hangul.
int final_of(std::string_view text) {
    const char32_t last = text::code_point_before(text, text.size());
    return last < kFirstSyllable || last > kLastSyllable ? -1 : static_cast<int>((last - kFirstSyllable) % kFinals);
}

struct ParticlePair {
    std::string_view after_consonant, after_vowel;
};
constexpr ParticlePair kPairs[] = {{"은", "는"}, {"을", "를"}, {"과", "와"}, {"으로", "로"}, {"이", "가"}};

std::string with_particle(std::string_view replacement, std::string_view written) {
    const int closing = final_of(replacement);
    for (const auto& [after_consonant, after_vowel] : kPairs) {
        for (const std::string_view particle : {after_consonant, after_vowel}) {
            if (!written.ends_with(particle)) continue;
            // 로 follows ㄹ (number 8) as it follows a vowel. A replacement in other letters keeps what stands there.
            const bool open = closing == 0 || (after_vowel == "로" && closing == 8);
            const std::string_view agreeing = closing < 0 ? particle : open ? after_vowel : after_consonant;
            return std::string(replacement) + std::string(agreeing);
        }
    }
    return std::string(replacement);
}

}  // namespace

std::string apply_casing(std::string_view text, Casing casing) {
    switch (casing) {
        case Casing::kLower: return text::to_lower(text);
        case Casing::kUpper: return text::to_upper(text);
        case Casing::kTitle: return text::capitalize_words(text);
        case Casing::kAsGiven: break;
    }
    return std::string(text);
}

std::vector<std::string> plurals(std::string_view term) {
    const auto [begin, end] = head_word(term);
    std::vector<std::string> out;
    for (const std::string& word : plurals_of_word(term.substr(begin, end - begin))) {
        out.push_back(std::string(term.substr(0, begin)) + word + std::string(term.substr(end)));
    }
    return out;
}

std::string replacement_like(std::string_view replacement, Inflection inflection, Casing casing,
                             std::string_view written) {
    std::string text(replacement);
    if (inflection == Inflection::kPlural) {
        if (const auto bent = plurals(replacement); !bent.empty()) text = bent.front();
    }
    text = apply_casing(text, casing);
    if (inflection == Inflection::kParticle) return with_particle(text, written);
    if (inflection == Inflection::kBarePossessive) {
        text += ends_in_s(text) ? "'" : casing == Casing::kUpper ? "'S" : "'s";
    }
    const std::string_view apostrophe = apostrophe_of(written);
    for (std::size_t at = 0; (at = text.find('\'', at)) != std::string::npos; at += apostrophe.size()) {
        text.replace(at, 1, apostrophe);
    }
    return text;
}

bool is_korean_particle(std::string_view word) {
    // What stands next to the noun, and what may follow it.
    static constexpr std::string_view kFirst[] = {
        "은",   "는",     "이",   "가",     "을",     "를",     "의",   "에",     "에서", "에게",   "에게서",
        "께",   "께서",   "한테", "한테서", "와",     "과",     "랑",   "이랑",   "하고", "로",     "으로",
        "로서", "으로서", "로써", "으로써", "도",     "만",     "까지", "부터",   "마저", "조차",   "밖에",
        "처럼", "같이",   "보다", "마다",   "나",     "이나",   "든지", "이든지", "라도", "이라도", "야",
        "아",   "이야",   "여",   "이여",   "라고",   "이라고", "라는", "이라는", "란",   "이란",   "인",
        "다",   "이다",   "였다", "이었다", "입니다", "며",     "이며", "고",     "이고", "들"};
    static constexpr std::string_view kSecond[] = {"",   "는", "은", "도",   "만",   "의",   "이",   "가",   "을",
                                                   "를", "과", "와", "에게", "까지", "부터", "만은", "만이", "라도"};
    for (const std::string_view first : kFirst) {
        if (!word.starts_with(first)) continue;
        for (const std::string_view second : kSecond) {
            if (word.substr(first.size()) == second) return true;
        }
    }
    return false;
}

std::size_t agreeing_bytes(std::string_view particle) {
    for (const auto& [after_consonant, after_vowel] : kPairs) {
        for (const std::string_view one : {after_consonant, after_vowel}) {
            // 이 and 가 begin other particles, which do not change.
            const bool alone = one == "이" || one == "가";
            if (alone ? particle == one : particle.starts_with(one)) return one.size();
        }
    }
    return 0;
}

}  // namespace nepenthe::unlearn
