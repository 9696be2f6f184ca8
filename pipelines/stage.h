#pragma once
// What stages have in common: digests of their inputs, and models as artefacts.

#include "dist/comm.h"
#include "model/decoder.h"
#include "pipelines/verb.h"
#include "store/artefact.h"
#include "text/corpus.h"

#include <filesystem>
#include <functional>
#include <string>

namespace nepenthe::pipelines {

// Collective. model::model_digest (model/model_files.h): what a model is for every key.
std::string input_model_digest(const dist::Comm& comm, const std::filesystem::path& folder);

// Collective. Digest of a published artefact that a stage reads, once its bytes were compared with its manifest. Throws
// Error(kData) where it is none or was altered.
std::string input_artefact_digest(const dist::Comm& comm, const std::filesystem::path& folder);

// Collective. Publishes `decoder` as a Hugging Face folder: weights in `source`'s dtypes and shards, or fp32 where
// `side_files` (config.json, tokenizer.json …) stand for a model made from scratch; provenance.json beside them. The
// published folder is loaded again and compared with memory before it gets its name.
store::Artefact publish_model(const dist::Comm& comm, store::ArtefactWriter& writer, const model::Decoder& decoder,
                              const std::filesystem::path& source, const std::vector<std::filesystem::path>& side_files,
                              const Json& summary);

// Documents of all paths, each cut to its first `characters` code points (0 = whole). Says how many blank ones were
// passed over.
std::vector<std::string> read_corpus_documents(const std::vector<std::filesystem::path>& paths,
                                               std::int64_t characters);

// text::leave_out_single_tokens of a corpus that is to be trained on; says how many blocks it left out of `what`.
std::int64_t leave_out_single_tokens(text::Corpus& corpus, const std::string& what);

// {"artefact", "digest", "reused"} and the line that says so.
Answer artefact_answer(const store::Artefact& artefact, const std::string& what);

// The same with what the manifest says of the content under "summary".
Answer summary_answer(const store::Artefact& artefact, const std::string& what);

}  // namespace nepenthe::pipelines
