#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "pipelines/recipe.h"
#include "pipelines/verb.h"

namespace nepenthe::pipelines {

namespace {

std::map<std::string, std::string> read_assignments(const std::vector<std::string>& words) {
    std::map<std::string, std::string> values;
    Problems problems;
    for (const std::string& word : words) {
        const std::size_t equals = word.find('=');
        if (equals == std::string::npos || equals == 0) {
            problems.add("--set {}: write name=value", word);
        } else {
            values[word.substr(0, equals)] = word.substr(equals + 1);
        }
    }
    problems.throw_if_any(ErrorKind::kUsage, "options");
    return values;
}

}  // namespace

Answer run_recipe(const dist::Comm& comm, const Arguments& arguments) {
    std::filesystem::path file, outputs = "outputs";
    std::vector<std::string> assignments;
    std::int64_t threads = 0;
    Options options("run", "the stages of a recipe in order; what exists is not made again, what was cut off goes on",
                    "mpirun -n 2 nepenthe run inputs/oz/recipe.json --set model=gemma-3-270m --set book=oz.txt");
    options.add("recipe", file, "JSON file with the stages");
    options.add("set", assignments, "name=value of a variable of the recipe");
    options.add("outputs", outputs, "folder for artefacts");
    options.add("threads", threads, "threads a rank; 0 = OMP_NUM_THREADS, or the rank's share of what the job may use");
    options.set_positional("recipe");
    options.require("recipe");
    options.parse(arguments);

    const Recipe recipe = read_recipe(file, read_assignments(assignments));
    outputs = std::filesystem::absolute(outputs);
    std::map<std::string, std::filesystem::path> artefacts;
    Answer answer;
    answer.json = {{"recipe", recipe.name}, {"stages", Json::array()}};
    for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
        const RecipeStage& stage = recipe.stages[i];
        log_info("stage {} of {}: {} ({})", i + 1, recipe.stages.size(), stage.name, stage.verb);
        const dist::StageScope scope(stage.name);
        auto words = stage_words(stage, artefacts);
        words.push_back("--outputs=" + outputs.string());
        words.push_back(fmt::format("--threads={}", threads));
        const Answer part = find_verb(stage.verb).run(comm, {words, recipe.folder});
        if (part.json.contains("artefact")) artefacts[stage.name] = part.json["artefact"].get<std::string>();
        Json entry = part.json;
        entry["name"] = stage.name;
        entry["verb"] = stage.verb;
        answer.json["stages"].push_back(entry);
        answer.text = part.text;  // the last stage's table closes the run
        log_info("{}", part.text.substr(0, part.text.find('\n')));
    }
    const auto summary = outputs / (recipe.name + ".run.json");
    dist::run_agreed(comm, "run summary", [&] {
        if (comm.is_root()) io::write_file_atomically(summary, answer.json.dump(2) + "\n");
    });
    answer.text += fmt::format("\nEvery stage and its artefact: {}\n", summary.string());
    return answer;
}

}  // namespace nepenthe::pipelines
