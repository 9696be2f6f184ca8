#pragma once
// A file system of a chosen size, so that a full or read-only disk is a real one. Root ignores permission bits, and a
// mocked write would only prove the mock.

#include "base/error.h"

#include <fmt/format.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace nepenthe::io {

// A tmpfs over an existing folder, in a mount namespace of this process: nobody else sees it, and it ends with the
// process at the latest. Needs root or user namespaces; throws where neither is allowed.
class SmallDisk {
  public:
    SmallDisk(std::filesystem::path folder, std::uint64_t bytes) : folder_(std::move(folder)) {
        enter_namespace();
        const std::string options = fmt::format("size={}", bytes);
        require(::mount("none", folder_.c_str(), "tmpfs", 0, options.c_str()), "mount a tmpfs");
    }
    ~SmallDisk() { ::umount2(folder_.c_str(), MNT_DETACH); }
    SmallDisk(const SmallDisk&) = delete;
    SmallDisk& operator=(const SmallDisk&) = delete;

    void make_read_only() {
        require(::mount("none", folder_.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), "remount read-only");
    }

  private:
    static void require(int result, const char* what) {
        if (result != 0) fail(ErrorKind::kInputOutput, "cannot {}: {}", what, std::strerror(errno));
    }
    // Once a process: the namespace stays for its life.
    static void enter_namespace() {
        static const bool entered = [] {
            const uid_t user = ::getuid();
            const gid_t group = ::getgid();
            if (user == 0) {
                require(::unshare(CLONE_NEWNS), "enter a mount namespace");
            } else {
                require(::unshare(CLONE_NEWUSER | CLONE_NEWNS), "enter a user namespace");
                std::ofstream("/proc/self/setgroups") << "deny";
                std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
                std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
            }
            require(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr), "make the mounts private");
            return true;
        }();
        (void)entered;
    }

    std::filesystem::path folder_;
};

}  // namespace nepenthe::io
