#include "io/descriptor.h"

#include "io/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
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

// The file that a link of a Hugging Face hub cache points to, <repository>/blobs/<digest> as seen from
// <repository>/snapshots/<revision> or a folder in there; empty for any other link. `folder` is canonical.
std::filesystem::path hub_blob(const std::filesystem::path& folder, const std::filesystem::path& target) {
    const std::filesystem::path blob = (folder / target).lexically_normal(), blobs = blob.parent_path();
    const std::string digest = blob.filename().string();
    if (blobs.filename() != "blobs" || digest.find_first_not_of("0123456789abcdef") != std::string::npos) return {};
    const std::filesystem::path within = folder.lexically_relative(blobs.parent_path() / "snapshots");
    const bool of_this_repository = !within.empty() && *within.begin() != ".." && *within.begin() != ".";
    return of_this_repository ? blob : std::filesystem::path();
}

std::atomic<bool> links_allowed = false;

}  // namespace

void Descriptor::reset() noexcept {
    // Linux closes the descriptor even when close() is interrupted; calling it again could close somebody else's.
    if (fd_ >= 0) ::close(std::exchange(fd_, -1));
}

std::string room_advice(const std::filesystem::path& path) {
    try {
        return fmt::format(" ({} bytes free); free some space or choose another folder, then start again",
                           free_bytes(path));
    } catch (const Error&) {
        return "";  // the file system has gone away; the reason stands by itself
    }
}

void fail_errno(std::string_view action, const std::filesystem::path& path, int error_number) {
    std::string reason = std::generic_category().message(error_number);
    if (error_number == ENOSPC || error_number == EDQUOT) reason += room_advice(path);
    if (error_number == ENOMEM) {
        fail(ErrorKind::kDoesNotFit, "cannot {} {}: {}; use fewer ranks a node, or nodes with more memory", action,
             path.string(), reason);
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

    if (links_allowed) return open_regular(path);
    std::error_code unreadable;
    const std::string target = std::filesystem::read_symlink(path, unreadable).string();
    if (!target.empty() && target.find('/') == std::string::npos) {
        Descriptor beside(open_retrying(directory.get(), target.c_str(), kOpenFlags | O_NOFOLLOW));
        if (beside.valid()) return require_regular(std::move(beside), path);
    }
    const std::filesystem::path blob = hub_blob(std::filesystem::canonical(folder), target);
    if (blob.empty()) {
        fail(ErrorKind::kData,
             "{} is a symbolic link to \"{}\", out of its folder; if this is meant, say so with --allow-links (or "
             "NEPENTHE_ALLOW_LINKS=1), or put a copy there (cp -L)",
             path.string(), target);
    }
    return open_regular_in(blob.parent_path(), blob.filename().string());
}

void allow_links(bool allowed) { links_allowed = allowed; }

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
