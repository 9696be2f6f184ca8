#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "pipelines/evaluation.h"
#include "pipelines/stage.h"

#include <algorithm>

namespace nepenthe::pipelines {

namespace {

std::string task_list() {
    std::string text;
    for (const auto& [name, about] : evaluate::task_names()) text += fmt::format("{:<26} {}\n", name, about);
    return text;
}

// {"results": {…}} of the first model, all of them under "models", and every pair of them compared.
Json results_of(const std::vector<NamedResults>& models) {
    Json json = evaluate::results_json(models.front().results);
    for (const NamedResults& model : models) json["models"][model.name] = evaluate::results_json(model.results);
    for (std::size_t i = 0; i < models.size(); ++i) {
        for (std::size_t j = i + 1; j < models.size(); ++j) {
            json["comparisons"][models[i].name + " → " + models[j].name] =
                evaluate::compare(models[i].results, models[j].results);
        }
    }
    return json;
}

void write_results(const std::filesystem::path& folder, const std::vector<NamedResults>& models, const Json& results) {
    io::write_file_atomically(folder / "results.json", results.dump(2) + "\n");
    io::write_file_atomically(folder / "table.txt", comparison_table(models));
    for (const NamedResults& model : models) {
        for (const evaluate::TaskResult& task : model.results) {
            std::string name = task.task;
            std::replace(name.begin(), name.end(), ':', '-');
            std::string lines;
            for (const Json& item : task.items) lines += item.dump() + "\n";
            io::write_file_atomically(folder / fmt::format("items-{}-{}.jsonl", model.name, name), lines);
        }
    }
}

Answer answer_from(const store::Artefact& artefact, bool reused) {
    Answer answer = artefact_answer(artefact, reused, "evaluation");
    const std::string results = io::read_file(artefact.folder / "results.json");
    answer.json.update(parse_json(results, "results.json"));
    answer.text += "\n" + io::read_file(artefact.folder / "table.txt");
    return answer;
}

}  // namespace

Answer run_evaluate(const dist::Comm& comm, const Arguments& arguments) {
    CommonOptions common;
    Evaluation evaluation;
    std::vector<std::string> model_words;
    bool list = false;
    Options options("evaluate", "score one or several models on tasks and compare every pair of them",
                    "mpirun -n 2 nepenthe evaluate --model base=gemma,after=outputs/forget-… --tasks piqa,boolq --data DATA");
    options.add("model", model_words, "model folders, name=path or path, comma-separated");
    evaluation.declare(options);
    options.add("list-tasks", list, "print the tasks and stop");
    common.declare(options);
    options.parse(arguments);
    if (list) return {Json::object(), task_list()};
    if (model_words.empty()) fail(ErrorKind::kUsage, "--model is missing");
    evaluation.finish(arguments.base_folder, common.seed);
    common.apply(comm);

    const auto models = named_paths(model_words, arguments.base_folder);
    store::ArtefactKey key;
    key.stage = "evaluate";
    key.options = evaluation.key();
    key.options["dtype"] = common.dtype;
    for (const NamedPath& model : models) key.inputs["model:" + model.name] = input_model_digest(comm, model.path);
    if (auto existing = store::find_artefact(comm, common.outputs, key)) return answer_from(*existing, true);

    store::ArtefactWriter writer(comm, common.outputs, key);
    std::vector<NamedResults> measured;
    for (const NamedPath& model : models) {
        log_info("evaluating {} ({})", model.name, model.path.string());
        const auto decoder = model::Decoder::load(model.path, common.compute(), common.torch_device(comm));
        const auto tokenizer = load_tokenizer(model.path, decoder.config());
        measured.push_back({model.name, evaluation.measure(comm, decoder, tokenizer, writer.scratch_folder() / model.name)});
    }
    const Json results = results_of(measured);
    dist::run_agreed(comm, "write results", [&] {
        if (comm.is_root()) write_results(writer.data_folder(), measured, results);
    });
    return answer_from(writer.publish(results["results"]), false);
}

}  // namespace nepenthe::pipelines
