#pragma once
// Digests of files, one file shared by all ranks.

#include "dist/comm.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::store {

struct FileDigest {
    std::uint64_t bytes = 0;
    // SHA-256 of the bytes; of the slices' digests for a file of several (io/slices.h).
    std::string digest;
    bool operator==(const FileDigest&) const = default;
};

// One file, here.
FileDigest digest_file(const std::filesystem::path& file);

// Collective; all ranks give the same files. Slices are dealt to ranks, so that one file is read by all of them. The
// same digests on any number of ranks. Throws Error(kInputOutput).
std::vector<FileDigest> digest_files(const dist::Comm& comm, const std::vector<std::filesystem::path>& files);

}  // namespace nepenthe::store
