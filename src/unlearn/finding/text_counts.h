#pragma once
// How often distinct texts occur; counts of passages add up.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace nepenthe::unlearn {

class TextCounts {
  public:
    void add(const std::string& text, std::int64_t count = 1) { counts_[text] += count; }
    void add(const TextCounts& other);
    const std::map<std::string, std::int64_t>& counts() const { return counts_; }

  private:
    std::map<std::string, std::int64_t> counts_;
};

// What a passage says together: names (name_spans.h), pairs of words (word_pairs.h) and, where somebody recognises
// them, entities as "LABEL<tab>text" (entities.h).
struct RunCounts {
    TextCounts names, pairs, entities;

    void add(const RunCounts& other);
    std::string to_bytes() const;
    static RunCounts from_bytes(std::string_view bytes);
};

}  // namespace nepenthe::unlearn
