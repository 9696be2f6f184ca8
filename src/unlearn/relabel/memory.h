#pragma once
// Memory that this node can still give.

#include <cstdint>

namespace nepenthe::unlearn {

// Bytes, page cache that can be dropped included; the largest number where the system does not say.
std::uint64_t available_memory();

}  // namespace nepenthe::unlearn
