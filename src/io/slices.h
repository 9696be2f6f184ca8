#pragma once
// Large files digested in slices of fixed size, so that several ranks can share one file.

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace nepenthe::io {

inline constexpr std::uint64_t kSliceBytes = 64u << 20;

// Slices of a file of so many bytes: 1 for an empty one.
std::uint64_t slice_count(std::uint64_t bytes);
// SHA-256 of one slice, hexadecimal. Throws Error(kInputOutput) for a file that is shorter than it was.
std::string slice_digest(const std::filesystem::path& path, std::uint64_t slice, std::uint64_t file_bytes);
// What stands for a file of these slices: the SHA-256 of its bytes where it is one slice, of the slices' digests else.
std::string digest_of_slices(std::span<const std::string> slices);

}  // namespace nepenthe::io
