#include "text/prose.h"

#include "text/folded_text.h"
#include "text/letters.h"
#include "text/scripts.h"
#include "text/unicode.h"

#include <algorithm>
#include <array>

namespace nepenthe::text {

namespace {

constexpr std::size_t kWidestWrap = 120;  // a text with longer lines is not wrapped: each line is a paragraph
constexpr double kFullLine = 0.7;         // of the width: a shorter line was ended on purpose
constexpr double kHeadingShare = 0.6;     // of the longer words, capitalised
constexpr std::size_t kLongerWord = 4;    // bytes
constexpr std::array<std::string_view, 14> kAbbreviations{"mr",  "mrs",  "ms",  "dr",     "st",  "capt", "col",
                                                          "gen", "prof", "rev", "messrs", "mme", "mlle", "jas"};

constexpr std::array<std::string_view, 7> kClitics{"'s", "'S", "'ll", "'d", "'ve", "'re", "'m"};

struct Line {
    std::uint32_t begin = 0, end = 0;
    bool ends_here = false;  // the break behind it is no blank
    bool citation = false;
};

bool is_citation(std::string_view line) {
    if (line.starts_with("^ ")) return true;
    for (const std::string_view mark : {"ISBN ", "ISSN ", "Bibcode:", "doi:", "arXiv:", "PMID "}) {
        if (line.find(mark) != std::string_view::npos) return true;
    }
    const std::size_t retrieved = line.find("Retrieved ");
    return retrieved != std::string_view::npos && line.find_first_of("0123456789", retrieved) != std::string_view::npos;
}

std::vector<Line> lines_of(std::string_view text) {
    std::vector<Line> lines;
    std::vector<std::size_t> lengths;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find('\n', at), text.size());
        lines.push_back({static_cast<std::uint32_t>(at), static_cast<std::uint32_t>(end), false,
                         is_citation(text.substr(at, end - at))});
        if (end > at) lengths.push_back(end - at);
        at = end + 1;
    }
    if (lengths.empty()) return lines;
    const auto wide = lengths.begin() + static_cast<std::ptrdiff_t>(lengths.size() * 19 / 20);
    std::nth_element(lengths.begin(), wide, lengths.end());
    for (Line& line : lines) {
        line.ends_here = *wide > kWidestWrap || line.end - line.begin < kFullLine * static_cast<double>(*wide);
    }
    return lines;
}

bool is_apostrophe(char32_t c) { return c == U'\''; }

// Letters that have a capital form, and whether this is one.
WordCase case_of(std::string_view word) {
    const char32_t first = code_point_at(word, 0);
    if (is_numeric(first)) return WordCase::kNumber;
    const std::string lower = to_lower(word);
    if (lower == word) return WordCase::kLower;
    std::size_t letters = 0;
    for (std::size_t at = 0; at < word.size(); at += character_length(word[at]))
        letters += is_letter(decode_at(word, at));
    if (letters > 1 && to_upper(word) == word) return WordCase::kUpper;
    const std::size_t bytes = character_length(word.front());
    return lower.compare(0, bytes, word.substr(0, bytes)) == 0 ? WordCase::kLower : WordCase::kCapital;
}

class Reader {
  public:
    explicit Reader(std::string_view passage)
        : original_(passage),
          lines_(lines_of(passage)),
          folded_(fold(passage, Markup::kDropped)),
          text_(folded_.text()) {}

    Prose read() {
        std::size_t gap = 0;  // where the text between two words begins
        for (std::size_t at = 0; at < text_.size();) {
            const std::size_t end = word_end(at);
            if (end == at) {
                at += character_length(text_[at]);
                continue;
            }
            if (!is_reference_mark(at, end)) {
                add(gap, at, end);
                gap = end;
            }
            at = end;
        }
        end_unit(text_.substr(gap));
        return std::move(prose_);
    }

  private:
    bool is_word_at(std::size_t at) const {
        if (at >= text_.size()) return false;
        const char32_t c = code_point_at(text_, at);
        return is_word_character(c) && c != U'_' && !writes_without_blanks(c);
    }

    // "[12]" or "[a]" behind a sentence's end, which stays one.
    bool is_reference_mark(std::size_t begin, std::size_t end) const {
        if (begin == 0 || text_[begin - 1] != '[' || end >= text_.size() || text_[end] != ']') return false;
        return end - begin == 1 || is_numeric(code_point_at(text_, begin));
    }

    // A hyphen, and not a dash that became one.
    bool is_hyphen(std::size_t at) const {
        if (text_[at] != '-') return false;
        const Offset span = folded_.span(at);
        const std::string_view written = original_.substr(span.begin, span.end - span.begin);
        return written == "-" || written == "\u2010" || written == "\u2011";
    }

    // The end of the word that begins at `at`, or `at`.
    std::size_t word_end(std::size_t at) {
        if (const char32_t c = code_point_at(text_, at); writes_without_blanks(c) && is_word_character(c))
            ++prose_.without_blanks;
        std::size_t end = at;
        while (is_word_at(end)) {
            end += character_length(text_[end]);
            if (end < text_.size() && (is_apostrophe(code_point_at(text_, end)) || is_hyphen(end)) &&
                is_word_at(end + 1))
                ++end;
        }
        return end;
    }

    const Line& line_of(std::uint32_t byte) {
        while (line_ + 1 < lines_.size() && lines_[line_].end < byte) ++line_;
        return lines_[line_];
    }

    void add(std::size_t gap, std::size_t begin, std::size_t end) {
        ProseWord word;
        std::string_view written = text_.substr(begin, end - begin);
        word.begin = folded_.span(begin).begin;
        const Line& line = line_of(word.begin);
        if (line.citation) {
            prose_.citations += line.begin != last_citation_;
            last_citation_ = line.begin;
            return;
        }
        for (const std::string_view clitic : kClitics) {
            if (!written.ends_with(clitic) || written.size() == clitic.size()) continue;
            word.clitic = true;
            written.remove_suffix(clitic.size());
            break;
        }
        word.text = written;
        word.end = folded_.span(begin + written.size() - 1).end;
        word.written = case_of(written);
        std::string_view between = text_.substr(gap, begin - gap);
        const bool broken = is_broken(line, between);
        if (broken) end_unit(between);
        place(word, between, broken);
        const bool address = between == "/" || between == "@" || between == "://" || between == ".";
        if (address && word.joint == Joint::kApart && !broken) return;
        prose_.words.push_back(std::move(word));
    }

    // A line or a paragraph ends between the last word and this one.
    bool is_broken(const Line& line, std::string_view between) {
        if (prose_.words.empty() || between.find('\n') != std::string_view::npos) return true;
        const std::uint32_t last = prose_.words.back().end;
        if (last >= line.begin) return false;
        for (std::size_t i = line_; i-- > 0 && lines_[i].end >= last;) {
            if (lines_[i].ends_here) return true;
        }
        return false;
    }

    void place(ProseWord& word, std::string_view between, bool broken) const {
        word.opens = true;
        if (broken) return;
        const ProseWord& last = prose_.words.back();
        if (between == ". " || between == ".") {
            const std::string lower = to_lower(last.text);
            const bool initial = last.written == WordCase::kCapital && lower.size() == 1 && lower != "i";
            if (initial || std::find(kAbbreviations.begin(), kAbbreviations.end(), lower) != kAbbreviations.end()) {
                word.joint = Joint::kPeriod;
                word.opens = false;
                return;
            }
        }
        if (between == " ") word.joint = Joint::kBlank;
        if (between == "' " && last.text.ends_with('s')) word.joint = Joint::kApostrophe;
        const bool quoted =
            !between.empty() && std::string_view("\"'([*").find(between.back()) != std::string_view::npos;
        word.opens = quoted || between.find_first_of(".!?:") != std::string_view::npos ||
                     between.find("\u2022") != std::string_view::npos;
    }

    // A line or paragraph that capitalises most of its longer words and ends like no sentence is a heading.
    void end_unit(std::string_view behind) {
        const auto begin = prose_.words.begin() + static_cast<std::ptrdiff_t>(unit_);
        unit_ = prose_.words.size();
        if (behind.find_first_of(".!?,;:") != std::string_view::npos) return;
        std::size_t longer = 0, capital = 0;
        for (auto word = begin; word != prose_.words.end(); ++word) {
            if (word->text.size() < kLongerWord || word->written == WordCase::kNumber) continue;
            ++longer;
            capital += word->written != WordCase::kLower;
        }
        if (static_cast<double>(capital) <= kHeadingShare * static_cast<double>(longer)) return;
        for (auto word = begin; word != prose_.words.end(); ++word) word->opens = true;
    }

    std::string_view original_;
    std::vector<Line> lines_;
    AlignedText folded_;
    std::string_view text_;
    Prose prose_;
    std::size_t line_ = 0, unit_ = 0;
    std::uint32_t last_citation_ = UINT32_MAX;
};

}  // namespace

Prose read_prose(std::string_view passage) { return Reader(passage).read(); }

std::string_view own_words(std::string_view document) {
    const auto line_behind = [&](std::size_t at) { return std::min(document.find('\n', at), document.size()); };
    for (const std::string_view the : {"THIS ", "THE ", ""}) {
        const std::string mark = "*** START OF " + std::string(the) + "PROJECT GUTENBERG";
        if (const std::size_t at = document.find(mark); at != std::string_view::npos) {
            document.remove_prefix(line_behind(at));
            break;
        }
    }
    for (const std::string_view the : {"THIS ", "THE ", ""}) {
        const std::string mark = "*** END OF " + std::string(the) + "PROJECT GUTENBERG";
        if (const std::size_t at = document.find(mark); at != std::string_view::npos) return document.substr(0, at);
    }
    return document;
}

std::vector<std::string_view> passages(std::string_view document, std::size_t bytes) {
    std::vector<std::string_view> out;
    while (document.size() > bytes) {
        std::size_t end = document.find("\n\n", bytes);
        if (end == std::string_view::npos || end > 2 * bytes) end = document.find('\n', bytes);
        if (end == std::string_view::npos) break;
        out.push_back(document.substr(0, end + 1));
        document.remove_prefix(end + 1);
    }
    if (!document.empty()) out.push_back(document);
    return out;
}

}  // namespace nepenthe::text
