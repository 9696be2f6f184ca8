#pragma once
// Whether files can be made in a folder, asked before hours of work whose result could not be kept.

#include <filesystem>

namespace nepenthe::io {

// Throws Error(kInputOutput), which says what to do, unless files can be made in `folder`, or in the nearest parent
// that exists.
void require_writable(const std::filesystem::path& folder);

}  // namespace nepenthe::io
