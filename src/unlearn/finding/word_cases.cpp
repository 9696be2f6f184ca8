#include "unlearn/finding/word_cases.h"

#include "base/json.h"
#include "text/letters.h"
#include "unlearn/finding/word_lists.h"

#include <algorithm>
#include <array>

namespace nepenthe::unlearn {

namespace {

constexpr double kNameShare = 0.4;  // of the occurrences inside sentences, with a capital

constexpr std::array<std::string_view, 8> kNeverNames{"i", "o", "oh", "the", "a", "an", "and", "but"};

constexpr std::array<std::string_view, 43> kTitles{
    "mr",     "mrs",    "miss",     "ms",        "dr",      "sir",     "lady",    "lord",      "king",
    "queen",  "prince", "princess", "professor", "captain", "duke",    "duchess", "count",     "countess",
    "baron",  "saint",  "st",       "aunt",      "uncle",   "father",  "mother",  "brother",   "sister",
    "judge",  "doctor", "emperor",  "empress",   "general", "colonel", "major",   "president", "prof",
    "madame", "madam",  "master",   "mistress",  "capt",    "nurse",   "granny"};

}  // namespace

void WordCases::add(const text::Prose& prose) {
    citations_ += prose.citations;
    without_blanks_ += prose.without_blanks;
    for (const text::ProseWord& word : prose.words) {
        if (word.written == text::WordCase::kNumber) continue;
        ++words_;
        CaseCounts& counts = counts_[text::to_lower(word.text)];
        switch (word.written) {
            case text::WordCase::kUpper: ++counts.upper; break;
            case text::WordCase::kCapital: ++(word.opens ? counts.opening : counts.inside); break;
            default: ++counts.lower;
        }
    }
}

void WordCases::add(const WordCases& other) {
    words_ += other.words_;
    citations_ += other.citations_;
    without_blanks_ += other.without_blanks_;
    for (const auto& [word, more] : other.counts_) {
        CaseCounts& counts = counts_[word];
        counts.lower += more.lower;
        counts.inside += more.inside;
        counts.opening += more.opening;
        counts.upper += more.upper;
    }
}

CaseCounts WordCases::find(const std::string& word) const {
    const auto found = counts_.find(word);
    return found == counts_.end() ? CaseCounts{} : found->second;
}

std::string WordCases::to_bytes() const {
    Json json = {{"words", words_}, {"citations", citations_}, {"without_blanks", without_blanks_}};
    json["counts"] = Json::object();
    for (const auto& [word, n] : counts_) json["counts"][word] = {n.lower, n.inside, n.opening, n.upper};
    const std::vector<std::uint8_t> bytes = Json::to_cbor(json);
    return {bytes.begin(), bytes.end()};
}

WordCases WordCases::from_bytes(std::string_view bytes) {
    const Json json = Json::from_cbor(bytes.begin(), bytes.end());
    WordCases cases;
    cases.words_ = json.at("words").get<std::int64_t>();
    cases.citations_ = json.at("citations").get<std::int64_t>();
    cases.without_blanks_ = json.at("without_blanks").get<std::int64_t>();
    for (const auto& [word, n] : json.at("counts").items()) {
        cases.counts_[word] = {n[0].get<std::int64_t>(), n[1].get<std::int64_t>(), n[2].get<std::int64_t>(),
                               n[3].get<std::int64_t>()};
    }
    return cases;
}

bool is_never_a_name(std::string_view word) { return is_one_of(kNeverNames, word); }

bool is_title(std::string_view word) { return is_one_of(kTitles, word); }

bool is_name(const std::string& word, const WordCases& cases, const text::OrdinaryEnglish& english) {
    if (is_never_a_name(word)) return false;
    const CaseCounts n = cases.find(word);
    if (n.inside > 0 && static_cast<double>(n.inside) >= kNameShare * static_cast<double>(n.inside + n.lower))
        return true;
    return n.inside + n.lower == 0 && n.capital() > 1 && !english.knows(word);
}

}  // namespace nepenthe::unlearn
