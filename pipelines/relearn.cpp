#include "audit/relearn.h"

#include "dist/guard.h"
#include "evaluate/metric.h"
#include "io/file.h"
#include "pipelines/curves.h"
#include "pipelines/evaluation.h"
#include "pipelines/stage.h"
#include "pipelines/train_options.h"
#include "report/line_plot.h"
#include "report/page.h"
#include "train/sequence_objective.h"
#include "unlearn/data/forget_data.h"

#include <algorithm>
#include <optional>

namespace nepenthe::pipelines {

namespace {

// As Unlearn-Smooth relearns (Fan et al. 2502.05374, AdamW at 1e-5 without decay), with a rate that does not depend on
// how long the curve is.
train::TrainOptions default_training() {
    train::TrainOptions options;
    options.lr = 1e-5;
    options.schedule = train::ScheduleKind::kConstant;
    options.label = "relearn";
    return options;
}

struct RelearnStage {
    CommonOptions common;
    train::TrainOptions train = default_training();
    Evaluation evaluation;
    std::filesystem::path model;
    unlearn::ForgetDataFiles files;
    std::vector<std::int64_t> steps;
    std::unique_ptr<const text::Tokenizer> tokenizer;
    std::optional<unlearn::ForgetData> data;
    store::ArtefactKey key;
};

void check_steps(const std::vector<std::int64_t>& steps, Problems& problems) {
    if (steps.empty()) problems.add("--steps is missing: after which steps to measure");
    if (!std::ranges::is_sorted(steps, std::ranges::less_equal())) problems.add("--steps must rise, each step once");
}

// Collective. The options, what they name, and the key.
RelearnStage prepare_relearn(const dist::Comm& comm, const Arguments& arguments) {
    RelearnStage stage;
    TrainOptionsReader reader(stage.train);
    Options options("relearn", "train a model on a text and measure how fast it says again what it forgot",
                    "mpirun -n 2 nepenthe relearn --model outputs/forget-… --corpus other.txt --steps 10,50 "
                    "--tasks familiarity_probability --familiarity-prompts prompts.json");
    options.add("model", stage.model, "Hugging Face folder");
    options.add("corpus", stage.files.forget,
                "what it is trained on: text, or questions with answers (*.json, *.jsonl)");
    options.add("steps", stage.steps, "steps after which it is measured; training ends at the last", 1);
    options.add("form", stage.files.form, "how questions and answers become text; chat = by the model's chat template");
    options.add("block", stage.files.block, "tokens of a block of text", 2);
    reader.declare(options);
    stage.evaluation.declare(options);
    stage.common.declare(options);
    options.require("model");
    options.require("corpus");
    options.explain_only({"model",
                          "corpus",
                          "steps",
                          "form",
                          "block",
                          "lr",
                          "schedule",
                          "global-batch",
                          "micro-batch",
                          "tasks",
                          "texts",
                          "familiarity-prompts",
                          "neighbour-prompts",
                          "prompt-form",
                          "member-texts",
                          "holdout-texts",
                          "dtype",
                          "device",
                          "threads",
                          "seed",
                          "outputs"});
    options.parse(arguments);
    Problems problems;
    check_steps(stage.steps, problems);
    if (std::ranges::find(stage.evaluation.options.tasks, "depth") != stage.evaluation.options.tasks.end())
        problems.add("the task depth holds two more models beside the one that it measures: ask evaluate for it");
    options.refuse_unread({"epochs", "max-steps"}, "by train; here the last of --steps decides", problems);
    problems.throw_if_any(ErrorKind::kUsage, "options");
    stage.train.max_steps = stage.steps.back();
    reader.finish(options, stage.common);
    stage.evaluation.finish(options, stage.common.seed);
    stage.common.apply(comm);

    const auto config = model::read_config(stage.model);
    train::require_modules(config, stage.train.frozen);
    stage.tokenizer = std::make_unique<const text::Tokenizer>(load_tokenizer(stage.model, config));
    dist::run_agreed(comm, "read what is relearned", [&] {
        resolve_answer_form(stage.files.form, stage.model);
        stage.evaluation = stage.evaluation.asked_of(stage.model);
        stage.data.emplace(stage.files, *stage.tokenizer, config.max_positions);
    });
    store::ArtefactKey& key = stage.key;
    key.stage = "relearn";
    key.options = {{"training", reader.key()},
                   {"steps", stage.steps},
                   {"measure", stage.evaluation.key(comm)},
                   {"compute", stage.common.compute_key()}};
    key.options.update(stage.data->shaped_by());
    key.inputs["model"] = input_model_digest(comm, stage.model);
    key.inputs["tokenizer"] = stage.tokenizer->digest();
    key.inputs["corpus"] = stage.data->digests().at("forget");
    return stage;
}

// A figure for each metric of each task, over the steps.
std::string page_of(const audit::Steps& points) {
    report::Page page("Relearning");
    for (const evaluate::TaskResult& task : points.begin()->second) {
        for (std::size_t i = 0; i < task.metrics.size(); ++i) {
            const std::string name = task.task + "/" + task.metrics[i].name;
            report::Curve curve{name, {}, {}, {}};
            for (const auto& [step, results] : points) {
                const auto same = std::ranges::find(results, task.task, &evaluate::TaskResult::task);
                curve.x.push_back(static_cast<double>(step));
                curve.y.push_back(same->metrics[i].value);
            }
            page.figure(report::line_plot_svg({name, "steps of training", task.metrics[i].name, {{"", {curve}}}}));
        }
    }
    return page.finish();
}

Answer relearn_answer(const store::Artefact& artefact) {
    Answer answer = artefact_answer(artefact, "curve");
    answer.json["points"] = Json::array();
    for (const auto& [step, results] : audit::read_points(artefact.folder)) {
        answer.json["points"].push_back({{"step", step}, {"results", evaluate::results_json(results)["results"]}});
        answer.text += fmt::format("\nstep {}\n", step);
        for (const evaluate::TaskResult& task : results) {
            for (const evaluate::Metric& metric : task.metrics) {
                answer.text += fmt::format("  {:<44} {:.4f} [{:.4f}, {:.4f}]\n", task.task + "/" + metric.name,
                                           metric.value, metric.low, metric.high);
            }
        }
    }
    return answer;
}

// Collective. Trains, measures and publishes.
store::Artefact make_relearn(const dist::Comm& comm, const RelearnStage& stage) {
    if (auto existing = store::find_artefact(comm, stage.common.outputs, stage.key)) return *existing;
    const CommonOptions& common = stage.common;
    auto decoder = model::Decoder::load(stage.model, common.compute(), common.torch_device(comm));
    store::ArtefactWriter writer(comm, common.outputs, stage.key);
    const auto collectives = common.collectives(comm);
    const auto& samples = stage.data->forget();
    train::SampleObjective objective(std::ssize(samples),
                                     [&](std::int64_t index) { return samples[static_cast<std::size_t>(index)]; });
    audit::relearn(
        comm, *collectives, decoder, objective, stage.train, stage.steps,
        [&](const model::Decoder& now) { return stage.evaluation.measure(comm, now, *stage.tokenizer, {}); },
        writer.data_folder(), writer.scratch_folder() / "checkpoints",
        Curves(comm, common.outputs, stage.key.folder_name()).of_steps());
    dist::run_agreed(comm, "write the page", [&] {
        const std::filesystem::path& folder = writer.data_folder();
        if (comm.is_root()) io::write_file_atomically(folder / "report.html", page_of(audit::read_points(folder)));
    });
    return writer.publish({{"steps", stage.steps}, {"items", samples.size()}});
}

}  // namespace

store::ArtefactKey relearn_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_relearn(comm, arguments).key;
}

Answer run_relearn(const dist::Comm& comm, const Arguments& arguments) {
    return relearn_answer(make_relearn(comm, prepare_relearn(comm, arguments)));
}

}  // namespace nepenthe::pipelines
