#pragma once
// A temporary folder that all ranks of a test share; rank 0 makes it, and removes it when all are through.

#include "dist/comm.h"
#include "temporary_folder.h"

#include <filesystem>
#include <optional>
#include <string>

namespace nepenthe::testing {

class SharedFolder {
  public:
    // Collective, as is the end of its life. The communicator must outlive it.
    explicit SharedFolder(const dist::Comm& comm) : comm_(comm) {
        std::string name;
        if (comm.is_root()) name = own_.emplace().path().string();
        comm.broadcast(name);
        path_ = name;
    }
    ~SharedFolder() { comm_.barrier(); }
    SharedFolder(const SharedFolder&) = delete;
    SharedFolder& operator=(const SharedFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    const dist::Comm& comm_;
    std::optional<TemporaryFolder> own_;  // on rank 0
    std::filesystem::path path_;
};

}  // namespace nepenthe::testing
