#include "unlearn/repair/repair.h"
#include "base/log.h"
#include "dist/guard.h"
#include "io/safetensors.h"
#include "model/tensor_bytes.h"
#include "pipelines/evaluation.h"
#include "pipelines/repair_moments.h"
#include "pipelines/stage.h"

#include <memory>
#include <optional>

namespace nepenthe::pipelines {

namespace {

struct RepairStage {
    CommonOptions common;
    unlearn::RepairOptions repair;
    std::filesystem::path base, model, holdout;
    std::vector<std::filesystem::path> stats, forget_stats;
    std::string others = "model";
    Evaluation watch;  // what is measured at every λ
    RepairMomentFiles retained, forgotten;
    std::unique_ptr<const text::Tokenizer> tokenizer;
    store::ArtefactKey key;
};

void finish(const Options& options, double lambda, double budget, RepairStage& stage) {
    Problems problems;
    const bool fixed = options.given("lambda"), searched = options.given("perplexity-budget");
    if (fixed == searched)
        problems.add("give --lambda, or --perplexity-budget and --holdout: {}", fixed ? "one of them" : "which λ?");
    if (fixed) {
        stage.repair.lambdas = {lambda};
        options.refuse_unread({"lambdas"}, "by a search (--perplexity-budget)", problems);
    }
    if (searched) {
        stage.repair.budget = budget;
        if (stage.holdout.empty()) problems.add("--perplexity-budget needs --holdout");
    }
    if (stage.forget_stats.empty()) options.refuse_unread({"ridge"}, "with --forget-stats", problems);
    if (stage.holdout.empty()) options.refuse_unread({"window"}, "with --holdout", problems);
    for (const std::string& problem : stage.repair.validate()) problems.add("{}", problem);
    evaluate::EvaluateOptions& measured = stage.watch.options;
    measured.seed = stage.common.seed;
    if (!measured.familiarity_prompts.empty()) measured.tasks.emplace_back("familiarity_probability");
    if (!measured.neighbour_prompts.empty()) measured.tasks.emplace_back("neighbour_probability");
    if (!stage.holdout.empty()) stage.watch.texts = {{"holdout", stage.holdout}};
    problems.add_all(measured.validate());
    if (!stage.holdout.empty() && !std::filesystem::exists(stage.holdout))
        problems.add("--holdout {} is not there", stage.holdout.string());
    problems.throw_if_any(ErrorKind::kUsage, "options");
}

// Collective. The options, what they name, and the key.
RepairStage prepare(const dist::Comm& comm, const Arguments& arguments) {
    RepairStage stage;
    unlearn::RepairOptions& repair = stage.repair;
    stage.watch.options.window = 512;
    double lambda = 0, budget = 0;
    Options options("repair", "after any method: take what its update costs on retained text out of it, by a solve",
                    "mpirun -n 2 nepenthe repair --base gemma --model outputs/forget-… --stats outputs/stats-… "
                    "--holdout held-out.txt --perplexity-budget 0.02");
    options.add("base", stage.base, "the model before");
    options.add("model", stage.model, "the model after: forgotten, trained or edited");
    options.add("stats", stage.stats, "second moments of retained text on the base (stats --maps all); a list");
    options.add("forget-stats", stage.forget_stats, "of the forgotten text: keep what the update does there; a list");
    options.add("ridge", repair.ridge, "--forget-stats: what directions weigh that the forgotten text does not read");
    options.add("others", stage.others, {"model", "base"}, "whose embeddings, norms and biases");
    options.add("lambda", lambda, "how strong, one number for all matrices");
    options.add("perplexity-budget", budget,
                "or: the smallest λ with which --holdout's perplexity is higher than the base's by this share at most");
    options.add("lambdas", repair.lambdas, "the λ that are tried");
    options.add("holdout", stage.holdout, "retained text that is not in --stats: its perplexity at every λ");
    options.add("window", stage.watch.options.window,
                "tokens a perplexity window; 0 = the model's maximum, at most 2048", 0);
    options.add("familiarity-prompts", stage.watch.options.familiarity_prompts, "measured at every λ");
    options.add("neighbour-prompts", stage.watch.options.neighbour_prompts, "measured at every λ");
    stage.common.declare(options);
    for (const char* name : {"base", "model", "stats"}) options.require(name);
    options.parse(arguments);
    finish(options, lambda, budget, stage);
    stage.common.apply(comm);

    store::ArtefactKey& key = stage.key;
    key.stage = "repair";
    key.options = {{"lambdas", repair.lambdas}, {"others", stage.others}, {"compute", stage.common.compute_key()}};
    if (repair.budget) key.options["perplexity_budget"] = *repair.budget;
    if (!stage.forget_stats.empty()) key.options["ridge"] = repair.ridge;
    key.options["measured"] = stage.watch.key(comm);
    stage.tokenizer =
        std::make_unique<const text::Tokenizer>(load_tokenizer(stage.model, model::read_config(stage.model)));
    key.inputs["base"] = input_model_digest(comm, stage.base);
    key.inputs["model"] = input_model_digest(comm, stage.model);
    key.inputs["tokenizer"] = stage.tokenizer->digest();
    dist::run_agreed(comm, "second moments", [&] {
        stage.retained.read("stats", stage.stats, key.inputs.at("base"), key.inputs.at("tokenizer"));
        stage.forgotten.read("forget-stats", stage.forget_stats, key.inputs.at("base"), key.inputs.at("tokenizer"));
        stage.retained.complete_key(key);
        stage.forgotten.complete_key(key);
    });
    return stage;
}

// Collective.
unlearn::RepairMeasured measure(const dist::Comm& comm, const RepairStage& stage, const model::Decoder& decoder) {
    std::optional<model::Decoder> rounded;
    if (decoder.compute() != stage.common.compute()) rounded.emplace(decoder.copy(stage.common.compute()));
    const auto results = stage.watch.measure(comm, rounded ? *rounded : decoder, *stage.tokenizer, {});
    unlearn::RepairMeasured measured;
    const evaluate::EvaluateOptions& options = stage.watch.options;
    if (!stage.holdout.empty()) measured.perplexity = metric_value(results, "perplexity:holdout", "perplexity");
    if (!options.familiarity_prompts.empty())
        measured.familiarity = metric_value(results, "familiarity_probability", "content_mass");
    if (!options.neighbour_prompts.empty())
        measured.neighbours = metric_value(results, "neighbour_probability", "content_mass");
    return measured;
}

// What lets the two go together and the moments suffice.
std::vector<unlearn::MovedMaps> checked_maps(const RepairStage& stage, const model::Decoder& base,
                                             const model::Decoder& model) {
    Problems problems;
    for (const auto& [option, decoder] : {std::pair{"base", &base}, {"model", &model}}) {
        if (decoder->side_memory() != nullptr)
            problems.add("--{} has a side memory beside its weights; take the model that it was made from", option);
    }
    problems.throw_if_any(ErrorKind::kData, "repair");
    unlearn::check_made_from(base, model);
    std::vector<unlearn::MovedMaps> moved = unlearn::moved_maps(base, model);
    if (moved.empty())
        problems.add("no matrix of a layer differs between --base and --model: there is nothing to repair");
    stage.retained.check_holds(moved, problems);
    stage.forgotten.check_holds(moved, problems);
    problems.throw_if_any(ErrorKind::kData, "repair");
    return moved;
}

// Collective.
store::Artefact make(const dist::Comm& comm, const RepairStage& stage) {
    const at::Device device = stage.common.torch_device(comm);
    const auto base = model::Decoder::load(stage.base, model::Compute::kFloat32, device);
    auto model = model::Decoder::load(stage.model, model::Compute::kFloat32, device);
    std::vector<unlearn::MovedMaps> moved;
    std::map<std::string, at::ScalarType> stored;
    dist::run_agreed(comm, "the two models", [&] {
        moved = checked_maps(stage, base, model);
        const io::Checkpoint checkpoint = io::open_checkpoint(stage.model);
        for (const unlearn::MovedMaps& group : moved) {
            for (const model::LinearMap& map : group.maps)
                stored[map.name] = *model::floating_type(checkpoint.find(map.name)->dtype);
        }
    });
    if (stage.others == "base") unlearn::take_others_from(base, model);

    store::ArtefactWriter writer(comm, stage.common.outputs, stage.key);
    unlearn::RepairInputs inputs{base, model, std::move(moved), {}, {}, {}};
    inputs.moments = [&](const unlearn::MovedMaps& maps) {
        return unlearn::RepairMoments{stage.retained.moment(maps), stage.forgotten.moment(maps)};
    };
    inputs.stored = [&](const std::string& name) { return stored.at(name); };
    if (!stage.watch.texts.empty() || !stage.watch.options.tasks.empty())
        inputs.measure = [&](const model::Decoder& decoder) { return measure(comm, stage, decoder); };
    const unlearn::RepairReport report =
        unlearn::repair(comm, inputs, stage.repair, writer.scratch_folder() / "repair", stage.key.digest());
    return publish_model(comm, writer, model, stage.model, {}, report.to_json());
}

// The curve, a line each λ.
std::string curve_text(const Json& summary) {
    const auto number = [](const Json& value) {
        return value.is_null() ? std::string() : fmt::format("{:.4f}", value.get<double>());
    };
    const auto line = [&](const std::string& name, const std::string& kept, const Json& row) {
        return fmt::format("  {:<8} {:>8} {:>12} {:>12} {:>12}\n", name, kept, number(row.at("perplexity")),
                           number(row.at("familiarity")), number(row.at("neighbours")));
    };
    std::string text =
        fmt::format("  {:<8} {:>8} {:>12} {:>12} {:>12}\n", "λ", "kept", "perplexity", "familiarity", "neighbours");
    text += line("base", "", summary.at("base"));
    for (const Json& row : summary.at("curve"))
        text += line(fmt::format("{}", row.at("lambda").get<double>()), number(row.at("kept")), row);
    return text + fmt::format("λ {} is taken\n", summary.at("lambda").get<double>());
}

}  // namespace

store::ArtefactKey repair_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare(comm, arguments).key;
}

Answer run_repair(const dist::Comm& comm, const Arguments& arguments) {
    const RepairStage stage = prepare(comm, arguments);
    const auto existing = store::find_artefact(comm, stage.common.outputs, stage.key);
    const store::Artefact artefact = existing ? *existing : make(comm, stage);
    Answer answer = artefact_answer(artefact, "model");
    answer.json["summary"] = artefact.manifest.value("summary", Json::object());
    answer.text += curve_text(answer.json["summary"]);
    return answer;
}

}  // namespace nepenthe::pipelines
