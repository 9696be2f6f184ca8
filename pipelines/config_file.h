#pragma once
// The file of --config: an INI file with a section a verb.
//
//   # a comment has its own line
//   [train]
//   lr = 1e-5
//   corpus = a.txt
//   corpus = b.txt
//
// "train.lr = 1e-5" before the first section says the same. A value is what stands behind the first "=", without the
// blanks around it.

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::pipelines {

struct ConfigEntry {
    std::string section, key, value;
    std::size_t line = 0;  // from 1
};

// Throws Error(kUsage) that names every line which cannot be read; `what` names the file in it.
std::vector<ConfigEntry> parse_config(std::string_view text, const std::string& what);
// The same for a file, which must be UTF-8 text of at most 1 MiB.
std::vector<ConfigEntry> read_config_file(const std::filesystem::path& path);

}  // namespace nepenthe::pipelines
