#pragma once
// One job at a time on a folder: a file that names its holder and that the kernel unlocks when the holder dies.

#include "io/descriptor.h"

#include <filesystem>

namespace nepenthe::store {

class FolderLock {
  public:
    // Takes FOLDER/lock. Throws Error(kUsage) naming host, process and start time when another job holds it. Taken
    // over: the lock of a dead process of this host, and that of an earlier start of the same Slurm job (requeued
    // elsewhere).
    explicit FolderLock(const std::filesystem::path& folder);
    ~FolderLock();
    FolderLock(const FolderLock&) = delete;
    FolderLock& operator=(const FolderLock&) = delete;

  private:
    std::filesystem::path path_;
    io::Descriptor descriptor_;
};

}  // namespace nepenthe::store
