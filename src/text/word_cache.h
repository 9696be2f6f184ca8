#pragma once
// Words met before and their tokens: text repeats its words, and merging one costs a hundred times a look-up.

#include "text/word_model.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::text {

// For one thread at a time. Forgets everything when its memory is used up, so that it never grows beyond some MB.
class WordCache {
  public:
    // The tokens of `word`, from the cache or from `model`. The span holds until the next call.
    std::span<const WordToken> tokens_of(std::string_view word, const WordModel& model);
    // Gives back the memory that a very long word took.
    void release_excess();

  private:
    struct Entry {
        std::uint64_t hash = 0;
        std::uint32_t word_begin = 0;
        std::uint32_t word_length = 0;  // 0: free
        std::uint32_t tokens_begin = 0;
        std::uint32_t tokens_count = 0;
    };
    void clear();
    void grow();

    std::vector<Entry> entries_;
    std::size_t used_ = 0;
    std::string characters_;
    std::vector<WordToken> tokens_;
    std::vector<WordToken> long_word_;
    MergeBuffer buffer_;
};

}  // namespace nepenthe::text
