#include "edit/trace/trace.h"

#include "dist/guard.h"
#include "edit/trace/trace_average.h"
#include "edit/trace/trace_file.h"
#include "io/file.h"
#include "pipelines/stage.h"
#include "pipelines/trace_figures.h"

namespace nepenthe::pipelines {

namespace {

struct TraceInputs {
    std::filesystem::path model, facts;
    std::int64_t limit = 0, figures = 10;
};

// Collective. Everything below one key: traces, averages, figures, the artefact.
store::Artefact trace(const dist::Comm& comm, const TraceInputs& inputs, const edit::TraceOptions& options,
                      const CommonOptions& common) {
    const auto decoder = model::Decoder::load(inputs.model, common.compute(), common.torch_device(comm));
    const auto tokenizer = load_tokenizer(inputs.model, decoder.config());
    edit::TracePromptFile facts;
    dist::run_agreed(comm, "read facts", [&] { facts = edit::read_trace_prompts(inputs.facts); });
    // The noise is measured on all subjects of the file, so that a limit changes how many facts there are and nothing
    // else.
    const double deviation =
        options.noise * (options.noise_in_sigmas ? edit::embedding_deviation(decoder, tokenizer, facts.prompts) : 1.0);
    if (inputs.limit > 0) facts.prompts.resize(std::min(facts.prompts.size(), static_cast<std::size_t>(inputs.limit)));

    const std::string model_digest = input_model_digest(comm, inputs.model);
    const store::ArtefactKey key{
        "trace",
        {{"options", options.to_json()}, {"limit", inputs.limit}, {"figures", inputs.figures}, {"dtype", common.dtype}},
        {{"model", model_digest}, {"tokenizer", tokenizer.digest()}, {"facts", facts.digest}}};
    if (auto existing = store::find_artefact(comm, common.outputs, key)) return *existing;
    store::ArtefactWriter writer(comm, common.outputs, key);
    const std::vector<edit::TraceCase> cases = edit::trace_facts(
        comm, decoder, tokenizer, facts.prompts, options, deviation, writer.scratch_folder() / "facts", key.digest());
    const std::int64_t layers = decoder.config().layers;
    const edit::TraceAverages averages = edit::average(cases, options.settings, layers);
    const Json attributes{{"model_digest", model_digest},
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
        draw_traces(writer.data_folder() / "figures", cases, averages, options.settings, layers, inputs.figures);
        proposal["averages"] = averages_json(averages, options.settings);
        io::write_file_atomically(writer.data_folder() / "proposal.json", proposal.dump(2) + "\n");
    });
    return writer.publish(summary, {{edit::kTraceFile, digest}});
}

}  // namespace

Answer run_trace(const dist::Comm& comm, const Arguments& arguments) {
    CommonOptions common;
    edit::TraceOptions trace_options;
    TraceInputs inputs;
    std::string noise = "3s";
    std::vector<std::string> kinds{"state", "mlp", "attention"};
    bool no_severed = false;
    Options options("trace", "causal tracing: which states carry a fact, and which layers that speaks for editing",
                    "mpirun -n 2 nepenthe trace --model gemma --facts known_1000.json --limit 100");
    options.add("model", inputs.model, "model that knows the facts");
    options.add("facts", inputs.facts, "JSON list of prompts with subject and attribute");
    options.add("limit", inputs.limit, "first N facts; 0 = all");
    options.add("noise", noise, "standard deviation on the subject's embeddings: 3s = 3 of theirs, 0.1 = as it is");
    options.add("copies", trace_options.copies, "corrupted runs a fact");
    options.add("window", trace_options.settings.window, "layers whose MLP or attention outputs are restored together");
    options.add("kinds", kinds, "what is restored: state, mlp, attention");
    options.add("no-severed", no_severed, "without the runs whose MLPs or attentions are cut off");
    options.add("figures", inputs.figures, "heat maps of the first N facts");
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
    if (inputs.limit < 0) problems.add("--limit {}", inputs.limit);
    if (inputs.figures < 0) problems.add("--figures {}", inputs.figures);
    problems.throw_if_any(ErrorKind::kUsage, "options");

    const store::Artefact artefact = trace(comm, inputs, trace_options, common);
    Answer answer = artefact_answer(artefact, false, "traces");
    answer.json["summary"] = artefact.manifest.value("summary", Json::object());
    const Json& proposal = answer.json["summary"]["proposal"];
    answer.text += fmt::format("proposed for editing: layer {}, in batches {}\n", proposal["single"].dump(),
                               proposal["batch"].dump());
    return answer;
}

}  // namespace nepenthe::pipelines
