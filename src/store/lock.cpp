#include "store/lock.h"

#include "base/error.h"
#include "base/fault.h"
#include "base/json.h"
#include "base/log.h"
#include "io/file.h"
#include "store/timestamp.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>

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

    std::string to_text() const {
        return fmt::format("process {} on host {}{}, since {}", pid, host,
                           job.empty() ? "" : " (Slurm job " + job + ")", since);
    }
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
    const std::string who = holder.pid == 0 ? "it has not yet said who it is" : holder.to_text();
    fail(ErrorKind::kUsage, "another job works on {}: {}. Wait for it; if it is gone for certain, remove {}",
         path.parent_path().string(), who, path.string());
}

bool names_same_file(int fd, const std::filesystem::path& path) {
    struct stat opened {
    }, named{};
    return ::fstat(fd, &opened) == 0 && ::lstat(path.c_str(), &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

int retried(const auto& call) {
    int result = 0;
    do {
        result = call();
    } while (result < 0 && errno == EINTR);
    return result;
}

std::string mountinfo() {
    std::ifstream file("/proc/self/mountinfo");
    return {std::istreambuf_iterator<char>(file), {}};
}

void write_holder(int fd, const std::filesystem::path& path) {
    const std::string text =
        canonical_json({{"host", this_host()}, {"pid", ::getpid()}, {"since", timestamp()}, {"job", this_job()}}) +
        "\n";
    if (retried([&] { return ::ftruncate(fd, 0); }) != 0) io::fail_errno("write", path, errno);
    for (std::size_t written = 0; written < text.size();) {
        const ssize_t count = ::pwrite(fd, text.data() + written, text.size() - written, static_cast<off_t>(written));
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) io::fail_errno("write", path, count < 0 ? errno : EIO);
        written += static_cast<std::size_t>(count);
    }
}

}  // namespace

bool locks_stay_on_host(std::string_view mountinfo, dev_t device) {
    constexpr std::array<std::string_view, 4> kLocal{"nolock", "local_lock=all", "local_lock=flock", "localflock"};
    const std::string wanted = fmt::format("{}:{}", major(device), minor(device));
    std::istringstream lines{std::string(mountinfo)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string id, parent, number;
        words >> id >> parent >> number;
        if (number != wanted) continue;
        for (std::string options; words >> options;) {
            std::istringstream list(options);
            for (std::string option; std::getline(list, option, ',');) {
                if (std::ranges::find(kLocal, option) != kLocal.end()) return true;
            }
        }
    }
    return false;
}

bool FolderLock::try_lock() {
    const auto open = [&](int flags) { return retried([&] { return ::open(path_.c_str(), flags, 0666); }); };
    constexpr int kFlags = O_CLOEXEC | O_NOFOLLOW;
    descriptor_ = io::Descriptor(open(O_RDWR | O_CREAT | kFlags));
    // Another user's, or made under a strict umask: it can still be locked, and be replaced once it is free.
    const bool read_only = !descriptor_.valid() && errno == EACCES;
    if (read_only) descriptor_ = io::Descriptor(open(O_RDONLY | kFlags));
    if (!descriptor_.valid()) {
        if (read_only && errno == ENOENT) return false;
        io::fail_errno("lock", path_, read_only ? EACCES : errno);
    }
    fault_point("lock.made");
    struct stat status {};
    if (::fstat(descriptor_.get(), &status) != 0) io::fail_errno("inspect", path_, errno);
    reaches_all_hosts_ = !locks_stay_on_host(mountinfo(), status.st_dev);
    if (retried([&] { return ::flock(descriptor_.get(), LOCK_EX | LOCK_NB); }) != 0) {
        if (errno == EWOULDBLOCK) refuse(read_holder(path_), path_);
        reaches_all_hosts_ = false;  // no locks at all: only the name in the file is left
    }
    // The holder before may have removed the file between open and flock.
    if (!names_same_file(descriptor_.get(), path_)) return false;
    if (!read_only) return true;
    if (!reaches_all_hosts_) refuse(read_holder(path_), path_);
    if (::unlink(path_.c_str()) != 0) io::fail_errno("lock", path_, errno);
    return false;
}

FolderLock::FolderLock(const std::filesystem::path& folder) : path_(folder / "lock") {
    while (!try_lock()) {
    }
    fault_point("lock.taken");
    const Holder holder = read_holder(path_);
    if (holder.pid != 0 && !reaches_all_hosts_) {
        const bool here = holder.host == this_host();
        const bool alive_here = here && (::kill(static_cast<pid_t>(holder.pid), 0) == 0 || errno == EPERM);
        const bool same_job = !holder.job.empty() && holder.job == this_job();
        if (here ? alive_here : !same_job) {
            descriptor_.reset();
            refuse(holder, path_);
        }
    }
    if (holder.pid != 0) log_info("{} is taken over from {}, which is gone", folder.string(), holder.to_text());
    try {
        write_holder(descriptor_.get(), path_);
    } catch (...) {
        ::unlink(path_.c_str());
        throw;
    }
}

FolderLock::~FolderLock() { ::unlink(path_.c_str()); }

}  // namespace nepenthe::store
