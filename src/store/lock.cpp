#include "store/lock.h"

#include "base/error.h"
#include "base/json.h"
#include "io/file.h"
#include "store/timestamp.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace nepenthe::store {

namespace {

std::string this_host() {
    char name[256] = "";
    return ::gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

std::string this_job() {
    const char* job = std::getenv("SLURM_JOB_ID");
    return job == nullptr ? "" : job;
}

struct Holder {
    std::string host, job, since;
    std::int64_t pid = 0;
};

// An unreadable or empty file belongs to a process that died while it wrote its name.
Holder read_holder(const std::filesystem::path& path) {
    try {
        const Json json = parse_json(io::read_file(path, 4096), path.string());
        return {json.at("host"), json.at("job"), json.at("since"), json.at("pid")};
    } catch (const std::exception&) {
        return {};
    }
}

[[noreturn]] void refuse(const Holder& holder, const std::filesystem::path& path) {
    fail(
        ErrorKind::kUsage,
        "another job works on {}: process {} on host {}{}, since {}. Wait for it; if it is gone for certain, remove {}",
        path.parent_path().string(), holder.pid, holder.host,
        holder.job.empty() ? "" : " (Slurm job " + holder.job + ")", holder.since, path.string());
}

bool names_same_file(int fd, const std::filesystem::path& path) {
    struct stat opened {
    }, named{};
    return ::fstat(fd, &opened) == 0 && ::stat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino;
}

}  // namespace

FolderLock::FolderLock(const std::filesystem::path& folder) : path_(folder / "lock") {
    bool kernel_locks = true;
    while (true) {
        descriptor_ = io::Descriptor(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666));
        if (!descriptor_.valid()) io::fail_errno("lock", path_, errno);
        if (::flock(descriptor_.get(), LOCK_EX | LOCK_NB) != 0) {
            if (errno == EWOULDBLOCK) refuse(read_holder(path_), path_);
            kernel_locks = false;  // a file system without flock: only the name in the file counts
        }
        // The holder before may have removed the file between open and flock.
        if (names_same_file(descriptor_.get(), path_)) break;
    }
    const Holder holder = read_holder(path_);
    if (holder.pid != 0) {
        const bool same_job = !holder.job.empty() && holder.job == this_job();
        const bool alive_here = !kernel_locks && (::kill(static_cast<pid_t>(holder.pid), 0) == 0 || errno == EPERM);
        const bool stale = holder.host == this_host() ? !alive_here : same_job;
        if (!stale) {
            descriptor_.reset();
            refuse(holder, path_);
        }
    }
    const std::string text =
        canonical_json({{"host", this_host()}, {"pid", ::getpid()}, {"since", timestamp()}, {"job", this_job()}}) +
        "\n";
    if (::ftruncate(descriptor_.get(), 0) != 0 ||
        ::pwrite(descriptor_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
        const int error = errno;
        ::unlink(path_.c_str());
        io::fail_errno("write", path_, error);
    }
}

FolderLock::~FolderLock() { ::unlink(path_.c_str()); }

}  // namespace nepenthe::store
