#include "unlearn/forget.h"
#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "pipelines/curves.h"
#include "pipelines/forget_watch.h"
#include "pipelines/stage.h"
#include "pipelines/train_options.h"
#include "text/corpus.h"
#include "unlearn/audit.h"
#include "unlearn/labels.h"

#include <optional>

namespace nepenthe::pipelines {

namespace {

struct ForgetStage {
    CommonOptions common;
    unlearn::ForgetOptions forget;
    ForgetWatch watch;
    std::filesystem::path model, labels;
    text::BlockCut retain_cut;
    std::optional<text::Tokenizer> tokenizer;
    text::Corpus retain;
    store::ArtefactKey key;
};

// Collective.
store::ArtefactKey make_key(const dist::Comm& comm, const ForgetStage& stage, const Json& training) {
    const unlearn::ForgetOptions& forget = stage.forget;
    store::ArtefactKey key;
    key.stage = "forget";
    key.options = training;
    key.options["alpha"] = forget.alpha;
    key.options["targets"] = unlearn::target_name(forget.targets.kind);
    key.options["half_weight"] = forget.targets.half_weight;
    key.options["translated_ratio"] = forget.mix.translated_ratio;
    key.options["holdout_share"] = forget.holdout_share;
    key.options["measure_steps"] = forget.measure_steps;
    key.options["compute"] = stage.common.compute_key();
    key.options["unlabelled_blocks"] = "left out";
    if (forget.utility_budget) key.options["utility_budget"] = *forget.utility_budget;
    if (forget.repetition_budget) key.options["repetition_budget"] = *forget.repetition_budget;
    key.inputs["model"] = input_model_digest(comm, stage.model);
    key.inputs["tokenizer"] = stage.tokenizer->digest();
    key.inputs["labels"] = input_artefact_digest(comm, stage.labels);
    if (!stage.retain.blocks.empty()) {
        key.options["retain_ratio"] = forget.mix.retain_ratio;
        key.options["retain_block"] = stage.retain_cut.length;
        key.inputs["retain"] = stage.retain.digest;
    }
    if (!stage.retain.blocks.empty() || forget.mix.translated_ratio > 0) {
        key.options["retain_targets"] = unlearn::retain_name(forget.mix.retain_targets);
    }
    key.inputs.merge(stage.watch.inputs());
    return key;
}

// Collective. The options, what they name, and the key.
ForgetStage prepare(const dist::Comm& comm, const Arguments& arguments) {
    ForgetStage stage;
    CommonOptions& common = stage.common;
    unlearn::ForgetOptions& forget = stage.forget;
    forget.train.label = "forget";
    TrainOptionsReader reader(forget.train);
    ForgetWatch& watch = stage.watch;
    std::filesystem::path& model_folder = stage.model;
    std::filesystem::path& labels = stage.labels;
    std::vector<std::filesystem::path> retain_paths;
    text::BlockCut& retain_cut = stage.retain_cut;
    retain_cut.length = 256;
    double alpha = 5, utility_budget = -1, repetition_budget = -1;
    std::string targets(unlearn::target_name(forget.targets.kind));
    std::string retain_targets(unlearn::retain_name(forget.mix.retain_targets));
    Options options("forget", "fine-tune a model on generic labels until it no longer knows the corpus",
                    "mpirun -n 2 nepenthe forget --model gemma --labels outputs/relabel-… --alpha 5 --lr 2e-5");
    options.add("model", model_folder, "the baseline that the labels were made with");
    options.add("labels", labels, "artefact of relabel");
    options.add("alpha", alpha, "which of its label sets", 0.0);
    options.add("targets", targets, {"soft", "hard"}, "whole distributions, or the labels themselves");
    options.add("half-weight", forget.targets.half_weight,
                "weigh positions D/(D+N), D nats from label to reinforced model; 0 = all the same", 0.0);
    options.add("translated-ratio", forget.mix.translated_ratio,
                "blocks of the translated corpus, kept like --retain, for every block of labels", 0.0);
    options.add("retain", retain_paths, "text that must stay: files, folders of *.txt, *.jsonl");
    options.add("retain-targets", retain_targets, {"model", "text"},
                "what that text should predict: what the model said of it at the start, or itself");
    options.add("retain-ratio", forget.mix.retain_ratio, "blocks of --retain for every block of labels");
    options.add("retain-block", retain_cut.length, "tokens of such a block");
    options.add("holdout-share", forget.holdout_share, "share of blocks kept for a loss that is not trained on");
    options.add("measure-steps", forget.measure_steps, "measure every N steps; 0 = before and after only");
    options.add("familiarity-prompts", watch.familiarity_prompts, "measured between steps: what is to be forgotten");
    options.add("neighbour-prompts", watch.neighbour_prompts, "measured between steps: what must stay");
    options.add("completion-prompts", watch.completion_prompts,
                "measured between steps: what the model says by itself");
    options.add("utility-budget", utility_budget, "stop once neighbours fell by more than this; -1 = off");
    options.add("repetition-budget", repetition_budget,
                "keep no step whose share of repeated trigrams rose by more than this; -1 = off");
    reader.declare(options);
    common.declare(options);
    options.require("model");
    options.require("labels");
    options.parse(arguments);
    reader.finish(options, common);
    forget.alpha = unlearn::alpha_name(alpha);
    forget.targets.kind = unlearn::parse_target(targets);
    forget.mix.retain_targets = unlearn::parse_retain(retain_targets);
    if (utility_budget >= 0) forget.utility_budget = utility_budget;
    if (repetition_budget >= 0) forget.repetition_budget = repetition_budget;
    Problems problems;
    watch.check(forget, problems);
    if (retain_paths.empty()) options.refuse_unread({"retain-ratio", "retain-block"}, "with --retain", problems);
    if (retain_paths.empty() && forget.mix.translated_ratio == 0)
        options.refuse_unread({"retain-targets"}, "with --retain or --translated-ratio", problems);
    for (const std::string& problem : forget.validate()) problems.add("{}", problem);
    if (retain_cut.length < 2) problems.add("--retain-block must be at least 2 tokens");
    problems.throw_if_any(ErrorKind::kUsage, "options");
    common.apply(comm);

    const auto config = model::read_config(model_folder);
    if (!retain_paths.empty() && config.max_positions > 0 && retain_cut.length > config.max_positions)
        fail(ErrorKind::kUsage, "--retain-block {}: the model has {} positions", retain_cut.length,
             config.max_positions);
    stage.tokenizer = load_tokenizer(model_folder, config);
    if (!retain_paths.empty()) {
        stage.retain = text::make_corpus(read_corpus_documents(retain_paths, 0), *stage.tokenizer, retain_cut);
        leave_out_single_tokens(stage.retain, "retain");
    }
    stage.key = make_key(comm, stage, reader.key());
    unlearn::check_labels_belong(labels, stage.key.inputs.at("model"), stage.tokenizer->digest());
    return stage;
}

}  // namespace

store::ArtefactKey forget_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare(comm, arguments).key;
}

Answer run_forget(const dist::Comm& comm, const Arguments& arguments) {
    const ForgetStage stage = prepare(comm, arguments);
    const CommonOptions& common = stage.common;
    if (auto existing = store::find_artefact(comm, common.outputs, stage.key))
        return artefact_answer(*existing, "model");

    auto decoder = model::Decoder::load(stage.model, common.compute(), common.torch_device(comm));
    store::ArtefactWriter writer(comm, common.outputs, stage.key);
    const auto collectives = common.collectives(comm);
    unlearn::TextBlocks retain_blocks;
    for (const text::TokenBlock& block : stage.retain.blocks) retain_blocks.push_back(block.ids);
    const Curves curves(comm, common.outputs, stage.key.folder_name());
    const auto report = unlearn::forget(comm, *collectives, decoder, stage.labels, retain_blocks, stage.forget,
                                        writer.scratch_folder() / "forget",
                                        stage.watch.measure(comm, *stage.tokenizer, curves), curves.of_steps());
    if (!report.within_budget) {
        log_warning("no step kept to the budgets; the model is as it came");
    }
    dist::run_agreed(comm, "audit", [&] {
        if (!comm.is_root()) return;
        const unlearn::Audit audit = unlearn::audit_labels(stage.labels, stage.forget.alpha, *stage.tokenizer);
        io::write_file_atomically(writer.data_folder() / "audit.txt", audit.to_text());
        io::write_file_atomically(writer.data_folder() / "audit.json", json_text(audit.to_json(), 2) + "\n");
    });
    return artefact_answer(publish_model(comm, writer, decoder, stage.model, {}, report.to_json()), "model");
}

}  // namespace nepenthe::pipelines
