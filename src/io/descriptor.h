#pragma once
// A POSIX file descriptor that closes itself, and the one place where errno becomes an Error. For the sources of this
// module.

#include "base/error.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <utility>

namespace nepenthe::io {

class Descriptor {
  public:
    explicit Descriptor(int fd = -1) : fd_(fd) {}
    ~Descriptor() { reset(); }
    Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(fd_, other.fd_);
        return *this;
    }

    int get() const { return fd_; }
    bool valid() const { return fd_ >= 0; }
    int release() { return std::exchange(fd_, -1); }
    void reset() noexcept;

  private:
    int fd_;
};

// " (N bytes free); free some space …" for a message on a write to `path` that failed, or "" where the size of its file
// system cannot be told.
std::string room_advice(const std::filesystem::path& path);

// Throws Error(kInputOutput) "cannot <action> <path>: <reason of error_number>"; where the disk or the quota is full it
// adds what is free; out of memory is Error(kDoesNotFit). `error_number` is errno as it was right after the call that
// failed.
[[noreturn]] void fail_errno(std::string_view action, const std::filesystem::path& path, int error_number);

// Opens a regular file for reading, following links: the path is the user's own. Throws as MappedFile does.
Descriptor open_regular(const std::filesystem::path& path);

// Opens a regular file that lies in `folder` under `name`, a plain file name. Links are not followed, except to a file
// beside the link, those of a Hugging Face hub cache, where snapshots/<revision>/<name> points to ../../blobs/<digest>,
// and where allow_links() says so.
Descriptor open_regular_in(const std::filesystem::path& folder, const std::string& name);

// Up to `size` bytes from the descriptor's position, 0 at the end of the file; interrupted calls are repeated.
std::size_t read_some(int fd, char* buffer, std::size_t size, const std::filesystem::path& path);

}  // namespace nepenthe::io
