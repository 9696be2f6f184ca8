#include "io/descriptor.h"

#include "io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

namespace nepenthe::io {

namespace {

// O_NONBLOCK: opening a pipe that nobody writes to must be refused, not waited for.
constexpr int kOpenFlags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

int open_retrying(int folder, const char* name, int flags) {
    int fd = -1;
    do {
        fd = ::openat(folder, name, flags);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

std::string_view kind_of_file(mode_t mode) {
    if (S_ISDIR(mode)) return "a folder";
    if (S_ISFIFO(mode)) return "a pipe";
    if (S_ISSOCK(mode)) return "a socket";
    if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device";
    if (S_ISLNK(mode)) return "a symbolic link";
    return "a special file";
}

Descriptor require_regular(Descriptor descriptor, const std::filesystem::path& path) {
    struct stat status {};
    if (::fstat(descriptor.get(), &status) != 0) fail_errno("inspect", path, errno);
    if (!S_ISREG(status.st_mode)) {
        fail(ErrorKind::kData, "{} is {}; a regular file is needed", path.string(), kind_of_file(status.st_mode));
    }
    return descriptor;
}

// The digest in "../../blobs/<digest>", or "" for any other link.
std::string hub_blob(const std::filesystem::path& folder, const std::string& target) {
    constexpr std::string_view prefix = "../../blobs/";
    if (folder.parent_path().filename() != "snapshots" || !target.starts_with(prefix)) return "";
    const std::string digest = target.substr(prefix.size());
    const bool plain = digest.find_first_not_of("0123456789abcdef") == std::string::npos;
    return plain ? digest : "";
}

}  // namespace

void Descriptor::reset() noexcept {
    // Linux closes the descriptor even when close() is interrupted; calling it again could close somebody else's.
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

void fail_errno(std::string_view action, const std::filesystem::path& path, int error_number) {
    std::string reason = std::generic_category().message(error_number);
    if (error_number == ENOSPC || error_number == EDQUOT) {
        try {
            reason += fmt::format(" ({} bytes free); free some space or choose another folder, then start again",
                                  free_bytes(path));
        } catch (const Error&) {
            // The size of a file system that has gone away cannot be told; the reason stands by itself.
        }
    }
    fail(ErrorKind::kInputOutput, "cannot {} {}: {}", action, path.string(), reason);
}

Descriptor open_regular(const std::filesystem::path& path) {
    Descriptor descriptor(open_retrying(AT_FDCWD, path.c_str(), kOpenFlags));
    if (!descriptor.valid()) {
        // A socket cannot be opened at all.
        if (errno == ENXIO) fail(ErrorKind::kData, "{} is not a regular file", path.string());
        fail_errno("open", path, errno);
    }
    return require_regular(std::move(descriptor), path);
}

Descriptor open_regular_in(const std::filesystem::path& folder, const std::string& name) {
    const std::filesystem::path path = folder / name;
    Descriptor directory(open_retrying(AT_FDCWD, folder.c_str(), kOpenFlags | O_DIRECTORY));
    if (!directory.valid()) fail_errno("open", folder, errno);

    Descriptor descriptor(open_retrying(directory.get(), name.c_str(), kOpenFlags | O_NOFOLLOW));
    if (descriptor.valid()) return require_regular(std::move(descriptor), path);
    if (errno == ENXIO) fail(ErrorKind::kData, "{} is not a regular file", path.string());
    if (errno != ELOOP) fail_errno("open", path, errno);

    std::error_code unreadable;
    const std::string target = std::filesystem::read_symlink(path, unreadable).string();
    const std::filesystem::path absolute = std::filesystem::canonical(folder);
    const std::string digest = hub_blob(absolute, target);
    if (digest.empty()) {
        fail(ErrorKind::kData,
             "{} is a symbolic link to \"{}\"; weights are read only from files that lie in the folder itself "
             "(cp -L puts a copy there)",
             path.string(), target);
    }
    return open_regular_in(absolute.parent_path().parent_path() / "blobs", digest);
}

std::size_t read_some(int fd, char* buffer, std::size_t size, const std::filesystem::path& path) {
    // Linux moves at most 2 GiB - 4 KiB in one call; smaller pieces also keep an interruption short.
    constexpr std::size_t kPiece = 64u << 20;
    while (true) {
        const ssize_t count = ::read(fd, buffer, std::min(size, kPiece));
        if (count >= 0) return static_cast<std::size_t>(count);
        if (errno != EINTR) fail_errno("read", path, errno);
    }
}

}  // namespace nepenthe::io
