#include "text/tokenizer_digest.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "io/file.h"

namespace nepenthe::text {

namespace fs = std::filesystem;

namespace {

constexpr const char* kTokenizerJson = "tokenizer.json";
constexpr std::uint64_t kLargestConfig = 64u << 20;

// Fields of a model's configuration that name special tokens, or a class whose defaults do.
bool speaks_of_tokens(const std::string& field) {
    return field.ends_with("_token_id") || field.ends_with("_token_ids") || field == "tokenizer_class" ||
           field == "model_type";
}

Json token_fields(const fs::path& path) {
    Json found = Json::object();
    if (!fs::exists(path)) return found;
    const Json config = parse_json(io::read_file(path, kLargestConfig), path.string());
    if (!config.is_object()) fail(ErrorKind::kData, "{}: not a JSON object", path.string());
    for (const auto& [field, value] : config.items()) {
        if (speaks_of_tokens(field)) found[field] = value;
    }
    if (const auto text = config.find("text_config"); text != config.end() && text->is_object()) {
        for (const auto& [field, value] : text->items()) {
            if (speaks_of_tokens(field)) found["text_config"][field] = value;
        }
    }
    return found;
}

}  // namespace

const std::vector<std::string>& tokenizer_file_names() {
    static const std::vector<std::string> names = {kTokenizerJson,
                                                   "tokenizer_config.json",
                                                   "special_tokens_map.json",
                                                   "added_tokens.json",
                                                   "chat_template.jinja",
                                                   "chat_template.json",
                                                   "vocab.json",
                                                   "merges.txt",
                                                   "vocab.txt",
                                                   "tokenizer.model",
                                                   "spiece.model"};
    return names;
}

std::string tokenizer_digest(const fs::path& folder) { return tokenizer_digest_of_file(folder / kTokenizerJson); }

std::string tokenizer_digest_of_file(const fs::path& tokenizer_json) {
    const fs::path folder = tokenizer_json.parent_path();
    Json parts = Json::object();
    for (const std::string& name : tokenizer_file_names()) {
        const fs::path path = name == kTokenizerJson ? tokenizer_json : folder / name;
        if (fs::exists(path)) parts["files"][name] = io::file_digest(path);
    }
    for (const char* name : {"config.json", "generation_config.json"}) parts[name] = token_fields(folder / name);
    return sha256_hex(canonical_json(parts));
}

}  // namespace nepenthe::text
