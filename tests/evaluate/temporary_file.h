#pragma once
// A file with given content, gone at the end of the test.

#include "temporary_folder.h"

#include <filesystem>
#include <string>

namespace nepenthe::testing {

class TemporaryFile {
  public:
    explicit TemporaryFile(const std::string& content, const std::string& extension = ".jsonl")
        : path_(folder_.write("content" + extension, content)) {}
    const std::filesystem::path& path() const { return path_; }

  private:
    TemporaryFolder folder_;
    std::filesystem::path path_;
};

}  // namespace nepenthe::testing
