#include "io/slices.h"

#include "base/error.h"
#include "base/hash.h"
#include "io/descriptor.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace nepenthe::io {

std::uint64_t slice_count(std::uint64_t bytes) { return bytes == 0 ? 1 : (bytes - 1) / kSliceBytes + 1; }

std::string slice_digest(const std::filesystem::path& path, std::uint64_t slice, std::uint64_t file_bytes) {
    const Descriptor descriptor = open_regular(path);
    const std::uint64_t end = std::min(file_bytes, (slice + 1) * kSliceBytes);
    std::vector<char> buffer(1u << 20);
    Sha256 digest;
    for (std::uint64_t at = slice * kSliceBytes; at < end;) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), end - at));
        const ssize_t count = ::pread(descriptor.get(), buffer.data(), wanted, static_cast<off_t>(at));
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fail_errno("read", path, errno);
        if (count == 0) fail(ErrorKind::kInputOutput, "{}: became shorter while it was read", path.string());
        digest.update(std::string_view(buffer.data(), static_cast<std::size_t>(count)));
        at += static_cast<std::uint64_t>(count);
    }
    return digest.hex();
}

std::string digest_of_slices(std::span<const std::string> slices) {
    if (slices.size() == 1) return slices.front();
    Sha256 digest;
    for (const std::string& slice : slices) digest.update(slice);
    return digest.hex();
}

}  // namespace nepenthe::io
