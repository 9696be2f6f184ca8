#include "store/published_files.h"

#include "base/error.h"
#include "dist/guard.h"
#include "io/file.h"
#include "io/slices.h"
#include "store/manifest.h"

#include <optional>

namespace nepenthe::store {

namespace fs = std::filesystem;

namespace {

bool is_published(const fs::path& folder) {
    std::error_code unreadable;
    return fs::is_regular_file(folder / kManifestName, unreadable);
}

// Whether a file's bytes are those of its entry in a manifest. Entries of large files that older versions wrote have no
// digest of slices.
bool is_as_listed(const Json& entry, const fs::path& file, const FileDigest& digest) {
    if (entry["bytes"].get<std::uint64_t>() != digest.bytes) return false;
    const auto whole = entry["sha256"].get<std::string>();
    if (io::slice_count(digest.bytes) == 1) return digest.digest == whole;
    if (entry.contains("slices")) return digest.digest == entry["slices"].get<std::string>();
    return io::file_digest(file) == whole;
}

// Collective. Digests of an artefact's files, which must be those of its manifest.
std::vector<FileDigest> digest_listed(const dist::Comm& comm, const Artefact& artefact,
                                      const std::vector<std::string>& names) {
    std::vector<fs::path> files;
    for (const std::string& name : names) files.push_back(artefact.folder / name);
    const std::vector<FileDigest> digests = digest_files(comm, files);
    dist::run_agreed(comm, "verify", [&] {
        if (!comm.is_root()) return;
        const Json& listed = artefact.manifest["files"];
        Problems problems;
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!listed.contains(names[i])) {
                problems.add("{} came in after it was published", names[i]);
            } else if (!is_as_listed(listed[names[i]], files[i], digests[i])) {
                problems.add("{} was altered: its SHA-256 does not fit", names[i]);
            }
        }
        problems.throw_if_any(ErrorKind::kData, artefact.folder.string());
    });
    return digests;
}

// Collective. The manifest as rank 0 reads it; nothing where the folder is no artefact.
std::optional<Artefact> open_on_root(const dist::Comm& comm, const fs::path& folder, bool must_be_published) {
    std::string manifest;
    dist::run_agreed(comm, "verify", [&] {
        if (comm.is_root() && (must_be_published || is_published(folder)))
            manifest = canonical_json(open_artefact(folder).manifest);
    });
    comm.broadcast(manifest);
    if (manifest.empty()) return std::nullopt;
    return Artefact{folder, parse_json(manifest, "the manifest from rank 0")};
}

}  // namespace

Artefact verified_artefact(const dist::Comm& comm, const fs::path& folder) {
    Artefact artefact = *open_on_root(comm, folder, /*must_be_published=*/true);
    std::vector<std::string> names;
    for (const auto& [name, file] : artefact.manifest["files"].items()) names.push_back(name);
    digest_listed(comm, artefact, names);
    return artefact;
}

std::vector<FileDigest> digest_input(const dist::Comm& comm, const fs::path& folder,
                                     const std::vector<std::string>& names) {
    if (const auto artefact = open_on_root(comm, folder, /*must_be_published=*/false))
        return digest_listed(comm, *artefact, names);
    std::vector<fs::path> files;
    for (const std::string& name : names) files.push_back(folder / name);
    return digest_files(comm, files);
}

void check_published_file(const fs::path& file) {
    const fs::path folder = file.parent_path();
    if (!is_published(folder)) return;
    const Json manifest = open_artefact(folder).manifest;
    const std::string name = file.filename().string();
    if (!manifest["files"].contains(name))
        fail(ErrorKind::kData, "{}: the artefact's manifest does not list it", file.string());
    if (io::file_digest(file) != manifest["files"][name]["sha256"].get<std::string>())
        fail(ErrorKind::kData, "{} was altered: its SHA-256 does not fit the manifest", file.string());
}

}  // namespace nepenthe::store
