#include "unlearn/finding/name_spans.h"

#include "text/letters.h"

namespace nepenthe::unlearn {

namespace {

// A single word with a capital inside a sentence may be emphasis; of one that the corpus writes in lower case nearly
// always it is.
constexpr double kEmphasisShare = 0.15;
constexpr std::size_t kLongestNumber = 4;

class SpanReader {
  public:
    SpanReader(const text::Prose& prose, const WordCases& cases, const text::OrdinaryEnglish& english)
        : words_(prose.words), cases_(cases), english_(english) {
        for (const text::ProseWord& word : words_) lower_.push_back(text::to_lower(word.text));
    }

    std::vector<NameSpan> read() const {
        std::vector<NameSpan> spans;
        for (std::size_t at = 0; at < words_.size();) {
            if (!is_capital(at) && !is_title_before_a_name(at)) {
                ++at;
                continue;
            }
            const std::size_t end = span_end(at);
            spans.push_back({at, end});
            at = end;
        }
        return spans;
    }

  private:
    // The word is written as a name here.
    bool is_capital(std::size_t at) const {
        const text::ProseWord& word = words_[at];
        if (is_never_a_name(lower_[at])) return false;
        const CaseCounts n = cases_.find(lower_[at]);
        if (word.written == text::WordCase::kCapital) {
            const bool inside = !word.opens && (is_beside_a_capital(at) ||
                                                static_cast<double>(n.inside) >=
                                                    kEmphasisShare * static_cast<double>(n.inside + n.lower));
            return inside || is_name(lower_[at], cases_, english_);
        }
        if (word.written != text::WordCase::kUpper) return false;
        const bool initials = n.lower + n.inside + n.opening == 0 && !word.opens;
        return initials || is_name(lower_[at], cases_, english_);
    }

    // Two in a row are a name, whatever they are apart: Good Witch.
    bool is_beside_a_capital(std::size_t at) const {
        const auto capital = [&](std::size_t other) {
            return words_[other].written == text::WordCase::kCapital && !words_[other].opens &&
                   !is_never_a_name(lower_[other]);
        };
        return (at + 1 < words_.size() && goes_on(at + 1) && capital(at + 1)) ||
               (at > 0 && goes_on(at) && capital(at - 1));
    }

    bool is_title_before_a_name(std::size_t at) const {
        return words_[at].written == text::WordCase::kCapital && is_title(lower_[at]) && at + 1 < words_.size() &&
               goes_on(at + 1) && words_[at + 1].written == text::WordCase::kCapital && is_capital(at + 1);
    }

    bool goes_on(std::size_t at) const { return words_[at].joint != text::Joint::kApart && !words_[at - 1].clitic; }

    std::size_t span_end(std::size_t begin) const {
        std::size_t end = begin + 1;
        for (std::size_t at = end; at < words_.size() && goes_on(at); ++at) {
            const bool number =
                words_[at].written == text::WordCase::kNumber && at == end && words_[at].text.size() <= kLongestNumber;
            if (number || is_capital(at)) {
                end = at + 1;
            } else if (!may_link(at, end)) {
                break;
            }
        }
        return end;
    }

    // "of" and "the" behind a capital, "the" behind that "of".
    bool may_link(std::size_t at, std::size_t end) const {
        if (words_[at].written != text::WordCase::kLower) return false;
        if (at == end) return lower_[at] == "of" || lower_[at] == "the";
        return at == end + 1 && lower_[at] == "the" && lower_[at - 1] == "of";
    }

    const std::vector<text::ProseWord>& words_;
    const WordCases& cases_;
    const text::OrdinaryEnglish& english_;
    std::vector<std::string> lower_;
};

}  // namespace

std::vector<NameSpan> name_spans(const text::Prose& prose, const WordCases& cases,
                                 const text::OrdinaryEnglish& english) {
    return SpanReader(prose, cases, english).read();
}

std::string span_text(const text::Prose& prose, const NameSpan& span) {
    std::string out;
    for (std::size_t at = span.begin; at < span.end; ++at) {
        const text::Joint joint = prose.words[at].joint;
        if (at > span.begin)
            out += joint == text::Joint::kPeriod ? ". " : joint == text::Joint::kApostrophe ? "' " : " ";
        out += prose.words[at].text;
    }
    return out;
}

}  // namespace nepenthe::unlearn
