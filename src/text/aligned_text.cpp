#include "text/aligned_text.h"

#include "base/error.h"

#include <algorithm>
#include <limits>

namespace nepenthe::text {

Offset AlignedText::span(std::size_t at) const {
    if (!untouched_) return spans_[at];
    while (is_continuation_byte(view_[at])) --at;
    const std::size_t end = at + character_length(view_[at]);
    return {static_cast<std::uint32_t>(base_ + at), static_cast<std::uint32_t>(base_ + end)};
}

AlignedText AlignedText::part(TextRange range) const {
    const std::uint32_t base = span_of_characters(range).begin;
    if (untouched_) return {view_.substr(range.begin, range.end - range.begin), base, budget_};
    return {rewritten_.substr(range.begin, range.end - range.begin),
            std::vector<Offset>(spans_.begin() + range.begin, spans_.begin() + range.end), base, budget_};
}

AlignedTextBuilder::AlignedTextBuilder(const AlignedText& source) : source_(source), paid_(source.text().size()) {
    // Replacing spaces by a three-byte sign makes English half as long again.
    const std::size_t expected = source.text().size() + source.text().size() / 2;
    text_.reserve(expected);
    spans_.reserve(expected);
}

void AlignedTextBuilder::require_room(std::size_t bytes) {
    if (text_.size() + bytes > std::numeric_limits<std::uint32_t>::max()) {
        fail(ErrorKind::kData, "the text grows beyond 4 GiB under normalisation; cut it into documents");
    }
    if (text_.size() + bytes > paid_) {
        if (source_.budget_) source_.budget_->grow(text_.size() + bytes - paid_);
        paid_ = text_.size() + bytes;
    }
}

void AlignedTextBuilder::copy(TextRange range) {
    require_room(range.end - range.begin);
    const std::string_view text = source_.text();
    text_.append(text.substr(range.begin, range.end - range.begin));
    for (std::uint32_t at = range.begin; at < range.end;) {
        const auto length = static_cast<std::uint32_t>(character_length(text[at]));
        spans_.insert(spans_.end(), length, source_.span_of_characters({at, at + length}));
        at += length;
    }
}

void AlignedTextBuilder::put(std::string_view text, Offset span) {
    require_room(text.size());
    text_.append(text);
    spans_.insert(spans_.end(), text.size(), span);
}

void transform(AlignedText& text, const std::vector<TransformedCharacter>& characters) {
    AlignedTextBuilder builder(text);
    const std::string_view old = text.text();
    std::size_t at = 0;  // first byte of the old text that is not yet replaced
    std::string encoded;
    for (const TransformedCharacter& character : characters) {
        Offset span{text.base(), text.base()};
        if (character.change <= 0) {
            span = text.span(std::min(at, old.size() - 1));
        } else if (at > 0) {
            span = text.span(at - 1);
        }
        for (int consumed = character.change; consumed <= 0 && at < old.size(); ++consumed) {
            at += character_length(old[at]);
        }
        encoded.clear();
        append_utf8(encoded, character.code_point);
        builder.put(encoded, span);
    }
    text = builder.finish();
}

void prepend(AlignedTextBuilder& builder, const AlignedText& source, TextRange range, std::string_view prefix) {
    if (range.begin == range.end) return;
    builder.put(prefix, source.span(range.begin));
    builder.copy(range);
}

}  // namespace nepenthe::text
