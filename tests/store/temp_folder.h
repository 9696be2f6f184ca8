#pragma once
// A folder of its own for a test, removed afterwards.

#include "dist/comm.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace nepenthe::testing {

class TempFolder {
  public:
    TempFolder() : path_(make()), owner_(true) {}
    // Collective: rank 0 makes it, all use it; removed when all are through.
    explicit TempFolder(const dist::Comm& comm) : comm_(&comm), owner_(comm.is_root()) {
        std::string name = owner_ ? make().string() : "";
        comm.broadcast(name);
        path_ = name;
    }
    ~TempFolder() {
        if (comm_ != nullptr) comm_->barrier();
        std::error_code ignored;
        if (owner_) std::filesystem::remove_all(path_, ignored);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }

  private:
    static std::filesystem::path make() {
        std::string name = (std::filesystem::temp_directory_path() / "nepenthe-store-XXXXXX").string();
        return ::mkdtemp(name.data());
    }

    const dist::Comm* comm_ = nullptr;
    std::filesystem::path path_;
    bool owner_;
};

}  // namespace nepenthe::testing
