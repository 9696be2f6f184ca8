#include "model/model_files.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/json.h"
#include "dist/guard.h"
#include "io/safetensors.h"
#include "model/side_memory.h"
#include "store/published_files.h"
#include "text/tokenizer_digest.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace nepenthe::model {

namespace fs = std::filesystem;

namespace {

constexpr std::array<std::string_view, 4> kConfigurations = {"config.json", "generation_config.json",
                                                             "preprocessor_config.json", "processor_config.json"};

// Terms of use, in whatever spelling: they go with the weights wherever these go.
bool is_terms(const std::string& name) {
    std::string word = fs::path(name).stem().string();
    std::ranges::transform(word, word.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
    constexpr std::array<std::string_view, 5> kWords = {"LICENSE", "LICENCE", "NOTICE", "POLICY", "TERMS"};
    constexpr std::array<std::string_view, 5> kForms = {"", ".txt", ".md", ".html", ".pdf"};
    return std::ranges::find(kForms, fs::path(name).extension().string()) != kForms.end() &&
           std::ranges::any_of(kWords, [&](std::string_view each) { return word.find(each) != std::string::npos; });
}

std::string digest_of(const std::vector<std::string>& names, const std::vector<store::FileDigest>& digests) {
    Json files = Json::object();
    for (std::size_t i = 0; i < names.size(); ++i) files[names[i]] = {digests[i].bytes, digests[i].digest};
    return sha256_hex(canonical_json(files));
}

}  // namespace

bool is_side_file(const std::string& name) {
    const auto holds = [&](const auto& names) { return std::ranges::find(names, name) != names.end(); };
    return holds(kConfigurations) || is_terms(name) || holds(text::tokenizer_file_names());
}

std::vector<std::string> model_file_names(const fs::path& folder) {
    std::vector<std::string> names = io::open_checkpoint(folder).file_names;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
        const std::string name = entry.path().filename().string();
        if (entry.is_regular_file() && (is_side_file(name) || is_side_memory_file(name))) names.push_back(name);
    }
    if (names.front() != io::kWeightsFile) names.emplace_back(io::kWeightsIndex);
    std::sort(names.begin(), names.end());
    return names;
}

std::string model_digest(const fs::path& folder) {
    const std::vector<std::string> names = model_file_names(folder);
    std::vector<store::FileDigest> digests;
    for (const std::string& name : names) digests.push_back(store::digest_file(folder / name));
    return digest_of(names, digests);
}

std::string model_digest(const dist::Comm& comm, const fs::path& folder) {
    std::string listing;
    dist::run_agreed(comm, "reading " + folder.string(), [&] {
        if (comm.is_root()) listing = canonical_json(model_file_names(folder));
    });
    comm.broadcast(listing);
    const auto names = parse_json(listing, "files of a model").get<std::vector<std::string>>();
    return digest_of(names, store::digest_input(comm, folder, names));
}

}  // namespace nepenthe::model
