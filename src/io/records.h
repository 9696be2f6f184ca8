#pragma once
// The records of a file, one by one: elements of a JSON array, or lines of JSON Lines. Memory is that of one
// record.

#include "base/json.h"

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::io {

// A record that could not be used costs one line of the message; beyond the first reasons only line numbers are kept.
class BadRecords {
  public:
    void add(std::size_t line, std::string_view reason);
    std::size_t count() const { return count_; }
    // The first reasons, then all other lines in one entry, as ranges ("lines 7, 9–12").
    std::vector<std::string> describe() const;

  private:
    struct Lines {
        std::size_t first, last;
    };
    std::size_t count_ = 0;
    std::vector<std::string> reasons_;
    std::vector<Lines> others_;
    std::size_t unlisted_ = 0;  // beyond the most ranges that are kept
};

// Calls `visit(line, bytes)` for each record in order until it returns false; `line` is where the record begins,
// `bytes` lie in `text` and need not be JSON. An array that is not closed, or is followed by something, gives one more
// record, which is no JSON. Empty lines are none.
void for_each_record(std::string_view text, const std::function<bool(std::size_t line, std::string_view bytes)>& visit);

// A record as a JSON object. Throws Error(kData) that says why it is none: no UTF-8, no JSON, no object, too large.
Json parse_record(std::string_view bytes);

}  // namespace nepenthe::io
