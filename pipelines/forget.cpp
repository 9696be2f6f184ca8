#include "unlearn/forget.h"
#include "base/log.h"
#include "dist/guard.h"
#include "pipelines/curves.h"
#include "pipelines/forget_form.h"
#include "pipelines/forget_watch.h"
#include "pipelines/mask_option.h"
#include "pipelines/objective_request.h"
#include "pipelines/stage.h"
#include "pipelines/train_options.h"

#include <memory>

namespace nepenthe::pipelines {

namespace {

struct ForgetStage {
    CommonOptions common;
    unlearn::ForgetOptions forget;
    ForgetWatch watch;
    std::filesystem::path model;
    std::unique_ptr<const text::Tokenizer> tokenizer;  // stays where it is: the form points to it
    std::unique_ptr<ForgetForm> form;
    MaskOption mask;
    store::ArtefactKey key;
};

// Collective.
store::ArtefactKey make_forget_key(const dist::Comm& comm, ForgetStage& stage, const Json& training) {
    const unlearn::ForgetOptions& forget = stage.forget;
    store::ArtefactKey key;
    key.stage = "forget";
    key.options = training;
    key.options["measure_steps"] = forget.measure_steps;
    key.options["compute"] = stage.common.compute_key();
    if (forget.utility_budget) key.options["utility_budget"] = *forget.utility_budget;
    if (forget.repetition_budget) key.options["repetition_budget"] = *forget.repetition_budget;
    key.inputs["model"] = input_model_digest(comm, stage.model);
    key.inputs["tokenizer"] = stage.tokenizer->digest();
    key.inputs.merge(stage.watch.inputs());
    stage.form->complete_key(comm, key);
    stage.mask.complete_key(comm, key);
    return key;
}

// Collective. The options, what they name, and the key.
ForgetStage prepare_forget(const dist::Comm& comm, const Arguments& arguments) {
    ForgetStage stage;
    CommonOptions& common = stage.common;
    unlearn::ForgetOptions& forget = stage.forget;
    ForgetWatch& watch = stage.watch;
    std::string objective = objective_word("forget", "labels", objective_names(), arguments);
    stage.form = objective == "labels" ? make_label_form() : make_objective_form(objective);
    double utility_budget = -1, repetition_budget = -1;
    Options options("forget", "fine-tune a model until it no longer knows a corpus: on generic labels, or an objective",
                    stage.form->example());
    options.set_elsewhere(forget_option_names());
    options.add("model", stage.model, "what is to forget: the baseline that labels were made with");
    options.add("objective", objective, objective_names(), "what is minimised; each has options of its own");
    stage.form->declare(options, forget);
    TrainOptionsReader reader(forget.train);
    options.add("measure-steps", forget.measure_steps, "measure every N steps; 0 = before and after only");
    options.add("familiarity-prompts", watch.familiarity_prompts, "measured between steps: what is to be forgotten");
    options.add("neighbour-prompts", watch.neighbour_prompts, "measured between steps: what must stay");
    options.add("completion-prompts", watch.completion_prompts,
                "measured between steps: what the model says by itself");
    options.add("utility-budget", utility_budget, "stop once neighbours fell by more than this; -1 = off");
    options.add("repetition-budget", repetition_budget,
                "keep no step whose share of repeated trigrams rose by more than this; -1 = off");
    stage.mask.declare(options);
    reader.declare(options);
    common.declare(options);
    options.require("model");
    options.parse(arguments);
    reader.finish(options, common);
    if (utility_budget >= 0) forget.utility_budget = utility_budget;
    if (repetition_budget >= 0) forget.repetition_budget = repetition_budget;
    Problems problems;
    stage.form->finish(options, forget, problems);
    watch.check(forget, problems);
    stage.mask.finish(options, problems);
    for (const std::string& problem : forget.validate()) problems.add("{}", problem);
    problems.throw_if_any(ErrorKind::kUsage, "options");
    common.apply(comm);

    const auto config = model::read_config(stage.model);
    train::require_modules(config, forget.train.frozen);
    stage.tokenizer = std::make_unique<const text::Tokenizer>(load_tokenizer(stage.model, config));
    stage.form->read(comm, stage.model, config, *stage.tokenizer);
    stage.key = make_forget_key(comm, stage, reader.key());
    return stage;
}

}  // namespace

store::ArtefactKey forget_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_forget(comm, arguments).key;
}

Answer run_forget(const dist::Comm& comm, const Arguments& arguments) {
    ForgetStage stage = prepare_forget(comm, arguments);
    const CommonOptions& common = stage.common;
    if (auto existing = store::find_artefact(comm, common.outputs, stage.key))
        return artefact_answer(*existing, "model");

    auto decoder = model::Decoder::load(stage.model, common.compute(), common.torch_device(comm));
    stage.forget.train.moving = stage.mask.moving(comm, decoder, stage.key);
    store::ArtefactWriter writer(comm, common.outputs, stage.key);
    const auto collectives = common.collectives(comm);
    const auto work = writer.scratch_folder() / "forget";
    const ForgetForm::Made made = stage.form->make(comm, decoder, stage.forget, work);
    const Curves curves(comm, common.outputs, stage.key.folder_name());
    const auto report =
        unlearn::forget(comm, *collectives, decoder, *made.objective, made.holdout_loss, stage.forget, work,
                        stage.watch.measure(comm, *stage.tokenizer, curves), curves.of_steps(made.objective->terms()));
    if (!report.within_budget) {
        log_warning("no step kept to the budgets; the model is as it came");
    }
    dist::run_agreed(comm, "files beside the model", [&] {
        if (comm.is_root()) stage.form->write_beside(*stage.tokenizer, writer.data_folder());
    });
    Json summary = report.to_json();
    summary.update(made.summary);
    return artefact_answer(publish_model(comm, writer, decoder, stage.model, {}, summary), "model");
}

}  // namespace nepenthe::pipelines
