#include "io/file.h"

#include "base/error.h"
#include "io/atomic_write.h"
#include "io/descriptor.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <vector>

namespace nepenthe::io {

struct MappedFile::Mapping {
    std::filesystem::path path;
    void* address = nullptr;
    std::size_t size = 0;

    Mapping(std::filesystem::path file, const Descriptor& descriptor) : path(std::move(file)) {
        struct stat status {};
        if (::fstat(descriptor.get(), &status) != 0) fail_errno("inspect", path, errno);
        size = static_cast<std::size_t>(status.st_size);
        if (size == 0) return;  // nothing to map, and mmap refuses it
        address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.get(), 0);
        if (address == MAP_FAILED) fail_errno("map", path, errno);
        ::madvise(address, size, MADV_SEQUENTIAL);
    }
    ~Mapping() {
        if (size > 0) ::munmap(address, size);
    }
    Mapping(const Mapping&) = delete;
    Mapping& operator=(const Mapping&) = delete;
};

MappedFile::MappedFile(const std::filesystem::path& path)
    : mapping_(std::make_shared<const Mapping>(path, open_regular(path))) {}

MappedFile::MappedFile(const std::filesystem::path& folder, const std::string& name)
    : mapping_(std::make_shared<const Mapping>(folder / name, open_regular_in(folder, name))) {}

Bytes MappedFile::bytes() const { return {static_cast<const std::byte*>(mapping_->address), mapping_->size}; }

std::string_view MappedFile::text() const { return {static_cast<const char*>(mapping_->address), mapping_->size}; }

const std::filesystem::path& MappedFile::path() const { return mapping_->path; }

std::shared_ptr<const void> MappedFile::owner() const { return mapping_; }

std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes) {
    const Descriptor descriptor = open_regular(path);
    struct stat status {};
    if (::fstat(descriptor.get(), &status) != 0) fail_errno("inspect", path, errno);
    const auto refuse_size = [&](std::uint64_t size) {
        fail(ErrorKind::kData, "{}: {} bytes, the limit for such a file is {}", path.string(), size, max_bytes);
    };
    const auto expected = static_cast<std::uint64_t>(status.st_size);
    if (expected > max_bytes) refuse_size(expected);

    // One byte more than expected, so that the end shows without growing; a file that grows meanwhile is read on.
    std::string content(static_cast<std::size_t>(expected) + 1, '\0');
    std::size_t filled = 0;
    while (const std::size_t count =
               read_some(descriptor.get(), content.data() + filled, content.size() - filled, path)) {
        filled += count;
        if (filled > max_bytes) refuse_size(filled);
        if (filled == content.size()) content.resize(2 * content.size());
    }
    content.resize(filled);
    return content;
}

std::string file_digest(const std::filesystem::path& path) {
    const Descriptor descriptor = open_regular(path);
    std::vector<char> buffer(1u << 20);
    Sha256 digest;
    while (const std::size_t count = read_some(descriptor.get(), buffer.data(), buffer.size(), path)) {
        digest.update(std::string_view(buffer.data(), count));
    }
    return digest.hex();
}

void write_file_atomically(const std::filesystem::path& path, std::string_view text) {
    write_atomically(path, [&](OutputFile& file) { file.write(text); });
}

void sync_path(const std::filesystem::path& path) {
    const Descriptor descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    if (!descriptor.valid()) fail_errno("open", path, errno);
    int result = 0;
    do {
        result = ::fsync(descriptor.get());
    } while (result != 0 && errno == EINTR);
    // Some network file systems know no flush of a folder; its entries are durable there once the call that made them
    // returned.
    const bool unknown_there = result != 0 && (errno == EINVAL || errno == ENOTSUP);
    if (result == 0 || (unknown_there && std::filesystem::is_directory(path))) return;
    fail_errno("flush", path, errno);
}

std::uint64_t free_bytes(const std::filesystem::path& path) {
    std::filesystem::path existing = std::filesystem::absolute(path);
    struct statvfs status {};
    while (::statvfs(existing.c_str(), &status) != 0) {
        if (errno == EINTR) continue;
        if ((errno != ENOENT && errno != ENOTDIR) || !existing.has_relative_path()) {
            fail_errno("tell the free space of", existing, errno);
        }
        existing = existing.parent_path();
    }
    return static_cast<std::uint64_t>(status.f_bavail) * status.f_frsize;
}

}  // namespace nepenthe::io
