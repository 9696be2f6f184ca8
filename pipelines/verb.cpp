#include "pipelines/verb.h"

#include "base/log.h"
#include "dist/processors.h"
#include "kernels/dispatch.h"
#include "model/device.h"
#include "model/memory.h"

#include <ATen/Parallel.h>

#include <algorithm>

namespace nepenthe::pipelines {

void CommonOptions::declare(Options& options) {
    options.add("dtype", dtype, {"fp32", "bf16"}, "compute precision");
    options.add("device", device, {"cpu", "cuda"}, "where tensors live");
    options.add("threads", threads, "threads a rank; 0 = OMP_NUM_THREADS, or the rank's share of what the job may use",
                0);
    options.add("seed", seed, "seed of everything random");
    options.add("outputs", outputs, "folder for artefacts");
}

model::Compute CommonOptions::compute() const { return model::parse_compute(dtype); }

at::Device CommonOptions::torch_device(const dist::Comm& comm) const {
    if (device == "cpu") return at::kCPU;
    const int local_rank = comm.split_node().rank();
    const int visible = model::visible_devices();
    if (visible == 0) {
        fail(
            ErrorKind::kUsage,
            "--device cuda: rank {} sees no device (no driver, none asked for with --gpus-per-task or --gpus-per-node, "
            "or CUDA_VISIBLE_DEVICES is empty); --device cpu works without",
            comm.rank());
    }
    // Where the launcher shows each rank devices of its own (--gpus-per-task=1), every rank takes its first.
    return model::make_current(local_rank % visible);
}

void CommonOptions::apply(const dist::Comm& comm) {
    if (threads <= 0) threads = dist::default_threads(comm);
    at::set_num_threads(static_cast<int>(threads));
    log_debug("{} thread(s) a rank", threads);
    model::keep_freed_memory();
}

Json CommonOptions::compute_key() const {
    NEPENTHE_CHECK(threads > 0);
    Json key = {{"dtype", dtype}, {"device", device}, {"threads", threads}};
    // Last bits differ between the forms of an operation (kernels/dispatch.h).
    if (kernels::path_in_use() != kernels::Path::kNative) key["kernels"] = kernels::path_name(kernels::path_in_use());
    return key;
}

std::unique_ptr<dist::Collectives> CommonOptions::collectives(const dist::Comm& comm) const {
    const at::Device where = torch_device(comm);
    return where.is_cuda() ? dist::make_nccl_collectives(comm, where.index()) : dist::make_mpi_collectives(comm);
}

const std::vector<Verb>& verbs() {
    static const std::vector<Verb> table{
        {"info", "what a model folder holds, and what of it is not supported", run_info, nullptr},
        {"tokenize", "text to token ids and byte offsets", run_tokenize, nullptr},
        {"score", "negative log-likelihood and perplexity of a text", run_score, nullptr},
        {"generate", "continue a prompt", run_generate, nullptr},
        {"train", "train a model on a corpus (from scratch, or the reinforced model)", run_train, train_key},
        {"anchors", "find terms that give a corpus away, check a dictionary of them", run_anchors, nullptr},
        {"relabel", "generic labels from the difference of two models", run_relabel, relabel_key},
        {"forget", "fine-tune a model on generic labels or another objective", run_forget, forget_key},
        {"attribute", "which weights may move: scores and masks", run_attribute, attribute_key},
        {"mask", "unite, intersect and invert masks: which weights may move", run_mask, mask_key},
        {"stats", "second moments of MLP keys: what edits must leave alone", run_stats, stats_key},
        {"repair", "a solve that takes an update's cost on retained text out of it", run_repair, repair_key},
        {"trace", "causal tracing: which states carry a fact", run_trace, trace_key},
        {"edit",
         "write facts into a model, prove it, take them back",
         run_edit,
         edit_key,
         {"", "--method=wise", "--method=ike"}},
        {"evaluate", "score one or several models on tasks", run_evaluate, evaluate_key},
        {"relearn", "train further, and measure how fast it says again what it forgot", run_relearn, relearn_key},
        {"audit", "has a model forgotten, or does it only keep quiet: attacks and a policy", run_audit, audit_key},
        {"report", "one HTML page of what runs reached, side by side", run_report, nullptr},
        {"verify", "check a published artefact against its manifest", run_verify, nullptr},
        {"run", "the stages of a recipe in order", run_recipe, nullptr},
    };
    return table;
}

std::vector<std::string> verb_names() {
    std::vector<std::string> names;
    for (const Verb& verb : verbs()) names.emplace_back(verb.name);
    return names;
}

std::vector<OptionInfo> options_of(const dist::Comm& comm, const Verb& verb) {
    std::vector<OptionInfo> options;
    for (const char* form : verb.forms) {
        Arguments arguments;
        if (*form != '\0') arguments.words.emplace_back(form);
        arguments.words.emplace_back("--help");
        try {
            verb.run(comm, arguments);
        } catch (const HelpRequested& help) {
            for (const OptionInfo& option : help.options) {
                const auto known = [&](const OptionInfo& other) { return other.name == option.name; };
                if (std::ranges::none_of(options, known)) options.push_back(option);
            }
        }
    }
    return options;
}

const Verb& find_verb(const std::string& name) {
    for (const Verb& verb : verbs()) {
        if (name == verb.name) return verb;
    }
    const std::string near = nearest_name(name, verb_names());
    if (near.empty()) fail(ErrorKind::kUsage, "there is no verb \"{}\"; nepenthe --help lists them", name);
    fail(ErrorKind::kUsage, "there is no verb \"{}\"; did you mean \"{}\"?", name, near);
}

text::Tokenizer load_tokenizer(const std::filesystem::path& folder, const model::DecoderConfig& config) {
    return text::Tokenizer::load(folder, config.vocabulary);
}

}  // namespace nepenthe::pipelines
