#include "base/json_text.h"
#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "pipelines/recipe.h"
#include "pipelines/verb.h"

namespace nepenthe::pipelines {

namespace {

using Artefacts = std::map<std::string, std::filesystem::path>;

// One stage as an invocation of its verb. `run` is what this run was called with, `inherited` what it hands on.
Arguments stage_arguments(const Recipe& recipe, const RecipeStage& stage, const Artefacts& artefacts,
                          const std::map<std::string, std::string>& inherited, const Arguments& run) {
    Arguments arguments;
    arguments.words = stage_words(stage, artefacts);
    arguments.base_folder = recipe.folder;
    arguments.inherited = inherited;
    arguments.verbs = run.verbs;
    return arguments;
}

// Collective. Verbs and options of all stages, before the first of them takes its hours.
void check_stages(const dist::Comm& comm, const Recipe& recipe, const std::map<std::string, std::string>& inherited,
                  const Arguments& run) {
    Problems problems;
    Artefacts stand_ins;
    for (const RecipeStage& stage : recipe.stages) {
        try {
            Arguments arguments = stage_arguments(recipe, stage, stand_ins, inherited, run);
            arguments.only_check = true;
            find_verb(stage.verb).run(comm, arguments);
        } catch (const OptionsChecked&) {
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kUsage) throw;
            problems.add("stage \"{}\": {}", stage.name, error.what());
        }
        stand_ins[stage.name] = recipe.folder / stage.name;
    }
    problems.throw_if_any(ErrorKind::kUsage, fmt::format("recipe {}", recipe.name));
}

}  // namespace

Answer run_recipe(const dist::Comm& comm, const Arguments& arguments) {
    std::filesystem::path file, outputs = "outputs";
    std::map<std::string, std::string> variables;
    std::int64_t threads = 0;
    Options options("run", "the stages of a recipe in order; what exists is not made again, what was cut off goes on",
                    "mpirun -n 2 nepenthe run inputs/oz/recipe.json --set model=gemma-3-270m --set book=oz.txt");
    options.add("recipe", file, "JSON file with the stages");
    options.add("set", variables, "NAME=VALUE of a variable of the recipe; a list");
    options.add("outputs", outputs, "folder for artefacts");
    options.add("threads", threads, "threads a rank; 0 = OMP_NUM_THREADS, or the rank's share of what the job may use",
                0);
    options.set_positional("recipe");
    options.require("recipe");
    options.parse(arguments);

    const Recipe recipe = read_recipe(file, variables);
    outputs = std::filesystem::absolute(outputs);
    const std::map<std::string, std::string> inherited = {{"outputs", outputs.string()},
                                                          {"threads", std::to_string(threads)}};
    check_stages(comm, recipe, inherited, arguments);
    Artefacts artefacts;
    Answer answer;
    answer.json = {{"recipe", recipe.name}, {"stages", Json::array()}};
    for (std::size_t i = 0; i < recipe.stages.size(); ++i) {
        const RecipeStage& stage = recipe.stages[i];
        log_info("stage {} of {}: {} ({})", i + 1, recipe.stages.size(), stage.name, stage.verb);
        const dist::StageScope scope(stage.name);
        const Answer part =
            find_verb(stage.verb).run(comm, stage_arguments(recipe, stage, artefacts, inherited, arguments));
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
        if (comm.is_root()) io::write_file_atomically(summary, json_text(answer.json, 2) + "\n");
    });
    answer.text += fmt::format("\nEvery stage and its artefact: {}\n", summary.string());
    return answer;
}

}  // namespace nepenthe::pipelines
