#pragma once
// How a word of an option that takes a list is cut into entries; the same for every verb, for flags, environment,
// config files and recipes (docs/operations.md).
//
// Commas separate entries. An entry, or what stands behind the first "=" of one, may stand in double quotes; commas and
// equals signs in them are part of it, and two quotes in a row are one. A word of paths that names something which
// exists, as a whole or behind its NAME=, is one entry, whatever it holds.

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::pipelines {

// A path and the name that results know it by.
struct NamedPath {
    std::string name;
    std::filesystem::path path;
};

// An entry that may have a name: what stands before the first "=", where that holds no "/".
struct NamedEntry {
    std::optional<std::string> name;
    std::string text;
};

// All throw std::string, a reason, for empty entries and quotes that do not close. Paths count from `base`.
std::vector<std::string> list_entries(std::string_view word);
std::vector<std::filesystem::path> path_entries(const std::string& word, const std::filesystem::path& base);
std::vector<NamedEntry> named_entries(const std::string& word, const std::filesystem::path& base);
// An entry without a name is called after its path's last component.
std::vector<NamedPath> named_paths(const std::string& word, const std::filesystem::path& base);

// An entry as a word that list_entries and its kin give back as it is.
std::string quoted_entry(const std::string& entry);

}  // namespace nepenthe::pipelines
