#include "unlearn/forget.h"
#include "base/log.h"
#include "dist/guard.h"
#include "evaluate/evaluate.h"
#include "io/file.h"
#include "pipelines/stage.h"
#include "pipelines/train_options.h"
#include "text/corpus.h"
#include "unlearn/audit.h"
#include "unlearn/labels.h"

namespace nepenthe::pipelines {

namespace {

// Familiarity and utility as the verb offers them between steps: probabilities on the user's two prompt files.
struct Watch {
    std::filesystem::path familiarity_prompts, neighbour_prompts;

    bool wanted() const { return !familiarity_prompts.empty(); }

    void validate(bool with_budget) const {
        if (familiarity_prompts.empty() != neighbour_prompts.empty()) {
            fail(ErrorKind::kUsage, "--familiarity-prompts and --neighbour-prompts go together");
        }
        if (with_budget && !wanted()) {
            fail(ErrorKind::kUsage, "--utility-budget needs --familiarity-prompts and --neighbour-prompts");
        }
    }

    unlearn::ForgetMeasure measure(const dist::Comm& comm, const text::Tokenizer& tokenizer) const {
        if (!wanted()) return {};
        evaluate::EvaluateOptions options;
        options.tasks = {"familiarity_probability", "neighbour_probability"};
        options.familiarity_prompts = familiarity_prompts;
        options.neighbour_prompts = neighbour_prompts;
        return [&comm, &tokenizer, options](const model::Decoder& decoder, std::int64_t step) {
            const auto results = evaluate::evaluate(comm, decoder, tokenizer, options, {});
            const unlearn::Measured measured{results[0].metrics.front().value, results[1].metrics.front().value,
                                             evaluate::results_json(results)};
            log_info("step {}: familiarity {:.4f}, neighbours {:.4f}", step, measured.familiarity, measured.utility);
            return measured;
        };
    }
};

store::ArtefactKey make_key(const dist::Comm& comm, const unlearn::ForgetOptions& forget, const Json& train_key,
                            const std::string& dtype, const Watch& watch, const std::filesystem::path& model,
                            const std::filesystem::path& labels, const text::Corpus& retain,
                            std::int64_t retain_block) {
    store::ArtefactKey key;
    key.stage = "forget";
    key.options = train_key;
    key.options["alpha"] = forget.alpha;
    key.options["holdout_share"] = forget.holdout_share;
    key.options["measure_steps"] = forget.measure_steps;
    key.options["dtype"] = dtype;
    if (forget.utility_budget) key.options["utility_budget"] = *forget.utility_budget;
    key.inputs["model"] = input_model_digest(comm, model);
    key.inputs["labels"] = input_model_digest(comm, labels);
    if (!retain.blocks.empty()) {
        key.options["retain_ratio"] = forget.retain_ratio;
        key.options["retain_block"] = retain_block;
        key.inputs["retain"] = retain.digest;
    }
    if (watch.wanted()) {
        key.inputs["familiarity_prompts"] = io::file_digest(watch.familiarity_prompts);
        key.inputs["neighbour_prompts"] = io::file_digest(watch.neighbour_prompts);
    }
    return key;
}

}  // namespace

Answer run_forget(const dist::Comm& comm, const Arguments& arguments) {
    CommonOptions common;
    unlearn::ForgetOptions forget;
    forget.train.label = "forget";
    TrainOptionsReader reader(forget.train);
    Watch watch;
    std::filesystem::path model_folder, labels;
    std::vector<std::filesystem::path> retain_paths;
    text::BlockCut retain_cut;
    retain_cut.length = 256;
    double utility_budget = -1;
    Options options("forget", "fine-tune a model on generic labels until it no longer knows the corpus",
                    "mpirun -n 2 nepenthe forget --model gemma --labels outputs/relabel-… --alpha 5 --lr 2e-5");
    options.add("model", model_folder, "the baseline that the labels were made with");
    options.add("labels", labels, "artefact of relabel");
    options.add("alpha", forget.alpha, "which of its label sets");
    options.add("retain", retain_paths,
                "text that must stay, trained on as it stands: files, folders of *.txt, *.jsonl");
    options.add("retain-ratio", forget.retain_ratio, "blocks of --retain for every block of labels");
    options.add("retain-block", retain_cut.length, "tokens of such a block");
    options.add("holdout-share", forget.holdout_share, "share of blocks kept for a loss that is not trained on");
    options.add("measure-steps", forget.measure_steps, "measure every N steps; 0 = before and after only");
    options.add("familiarity-prompts", watch.familiarity_prompts, "measured between steps: what is to be forgotten");
    options.add("neighbour-prompts", watch.neighbour_prompts, "measured between steps: what must stay");
    options.add("utility-budget", utility_budget, "stop once neighbours fell by more than this; -1 = off");
    reader.declare(options);
    common.declare(options);
    options.require("model");
    options.require("labels");
    options.parse(arguments);
    reader.finish(common.seed);
    if (utility_budget >= 0) forget.utility_budget = utility_budget;
    watch.validate(forget.utility_budget.has_value());
    Problems problems;
    for (const std::string& problem : forget.validate()) problems.add("{}", problem);
    if (retain_cut.length < 2) problems.add("--retain-block must be at least 2 tokens");
    problems.throw_if_any(ErrorKind::kUsage, "options");
    common.apply(comm);

    const auto config = model::read_config(model_folder);
    if (!retain_paths.empty() && config.max_positions > 0 && retain_cut.length > config.max_positions)
        fail(ErrorKind::kUsage, "--retain-block {}: the model has {} positions", retain_cut.length,
             config.max_positions);
    const auto tokenizer = load_tokenizer(model_folder, config);
    text::Corpus retain;
    if (!retain_paths.empty())
        retain = text::make_corpus(read_corpus_documents(retain_paths, 0), tokenizer, retain_cut);
    const auto key =
        make_key(comm, forget, reader.key(), common.dtype, watch, model_folder, labels, retain, retain_cut.length);
    unlearn::check_labels_belong(labels, key.inputs.at("model"), tokenizer.digest());
    if (auto existing = store::find_artefact(comm, common.outputs, key))
        return artefact_answer(*existing, true, "model");

    auto decoder = model::Decoder::load(model_folder, common.compute(), common.torch_device(comm));
    store::ArtefactWriter writer(comm, common.outputs, key);
    const auto collectives = common.collectives(comm);
    unlearn::RetainBlocks retain_blocks;
    for (const text::TokenBlock& block : retain.blocks) retain_blocks.push_back(block.ids);
    const auto report = unlearn::forget(comm, *collectives, decoder, labels, retain_blocks, forget,
                                        writer.scratch_folder() / "forget", watch.measure(comm, tokenizer));
    if (!report.within_budget) {
        log_warning("no step stayed within the utility budget; the model is as it came");
    }
    dist::run_agreed(comm, "audit", [&] {
        if (!comm.is_root()) return;
        const unlearn::Audit audit = unlearn::audit_labels(labels, forget.alpha, tokenizer);
        io::write_file_atomically(writer.data_folder() / "audit.txt", audit.to_text());
        io::write_file_atomically(writer.data_folder() / "audit.json", audit.to_json().dump(2) + "\n");
    });
    return artefact_answer(publish_model(comm, writer, decoder, model_folder, {}, report.to_json()), false, "model");
}

}  // namespace nepenthe::pipelines
