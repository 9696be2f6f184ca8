#pragma once
// Text under normalisation: each byte knows the span of the original text that it came from.

#include "text/tokenizer.h"
#include "text/unicode.h"
#include "text/work_budget.h"

#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

// Either a view of untouched original text (every character stands for itself) or a rewritten copy with one span a
// byte. All bytes of one character have the same span.
class AlignedText {
  public:
    // `original` and `budget` must outlive the object; its first byte is byte `base` of the text that offsets count in.
    AlignedText(std::string_view original, std::uint32_t base, WorkBudget& budget)
        : AlignedText(original, base, &budget) {}
    // For rules of our own, which no file decides: nothing needs to be bounded.
    explicit AlignedText(std::string_view original) : AlignedText(original, 0, nullptr) {}

    std::string_view text() const { return untouched_ ? view_ : std::string_view(rewritten_); }
    // What rewriting may still cost; only of a text that was made with a budget.
    WorkBudget& budget() const { return *budget_; }
    // Where the original text of this piece begins; what stands before its first character is aligned to here.
    std::uint32_t base() const { return base_; }

    // The span of the character that byte `at` belongs to.
    Offset span(std::size_t at) const;
    // The original text of bytes [begin, end), which must not be empty.
    Offset span(TextRange range) const {
        return {span(range.begin).begin, span(static_cast<std::size_t>(range.end) - 1).end};
    }
    // The same for a range that begins and ends between two characters; cheaper.
    Offset span_of_characters(TextRange range) const {
        if (untouched_) return {base_ + range.begin, base_ + range.end};
        return {spans_[range.begin].begin, spans_[static_cast<std::size_t>(range.end) - 1].end};
    }

    // The part [begin, end), between two characters; not empty. A part of an untouched text is a view like the whole.
    AlignedText part(TextRange range) const;

  private:
    friend class AlignedTextBuilder;

    AlignedText(std::string_view original, std::uint32_t base, WorkBudget* budget)
        : view_(original), base_(base), budget_(budget) {}
    // A rewritten text with the span of each of its bytes.
    AlignedText(std::string text, std::vector<Offset> spans, std::uint32_t base, WorkBudget* budget)
        : rewritten_(std::move(text)), spans_(std::move(spans)), base_(base), budget_(budget), untouched_(false) {}

    std::string_view view_;
    std::string rewritten_;
    std::vector<Offset> spans_;
    std::uint32_t base_;
    WorkBudget* budget_;
    bool untouched_ = true;
};

// Writes a new AlignedText from pieces of an old one. Throws Error(kData) beyond 4 GiB, or where the text grows beyond
// the budget.
class AlignedTextBuilder {
  public:
    explicit AlignedTextBuilder(const AlignedText& source);

    // Whole characters of the source, as they are.
    void copy(TextRange range);
    // New characters that stand for `span` of the original.
    void put(std::string_view text, Offset span);
    std::uint32_t size() const { return static_cast<std::uint32_t>(text_.size()); }
    AlignedText finish() { return {std::move(text_), std::move(spans_), source_.base(), source_.budget_}; }

  private:
    void require_room(std::size_t bytes);

    const AlignedText& source_;
    std::size_t paid_;  // bytes that the budget has been asked for, or that the source had
    std::string text_;
    std::vector<Offset> spans_;
};

// A character of a text after a transformation. `change` counts against the characters before it: 0 replaces the next
// one, 1 is inserted after what was last replaced, -n replaces the next one and removes n more.
struct TransformedCharacter {
    char32_t code_point;
    int change;
};

// Rewrites `text` as `characters`. The spans follow the changes in order, which is what published offsets are made of.
void transform(AlignedText& text, const std::vector<TransformedCharacter>& characters);

// Puts `prefix` before the text; it stands for the first character. An empty text stays empty.
void prepend(AlignedTextBuilder& builder, const AlignedText& source, TextRange range, std::string_view prefix);

}  // namespace nepenthe::text
