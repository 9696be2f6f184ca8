#pragma once
// One job at a time on a folder: a lock on a file, which the kernel lets go when its holder dies, wherever that was.

#include "io/descriptor.h"

#include <sys/types.h>

#include <filesystem>
#include <string_view>

namespace nepenthe::store {

// The lock counts, over NFS and Lustre too; the file also names its holder, which is what a refusal tells the user. The
// name itself decides only on file systems whose locks do not reach other hosts (or that have none): there a holder on
// another host, unless it was an earlier start of this Slurm job, and a living process on this one are believed.
class FolderLock {
  public:
    // Takes FOLDER/lock. Throws Error(kUsage) naming host, process and start time when another job holds it.
    explicit FolderLock(const std::filesystem::path& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

  private:
    // False when the file went away or was another's meanwhile: to be tried again.
    bool try_lock();

    std::filesystem::path path_;
    io::Descriptor descriptor_;
    bool reaches_all_hosts_ = true;
};

// Whether the mount of `device` keeps locks to its own host: "nolock", "local_lock=all", "local_lock=flock" (NFS) or
// "localflock" (Lustre) among its options. `mountinfo` is the text of /proc/self/mountinfo.
bool locks_stay_on_host(std::string_view mountinfo, dev_t device);

}  // namespace nepenthe::store
