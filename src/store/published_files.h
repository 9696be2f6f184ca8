#pragma once
// Files that a manifest vouches for, against their bytes: whoever believes a name or a digest of a published artefact
// looks here first.

#include "dist/comm.h"
#include "store/artefact.h"
#include "store/file_digests.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::store {

// Collective. open_artefact() with every file's bytes compared, which all ranks share. Throws Error(kData) on all of
// them, naming every file that is missing or was altered.
Artefact verified_artefact(const dist::Comm& comm, const std::filesystem::path& folder);

// Collective. Digests of files that a stage reads from `folder`, by name. Where the folder is a published artefact they
// must be what its manifest says: Error(kData) on all ranks names those that were altered or came in since.
std::vector<FileDigest> digest_input(const dist::Comm& comm, const std::filesystem::path& folder,
                                     const std::vector<std::string>& names);

// Where `file` lies directly in a published artefact's folder: throws Error(kData) unless it is what the manifest says.
// For readers of one file, each rank for itself.
void check_published_file(const std::filesystem::path& file);

}  // namespace nepenthe::store
