#include "text/vocabulary.h"

#include "base/error.h"
#include "base/hash.h"

namespace nepenthe::text {

namespace {

std::size_t bucket_of(std::string_view token, std::size_t buckets) {
    return static_cast<std::size_t>(xxh3(as_bytes(token))) & (buckets - 1);
}

}  // namespace

Vocabulary::Added Vocabulary::add(std::string_view token, std::uint64_t id) {
    NEPENTHE_CHECK(id <= kMaxId);
    if (2 * (count_ + 1) > buckets_.size()) rehash(buckets_.empty() ? 1024 : 2 * buckets_.size());
    std::size_t bucket = bucket_of(token, buckets_.size());
    for (; buckets_[bucket] != kNone; bucket = (bucket + 1) & (buckets_.size() - 1)) {
        if (this->token(buckets_[bucket]) == token) return Added::kKnownToken;
    }
    if (id >= entries_.size()) entries_.resize(id + 1);
    if (entries_[id].present) return Added::kKnownId;
    entries_[id] = {characters_.size(), static_cast<std::uint32_t>(token.size()), true};
    characters_ += token;
    buckets_[bucket] = static_cast<TokenId>(id);
    ++count_;
    return Added::kYes;
}

TokenId Vocabulary::find(std::string_view token) const {
    if (buckets_.empty()) return kNone;
    std::size_t bucket = bucket_of(token, buckets_.size());
    for (; buckets_[bucket] != kNone; bucket = (bucket + 1) & (buckets_.size() - 1)) {
        if (this->token(buckets_[bucket]) == token) return buckets_[bucket];
    }
    return kNone;
}

bool Vocabulary::contains(TokenId id) const {
    return id >= 0 && id < size() && entries_[static_cast<std::size_t>(id)].present;
}

std::string_view Vocabulary::token(TokenId id) const {
    if (!contains(id)) return "";
    return text_of(entries_[static_cast<std::size_t>(id)]);
}

void Vocabulary::rehash(std::size_t capacity) {
    buckets_.assign(capacity, kNone);
    for (std::size_t id = 0; id < entries_.size(); ++id) {
        if (!entries_[id].present) continue;
        std::size_t bucket = bucket_of(text_of(entries_[id]), capacity);
        while (buckets_[bucket] != kNone) bucket = (bucket + 1) & (capacity - 1);
        buckets_[bucket] = static_cast<TokenId>(id);
    }
}

}  // namespace nepenthe::text
