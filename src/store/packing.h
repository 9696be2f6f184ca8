#pragma once
// Bytes of a block's result for the journal: vectors of plain values one behind the other, each with its length.

#include "base/error.h"

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace nepenthe::store {

class Packer {
  public:
    template <typename T>
    Packer& add(const std::vector<T>& values) {
        static_assert(std::is_trivially_copyable_v<T>);
        const std::uint64_t count = values.size();
        bytes_.append(reinterpret_cast<const char*>(&count), sizeof count);
        if (count > 0) bytes_.append(reinterpret_cast<const char*>(values.data()), count * sizeof(T));
        return *this;
    }
    std::string take() { return std::move(bytes_); }

  private:
    std::string bytes_;
};

class Unpacker {
  public:
    explicit Unpacker(std::string_view bytes) : bytes_(bytes) {}

    template <typename T>
    Unpacker& read(std::vector<T>& values) {
        static_assert(std::is_trivially_copyable_v<T>);
        std::uint64_t count = 0;
        NEPENTHE_CHECK(bytes_.size() >= sizeof count);
        std::memcpy(&count, bytes_.data(), sizeof count);
        bytes_.remove_prefix(sizeof count);
        NEPENTHE_CHECK(count <= bytes_.size() / sizeof(T));
        values.resize(count);
        if (count > 0) std::memcpy(values.data(), bytes_.data(), count * sizeof(T));
        bytes_.remove_prefix(count * sizeof(T));
        return *this;
    }
    bool finished() const { return bytes_.empty(); }

  private:
    std::string_view bytes_;
};

}  // namespace nepenthe::store
