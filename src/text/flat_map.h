#pragma once
// An open-addressing hash table from 64-bit keys to small values: one cache line a look-up, where std::unordered_map
// takes three. Grows only; the key ~0 is reserved.

#include <cstddef>
#include <cstdint>
#include <vector>

namespace nepenthe::text {

// Spreads the bits of a key over all of a word (the finaliser of SplitMix64).
inline std::uint64_t mix_bits(std::uint64_t key) {
    key = (key ^ (key >> 30)) * 0xBF58476D1CE4E5B9u;
    key = (key ^ (key >> 27)) * 0x94D049BB133111EBu;
    return key ^ (key >> 31);
}

template <typename Value>
class FlatMap {
  public:
    static constexpr std::uint64_t kNoKey = ~std::uint64_t{0};

    // Room for `count` keys without growing.
    void reserve(std::size_t count) {
        std::size_t capacity = 16;
        while (capacity < 2 * count) capacity *= 2;
        if (capacity > slots_.size()) rehash(capacity);
    }
    std::size_t size() const { return size_; }

    const Value* find(std::uint64_t key) const {
        if (slots_.empty()) return nullptr;
        for (std::size_t i = mix_bits(key) & mask_;; i = (i + 1) & mask_) {
            if (slots_[i].key == key) return &slots_[i].value;
            if (slots_[i].key == kNoKey) return nullptr;
        }
    }
    bool contains(std::uint64_t key) const { return find(key) != nullptr; }

    // The key's value, made from `initial` where the key is new.
    Value& insert(std::uint64_t key, const Value& initial) {
        if (2 * (size_ + 1) > slots_.size()) rehash(slots_.empty() ? 16 : 2 * slots_.size());
        std::size_t i = mix_bits(key) & mask_;
        while (slots_[i].key != key && slots_[i].key != kNoKey) i = (i + 1) & mask_;
        if (slots_[i].key == kNoKey) {
            slots_[i] = {key, initial};
            ++size_;
        }
        return slots_[i].value;
    }

  private:
    struct Slot {
        std::uint64_t key = kNoKey;
        Value value{};
    };

    void rehash(std::size_t capacity) {
        std::vector<Slot> old = std::move(slots_);
        slots_.assign(capacity, Slot{});
        mask_ = capacity - 1;
        for (const Slot& slot : old) {
            if (slot.key == kNoKey) continue;
            std::size_t i = mix_bits(slot.key) & mask_;
            while (slots_[i].key != kNoKey) i = (i + 1) & mask_;
            slots_[i] = slot;
        }
    }

    std::vector<Slot> slots_;
    std::size_t mask_ = 0;
    std::size_t size_ = 0;
};

}  // namespace nepenthe::text
