#pragma once
// The folder of published data that tests of the label `data` read (docs/testing.md); their registration gives it.

#include "base/error.h"

#include <cstdlib>
#include <filesystem>

namespace nepenthe::testing {

inline std::filesystem::path published_data() {
    const char* folder = std::getenv("NEPENTHE_DATA");
    if (folder == nullptr) fail(ErrorKind::kUsage, "NEPENTHE_DATA is not set; docs/testing.md says what belongs there");
    return folder;
}

}  // namespace nepenthe::testing
