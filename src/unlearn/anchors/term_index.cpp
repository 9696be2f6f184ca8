#include "unlearn/anchors/term_index.h"

#include "text/folded_text.h"

#include <algorithm>

namespace nepenthe::unlearn {

TermIndex::TermIndex(std::vector<Surface> surfaces) : sorted_(std::move(surfaces)) {
    const auto less = [](const Surface& a, const Surface& b) { return a.text < b.text; };
    std::stable_sort(sorted_.begin(), sorted_.end(), less);
    const auto same = [](const Surface& a, const Surface& b) { return a.text == b.text; };
    sorted_.erase(std::unique(sorted_.begin(), sorted_.end(), same), sorted_.end());
    const Range all{0, static_cast<std::uint32_t>(sorted_.size())};
    for (std::size_t byte = 0; byte < 256; ++byte) by_first_byte_[byte] = with_byte(all, 0, static_cast<char>(byte));
}

bool TermIndex::may_begin_with(char byte) const {
    const Range range = by_first_byte_[static_cast<unsigned char>(byte)];
    return range.begin < range.end;
}

// Surfaces of `range`, all longer than `depth`, that have `byte` there.
TermIndex::Range TermIndex::with_byte(Range range, std::size_t depth, char byte) const {
    const auto at = [&](const Surface& surface) { return static_cast<unsigned char>(surface.text[depth]); };
    const auto wanted = static_cast<unsigned char>(byte);
    const auto begin = sorted_.begin() + range.begin, end = sorted_.begin() + range.end;
    const auto first = std::partition_point(begin, end, [&](const Surface& surface) { return at(surface) < wanted; });
    const auto last = std::partition_point(first, end, [&](const Surface& surface) { return at(surface) == wanted; });
    return {static_cast<std::uint32_t>(first - sorted_.begin()), static_cast<std::uint32_t>(last - sorted_.begin())};
}

void TermIndex::walk(std::string_view folded, std::size_t at, Range range, std::size_t depth,
                     const Found& found) const {
    while (range.begin < range.end) {
        if (sorted_[range.begin].text.size() == depth) found(at, sorted_[range.begin++]);
        if (at >= folded.size()) return;
        char byte = folded[at];
        if (byte == text::kLineEndHyphen) {
            walk(folded, at + 1, range, depth, found);
            byte = '-';
        }
        range = with_byte(range, depth, byte);
        ++depth;
        ++at;
    }
}

void TermIndex::prefixes_at(std::string_view folded, std::size_t at, const Found& found) const {
    walk(folded, at + 1, by_first_byte_[static_cast<unsigned char>(folded[at])], 1, found);
}

}  // namespace nepenthe::unlearn
