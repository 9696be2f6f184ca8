#include "store/manifest.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json_whole.h"

#include <algorithm>

namespace nepenthe::store {

namespace fs = std::filesystem;

std::vector<DataFile> list_data_files(const fs::path& folder) {
    std::vector<DataFile> files;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder)) {
        const std::string name = entry.path().lexically_relative(folder).generic_string();
        const fs::file_status status = entry.symlink_status();
        if (fs::is_directory(status) || name == kManifestName) continue;
        if (!fs::is_regular_file(status))
            fail(ErrorKind::kInternal, "{} is neither file nor folder", entry.path().string());
        files.push_back({name, entry.file_size()});
    }
    std::sort(files.begin(), files.end(), [](const DataFile& a, const DataFile& b) { return a.name < b.name; });
    return files;
}

std::string content_digest(const Json& files) {
    Json content = Json::object();
    for (const auto& [name, file] : files.items())
        content[name] = file.contains("content") ? file["content"] : file["sha256"];
    return sha256_hex(canonical_json(content));
}

void seal(Json& manifest) {
    manifest.erase("manifest_digest");
    manifest["manifest_digest"] = sha256_hex(canonical_json(manifest));
}

namespace {

bool stays_inside(const std::string& name) {
    const fs::path path = name;
    if (name.empty() || path.is_absolute() || name.find('\0') != std::string::npos) return false;
    return std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".." || part == "."; });
}

}  // namespace

void check_manifest(const Json& manifest, const fs::path& path) {
    const auto refuse = [&](std::string_view why) {
        fail(ErrorKind::kData, "{} {}; make the artefact again, or take an unaltered copy", path.string(), why);
    };
    try {
        if (manifest.at("format") != kManifestFormat) refuse("is not the manifest of an artefact");
        if (manifest.at("format_version") != kManifestVersion) {
            fail(ErrorKind::kData, "{} has format version {}; this program reads version {}", path.string(),
                 manifest.at("format_version").dump(), kManifestVersion);
        }
        Json resealed = manifest;
        seal(resealed);
        if (resealed != manifest) refuse("was altered: its own digest does not fit");
        for (const auto& [name, file] : manifest.at("files").items()) {
            static_cast<void>(json_whole<std::uint64_t>(file.at("bytes")));
            static_cast<void>(file.at("sha256").get<std::string>());
            if (file.contains("slices")) static_cast<void>(file.at("slices").get<std::string>());
            if (!stays_inside(name)) refuse("lists a file outside its folder");
        }
        if (manifest.at("digest") != content_digest(manifest.at("files")))
            refuse("was altered: its digest does not fit its files");
    } catch (const Json::exception& error) {
        refuse(fmt::format("lacks a field ({})", error.what()));
    }
}

}  // namespace nepenthe::store
