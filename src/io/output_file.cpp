#include "io/output_file.h"

#include "base/error.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace nepenthe::io {

namespace {

int mode_flags(OutputFile::Mode mode) {
    switch (mode) {
        case OutputFile::Mode::kNew:
        case OutputFile::Mode::kReplace: return O_CREAT | O_EXCL;
        case OutputFile::Mode::kAppend: return O_CREAT | O_APPEND;
    }
    return 0;
}

}  // namespace

OutputFile::OutputFile(std::filesystem::path path, Mode mode) : path_(std::move(path)) {
    // What an earlier run or another user left may be read-only; its folder is not.
    if (mode == Mode::kReplace && ::unlink(path_.c_str()) != 0 && errno != ENOENT) fail_errno("replace", path_, errno);
    int fd = -1;
    do {
        fd = ::open(path_.c_str(), O_WRONLY | O_CLOEXEC | mode_flags(mode), 0666);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) fail_errno("create", path_, errno);
    descriptor_ = Descriptor(fd);
}

void OutputFile::write(Bytes bytes) {
    constexpr std::size_t kPiece = 64u << 20;
    while (!bytes.empty()) {
        const ssize_t count = ::write(descriptor_.get(), bytes.data(), std::min(bytes.size(), kPiece));
        if (count < 0) {
            if (errno == EINTR) continue;
            fail_errno("write", path_, errno);
        }
        if (count == 0) fail_errno("write", path_, EIO);  // would be asked for ever
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
}

void OutputFile::sync() {
    int result = 0;
    do {
        result = ::fsync(descriptor_.get());
    } while (result != 0 && errno == EINTR);
    if (result != 0) fail_errno("flush", path_, errno);
}

void OutputFile::close() {
    if (::close(descriptor_.release()) != 0 && errno != EINTR) fail_errno("close", path_, errno);
}

}  // namespace nepenthe::io
