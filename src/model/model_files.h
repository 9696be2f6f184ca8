#pragma once
// What a model is: the one place that says it, for every artefact's and journal's key.
//
// A model folder's files are its weights (and the index that names their shards), a side memory, and the side files
// that are read with it or copied into models made from it: configuration, tokenizer, terms of use. Anything else that
// lies there does not belong to the model: it neither counts nor is it copied.

#include "dist/comm.h"

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::model {

// Whether a file of this name is one of a model's side files.
bool is_side_file(const std::string& name);
// Names of the files that the model in `folder` consists of, sorted. Throws Error(kData) where there are no weights.
std::vector<std::string> model_file_names(const std::filesystem::path& folder);

// SHA-256 over names and bytes of these files. Equal digests: the same results, and the same bytes of whatever is saved
// in the model's layout.
std::string model_digest(const std::filesystem::path& folder);
// Collective. The same digest, with the files shared by all ranks. In a published artefact the bytes are compared with
// its manifest first: Error(kData) on all ranks where they were altered, or where a file came in since.
std::string model_digest(const dist::Comm& comm, const std::filesystem::path& folder);

}  // namespace nepenthe::model
