#pragma once
// The one clock of this module's records.

#include <fmt/chrono.h>

#include <chrono>
#include <cstdlib>
#include <string>

namespace nepenthe::store {

// Now, in UTC: "2026-01-31T12:00:00Z". SOURCE_DATE_EPOCH (seconds), the convention of reproducible builds, stands in
// for the clock, so that files of equal content are equal byte for byte.
inline std::string timestamp() {
    const char* fixed = std::getenv("SOURCE_DATE_EPOCH");
    const std::time_t now = fixed != nullptr ? static_cast<std::time_t>(std::strtoll(fixed, nullptr, 10))
                                             : std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

}  // namespace nepenthe::store
