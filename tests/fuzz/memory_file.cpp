#include "fuzz/target.h"

#include <sys/mman.h>
#include <unistd.h>

namespace nepenthe::fuzz {

MemoryFile::MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    require(fd_ >= 0, "a file in memory");
    put(bytes);
}

MemoryFile::~MemoryFile() { ::close(fd_); }

std::filesystem::path MemoryFile::path() const { return fmt::format("/proc/self/fd/{}", fd_); }

void MemoryFile::put(std::string_view bytes) {
    require(::ftruncate(fd_, 0) == 0, "a file in memory");
    require(::pwrite(fd_, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size()), "a file in memory");
}

FolderWithFile::FolderWithFile(const std::string& name)
    : file_(""),
      folder_(std::filesystem::temp_directory_path() / fmt::format("nepenthe-fuzz-{}-{}", ::getpid(), name)) {
    std::filesystem::remove_all(folder_);
    std::filesystem::create_directories(folder_);
    std::filesystem::create_symlink(file_.path(), folder_ / name);
}

}  // namespace nepenthe::fuzz
