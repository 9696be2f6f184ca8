#include "unlearn/repair/repair.h"
#include "dist/guard.h"
#include "io/safetensors.h"
#include "model/tensor_bytes.h"
#include "pipelines/moment_files.h"
#include "pipelines/repair_watch.h"
#include "pipelines/stage.h"

#include <map>
#include <memory>
#include <utility>

namespace nepenthe::pipelines {

namespace {

struct RepairStage {
    CommonOptions common;
    unlearn::RepairOptions repair;
    std::filesystem::path base, model;
    std::vector<std::filesystem::path> stats, forget_stats;
    std::string others = "base";
    RepairWatch watch;
    MomentFiles retained, forgotten;
    std::unique_ptr<const text::Tokenizer> tokenizer;
    store::ArtefactKey key;
};

struct Strength {
    double lambda = 0, perplexity_budget = 0, utility_budget = 0;
};

void finish(const Options& options, const Strength& strength, RepairStage& stage) {
    Problems problems;
    unlearn::RepairOptions& repair = stage.repair;
    if (options.given("perplexity-budget")) {
        repair.perplexity_budget = strength.perplexity_budget;
        if (!stage.watch.has_holdout()) problems.add("--perplexity-budget needs --holdout");
    }
    if (options.given("utility-budget")) {
        repair.utility_budget = strength.utility_budget;
        if (!stage.watch.has_neighbours()) problems.add("--utility-budget needs --neighbour-prompts");
    }
    const bool fixed = options.given("lambda");
    if (stage.stats.empty() && (repair.searches() || strength.lambda > 0))
        problems.add("--stats is missing: λ above 0 solves with moments of retained text");
    if (fixed == repair.searches()) problems.add("give --lambda, or a budget: {}", fixed ? "one of them" : "which λ?");
    if (fixed) {
        repair.lambdas = {strength.lambda};
        options.refuse_unread({"lambdas"}, "by a search (--perplexity-budget, --utility-budget)", problems);
    }
    if (stage.stats.empty()) options.refuse_unread({"forget-stats"}, "with --stats", problems);
    if (stage.forget_stats.empty()) options.refuse_unread({"ridge"}, "with --forget-stats", problems);
    stage.watch.finish(options, stage.common.seed, problems);
    for (const std::string& problem : stage.repair.validate()) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");
}

// Collective. The options, what they name, and the key.
RepairStage prepare_repair(const dist::Comm& comm, const Arguments& arguments) {
    RepairStage stage;
    unlearn::RepairOptions& repair = stage.repair;
    Strength strength;
    Options options("repair", "after any method: take what its update costs on retained text out of it, by a solve",
                    "mpirun -n 2 nepenthe repair --base gemma --model outputs/forget-… --stats outputs/stats-… "
                    "--holdout held-out.txt --perplexity-budget 0.02");
    options.add("base", stage.base, "the model before");
    options.add("model", stage.model, "the model after: forgotten, trained or edited");
    options.add("stats", stage.stats, "second moments of retained text on the base (stats --maps all); a list");
    options.add("forget-stats", stage.forget_stats, "of the forgotten text: keep what the update does there; a list");
    options.add("ridge", repair.ridge, "--forget-stats: what directions weigh that the forgotten text does not read");
    options.add("others", stage.others, {"base", "model"}, "whose embeddings, norms and biases");
    options.add("scale", repair.scale, "times the update, before the solve; negative: a task vector (with --lambda 0)");
    options.add("lambda", strength.lambda,
                "how strong, one number for all matrices; with a budget the smallest that keeps to it");
    options.add("perplexity-budget", strength.perplexity_budget,
                "by this share --holdout's perplexity may be above the base's");
    options.add("utility-budget", strength.utility_budget, "by this much neighbours may be below the base's");
    options.add("lambdas", repair.lambdas, "the λ that are tried");
    stage.watch.declare(options);
    stage.common.declare(options);
    for (const char* name : {"base", "model"}) options.require(name);
    options.parse(arguments);
    finish(options, strength, stage);
    stage.common.apply(comm);

    store::ArtefactKey& key = stage.key;
    key.stage = "repair";
    key.options = {{"lambdas", repair.lambdas}, {"others", stage.others}, {"compute", stage.common.compute_key()}};
    if (repair.perplexity_budget) key.options["perplexity_budget"] = *repair.perplexity_budget;
    if (repair.utility_budget) key.options["utility_budget"] = *repair.utility_budget;
    if (!stage.forget_stats.empty()) key.options["ridge"] = repair.ridge;
    if (repair.scale != 1) key.options["scale"] = repair.scale;
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
    for (const unlearn::MovedMaps& group : moved) {
        if (stage.stats.empty()) break;
        for (const MomentFiles* files : {&stage.retained, &stage.forgotten})
            files->check_holds({group.layer, group.input}, group.maps, problems);
    }
    problems.throw_if_any(ErrorKind::kData, "repair");
    return moved;
}

// Collective.
store::Artefact make_repair(const dist::Comm& comm, const RepairStage& stage) {
    if (auto existing = store::find_artefact(comm, stage.common.outputs, stage.key)) return *existing;
    const at::Device device = stage.common.torch_device(comm);
    const auto base = model::Decoder::load(stage.base, model::Compute::kFloat32, device);
    auto model = model::Decoder::load(stage.model, model::Compute::kFloat32, device);
    std::vector<unlearn::MovedMaps> moved;
    std::map<std::string, at::ScalarType> stored;  // of every parameter
    dist::run_agreed(comm, "the two models", [&] {
        moved = checked_maps(stage, base, model);
        const io::Checkpoint checkpoint = io::open_checkpoint(stage.model);
        for (const auto& [name, tensor] : model.parameters())
            stored[name] = *model::floating_type(checkpoint.find(name)->dtype);
    });
    const auto stored_as = [&](const std::string& name) { return stored.at(name); };
    unlearn::scale_others(base, model, stage.others == "base" ? 0 : stage.repair.scale, stored_as);

    store::ArtefactWriter writer(comm, stage.common.outputs, stage.key);
    unlearn::RepairInputs inputs{base, model, std::move(moved), {}, {}, {}};
    inputs.moments = [&](const unlearn::MovedMaps& maps) {
        return unlearn::RepairMoments{stage.retained.moment({maps.layer, maps.input}),
                                      stage.forgotten.moment({maps.layer, maps.input})};
    };
    inputs.stored = stored_as;
    inputs.measure = stage.watch.measure(comm, *stage.tokenizer, stage.common.compute());
    const unlearn::RepairReport report =
        unlearn::repair(comm, inputs, stage.repair, writer.scratch_folder() / "repair", stage.key.digest());
    return publish_model(comm, writer, model, stage.model, {}, report.to_json());
}

}  // namespace

store::ArtefactKey repair_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_repair(comm, arguments).key;
}

Answer run_repair(const dist::Comm& comm, const Arguments& arguments) {
    const RepairStage stage = prepare_repair(comm, arguments);
    const store::Artefact artefact = make_repair(comm, stage);
    Answer answer = summary_answer(artefact, "model");
    answer.text += curve_text(answer.json["summary"]);
    return answer;
}

}  // namespace nepenthe::pipelines
