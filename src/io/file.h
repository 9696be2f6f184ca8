#pragma once
// Files as RAII values: whole reads, memory maps, and writes that appear whole or not at all.

#include "base/hash.h"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

namespace nepenthe::io {

// A regular file mapped read-only. The mapping lives as long as any copy of the object. A file that another process
// shortens while it is mapped ends this one with SIGBUS: map what is published and unchanging.
class MappedFile {
  public:
    // Throws Error(kInputOutput) when the path is missing or unreadable, Error(kData) when it is not a regular file.
    explicit MappedFile(const std::filesystem::path& path);
    // The file `name`, a plain file name, in `folder`, for names that come from data: symbolic links are refused as
    // Error(kData) that says what helps, except those that a Hugging Face hub cache is made of; see allow_links().
    MappedFile(const std::filesystem::path& folder, const std::string& name);

    Bytes bytes() const;
    std::string_view text() const;
    const std::filesystem::path& path() const;
    // Keeps the mapping alive; hand it to whoever holds a pointer into bytes().
    std::shared_ptr<const void> owner() const;

  private:
    struct Mapping;
    std::shared_ptr<const Mapping> mapping_;
};

// Whether files that data names in a folder (weights) may be links to anywhere. Not, until the user says so
// (--allow-links), which is said once for the process, before anything is read.
void allow_links(bool allowed);

// Whole file as bytes. Throws Error(kInputOutput), or Error(kData) beyond `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = 4ull << 30);

// SHA-256 of a file's bytes, hexadecimal.
std::string file_digest(const std::filesystem::path& path);

// Writes `text` to `path` through a temporary name, fsync and rename. Throws Error(kInputOutput); on failure the old
// file is untouched.
void write_file_atomically(const std::filesystem::path& path, std::string_view text);

// fsync of a file or of a folder's entries.
void sync_path(const std::filesystem::path& path);

// Free bytes on the file system that holds `path` (or its nearest existing parent).
std::uint64_t free_bytes(const std::filesystem::path& path);

}  // namespace nepenthe::io
