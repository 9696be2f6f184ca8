#pragma once
// A bit a weight, packed as masks are stored: bit i is bit i mod 8, counted from the least, of byte i / 8. Bits behind
// the last one are 0.

#include <cstdint>
#include <vector>

namespace nepenthe::unlearn {

class PackedBits {
  public:
    explicit PackedBits(std::int64_t size = 0);
    // From bytes as they are stored; throws Error(kData) where their number is another, or a bit behind the last is 1.
    PackedBits(std::int64_t size, std::vector<std::uint8_t> bytes);

    std::int64_t size() const { return size_; }
    const std::vector<std::uint8_t>& bytes() const { return bytes_; }
    bool get(std::int64_t i) const { return (bytes_[static_cast<std::size_t>(i / 8)] >> (i % 8) & 1) != 0; }
    void set(std::int64_t i) { bytes_[static_cast<std::size_t>(i / 8)] |= static_cast<std::uint8_t>(1 << (i % 8)); }
    std::int64_t count() const;  // of ones

    // Ones of `part` become ones at [at, at + part.size()).
    void merge(std::int64_t at, const PackedBits& part);
    // Bits [begin, begin + size) as bits of their own.
    PackedBits slice(std::int64_t begin, std::int64_t size) const;

    // Bit by bit; of the same size.
    PackedBits& operator|=(const PackedBits& other);
    PackedBits& operator&=(const PackedBits& other);
    void flip();

    static std::int64_t bytes_for(std::int64_t size) { return (size + 7) / 8; }
    bool operator==(const PackedBits&) const = default;

  private:
    void clear_behind();

    std::int64_t size_ = 0;
    std::vector<std::uint8_t> bytes_;
};

}  // namespace nepenthe::unlearn
