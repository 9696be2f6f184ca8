#pragma once
// A folder below the system's temporary one that all ranks of a test share; rank 0 makes and removes it.

#include "mpi_world.h"

#include <filesystem>
#include <string>

namespace nepenthe::testing {

class SharedFolder {
  public:
    explicit SharedFolder(const std::string& name)
        : path_(std::filesystem::temp_directory_path() /
                ("nepenthe-" + name + "-" + std::to_string(world->size()) + "ranks")) {
        if (world->is_root()) {
            std::filesystem::remove_all(path_);
            std::filesystem::create_directories(path_);
        }
        world->barrier();
    }
    ~SharedFolder() {
        world->barrier();
        if (world->is_root()) std::filesystem::remove_all(path_);
    }
    SharedFolder(const SharedFolder&) = delete;
    SharedFolder& operator=(const SharedFolder&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace nepenthe::testing
