#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "evaluate/metric.h"
#include "io/file.h"
#include "io/text.h"
#include "model/simulated_quantisation.h"
#include "pipelines/comparison_table.h"
#include "pipelines/completion_judges.h"
#include "pipelines/completions_beside.h"
#include "pipelines/depth_models.h"
#include "pipelines/evaluation.h"
#include "pipelines/evaluation_files.h"
#include "pipelines/layer_table.h"
#include "pipelines/stage.h"
#include "store/published_files.h"
#include "text/tokenizer_digest.h"

#include <algorithm>
#include <set>

namespace nepenthe::pipelines {

namespace {

std::string task_list() {
    std::string text;
    for (const auto& [name, about] : evaluate::task_names()) text += fmt::format("{:<26} {}\n", name, about);
    return text;
}

void compare_pair(const NamedResults& before, const NamedResults& after, Json& json) {
    json["comparisons"][before.name + " → " + after.name] = evaluate::compare(before.results, after.results);
}

// {"results": {…}} of the first model, all of them under "models", and every pair of them compared; earlier ones come
// first in pairs, and are not compared with one another.
Json results_of(const std::vector<NamedResults>& earlier, const std::vector<NamedResults>& models) {
    Json json = evaluate::results_json(models.front().results);
    for (const NamedResults& model : models) json["models"][model.name] = evaluate::results_json(model.results);
    for (const NamedResults& before : earlier) {
        for (const NamedResults& after : models) compare_pair(before, after, json);
    }
    for (std::size_t i = 0; i < models.size(); ++i) {
        for (std::size_t j = i + 1; j < models.size(); ++j) compare_pair(models[i], models[j], json);
    }
    return json;
}

// Below the table, where weights were rounded.
std::string quantisation_line(const Json& results) {
    if (!results.contains("quantisation")) return "";
    return fmt::format("\nweights of linear maps rounded to {} (simulated)\n",
                       results["quantisation"]["form"].get<std::string>());
}

void write_results(const std::filesystem::path& folder, const std::vector<NamedResults>& earlier,
                   const std::vector<NamedResults>& models, const Json& results) {
    io::write_file_atomically(folder / "results.json", json_text(results, 2) + "\n");
    io::write_file_atomically(folder / "table.txt",
                              comparison_table(earlier, models, results.value("comparisons", Json::object())) +
                                  layer_tables(earlier, models) + completions_beside(earlier, models) +
                                  quantisation_line(results));
    for (const NamedResults& model : models) {
        for (const evaluate::TaskResult& task : model.results) {
            std::string lines;
            for (const Json& item : task.items) lines += json_text(item) + "\n";
            io::write_file_atomically(folder / items_file(model.name, task.task), lines);
        }
    }
}

Answer evaluation_answer(const store::Artefact& artefact) {
    Answer answer = artefact_answer(artefact, "evaluation");
    const std::string results = io::read_file(artefact.folder / "results.json");
    answer.json.update(parse_json(results, "results.json"));
    answer.text += "\n" + io::read_file(artefact.folder / "table.txt");
    return answer;
}

struct EvaluateStage {
    CommonOptions common;
    CompletionJudges judges;
    DepthModels depth;
    std::vector<NamedPath> models;
    std::vector<Evaluation> asked;  // of each model, in its own chat form where that is wanted
    std::vector<NamedResults> earlier;
    bool list = false;
    std::string quantise = "none";
    store::ArtefactKey key;
};

// Collective. Models of earlier evaluations; the key tells which.
std::vector<NamedResults> read_earlier(const dist::Comm& comm, const std::vector<std::filesystem::path>& folders,
                                       store::ArtefactKey& key) {
    std::vector<NamedResults> earlier;
    for (const std::filesystem::path& folder : folders) {
        const store::Artefact artefact = store::verified_artefact(comm, folder);
        dist::run_agreed(comm, "earlier evaluations", [&] {
            for (NamedResults& model : read_evaluation(artefact, "--compare-with")) earlier.push_back(std::move(model));
        });
        key.inputs["compare-with:" + std::to_string(earlier.size())] = artefact.digest();
    }
    std::set<std::string> names;
    for (const NamedResults& model : earlier) {
        if (!names.insert(model.name).second)
            fail(ErrorKind::kUsage,
                 "--compare-with: two earlier models are called \"{}\"; comparisons are known by the names",
                 model.name);
    }
    return earlier;
}

// Collective. The options, what they name, and the key; nothing but the options for --list-tasks.
EvaluateStage prepare_evaluate(const dist::Comm& comm, const Arguments& arguments) {
    EvaluateStage stage;
    CommonOptions& common = stage.common;
    Evaluation evaluation;
    std::vector<std::filesystem::path> compare_with;
    Options options(
        "evaluate", "score one or several models on tasks and compare every pair of them",
        "mpirun -n 2 nepenthe evaluate --model base=gemma,after=outputs/forget-… --tasks piqa,boolq --data DATA");
    options.add("model", stage.models, "model folders: NAME=PATH, or a path alone; a list");
    evaluation.declare(options);
    stage.judges.declare(options);
    stage.depth.declare(options);
    options.add("compare-with", compare_with,
                "earlier evaluations of the same items: their models are compared, not run again");
    options.add("quantise", stage.quantise, {"none", "int8", "int4", "fp4", "nf4"},
                "measure models whose linear maps are rounded so");
    options.add("list-tasks", stage.list, "print the tasks and stop");
    common.declare(options);
    options.set_rare({"told", "encoder", "told-above", "answer-tokens", "tofu-truth-ratio", "reference-texts"});
    options.parse(arguments);
    if (stage.list) return stage;
    if (stage.models.empty()) fail(ErrorKind::kUsage, "--model is missing");
    evaluation.finish(options, common.seed);
    common.apply(comm);

    store::ArtefactKey& key = stage.key;
    key.stage = "evaluate";
    key.options = evaluation.key(comm);
    key.options["compute"] = common.compute_key();
    if (stage.quantise != "none") key.options["quantise"] = stage.quantise;
    for (const NamedPath& model : stage.models) {
        key.options["models"].push_back(model.name);  // the first one leads, and pairs are compared in this order
        key.inputs["model:" + model.name] = input_model_digest(comm, model.path);
        key.inputs["tokenizer:" + model.name] = text::tokenizer_digest(model.path);
    }
    const auto wants = [&](const char* task) {
        const auto& tasks = evaluation.options.tasks;
        return std::ranges::find(tasks, task) != tasks.end();
    };
    dist::run_agreed(comm, "chat templates", [&] {
        for (const NamedPath& model : stage.models) {
            const Evaluation& asked = stage.asked.emplace_back(evaluation.asked_of(model.path));
            if (!asked.chat_forms.is_null()) key.options["chat_forms"][model.name] = asked.chat_forms;
            if (wants("depth") && asked.chat_forms != stage.asked.front().chat_forms)
                fail(ErrorKind::kUsage,
                     "depth sets states on the same text beside one another, and {} has another chat template than {}: "
                     "write --question-prompt out",
                     model.name, stage.models.front().name);
        }
    });
    stage.earlier = read_earlier(comm, compare_with, key);
    if (wants("fluency")) stage.judges.settle(comm, stage.models, stage.earlier, key);
    if (wants("depth")) stage.depth.settle(comm, stage.models, stage.judges.retrained(), stage.earlier, key);
    return stage;
}

}  // namespace

store::ArtefactKey evaluate_key(const dist::Comm& comm, const Arguments& arguments) {
    return prepare_evaluate(comm, arguments).key;
}

Answer run_evaluate(const dist::Comm& comm, const Arguments& arguments) {
    EvaluateStage stage = prepare_evaluate(comm, arguments);
    if (stage.list) return {Json::object(), task_list()};
    const CommonOptions& common = stage.common;
    if (auto existing = store::find_artefact(comm, common.outputs, stage.key)) return evaluation_answer(*existing);

    store::ArtefactWriter writer(comm, common.outputs, stage.key);
    std::vector<NamedResults> measured;
    Json quantised;
    const auto depth_reference =
        stage.depth.reference(comm, common, stage.asked.front().options, writer.scratch_folder() / "depth");
    for (std::size_t i = 0; i < stage.models.size(); ++i) {
        const NamedPath& model = stage.models[i];
        stage.asked[i].options.depth_reference = depth_reference;
        log_info("evaluating {} ({})", model.name, model.path.string());
        auto decoder = model::Decoder::load(model.path, common.compute(), common.torch_device(comm));
        if (stage.quantise != "none") {
            const auto done = model::quantise_linear_maps(decoder, kernels::parse_weight_code(stage.quantise));
            quantised[model.name] = {{"matrices", done.matrices}, {"weights", done.weights}};
        }
        const auto tokenizer = load_tokenizer(model.path, decoder.config());
        measured.push_back(
            {model.name, stage.asked[i].measure(comm, decoder, tokenizer, writer.scratch_folder() / model.name)});
    }
    stage.judges.judge(comm, common, stage.key, writer.scratch_folder() / "judges", measured);
    Json results = results_of(stage.earlier, measured);
    if (!quantised.is_null()) results["quantisation"] = {{"form", stage.quantise}, {"models", quantised}};
    dist::run_agreed(comm, "write results", [&] {
        if (comm.is_root()) write_results(writer.data_folder(), stage.earlier, measured, results);
    });
    return evaluation_answer(writer.publish(results["results"]));
}

}  // namespace nepenthe::pipelines
