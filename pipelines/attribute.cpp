#include "dist/guard.h"
#include "pipelines/forget_form.h"
#include "pipelines/mask_density.h"
#include "pipelines/moment_files.h"
#include "pipelines/objective_request.h"
#include "pipelines/stage.h"
#include "unlearn/attribution/mask_file.h"
#include "unlearn/attribution/mean_gradients.h"
#include "unlearn/attribution/score.h"
#include "unlearn/attribution/select.h"
#include "unlearn/attribution/wanda.h"

#include <torch/types.h>

#include <map>
#include <memory>

namespace nepenthe::pipelines {

namespace {

struct AttributeStage {
    CommonOptions common;
    std::filesystem::path model;
    std::unique_ptr<ObjectiveRequest> request;
    std::unique_ptr<const text::Tokenizer> tokenizer;  // stays where it is: the data points to it
    unlearn::ScoreKind score = unlearn::ScoreKind::kWagle;
    double gamma = 1e-8;
    std::vector<double> shares = {0.95};
    bool store_scores = false;
    std::vector<std::filesystem::path> stats;
    MomentFiles moments;
    store::ArtefactKey key;

    bool reads_data() const { return unlearn::reads_forget_gradient(score) || unlearn::reads_retain_gradient(score); }
};

// Objectives that are made of likelihoods of questions or text: they move every weight, and have two sides.
std::vector<std::string> table_names() {
    std::vector<std::string> names;
    for (const unlearn::ObjectiveKind& kind : unlearn::objective_kinds()) {
        if (kind.make == nullptr) names.push_back(kind.name);
    }
    return names;
}

// Options that say what gradients are of: the objective, its own and its data.
std::vector<std::string> data_options(const std::string& objective) {
    Options options("attribute", "", "");
    ObjectiveRequest(objective).declare(options);
    std::vector<std::string> names = options.names();
    names.emplace_back("objective");
    return names;
}

// Collective. The options, what they name, and the key.
AttributeStage prepare_attribute(const dist::Comm& comm, const Arguments& arguments) {
    AttributeStage stage;
    std::string objective = objective_word("attribute", "graddiff", table_names(), arguments),
                score(unlearn::score_name(stage.score));
    stage.request = std::make_unique<ObjectiveRequest>(objective);
    Options options("attribute", "which weights may move: scores of all weights, cut at one or several shares",
                    "mpirun -n 2 nepenthe attribute --model gemma --forget forget.jsonl --retain retain.jsonl "
                    "--shares 0.95,0.8");
    options.set_elsewhere(forget_option_names());
    options.add("model", stage.model, "Hugging Face folder");
    options.add("objective", objective, table_names(), "whose two sides' gradients are compared");
    stage.request->declare(options);
    options.add("score", score, unlearn::score_names(), "what a weight is chosen by");
    options.add("gamma", stage.gamma, "wagle: the retain loss's curvature, of mean gradients");
    options.add("stats", stage.stats, "wanda: second moments of what maps read (stats --maps all); a list");
    options.add("shares", stage.shares, "shares of the weights that may move, 0 … 1");
    options.add("store-scores", stage.store_scores, "keep the scores beside the masks");
    stage.common.declare(options);
    options.require("model");
    options.parse(arguments);
    stage.score = unlearn::parse_score(score);
    Problems problems;
    if (stage.reads_data()) {
        stage.request->finish(options, problems);
    } else {
        options.refuse_unread(data_options(objective), "by scores of gradients, not by " + score, problems);
    }
    if (stage.score != unlearn::ScoreKind::kWagle)
        options.refuse_unread({"gamma"}, "by --score wagle, not by " + score, problems);
    if (!unlearn::reads_output_ranks(stage.score))
        options.refuse_unread({"stats"}, "by --score wanda, not by " + score, problems);
    else if (stage.stats.empty())
        problems.add(
            "--stats is missing: --score wanda asks how large the inputs are that a weight meets (nepenthe stats "
            "--maps all)");
    if (!(stage.gamma > 0)) problems.add("--gamma {} must be positive", stage.gamma);
    if (stage.shares.empty()) problems.add("--shares is empty");
    for (const double share : stage.shares) {
        if (!(share >= 0 && share <= 1)) problems.add("--shares {} is not in 0 … 1", share);
    }
    if (unlearn::reads_retain_gradient(stage.score) && !stage.request->needs().retain)
        problems.add("--score {} compares with retained text: {} has none", score, objective);
    problems.throw_if_any(ErrorKind::kUsage, "options");
    stage.common.apply(comm);

    const auto config = model::read_config(stage.model);
    stage.tokenizer = std::make_unique<const text::Tokenizer>(load_tokenizer(stage.model, config));
    if (stage.reads_data()) stage.request->read(comm, stage.model, config, *stage.tokenizer);
    store::ArtefactKey& key = stage.key;
    key.stage = "attribute";
    key.options = {{"score", score},
                   {"shares", stage.shares},
                   {"store_scores", stage.store_scores},
                   {"seed", stage.common.seed},
                   {"compute", stage.common.compute_key()}};
    if (stage.score == unlearn::ScoreKind::kWagle) key.options["gamma"] = stage.gamma;
    key.inputs["model"] = input_model_digest(comm, stage.model);
    key.inputs["tokenizer"] = stage.tokenizer->digest();
    if (stage.reads_data()) stage.request->complete_key(key);
    dist::run_agreed(comm, "second moments", [&] {
        stage.moments.read("stats", stage.stats, key.inputs.at("model"), key.inputs.at("tokenizer"));
        stage.moments.complete_key(key);
    });
    return stage;
}

// Collective. Ranks within outputs by the moments of --stats, of this rank's shard of `numel` weights.
at::Tensor output_ranks(const dist::Comm& comm, const AttributeStage& stage, const model::Decoder& decoder,
                        const unlearn::ParameterTable& table, const std::vector<unlearn::ShardRange>& ranges,
                        std::int64_t numel) {
    const at::Tensor ranks = torch::empty({numel}, at::kFloat);
    dist::run_agreed(comm, "scores", [&] {
        std::map<edit::MomentMap, std::vector<model::LinearMap>> readers;
        for (const model::LinearMap& map : model::linear_maps(decoder)) readers[{map.layer, map.input}].push_back(map);
        Problems problems;
        for (const auto& [input, maps] : readers) stage.moments.check_holds(input, maps, problems);
        problems.throw_if_any(ErrorKind::kData, "attribute");
        const auto norms = [&](const model::LinearMap& map) {
            return stage.moments.moment({map.layer, map.input}).diagonal().clamp_min(0).sqrt().to(at::kFloat);
        };
        unlearn::wanda_shard(decoder, table, ranges, norms, ranks);
    });
    return ranks;
}

// Collective. Writes the masks and returns what the manifest says of them.
store::Artefact make_masks(const dist::Comm& comm, const AttributeStage& stage) {
    if (auto existing = store::find_artefact(comm, stage.common.outputs, stage.key)) return *existing;
    const CommonOptions& common = stage.common;
    const auto decoder = model::Decoder::load(stage.model, common.compute(), common.torch_device(comm));
    store::ArtefactWriter writer(comm, common.outputs, stage.key);
    const auto collectives = common.collectives(comm);
    std::unique_ptr<const train::Objective> objective = std::make_unique<train::SampleObjective>(1, nullptr);
    if (stage.reads_data()) {
        objective = unlearn::make_objective(comm, decoder, stage.request->data(), stage.request->choice(), 1,
                                            common.seed, writer.scratch_folder() / "start");
    }
    const train::TrainedWeights weights(decoder, *objective, std::int64_t{25} << 20, comm.size());
    const unlearn::ParameterTable table = unlearn::parameter_table(decoder);
    unlearn::ScoreInputs inputs;
    inputs.ranges = unlearn::shard_ranges(table, weights.layout(), comm.rank());
    inputs.gamma = stage.gamma;
    inputs.seed = common.seed;
    inputs.weights = weights.shard(comm.rank());
    const auto gradient = [&](train::Side side, const char* label) {
        return unlearn::mean_gradient(comm, *collectives, decoder, *objective, weights, side, label);
    };
    if (unlearn::reads_forget_gradient(stage.score))
        inputs.forget_gradient = gradient(train::Side::kForget, "gradient of what is forgotten");
    if (unlearn::reads_retain_gradient(stage.score))
        inputs.retain_gradient = gradient(train::Side::kRetain, "gradient of what is retained");

    if (unlearn::reads_output_ranks(stage.score))
        inputs.output_ranks = output_ranks(comm, stage, decoder, table, inputs.ranges, inputs.weights.numel());
    const at::Tensor scores = inputs.weights.clone();
    unlearn::score(stage.score, inputs, scores);
    const std::span<const float> shard(scores.const_data_ptr<float>(), static_cast<std::size_t>(scores.numel()));
    const std::vector<unlearn::Cut> cuts = unlearn::select(comm, table, shard, inputs.ranges, stage.shares);
    unlearn::MaskClaims claims;
    claims.model_digest = stage.key.inputs.at("model");
    claims.tokenizer_digest = stage.key.inputs.at("tokenizer");
    claims.score = unlearn::score_name(stage.score);
    if (stage.reads_data()) claims.loss = stage.request->choice().kind->name;
    if (stage.score == unlearn::ScoreKind::kWagle) claims.gamma = stage.gamma;
    claims.forget_items = stage.reads_data() ? objective->items() : 0;
    claims.retain_items = unlearn::reads_retain_gradient(stage.score) ? objective->items() : 0;
    claims.seed = common.seed;
    claims.config = stage.key.options;
    const unlearn::WrittenMasks written = unlearn::write_mask_file(
        comm, writer.data_folder() / unlearn::kMaskFile,
        unlearn::selected_masks(comm, claims, table, shard, inputs.ranges, cuts, stage.store_scores));
    Json summary = stage.reads_data() ? stage.request->summary() : Json::object();
    summary["density"] = written.density;
    return writer.publish(summary, {{unlearn::kMaskFile, written.digest}});
}

}  // namespace

store::ArtefactKey attribute_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_attribute(comm, arguments).key;
}

Answer run_attribute(const dist::Comm& comm, const Arguments& arguments) {
    const AttributeStage stage = prepare_attribute(comm, arguments);
    const store::Artefact artefact = make_masks(comm, stage);
    Answer answer = summary_answer(artefact, "masks");
    answer.text += density_text(answer.json["summary"].at("density"));
    return answer;
}

}  // namespace nepenthe::pipelines
