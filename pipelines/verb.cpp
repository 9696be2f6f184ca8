#include "pipelines/verb.h"

#include "model/memory.h"

#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include <algorithm>
#include <thread>

namespace nepenthe::pipelines {

void CommonOptions::declare(Options& options) {
    options.add("dtype", dtype, {"fp32", "bf16"}, "compute precision");
    options.add("device", device, {"cpu", "cuda"}, "where tensors live");
    options.add("threads", threads, "threads a rank; 0 = cores of the node divided by its ranks");
    options.add("seed", seed, "seed of everything random");
    options.add("outputs", outputs, "folder for artefacts");
}

model::Compute CommonOptions::compute() const { return model::parse_compute(dtype); }

at::Device CommonOptions::torch_device(const dist::Comm& comm) const {
    if (device == "cpu") return at::kCPU;
    const int local_rank = comm.split_node().rank();
    const int visible = at::hasCUDA() ? static_cast<int>(at::detail::getCUDAHooks().deviceCount()) : 0;
    if (local_rank >= visible) {
        fail(ErrorKind::kUsage, "--device cuda: this node shows {} devices to its ranks, rank {} needs number {}",
             visible, comm.rank(), local_rank);
    }
    return {at::kCUDA, static_cast<c10::DeviceIndex>(local_rank)};
}

void CommonOptions::apply(const dist::Comm& comm) const {
    std::int64_t count = threads;
    if (count <= 0) {
        const int node_ranks = comm.split_node().size();
        count = std::max<std::int64_t>(1, std::thread::hardware_concurrency() / static_cast<unsigned>(node_ranks));
    }
    at::set_num_threads(static_cast<int>(count));
    model::keep_freed_memory();
}

std::unique_ptr<dist::Collectives> CommonOptions::collectives(const dist::Comm& comm) const {
    const at::Device where = torch_device(comm);
    return where.is_cuda() ? dist::make_nccl_collectives(comm, where.index()) : dist::make_mpi_collectives(comm);
}

const std::vector<Verb>& verbs() {
    static const std::vector<Verb> table{
        {"info", "what a model folder holds, and what of it is not supported", run_info},
        {"tokenize", "text to token ids and byte offsets", run_tokenize},
        {"score", "negative log-likelihood and perplexity of a text", run_score},
        {"generate", "continue a prompt", run_generate},
        {"train", "train a model on a corpus (from scratch, or the reinforced model)", run_train},
        {"anchors", "check a dictionary of anchor terms against a corpus", run_anchors},
        {"relabel", "generic labels from the difference of two models", run_relabel},
        {"forget", "fine-tune a model on generic labels", run_forget},
        {"stats", "second moments of MLP keys: what edits must leave alone", run_stats},
        {"trace", "causal tracing: which states carry a fact", run_trace},
        {"edit", "write facts into a model, prove it, take them back", run_edit},
        {"evaluate", "score one or several models on tasks", run_evaluate},
        {"report", "one HTML page of what runs reached, side by side", run_report},
        {"verify", "check a published artefact against its manifest", run_verify},
        {"run", "the stages of a recipe in order", run_recipe},
    };
    return table;
}

const Verb& find_verb(const std::string& name) {
    std::vector<std::string> names;
    for (const Verb& verb : verbs()) {
        if (name == verb.name) return verb;
        names.push_back(verb.name);
    }
    const std::string near = nearest_name(name, names);
    if (near.empty()) fail(ErrorKind::kUsage, "there is no verb \"{}\"; nepenthe --help lists them", name);
    fail(ErrorKind::kUsage, "there is no verb \"{}\"; did you mean \"{}\"?", name, near);
}

text::Tokenizer load_tokenizer(const std::filesystem::path& folder, const model::DecoderConfig& config) {
    return text::Tokenizer::load(folder, config.vocabulary);
}

}  // namespace nepenthe::pipelines
