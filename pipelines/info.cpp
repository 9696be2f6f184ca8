#include "io/safetensors.h"
#include "model/checkpoint_layout.h"
#include "model/family/config.h"
#include "model/side_memory.h"
#include "pipelines/verb.h"

#include <fmt/ranges.h>

namespace nepenthe::pipelines {

namespace {

Json id_or_null(std::optional<text::TokenId> id) { return id ? Json(*id) : Json(); }

std::string named_token(const text::Tokenizer& tokenizer, std::optional<text::TokenId> id) {
    return id ? fmt::format("{} ({})", *id, tokenizer.token(*id)) : "none";
}

}  // namespace

Answer run_info(const dist::Comm&, const Arguments& arguments) {
    std::filesystem::path folder;
    Options options("info", "family, widths, parameters, dtype and tokenizer of a model folder",
                    "nepenthe info --model gemma-3-270m");
    options.add("model", folder, "Hugging Face model folder");
    options.set_positional("model");
    options.require("model");
    options.parse(arguments);

    model::DecoderConfig config = model::read_config(folder);
    const io::Checkpoint checkpoint = io::open_checkpoint(folder);
    Problems problems;
    config.tied = model::read_layout(config, checkpoint, problems).tied;
    problems.throw_if_any(ErrorKind::kData, fmt::format("{}: the weights do not fit the {} configuration",
                                                        folder.string(), config.family));
    std::int64_t parameters = 0, bytes = 0;
    std::map<std::string, std::int64_t> dtypes;
    for (const auto& [name, file] : checkpoint.file_of_tensor) {
        const io::TensorView& view = *checkpoint.find(name);
        std::int64_t numel = 1;
        for (std::int64_t extent : view.shape) numel *= extent;
        parameters += numel;
        bytes += static_cast<std::int64_t>(view.bytes.size());
        dtypes[std::string(io::dtype_name(view.dtype))] += numel;
    }
    const text::Tokenizer tokenizer = load_tokenizer(folder, config);
    Answer answer;
    answer.json = {{"family", config.family},
                   {"layers", config.layers},
                   {"hidden", config.hidden},
                   {"intermediate", config.intermediate},
                   {"heads", config.heads},
                   {"kv_heads", config.kv_heads},
                   {"head_dim", config.head_dim},
                   {"vocabulary", config.vocabulary},
                   {"max_positions", config.max_positions},
                   {"tied", config.tied},
                   {"parameters", parameters},
                   {"bytes", bytes},
                   {"dtypes", dtypes},
                   {"files", checkpoint.file_names},
                   {"tokenizer",
                    {{"size", tokenizer.size()},
                     {"digest", tokenizer.digest()},
                     {"bos", id_or_null(tokenizer.bos())},
                     {"eos", id_or_null(tokenizer.eos())},
                     {"ends", tokenizer.ends()}}}};
    answer.text = fmt::format(
        "family      {}\nlayers      {}\nhidden      {}  (MLP {})\nheads       {} query, {} key-value, width {}\n"
        "vocabulary  {}{}\npositions   {}\nparameters  {:.1f} million in {} tensors, {} file(s), {:.0f} MB\n"
        "tokenizer   {} ids, BOS {}, EOS {}, generation ends at {}\n",
        config.family, config.layers, config.hidden, config.intermediate, config.heads, config.kv_heads,
        config.head_dim, config.vocabulary, config.tied ? ", unembedding tied" : "", config.max_positions,
        static_cast<double>(parameters) / 1e6, checkpoint.file_of_tensor.size(), checkpoint.files.size(),
        static_cast<double>(bytes) / 1e6, tokenizer.size(), named_token(tokenizer, tokenizer.bos()),
        named_token(tokenizer, tokenizer.eos()),
        tokenizer.ends().empty() ? "none" : fmt::format("{}", fmt::join(tokenizer.ends(), ", ")));
    for (const auto& [dtype, numel] : dtypes) {
        answer.text += fmt::format("dtype       {} ({:.1f} million)\n", dtype, static_cast<double>(numel) / 1e6);
    }
    if (!config.wrapper.empty()) {
        answer.json["text_part_of"] = config.wrapper;
        answer.text +=
            fmt::format("text part   of a {} model; what sees images is kept as it is and never run\n", config.wrapper);
    }
    if (model::holds_side_memory(folder)) {
        const model::SideMemory memory = model::load_side_memory(folder, at::kFloat, at::kCPU);
        answer.json["side_memory"] = {{"layer", memory.layer}, {"alternatives", memory.alternatives.size()}};
        answer.text += fmt::format("side memory layer {}, {} alternative(s) of its second MLP matrix (WISE)\n",
                                   memory.layer, memory.alternatives.size());
    }
    return answer;
}

}  // namespace nepenthe::pipelines
