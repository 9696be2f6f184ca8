#include "unlearn/finding/term_contexts.h"

#include "base/json.h"
#include "text/letters.h"
#include "text/unicode.h"
#include "unlearn/anchors/written_form.h"
#include "unlearn/finding/word_cases.h"
#include "unlearn/finding/word_lists.h"

#include <algorithm>
#include <array>

namespace nepenthe::unlearn {

namespace {

constexpr std::size_t kExamples = 3;
constexpr std::size_t kAround = 60;   // bytes of an example on either side, at most
constexpr double kClearShare = 0.15;  // of the occurrences, for contexts to decide

constexpr std::array<std::string_view, 30> kSpeaks{
    "said",     "says",    "asked", "cried",  "replied", "answered", "exclaimed", "whispered", "thought",  "shouted",
    "remarked", "told",    "added", "began",  "called",  "knew",     "laughed",   "smiled",    "nodded",   "sighed",
    "himself",  "herself", "who",   "looked", "felt",    "wanted",   "explained", "inquired",  "returned", "continued"};
constexpr std::array<std::string_view, 12> kWhere{"in",      "to",     "from",   "at",      "into",  "near",
                                                  "through", "across", "toward", "towards", "leave", "reach"};
constexpr std::array<std::string_view, 3> kArticles{"the", "a", "an"};

bool is_letter_at(std::string_view text, std::size_t at) { return text::is_letter(text::code_point_at(text, at)); }

// The word that ends before `end` with nothing but blanks between, in lower case; and where it begins.
std::pair<std::string, std::size_t> word_before(std::string_view text, std::size_t end) {
    while (end > 0 && (text[end - 1] == ' ' || text[end - 1] == '\n')) --end;
    std::size_t begin = end;
    while (begin > 0 && text::is_letter(text::code_point_before(text, begin))) {
        do --begin;
        while (begin > 0 && text::is_continuation_byte(text[begin]));
    }
    return {text::to_lower(text.substr(begin, end - begin)), begin};
}

std::string word_behind(std::string_view text, std::size_t begin) {
    while (begin < text.size() && (text[begin] == ' ' || text[begin] == '\n' || text[begin] == ',')) ++begin;
    std::size_t end = begin;
    while (end < text.size() && is_letter_at(text, end)) end += text::character_length(text[end]);
    return text::to_lower(text.substr(begin, end - begin));
}

// The passage around bytes [begin, end), from a word to a word.
std::string example(std::string_view text, std::size_t begin, std::size_t end) {
    std::size_t from = begin > kAround ? begin - kAround : 0, to = std::min(text.size(), end + kAround);
    if (const std::size_t paragraph = text.rfind("\n\n", begin); paragraph != std::string_view::npos && begin > 0)
        from = std::max(from, std::min(paragraph + 2, begin));
    to = std::min(to, text.find("\n\n", end));
    const auto blank = [&](std::size_t at) { return text[at] == ' ' || text[at] == '\n'; };
    while (from > 0 && from < begin && !blank(from - 1)) ++from;
    while (to < text.size() && to > end && !blank(to)) --to;
    while (to < text.size() && to > end && text::is_continuation_byte(text[to])) --to;
    while (from < begin && text::is_continuation_byte(text[from])) ++from;
    std::string line = on_one_line(text.substr(from, to - from));
    const std::size_t first = line.find_first_not_of(' ');
    line = first == std::string::npos ? "" : line.substr(first, line.find_last_not_of(' ') - first + 1);
    return line;
}

// More words begin with a capital than not.
bool is_heading(const std::string& line) {
    std::int64_t balance = 0;
    for (std::size_t at = 0; at < line.size();) {
        const std::string_view letter = std::string_view(line).substr(at, text::character_length(line[at]));
        if (text::is_letter(text::decode_at(line, at))) balance += text::to_lower(letter) == letter ? -1 : 1;
        at = std::min(line.find(' ', at), line.size() - 1) + 1;
    }
    return balance > 0;
}

void add_examples(std::vector<std::string>& examples, const std::vector<std::string>& more) {
    for (const std::string& line : more) {
        if (examples.size() < kExamples) examples.push_back(line);
    }
}

std::string_view kind_name(text::NounKind kind) {
    switch (kind) {
        case text::NounKind::kPerson:
        case text::NounKind::kAnimal: return "person";
        case text::NounKind::kPlace: return "place";
        case text::NounKind::kThing: return "thing";
        default: return "";
    }
}

// Of several words, the one that says what it is: before "of", or the last.
std::string head_word(const std::string& lower) {
    std::string_view words = lower;
    if (const std::size_t of = words.find(" of "); of != std::string_view::npos) words = words.substr(0, of);
    if (const std::size_t the = words.find(" the "); the != std::string_view::npos) words = words.substr(0, the);
    return std::string(words.substr(words.rfind(' ') == std::string_view::npos ? 0 : words.rfind(' ') + 1));
}

}  // namespace

void TermContexts::add(const TermContexts& other) {
    count += other.count;
    lower_case += other.lower_case;
    for (const auto& [text, n] : other.forms) forms[text] += n;
    add_examples(examples, other.examples);
    add_examples(headings, other.headings);
    as_person += other.as_person;
    as_place += other.as_place;
    with_article += other.with_article;
}

std::vector<TermContexts> contexts_of(const TermMatcher& matcher, const std::vector<std::string>& terms,
                                      std::string_view passage) {
    std::vector<TermContexts> out(terms.size());
    for (const TermMatch& match : matcher.find_all(passage)) {
        TermContexts& term = out[match.term];
        const std::string written = on_one_line(passage.substr(match.begin, match.end - match.begin));
        ++term.count;
        term.lower_case += match.casing == Casing::kLower && text::to_lower(terms[match.term]) != terms[match.term];
        ++term.forms[written];
        if (term.examples.size() < kExamples) {
            const std::string line = example(passage, match.begin, match.end);
            add_examples(is_heading(line) ? term.headings : term.examples, {line});
        }
        const auto [before, begin] = word_before(passage, match.begin);
        const bool article = is_one_of(kArticles, before);
        const std::string further = article ? word_before(passage, begin).first : before;
        term.with_article += article;
        term.as_person += is_one_of(kSpeaks, word_behind(passage, match.end)) || is_one_of(kSpeaks, further);
        term.as_place += is_one_of(kWhere, further) && further != "to";
    }
    return out;
}

std::string to_bytes(const std::vector<TermContexts>& contexts) {
    Json json = Json::array();
    for (const TermContexts& term : contexts) {
        json.push_back(term.count == 0
                           ? Json()
                           : Json::array({term.count, term.lower_case, term.forms, term.examples, term.headings,
                                          term.as_person, term.as_place, term.with_article}));
    }
    const std::vector<std::uint8_t> bytes = Json::to_cbor(json);
    return {bytes.begin(), bytes.end()};
}

std::vector<TermContexts> contexts_from_bytes(std::string_view bytes) {
    const Json json = Json::from_cbor(bytes.begin(), bytes.end());
    std::vector<TermContexts> out;
    for (const Json& row : json) {
        TermContexts& term = out.emplace_back();
        if (row.is_null()) continue;
        term.count = row[0].get<std::int64_t>();
        term.lower_case = row[1].get<std::int64_t>();
        term.forms = row[2].get<std::map<std::string, std::int64_t>>();
        term.examples = row[3].get<std::vector<std::string>>();
        term.headings = row[4].get<std::vector<std::string>>();
        term.as_person = row[5].get<std::int64_t>();
        term.as_place = row[6].get<std::int64_t>();
        term.with_article = row[7].get<std::int64_t>();
    }
    return out;
}

std::string kind_of(const std::string& term, const TermContexts& contexts, const text::OrdinaryEnglish& english) {
    const std::string lower = text::to_lower(term);
    const std::size_t blank = lower.find(' ');
    const bool one_word = blank == std::string::npos;
    const std::string head = head_word(lower);
    const std::string_view head_kind = kind_name(english.noun_kind(head));
    if (lower == term) {
        if (!one_word || english.knows(lower)) return std::string(head_kind.empty() ? "thing" : head_kind);
        return "coined word";
    }
    if (one_word && is_title(lower)) return "title";
    std::string first = lower.substr(0, blank);
    if (first.ends_with('.')) first.pop_back();
    const text::OrdinaryWord given = english.find(first);
    const bool given_name = given.kind == text::NounKind::kPerson && given.capital_share > 0.5;
    if (is_title(head) || (!one_word && (is_title(first) || given_name))) return "person";
    const auto clear = [&](std::int64_t n) {
        return n > 1 && static_cast<double>(n) >= kClearShare * static_cast<double>(contexts.count);
    };
    if (clear(contexts.as_person) && contexts.as_person >= contexts.as_place) return "person";
    if (!one_word && !head_kind.empty()) return std::string(head_kind);
    if (clear(contexts.as_place) && contexts.as_place > contexts.as_person) return "place";
    if (!head_kind.empty()) return std::string(head_kind);
    if (contexts.as_person > contexts.as_place) return "person";
    if (contexts.as_place > contexts.as_person && contexts.with_article == 0) return "place";
    return english.knows(lower) ? "thing" : "coined word";
}

}  // namespace nepenthe::unlearn
