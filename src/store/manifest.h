#pragma once
// The manifest's fields, for the sources of this module.

#include "base/json.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::store {

inline constexpr const char* kManifestName = "manifest.json";
inline constexpr const char* kManifestFormat = "nepenthe-artefact";
inline constexpr int kManifestVersion = 1;

struct DataFile {
    std::string name;  // relative to the artefact's folder, with forward slashes
    std::uint64_t bytes = 0;
};

// Every regular file below `folder` but the manifest, sorted by name. Throws Error(kInternal) on anything that is
// neither file nor folder: links would break when the artefact is copied.
std::vector<DataFile> list_data_files(const std::filesystem::path& folder);

// The artefact's digest: over file names and contents, where `files` maps a name to {bytes, sha256, content?}. A
// content digest stands in for the bytes of a file whose layout may differ between equal runs.
std::string content_digest(const Json& files);

// Puts "manifest_digest" in, which covers all other fields.
void seal(Json& manifest);

// Throws Error(kData) unless `manifest` is sealed, of our format, and lists only plain paths inside its folder.
void check_manifest(const Json& manifest, const std::filesystem::path& path);

}  // namespace nepenthe::store
