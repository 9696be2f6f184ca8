#include "text/vocabulary.h"

#include "base/error.h"
#include "base/hash.h"

namespace nepenthe::text {

std::size_t Vocabulary::bucket_of(std::string_view token) const {
    std::size_t bucket = static_cast<std::size_t>(xxh3(as_bytes(token))) & (buckets_.size() - 1);
    // An id that has become a hole spells nothing, not even the empty token.
    while (buckets_[bucket] != kNone && !(contains(buckets_[bucket]) && this->token(buckets_[bucket]) == token)) {
        bucket = (bucket + 1) & (buckets_.size() - 1);
    }
    return bucket;
}

void Vocabulary::add(std::string_view token, std::uint64_t id) {
    NEPENTHE_CHECK(id <= kMaxId);
    const auto new_id = static_cast<TokenId>(id);
    const TokenId known = find(token);
    if (known == new_id && this->token(known) == token) return;
    if (2 * (count_ + 1) > buckets_.size()) rehash(buckets_.empty() ? 1024 : 2 * buckets_.size());
    if (id >= entries_.size()) entries_.resize(id + 1);
    // Its bucket, if it has one, before any spelling changes.
    const std::size_t bucket = bucket_of(token);
    if (known == kNone) {
        ++count_;
    } else if (aliases_.erase(std::string(token)) == 0) {
        entries_[static_cast<std::size_t>(known)].present = false;
    }
    if (entries_[id].present) aliases_.insert_or_assign(std::string(this->token(new_id)), new_id);
    entries_[id] = {characters_.size(), static_cast<std::uint32_t>(token.size()), true};
    characters_ += token;
    buckets_[bucket] = new_id;
}

TokenId Vocabulary::find(std::string_view token) const {
    if (buckets_.empty()) return kNone;
    if (const TokenId id = buckets_[bucket_of(token)]; id != kNone) return id;
    const auto alias = aliases_.find(token);
    return alias == aliases_.end() ? kNone : alias->second;
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
        if (entries_[id].present) buckets_[bucket_of(text_of(entries_[id]))] = static_cast<TokenId>(id);
    }
}

}  // namespace nepenthe::text
