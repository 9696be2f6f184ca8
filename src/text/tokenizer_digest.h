#pragma once
// What a tokenizer is: the one place that says it, for every artefact's and journal's key.

#include <filesystem>
#include <string>
#include <vector>

namespace nepenthe::text {

// The files that a tokenizer is read from or saved with, by name: tokenizer.json, tokenizer_config.json,
// special_tokens_map.json, chat templates …
const std::vector<std::string>& tokenizer_file_names();

// SHA-256 over those files, as far as they lie in `folder`, and over what config.json and generation_config.json there
// say of special tokens (their ids, the classes that imply some). Equal digests: equal ids, offsets, special tokens and
// templates. Other files in the folder do not count.
std::string tokenizer_digest(const std::filesystem::path& folder);
// The same where the tokenizer.json has another name; what lies beside it counts.
std::string tokenizer_digest_of_file(const std::filesystem::path& tokenizer_json);

}  // namespace nepenthe::text
