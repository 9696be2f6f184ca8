#pragma once
// Digests: SHA-256 for what is shown to others, XXH3 for what is checked often.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace nepenthe {

using Bytes = std::span<const std::byte>;

inline Bytes as_bytes(std::string_view text) { return {reinterpret_cast<const std::byte*>(text.data()), text.size()}; }

// Incremental SHA-256.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    Sha256& update(Bytes bytes);
    Sha256& update(std::string_view text) { return update(as_bytes(text)); }
    // Lower-case hexadecimal, 64 characters. The object is spent afterwards.
    std::string hex();

  private:
    struct State;
    std::unique_ptr<State> state_;
};

std::string sha256_hex(std::string_view text);

// 64-bit XXH3 with seed 0.
std::uint64_t xxh3(Bytes bytes);

}  // namespace nepenthe
