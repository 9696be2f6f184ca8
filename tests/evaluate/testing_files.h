#pragma once
// A file with given content, gone at the end of the test.

#include <unistd.h>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

namespace nepenthe::testing {

class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& content, const std::string& extension = ".jsonl") {
        static std::atomic<int> count = 0;
        path_ = std::filesystem::temp_directory_path() /
                ("nepenthe-evaluate-" + std::to_string(getpid()) + "-" + std::to_string(count++) + extension);
        std::ofstream(path_, std::ios::binary) << content;
    }
    ~TemporaryFile() {
        std::error_code error;
        std::filesystem::remove(path_, error);
    }
    TemporaryFile(const TemporaryFile&) = delete;
    TemporaryFile& operator=(const TemporaryFile&) = delete;
    const std::filesystem::path& path() const { return path_; }

  private:
    std::filesystem::path path_;
};

}  // namespace nepenthe::testing
