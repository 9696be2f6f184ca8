#include "base/json_text.h"
#include "base/log.h"
#include "dist/agreed_call.h"
#include "dist/guard.h"
#include "io/file.h"
#include "pipelines/list_entries.h"
#include "pipelines/recipe.h"
#include "pipelines/recipe_slurm.h"
#include "pipelines/verb.h"

#include <chrono>
#include <exception>

namespace nepenthe::pipelines {

namespace {

// One cell as an invocation of its verb. `run` is what this run was called with, `inherited` what it hands on.
Arguments stage_arguments(const Recipe& recipe, const RecipeStage& stage, const CellResults& results,
                          const std::map<std::string, std::string>& inherited, const Arguments& run) {
    Arguments arguments;
    arguments.words = stage_words(stage, results);
    arguments.base_folder = recipe.folder;
    arguments.inherited = inherited;
    arguments.verbs = run.verbs;
    return arguments;
}

// Collective. Verbs and options of all cells, before the first of them takes its hours.
void check_stages(const dist::Comm& comm, const Recipe& recipe, const std::map<std::string, std::string>& inherited,
                  const Arguments& run) {
    Problems problems;
    CellResults stand_ins;
    for (const RecipeStage& stage : recipe.stages) {
        RecipeStage known = stage;  // what answers will say is not known yet
        for (const std::string& option : stage.answered) known.options[option] = "";
        try {
            Arguments arguments = stage_arguments(recipe, known, stand_ins, inherited, run);
            arguments.only_check = true;
            arguments.answered = stage.answered;
            find_verb(stage.verb).run(comm, arguments);
        } catch (const OptionsChecked&) {
        } catch (const Error& error) {
            if (error.kind() != ErrorKind::kUsage) throw;
            problems.add("stage \"{}\": {}", stage.name, error.what());
        }
        stand_ins[stage.name].artefact = recipe.folder / stage.name;
    }
    problems.throw_if_any(ErrorKind::kUsage, fmt::format("recipe {}", recipe.name));
}

// Collective. The answer of a cell, or why it has none where the recipe allows that.
Answer run_cell(const dist::Comm& comm, const Recipe& recipe, const RecipeStage& stage,
                const std::map<std::string, std::string>& inherited, const Arguments& run, CellResults& results) {
    CellResult& result = results[stage.name];
    Answer part;
    for (const std::string& cell : stage.needs) {
        if (!results.at(cell).refused.empty()) result.refused = fmt::format("{} was refused", cell);
    }
    if (!result.refused.empty()) return part;
    const auto run_verb = [&] {
        part = find_verb(stage.verb).run(comm, stage_arguments(recipe, stage, results, inherited, run));
    };
    if (!stage.may_refuse) {
        run_verb();
    } else {
        try {
            // What only one rank has met, while others wait for it inside the verb, still ends the job.
            dist::run_agreed_within(comm, "", std::chrono::seconds(10), run_verb);
        } catch (const Error& error) {
            const bool says_no = error.kind() == ErrorKind::kGate || error.kind() == ErrorKind::kData ||
                                 error.kind() == ErrorKind::kUsage;
            if (!says_no || !dist::is_agreed(std::current_exception())) throw;
            result.refused = error.what();
            log_warning("{} is refused: {}", stage.name, result.refused);
            return part;
        }
    }
    if (part.json.contains("artefact")) result.artefact = part.json["artefact"].get<std::string>();
    result.answer = part.json;
    return part;
}

// The recipe's cells in jobs of their own, submitted.
Answer submit_recipe(const dist::Comm& comm, const Recipe& recipe, const SlurmChain& chain) {
    if (comm.size() > 1)
        fail(ErrorKind::kUsage, "--as-slurm submits jobs and computes nothing: start it by itself, without a launcher");
    if (!std::filesystem::is_regular_file(chain.jobscript))
        fail(ErrorKind::kUsage, "--as-slurm {}: no such script; jobscripts/ has some", chain.jobscript.string());
    const std::filesystem::path script = chain.outputs / (recipe.name + ".slurm.sh");
    Answer answer;
    dist::run_agreed(comm, "submit", [&] {
        std::filesystem::create_directories(chain.outputs);
        io::write_file_atomically(script, slurm_script(recipe, chain));
        answer.text = submit(script);
    });
    answer.json = {{"recipe", recipe.name}, {"script", script.string()}, {"jobs", recipe.stages.size() + 1}};
    return answer;
}

// What `run` is called with, in the words of another `run` from the same folder.
std::vector<std::string> words_again(const std::filesystem::path& recipe,
                                     const std::map<std::string, std::string>& variables,
                                     const std::filesystem::path& outputs, std::int64_t threads,
                                     const GlobalOptions& global) {
    std::vector<std::string> words{std::filesystem::absolute(recipe).string(), "--outputs", outputs.string()};
    for (const auto& [name, value] : variables)
        words.insert(words.end(), {"--set", fmt::format("{}={}", name, quoted_entry(value))});
    if (threads > 0) words.insert(words.end(), {"--threads", std::to_string(threads)});
    if (global.allow_links) words.emplace_back("--allow-links");
    if (global.verbose) words.emplace_back("--verbose");
    if (global.hang_timeout > 0) words.insert(words.end(), {"--hang-timeout", fmt::format("{}", global.hang_timeout)});
    return words;
}

}  // namespace

Answer run_recipe(const dist::Comm& comm, const Arguments& arguments) {
    std::filesystem::path file, outputs = "outputs", jobscript;
    std::string only;
    std::map<std::string, std::string> variables;
    std::int64_t threads = 0;
    Options options("run", "the stages of a recipe in order; what exists is not made again, what was cut off goes on",
                    "mpirun -n 2 nepenthe run inputs/oz/recipe.json --set model=gemma-3-270m --set book=oz.txt");
    options.add("recipe", file, "JSON file with the stages");
    options.add("set", variables, "NAME=VALUE of a variable of the recipe; a list");
    options.add("only", only, "this stage or cell alone, with what it needs");
    options.add("as-slurm", jobscript, "submit each stage as a job of this sbatch script, behind those that it needs");
    options.add("outputs", outputs, "folder for artefacts");
    options.add("threads", threads, "threads a rank; 0 = OMP_NUM_THREADS, or the rank's share of what the job may use",
                0);
    options.set_positional("recipe");
    options.require("recipe");
    options.parse(arguments);
    if (!only.empty() && !jobscript.empty())
        fail(ErrorKind::kUsage, "--only runs a stage here, --as-slurm submits all of them: give one of the two");

    const Recipe recipe = read_recipe(file, variables);
    outputs = std::filesystem::absolute(outputs);
    const std::map<std::string, std::string> inherited = {{"outputs", outputs.string()},
                                                          {"threads", std::to_string(threads)}};
    check_stages(comm, recipe, inherited, arguments);
    if (!jobscript.empty()) {
        SlurmChain chain;
        chain.jobscript = std::filesystem::absolute(jobscript);
        chain.folder = std::filesystem::current_path();
        chain.outputs = outputs;
        const auto root = chain.jobscript.parent_path().parent_path();
        if (std::filesystem::exists(root / "jobscripts/job.sh")) chain.root = root;
        chain.words = words_again(file, variables, outputs, threads, options.global());
        return submit_recipe(comm, recipe, chain);
    }
    const std::vector<RecipeStage> cells = only.empty() ? recipe.stages : cells_for(recipe, only);
    CellResults results;
    Answer answer;
    answer.json = {{"recipe", recipe.name}, {"stages", Json::array()}, {"tables", Json::array()}};
    for (std::size_t i = 0; i < cells.size(); ++i) {
        const RecipeStage& stage = cells[i];
        log_info("stage {} of {}: {} ({})", i + 1, cells.size(), stage.name, stage.verb);
        const dist::StageScope scope(stage.name);
        const Answer part = run_cell(comm, recipe, stage, inherited, arguments, results);
        const CellResult& result = results.at(stage.name);
        Json entry = result.answer;
        entry["name"] = stage.name;
        entry["verb"] = stage.verb;
        if (!result.refused.empty()) entry["refused"] = result.refused;
        answer.json["stages"].push_back(entry);
        if (!result.refused.empty()) continue;
        answer.text = part.text;  // the last stage's table closes the run
        log_info("{}", part.text.substr(0, part.text.find('\n')));
    }
    if (!only.empty()) return answer;  // tables and summary are of the whole
    std::string tables;
    for (const RecipeTable& table : recipe.tables) {
        const Json filled = filled_table(table, results);
        for (const std::string& column : empty_columns(table, filled))
            log_warning("table \"{}\": no cell's answer has what \"{}\" names", table.title, column);
        tables += (tables.empty() ? "" : "\n") + table_markdown(table, filled);
        answer.json["tables"].push_back(filled);
    }
    if (!tables.empty()) answer.text = tables;
    const auto summary = outputs / (recipe.name + ".run.json");
    dist::run_agreed(comm, "run summary", [&] {
        if (!comm.is_root()) return;
        io::write_file_atomically(summary, json_text(answer.json, 2) + "\n");
        if (!tables.empty()) io::write_file_atomically(outputs / (recipe.name + ".tables.md"), tables);
    });
    answer.text += fmt::format("\nEvery stage and its artefact: {}\n", summary.string());
    return answer;
}

}  // namespace nepenthe::pipelines
