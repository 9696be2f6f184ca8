#pragma once

#include <fmt/chrono.h>

#include <chrono>
#include <string>

namespace nepenthe::store {

// Now, in UTC: "2026-01-31T12:00:00Z".
inline std::string timestamp() {
    return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::chrono::system_clock::now()));
}

}  // namespace nepenthe::store
