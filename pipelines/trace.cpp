#include "edit/trace/trace.h"
#include "base/json_text.h"

#include "dist/guard.h"
#include "edit/trace/trace_average.h"
#include "edit/trace/trace_file.h"
#include "io/file.h"
#include "pipelines/stage.h"
#include "pipelines/trace_figures.h"

#include <algorithm>
#include <optional>

namespace nepenthe::pipelines {

namespace {

struct TraceStage {
    CommonOptions common;
    edit::TraceOptions options;
    std::filesystem::path model, facts_file;
    std::int64_t limit = 0, figures = 10;
    std::optional<text::Tokenizer> tokenizer;
    edit::TracePromptFile facts;
    store::ArtefactKey key;
};

// Collective. Everything below one key: traces, averages, figures, the artefact.
store::Artefact trace(const dist::Comm& comm, TraceStage stage) {
    const CommonOptions& common = stage.common;
    const store::ArtefactKey& key = stage.key;
    const edit::TraceOptions& options = stage.options;
    const text::Tokenizer& tokenizer = *stage.tokenizer;
    edit::TracePromptFile& facts = stage.facts;
    if (auto existing = store::find_artefact(comm, common.outputs, key)) return *existing;
    const auto decoder = model::Decoder::load(stage.model, common.compute(), common.torch_device(comm));
    // The noise is measured on all subjects of the file, so that a limit changes how many facts there are and nothing
    // else.
    const double deviation =
        options.noise * (options.noise_in_sigmas ? edit::embedding_deviation(decoder, tokenizer, facts.prompts) : 1.0);
    if (stage.limit > 0) facts.prompts.resize(std::min(facts.prompts.size(), static_cast<std::size_t>(stage.limit)));
    store::ArtefactWriter writer(comm, common.outputs, key);
    const std::vector<edit::TraceCase> cases = edit::trace_facts(
        comm, decoder, tokenizer, facts.prompts, options, deviation, writer.scratch_folder() / "facts", key.digest());
    const std::int64_t layers = decoder.config().layers;
    const edit::TraceAverages averages = edit::average(cases, options.settings, layers);
    const Json attributes{{"model_digest", key.inputs.at("model")},
                          {"tokenizer_digest", tokenizer.digest()},
                          {"facts_digest", facts.digest},
                          {"noise_deviation", deviation},
                          {"copies", options.copies},
                          {"seed", options.seed},
                          {"config_json", canonical_json(options.to_json())}};
    const std::string digest = edit::write_trace_file(comm, writer.data_folder() / edit::kTraceFile, cases, averages,
                                                      options.settings, layers, attributes);
    Json proposal = edit::propose_layers(averages, options.settings);
    Json summary = edit::averages_json(averages, options.settings);
    summary["noise_deviation"] = deviation;
    summary["proposal"] = {{"single", proposal["single"]}, {"batch", proposal.value("batch", Json(nullptr))}};
    dist::run_agreed(comm, "draw", [&] {
        if (!comm.is_root()) return;
        draw_traces(writer.data_folder() / "figures", cases, averages, options.settings, layers, stage.figures);
        proposal["averages"] = averages_json(averages, options.settings);
        io::write_file_atomically(writer.data_folder() / "proposal.json", json_text(proposal, 2) + "\n");
    });
    return writer.publish(summary, {{edit::kTraceFile, digest}});
}

// Collective. The options, what they name, and the key.
TraceStage prepare_trace(const dist::Comm& comm, const Arguments& arguments) {
    TraceStage stage;
    CommonOptions& common = stage.common;
    edit::TraceOptions& trace_options = stage.options;
    std::string noise = "3s";
    std::vector<std::string> kinds{"state", "mlp", "attention"};
    bool no_severed = false;
    Options options("trace", "causal tracing: which states carry a fact, and which layers that speaks for editing",
                    "mpirun -n 2 nepenthe trace --model gemma --facts known_1000.json --limit 100");
    options.add("model", stage.model, "model that knows the facts");
    options.add("facts", stage.facts_file, "JSON list of prompts with subject and attribute");
    options.add("limit", stage.limit, "first N facts; 0 = all", 0);
    options.add("noise", noise, "standard deviation on the subject's embeddings: 3s = 3 of theirs, 0.1 = as it is");
    options.add("copies", trace_options.copies, "corrupted runs a fact");
    options.add("window", trace_options.settings.window, "layers whose MLP or attention outputs are restored together");
    options.add("kinds", kinds, {edit::kTraceKindNames.begin(), edit::kTraceKindNames.end()}, "what is restored");
    options.add("no-severed", no_severed, "without the runs whose MLPs or attentions are cut off");
    options.add("figures", stage.figures, "heat maps of the first N facts", 0);
    common.declare(options);
    for (const char* name : {"model", "facts"}) options.require(name);
    options.parse(arguments);
    common.apply(comm);

    edit::parse_noise(noise, trace_options);
    trace_options.settings.kinds.clear();
    for (const std::string& kind : kinds) trace_options.settings.kinds.push_back(edit::parse_trace_kind(kind));
    trace_options.settings.severed = !no_severed;
    trace_options.seed = common.seed;
    Problems problems;
    for (const std::string& problem : trace_options.validate()) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");

    stage.tokenizer = load_tokenizer(stage.model, model::read_config(stage.model));
    dist::run_agreed(comm, "read facts", [&] { stage.facts = edit::read_trace_prompts(stage.facts_file); });
    stage.key = {"trace",
                 {{"options", trace_options.to_json()},
                  {"limit", stage.limit},
                  {"figures", stage.figures},
                  {"compute", common.compute_key()}},
                 {{"model", input_model_digest(comm, stage.model)},
                  {"tokenizer", stage.tokenizer->digest()},
                  {"facts", stage.facts.digest}}};
    return stage;
}

}  // namespace

store::ArtefactKey trace_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_trace(comm, arguments).key;
}

Answer run_trace(const dist::Comm& comm, const Arguments& arguments) {
    const store::Artefact artefact = trace(comm, prepare_trace(comm, arguments));
    Answer answer = summary_answer(artefact, "traces");
    const Json& proposal = answer.json["summary"]["proposal"];
    answer.text += fmt::format("proposed for editing: layer {}, in batches {}\n", proposal["single"].dump(),
                               proposal["batch"].dump());
    return answer;
}

}  // namespace nepenthe::pipelines
