#pragma once
// What the fuzz targets share. A target takes arbitrary bytes and must return: outside bytes may be refused as
// Error(kData), anything else (another exception, a crash, a hang, a broken property) is a finding.

#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace nepenthe::fuzz {

inline std::string_view as_text(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

// A property that holds for whatever was accepted.
inline void require(bool property, const char* what) {
    if (property) return;
    std::fprintf(stderr, "broken property: %s\n", what);
    std::abort();
}

// Runs `parse`; false where it refused the bytes as data, or as `also`: configuration is refused as kUsage.
template <typename Parse>
bool accepted(Parse&& parse, ErrorKind also = ErrorKind::kData) {
    try {
        parse();
        return true;
    } catch (const Error& error) {
        if (error.kind() != ErrorKind::kData && error.kind() != also) throw;
        return false;
    }
}

// The bytes as a regular file that exists only in memory.
class MemoryFile {
  public:
    explicit MemoryFile(std::string_view bytes);
    ~MemoryFile();
    MemoryFile(const MemoryFile&) = delete;
    MemoryFile& operator=(const MemoryFile&) = delete;
    std::filesystem::path path() const;
    void put(std::string_view bytes);  // in place of what it holds

  private:
    int fd_;
};

// A folder with one file whose bytes change from input to input; it exists as long as the process.
class FolderWithFile {
  public:
    explicit FolderWithFile(const std::string& name);
    const std::filesystem::path& path() const { return folder_; }
    // The file is a link to memory.
    void put(std::string_view bytes) { file_.put(bytes); }

  private:
    MemoryFile file_;
    std::filesystem::path folder_;
};

}  // namespace nepenthe::fuzz
