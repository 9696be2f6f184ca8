#pragma once
// What a run of `edit` reads: facts, statistics, and what earlier runs computed. None of it is collective.

#include "edit/facts/facts.h"
#include "edit/keys/moment_file.h"
#include "model/decoder.h"
#include "pipelines/edit_job.h"
#include "text/tokenizer.h"

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::pipelines {

// Facts of a file that can be written; the others are an error that lists them, or left out where `options` say so.
std::vector<edit::Fact> read_writable_facts(const std::filesystem::path& path, const edit::FactOptions& options,
                                            const model::DecoderConfig& config, const text::Tokenizer& tokenizer);

// The job's second moments, of all `layers` that it may write; none where `path` is empty. They must be those of the
// job's model, or of the one that it was made from by an earlier edit. Throws Error(kData).
void use_moments(EditJob& job, const std::filesystem::path& model_folder, const std::filesystem::path& path,
                 const std::vector<std::int64_t>& layers);

// What second moments lack for these facts, a sentence each: true sentences about other subjects, or that they hold
// such about subjects that are to be written. None for files where it cannot be told better.
std::vector<std::string> moment_advice(const edit::MomentFile& moments, const std::vector<edit::Fact>& facts);

// Values of earlier runs, which must have been computed as this run would: on the same model, from the same prefixes,
// by the same options. Then they have the same bits, and the artefact does not tell where its values came from. Throws
// Error(kUsage) naming every difference.
void use_values(EditJob& job, const std::vector<std::filesystem::path>& runs);

// Rows before any edit that earlier runs measured on this model. Throws Error(kUsage) for runs on another one.
void use_rows(EditJob& job, const std::vector<std::filesystem::path>& runs);

}  // namespace nepenthe::pipelines
