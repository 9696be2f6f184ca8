// Loaded before the C library (LD_PRELOAD) by the fault tests: counts the system calls that change files below one
// folder and makes the nth of them the process's last, or lets it and all later ones fail as a full disk or quota does,
// or makes every one of them interrupted or short.
//
// NEPENTHE_CALLS=ACTION:NTH:FOLDER    ACTION is kill, ENOSPC, EDQUOT, EIO, EINTR or short
// NEPENTHE_CALLS_RANK=R               only on this rank of Open MPI (default: all)
// NEPENTHE_CALLS_LOG=FILE             one line a counted call, "number name path"

#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace {

enum class Action { kNone, kKill, kFail, kInterrupt, kShort };

struct Plan {
    Action action = Action::kNone;
    int error = 0;
    long nth = 0;
    std::string folder, log;

    Plan() {
        const char* text = std::getenv("NEPENTHE_CALLS");
        if (text == nullptr) return;
        const char* const wanted = std::getenv("NEPENTHE_CALLS_RANK");
        const char* const rank = std::getenv("OMPI_COMM_WORLD_RANK");
        if (wanted != nullptr && std::strcmp(wanted, rank == nullptr ? "0" : rank) != 0) return;
        const std::string all = text;
        const std::size_t first = all.find(':'), second = all.find(':', first + 1);
        const std::string name = all.substr(0, first);
        nth = std::stol(all.substr(first + 1, second - first - 1));
        folder = all.substr(second + 1);
        if (const char* path = std::getenv("NEPENTHE_CALLS_LOG")) log = path;
        if (name == "kill") action = Action::kKill;
        if (name == "EINTR") action = Action::kInterrupt;
        if (name == "short") action = Action::kShort;
        for (const auto& [known, number] : {std::pair{"ENOSPC", ENOSPC}, {"EDQUOT", EDQUOT}, {"EIO", EIO}}) {
            if (name == known) action = Action::kFail, error = number;
        }
    }
};

const Plan& plan() {
    static const Plan only;
    return only;
}

template <typename Function>
Function* real(const char* name) {
    return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

bool is_below(const char* path) {
    const std::string& folder = plan().folder;
    return plan().action != Action::kNone && std::strncmp(path, folder.c_str(), folder.size()) == 0;
}

// The file behind a descriptor, or "".
const char* path_of(int fd, char (&buffer)[PATH_MAX]) {
    char link[64];
    std::snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    const ssize_t length = ::readlink(link, buffer, sizeof buffer - 1);
    buffer[std::max<ssize_t>(length, 0)] = '\0';
    return buffer;
}

// An entry of a folder that is given by a descriptor.
std::string path_at(int fd, const char* name) {
    char buffer[PATH_MAX];
    if (fd == AT_FDCWD || name[0] == '/') return name;
    return std::string(path_of(fd, buffer)) + "/" + name;
}

void write_log(long number, const char* call, const char* path) {
    if (plan().log.empty()) return;
    const int fd =
        static_cast<int>(::syscall(SYS_openat, AT_FDCWD, plan().log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666));
    const std::string line = std::to_string(number) + " " + call + " " + path + "\n";
    static_cast<void>(!::syscall(SYS_write, fd, line.data(), line.size()));
    ::syscall(SYS_close, fd);
}

// Open MPI's file layer takes an interrupted or short call for a failed one, which no disk gives it.
bool is_of_mpi(std::string_view path) { return path.ends_with(".h5"); }

// What a call is to the disk. Removing takes nothing from it, so a full one lets it pass; and calls on names alone are
// not interrupted.
enum class Kind { kData, kName, kRemoval };

// Whether the call has to fail with errno set.
bool fails(const char* call, const char* path, Kind kind) {
    static std::atomic<long> passed{0};
    static std::atomic<bool> interrupted{false};
    if (!is_below(path)) return false;
    const long number = ++passed;
    write_log(number, call, path);
    switch (plan().action) {
        case Action::kKill:
            if (number == plan().nth) ::kill(::getpid(), SIGKILL);
            return false;
        case Action::kFail:
            if (number < plan().nth || kind == Kind::kRemoval) return false;
            errno = plan().error;
            return true;
        case Action::kInterrupt:
            if (kind != Kind::kData || is_of_mpi(path)) return false;
            // Every other call, so that one that is repeated gets on.
            interrupted = !interrupted;
            errno = EINTR;
            return interrupted;
        default: return false;
    }
}

bool fails_on(int fd, const char* call) {
    char buffer[PATH_MAX];
    const int kept = errno;
    const char* const path = path_of(fd, buffer);
    errno = kept;
    return fails(call, path, Kind::kData);
}

std::size_t shortened(int fd, std::size_t bytes) {
    char buffer[PATH_MAX];
    const bool is_short =
        plan().action == Action::kShort && bytes > 1 && is_below(path_of(fd, buffer)) && !is_of_mpi(buffer);
    return is_short ? bytes / 2 : bytes;
}

bool changes(int flags) { return (flags & (O_CREAT | O_TRUNC)) != 0; }

}  // namespace

extern "C" {

#define NEPENTHE_MODE(mode, flags)        \
    mode_t mode = 0;                      \
    if ((flags & O_CREAT) != 0) {         \
        va_list arguments;                \
        va_start(arguments, flags);       \
        mode = va_arg(arguments, mode_t); \
        va_end(arguments);                \
    }

int open(const char* path, int flags, ...) {
    NEPENTHE_MODE(mode, flags)
    if (changes(flags) && fails("open", path, Kind::kData)) return -1;
    return real<int(const char*, int, ...)>("open")(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
    NEPENTHE_MODE(mode, flags)
    if (changes(flags) && fails("open", path, Kind::kData)) return -1;
    return real<int(const char*, int, ...)>("open64")(path, flags, mode);
}
int openat(int folder, const char* path, int flags, ...) {
    NEPENTHE_MODE(mode, flags)
    if (changes(flags) && fails("open", path_at(folder, path).c_str(), Kind::kData)) return -1;
    return real<int(int, const char*, int, ...)>("openat")(folder, path, flags, mode);
}
int openat64(int folder, const char* path, int flags, ...) {
    NEPENTHE_MODE(mode, flags)
    if (changes(flags) && fails("open", path_at(folder, path).c_str(), Kind::kData)) return -1;
    return real<int(int, const char*, int, ...)>("openat64")(folder, path, flags, mode);
}

ssize_t write(int fd, const void* data, size_t bytes) {
    if (fails_on(fd, "write")) return -1;
    return real<ssize_t(int, const void*, size_t)>("write")(fd, data, shortened(fd, bytes));
}
ssize_t pwrite(int fd, const void* data, size_t bytes, off_t offset) {
    if (fails_on(fd, "pwrite")) return -1;
    return real<ssize_t(int, const void*, size_t, off_t)>("pwrite")(fd, data, shortened(fd, bytes), offset);
}
ssize_t pwrite64(int fd, const void* data, size_t bytes, off64_t offset) {
    if (fails_on(fd, "pwrite")) return -1;
    return real<ssize_t(int, const void*, size_t, off64_t)>("pwrite64")(fd, data, bytes, offset);
}
ssize_t writev(int fd, const iovec* parts, int count) {
    if (fails_on(fd, "writev")) return -1;
    return real<ssize_t(int, const iovec*, int)>("writev")(fd, parts, count);
}
ssize_t pwritev(int fd, const iovec* parts, int count, off_t offset) {
    if (fails_on(fd, "pwritev")) return -1;
    return real<ssize_t(int, const iovec*, int, off_t)>("pwritev")(fd, parts, count, offset);
}
int ftruncate(int fd, off_t bytes) {
    if (fails_on(fd, "ftruncate")) return -1;
    return real<int(int, off_t)>("ftruncate")(fd, bytes);
}
int ftruncate64(int fd, off64_t bytes) {
    if (fails_on(fd, "ftruncate")) return -1;
    return real<int(int, off64_t)>("ftruncate64")(fd, bytes);
}
int fsync(int fd) {
    if (fails_on(fd, "fsync")) return -1;
    return real<int(int)>("fsync")(fd);
}
int fdatasync(int fd) {
    if (fails_on(fd, "fdatasync")) return -1;
    return real<int(int)>("fdatasync")(fd);
}

int rename(const char* from, const char* to) {
    if (fails("rename", to, Kind::kName)) return -1;
    return real<int(const char*, const char*)>("rename")(from, to);
}
int mkdir(const char* path, mode_t mode) {
    if (fails("mkdir", path, Kind::kName)) return -1;
    return real<int(const char*, mode_t)>("mkdir")(path, mode);
}
int unlink(const char* path) {
    if (fails("unlink", path, Kind::kRemoval)) return -1;
    return real<int(const char*)>("unlink")(path);
}
int unlinkat(int folder, const char* path, int flags) {
    if (fails("unlinkat", path_at(folder, path).c_str(), Kind::kRemoval)) return -1;
    return real<int(int, const char*, int)>("unlinkat")(folder, path, flags);
}
int rmdir(const char* path) {
    if (fails("rmdir", path, Kind::kRemoval)) return -1;
    return real<int(const char*)>("rmdir")(path);
}
int remove(const char* path) {
    if (fails("remove", path, Kind::kRemoval)) return -1;
    return real<int(const char*)>("remove")(path);
}
}
