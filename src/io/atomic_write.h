#pragma once
// Files that appear whole or not at all, and what is left of them when a write is killed.

#include "io/output_file.h"

#include <filesystem>
#include <functional>

namespace nepenthe::io {

// `write` fills a file beside `path` under a temporary name; then fsync and rename. Throws Error(kInputOutput) and what
// `write` throws; the old file is untouched then.
void write_atomically(const std::filesystem::path& path, const std::function<void(OutputFile& file)>& write);

// Copies a file's bytes in the same way. Its permissions stay behind: a read-only source must not make a copy that the
// next start cannot replace.
void copy_file_atomically(const std::filesystem::path& source, const std::filesystem::path& path);

// Removes what writes that were killed left below `folder`. Nobody else may be writing there.
void remove_temporary_files(const std::filesystem::path& folder);

}  // namespace nepenthe::io
