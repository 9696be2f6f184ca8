#include "unlearn/attribution/packed_bits.h"

#include "base/error.h"

#include <bit>

namespace nepenthe::unlearn {

PackedBits::PackedBits(std::int64_t size) : size_(size), bytes_(static_cast<std::size_t>(bytes_for(size)), 0) {}

PackedBits::PackedBits(std::int64_t size, std::vector<std::uint8_t> bytes) : size_(size), bytes_(std::move(bytes)) {
    if (std::ssize(bytes_) != bytes_for(size_))
        fail(ErrorKind::kData, "{} bytes hold the bits of {} weights", bytes_.size(), size_);
    const std::uint8_t last = bytes_.empty() ? std::uint8_t{0} : bytes_.back();
    clear_behind();
    if (!bytes_.empty() && bytes_.back() != last)
        fail(ErrorKind::kData, "there are bits behind the last of {} weights", size_);
}

std::int64_t PackedBits::count() const {
    std::int64_t ones = 0;
    for (const std::uint8_t byte : bytes_) ones += std::popcount(byte);
    return ones;
}

void PackedBits::merge(std::int64_t at, const PackedBits& part) {
    NEPENTHE_CHECK(at >= 0 && part.size_ <= size_ - at);
    if (at % 8 == 0) {
        auto to = bytes_.begin() + at / 8;
        for (const std::uint8_t byte : part.bytes_) *to++ |= byte;
        return;
    }
    for (std::int64_t i = 0; i < part.size_; ++i) {
        if (part.get(i)) set(at + i);
    }
}

PackedBits PackedBits::slice(std::int64_t begin, std::int64_t size) const {
    NEPENTHE_CHECK(begin >= 0 && size >= 0 && size <= size_ - begin);
    PackedBits part(size);
    if (begin % 8 == 0) {
        const auto from = bytes_.begin() + begin / 8;
        part.bytes_.assign(from, from + bytes_for(size));
        part.clear_behind();
        return part;
    }
    for (std::int64_t i = 0; i < size; ++i) {
        if (get(begin + i)) part.set(i);
    }
    return part;
}

PackedBits& PackedBits::operator|=(const PackedBits& other) {
    NEPENTHE_CHECK(size_ == other.size_);
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] |= other.bytes_[i];
    return *this;
}

PackedBits& PackedBits::operator&=(const PackedBits& other) {
    NEPENTHE_CHECK(size_ == other.size_);
    for (std::size_t i = 0; i < bytes_.size(); ++i) bytes_[i] &= other.bytes_[i];
    return *this;
}

void PackedBits::flip() {
    for (std::uint8_t& byte : bytes_) byte = static_cast<std::uint8_t>(~byte);
    clear_behind();
}

void PackedBits::clear_behind() {
    if (size_ % 8 != 0) bytes_.back() &= static_cast<std::uint8_t>((1 << (size_ % 8)) - 1);
}

}  // namespace nepenthe::unlearn
