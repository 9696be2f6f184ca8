#include "text/word_cache.h"

#include "base/hash.h"

namespace nepenthe::text {

namespace {

constexpr std::size_t kLongestWord = 256;  // longer ones hardly come twice
constexpr std::size_t kMostCharacters = 4u << 20;
constexpr std::size_t kMostTokens = 1u << 20;
constexpr std::size_t kFirstCapacity = 4096;

}  // namespace

std::span<const WordToken> WordCache::tokens_of(std::string_view word, const WordModel& model) {
    if (word.empty()) return {};
    if (word.size() > kLongestWord) {
        long_word_.clear();
        model.encode(word, buffer_, long_word_);
        return long_word_;
    }
    if (characters_.size() > kMostCharacters || tokens_.size() > kMostTokens) clear();
    if (2 * (used_ + 1) > entries_.size()) grow();
    const std::uint64_t hash = xxh3(as_bytes(word));
    const std::size_t mask = entries_.size() - 1;
    std::size_t i = hash & mask;
    for (; entries_[i].word_length != 0; i = (i + 1) & mask) {
        const Entry& entry = entries_[i];
        if (entry.hash == hash && std::string_view(characters_).substr(entry.word_begin, entry.word_length) == word) {
            return std::span(tokens_).subspan(entry.tokens_begin, entry.tokens_count);
        }
    }
    Entry& entry = entries_[i];
    entry = {hash, static_cast<std::uint32_t>(characters_.size()), static_cast<std::uint32_t>(word.size()),
             static_cast<std::uint32_t>(tokens_.size()), 0};
    characters_ += word;
    model.encode(word, buffer_, tokens_);
    entry.tokens_count = static_cast<std::uint32_t>(tokens_.size()) - entry.tokens_begin;
    ++used_;
    return std::span(tokens_).subspan(entry.tokens_begin, entry.tokens_count);
}

void WordCache::release_excess() {
    if (buffer_.symbols.capacity() > kMostTokens) buffer_ = MergeBuffer();
    if (long_word_.capacity() > kMostTokens) long_word_ = {};
}

void WordCache::clear() {
    entries_.clear();
    used_ = 0;
    characters_.clear();
    tokens_.clear();
}

void WordCache::grow() {
    std::vector<Entry> old = std::move(entries_);
    entries_.assign(old.empty() ? kFirstCapacity : 2 * old.size(), Entry{});
    const std::size_t mask = entries_.size() - 1;
    for (const Entry& entry : old) {
        if (entry.word_length == 0) continue;
        std::size_t i = entry.hash & mask;
        while (entries_[i].word_length != 0) i = (i + 1) & mask;
        entries_[i] = entry;
    }
}

}  // namespace nepenthe::text
