#pragma once
// The one clock of this module's records.

#include "base/error.h"
#include "base/number.h"

#include <fmt/chrono.h>

#include <chrono>
#include <cstdlib>
#include <string>

namespace nepenthe::store {

// Now, in UTC: "2026-01-31T12:00:00Z". SOURCE_DATE_EPOCH (seconds), the convention of reproducible builds, stands in
// for the clock, so that files of equal content are equal byte for byte. Throws Error(kUsage) where it cannot be read.
inline std::string timestamp() {
    std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
    if (const char* fixed = std::getenv("SOURCE_DATE_EPOCH"); fixed != nullptr && *fixed != '\0') {
        constexpr std::int64_t kEndOfYear9999 = 253402300799;
        const auto seconds = parse_integer(fixed);
        if (!seconds || *seconds < 0 || *seconds > kEndOfYear9999)
            fail(ErrorKind::kUsage, "SOURCE_DATE_EPOCH=\"{}\" is not a number of seconds since 1970", fixed);
        now = static_cast<std::time_t>(*seconds);
    }
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now));
}

}  // namespace nepenthe::store
