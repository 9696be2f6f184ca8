#pragma once
// A folder below the system's temporary one that goes away with the test. One process's; shared_folder.h has the
// ranks'.

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>

namespace nepenthe::testing {

class TemporaryFolder {
  public:
    TemporaryFolder() {
        // mkdtemp replaces the last six letters.
        std::string name = (std::filesystem::temp_directory_path() / "nepenthe-").string() + std::string(6, 'X');
        if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error("cannot create " + name);
        path_ = name;
    }
    ~TemporaryFolder() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;

    const std::filesystem::path& path() const { return path_; }
    std::filesystem::path write(const std::string& name, std::string_view bytes) const {
        std::ofstream stream(path_ / name, std::ios::binary);
        stream.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
        return path_ / name;
    }

  private:
    std::filesystem::path path_;
};

}  // namespace nepenthe::testing
