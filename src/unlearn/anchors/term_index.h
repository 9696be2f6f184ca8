#pragma once
// All written forms of a dictionary's terms, in the comparison form of text/folded_text.h, sorted: which of them begin
// at a place of a folded text.

#include "unlearn/anchors/inflection.h"

#include <array>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::unlearn {

struct Surface {
    std::string text;  // folded, not empty
    std::uint32_t term = 0;
    Casing casing = Casing::kAsGiven;
    Inflection inflection = Inflection::kNone;
};

class TermIndex {
  public:
    // Of surfaces with the same text the first counts.
    explicit TermIndex(std::vector<Surface> surfaces);

    bool may_begin_with(char byte) const;

    // Calls `found(end, surface)` for every surface that folded bytes [at, end) spell, shorter ones first. A hyphen at
    // a line's end spells a hyphen or nothing.
    using Found = std::function<void(std::size_t end, const Surface& surface)>;
    void prefixes_at(std::string_view folded, std::size_t at, const Found& found) const;

  private:
    struct Range {
        std::uint32_t begin = 0, end = 0;
    };
    Range with_byte(Range range, std::size_t depth, char byte) const;
    void walk(std::string_view folded, std::size_t at, Range range, std::size_t depth, const Found& found) const;

    std::vector<Surface> sorted_;
    std::array<Range, 256> by_first_byte_{};
};

}  // namespace nepenthe::unlearn
