#include "io/safetensors.h"

#include "base/error.h"
#include "io/safetensors_header.h"

#include <algorithm>
#include <set>

namespace nepenthe::io {

namespace {

bool present(const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::exists(std::filesystem::symlink_status(path, ignored));
}

std::string shell_quoted(const std::string& text) {
    std::string quoted = "'";
    for (const char c : text) quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
    return quoted + "'";
}

// Why a folder without safetensors is refused, and the command that helps.
[[noreturn]] void refuse_without_safetensors(const std::filesystem::path& folder) {
    std::string pickled, quantised;
    for (const auto& entry : std::filesystem::directory_iterator(folder)) {
        const std::string extension = entry.path().extension().string();
        if (extension == ".bin" || extension == ".pt" || extension == ".pth" || extension == ".ckpt") {
            pickled = std::max(pickled, entry.path().filename().string());
        }
        if (extension == ".gguf") quantised = entry.path().filename().string();
    }
    if (pickled.empty() && quantised.empty()) {
        fail(ErrorKind::kData, "{}: neither {} nor {} lies there", folder.string(), kWeightsFile, kWeightsIndex);
    }
    const std::string source = std::filesystem::weakly_canonical(folder).string();
    const std::string gguf_option = pickled.empty() ? ", gguf_file=sys.argv[3]" : "";
    const std::string gguf_argument = pickled.empty() ? fmt::format(" {}", shell_quoted(quantised)) : "";
    fail(ErrorKind::kData,
         "{}: holds {} but no safetensors; {}. With the Python package transformers this converts it:\n  python3 -c "
         "\"import sys, transformers as t; source, target = sys.argv[1:3]; "
         "[c.from_pretrained(source{}).save_pretrained(target) for c in (t.AutoModelForCausalLM, t.AutoTokenizer)]\" "
         "{} {}{}",
         folder.string(), pickled.empty() ? quantised : pickled,
         pickled.empty() ? "quantised weights are not read" : "unpickling runs whatever code the file carries",
         gguf_option, shell_quoted(source), shell_quoted(source + "-safetensors"), gguf_argument);
}

// Every tensor lies in exactly the shard that the index names for it.
void compare_with_index(const Checkpoint& checkpoint, const std::map<std::string, std::string>& shard_of_tensor,
                        const std::set<std::string>& unread, Problems& problems) {
    for (const auto& [tensor, shard] : shard_of_tensor) {
        if (unread.contains(shard)) continue;
        const auto position = std::find(checkpoint.file_names.begin(), checkpoint.file_names.end(), shard);
        const auto& file = checkpoint.files[static_cast<std::size_t>(position - checkpoint.file_names.begin())];
        if (!file.tensors().contains(tensor)) {
            problems.add("tensor {}: the index places it in {}, which lacks it", tensor, shard);
        }
    }
    for (std::size_t i = 0; i < checkpoint.files.size(); ++i) {
        for (const std::string& tensor : checkpoint.files[i].order()) {
            const auto listed = shard_of_tensor.find(tensor);
            if (listed == shard_of_tensor.end()) {
                problems.add("tensor {}: lies in {}, but not in the index", tensor, checkpoint.file_names[i]);
            } else if (listed->second != checkpoint.file_names[i]) {
                problems.add("tensor {}: lies in {}, the index places it in {}", tensor, checkpoint.file_names[i],
                             listed->second);
            }
        }
    }
}

Checkpoint open_shards(const std::filesystem::path& folder) {
    const std::filesystem::path index = folder / kWeightsIndex;
    const auto shard_of_tensor = parse_shard_index(MappedFile(folder, kWeightsIndex).text(), index.string());
    std::set<std::string> shards, unread;
    for (const auto& [tensor, shard] : shard_of_tensor) shards.insert(shard);

    Checkpoint checkpoint;
    Problems problems;
    for (const std::string& shard : shards) {
        try {
            checkpoint.files.emplace_back(MappedFile(folder, shard));
            checkpoint.file_names.push_back(shard);
        } catch (const Error& error) {
            problems.add("{}", error.what());
            unread.insert(shard);
        }
    }
    compare_with_index(checkpoint, shard_of_tensor, unread, problems);
    problems.throw_if_any(ErrorKind::kData, index.string());
    return checkpoint;
}

}  // namespace

const TensorView* Checkpoint::find(const std::string& name) const {
    const auto found = file_of_tensor.find(name);
    return found == file_of_tensor.end() ? nullptr : &files[found->second].tensors().at(name);
}

Checkpoint open_checkpoint(const std::filesystem::path& folder) {
    std::error_code ignored;
    if (!std::filesystem::exists(folder, ignored))
        fail(ErrorKind::kInputOutput, "{}: no such model folder", folder.string());
    if (!std::filesystem::is_directory(folder, ignored)) {
        fail(ErrorKind::kData, "{}: not a folder; a model is given by its folder", folder.string());
    }
    Checkpoint checkpoint;
    if (present(folder / kWeightsFile)) {
        checkpoint.files.emplace_back(MappedFile(folder, kWeightsFile));
        checkpoint.file_names.emplace_back(kWeightsFile);
    } else if (present(folder / kWeightsIndex)) {
        checkpoint = open_shards(folder);
    } else {
        refuse_without_safetensors(folder);
    }
    for (std::size_t i = 0; i < checkpoint.files.size(); ++i) {
        for (const std::string& tensor : checkpoint.files[i].order()) checkpoint.file_of_tensor.emplace(tensor, i);
    }
    return checkpoint;
}

}  // namespace nepenthe::io
