#pragma once
// In which of its forms an operation runs. Each operation of this module is written as obvious loops, as loops that are
// fast on hosts, and, where devices need it, composed of ATen's operations.

#include <cstdint>
#include <string_view>

namespace nepenthe::kernels {

enum class Path : std::uint8_t {
    kReference,  // obvious loops, in fp64 where that makes them the yardstick for the others; slow
    kPortable,   // loops over a fixed number of lanes, compiled for every processor of the architecture
    kNative,     // the same loops compiled for what this processor has (the same bits), and products written for it
};

std::string_view path_name(Path path);  // "reference", "portable", "native"
// Throws Error(kUsage) for another name.
Path parse_path(std::string_view name);

// What NEPENTHE_KERNELS says, kNative where it is not set or empty; read once. Throws Error(kUsage) as parse_path().
Path path_in_use();

}  // namespace nepenthe::kernels
