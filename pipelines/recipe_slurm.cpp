#include "pipelines/recipe_slurm.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <set>
#include <string_view>

#include <unistd.h>

namespace nepenthe::pipelines {

namespace {

// One word of a shell command.
std::string shell_word(std::string_view text) {
    std::string word = "'";
    for (const char c : text) {
        if (c == '\'')
            word += "'\\''";
        else
            word += c;
    }
    word += '\'';
    return word;
}

bool is_long_option(std::string_view name) {
    return !name.empty() && name.front() != '-' && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
    });
}

// Variables that this process has and was not started with: MPI leaves some behind, and a job that inherits them takes
// itself for a part of this process.
std::set<std::string> variables_of_our_own() {
    std::set<std::string> names;
    for (char** entry = environ; *entry != nullptr; ++entry)
        names.insert(std::string(*entry).substr(0, std::string_view(*entry).find('=')));
    std::ifstream started("/proc/self/environ");
    for (std::string entry; std::getline(started, entry, '\0');) names.erase(entry.substr(0, entry.find('=')));
    return names;
}

// Slurm puts it where a file's name says %x.
std::string job_name(std::string name) {
    std::ranges::replace_if(
        name, [](char c) { return c == '/' || c == ' '; }, '_');
    return name;
}

// The line that submits one job behind others and keeps its id in the variable job_NUMBER.
std::string submission(const SlurmChain& chain, std::size_t number, const std::string& name,
                       const std::map<std::string, std::string>& resources, const std::set<std::size_t>& behind,
                       const std::vector<std::string>& more) {
    std::string line = fmt::format("job_{}=$(sbatch --parsable --job-name={}", number, shell_word(name));
    if (!behind.empty()) {
        std::string ids;
        for (const std::size_t other : behind) ids += fmt::format(":${{job_{}%%;*}}", other);
        line += fmt::format(" --dependency=\"afterok{}\" --kill-on-invalid-dep=yes", ids);
    }
    for (const auto& [option, value] : resources) line += fmt::format(" --{}={}", option, shell_word(value));
    line += fmt::format(" {} run", shell_word(chain.jobscript.string()));
    for (const std::vector<std::string>& words : {chain.words, more}) {
        for (const std::string& word : words) line += fmt::format(" {}", shell_word(word));
    }
    line += fmt::format(")\necho {} job \"${{job_{}%%;*}}\"\n", shell_word(fmt::format("{}:", name)), number);
    return line;
}

}  // namespace

std::map<std::string, std::string> read_slurm_options(const Json& written, const std::string& where,
                                                      Problems& problems) {
    constexpr std::array<std::string_view, 6> kOwn = {"array",    "dependency", "job-name", "kill-on-invalid-dep",
                                                      "parsable", "wrap"};
    std::map<std::string, std::string> options;
    if (!written.is_object()) {
        problems.add("{}: \"slurm\" is no object of sbatch's options", where);
        return options;
    }
    for (const auto& [name, value] : written.items()) {
        const bool text = value.is_string() && value.get_ref<const std::string&>().find('\n') == std::string::npos;
        if (!is_long_option(name))
            problems.add("{}: \"slurm\": \"{}\" is no long option of sbatch, without its dashes", where, name);
        else if (std::ranges::find(kOwn, name) != kOwn.end())
            problems.add("{}: \"slurm\": \"{}\" is for the chain to say", where, name);
        else if (!text && !value.is_number_integer())
            problems.add("{}: \"slurm\": \"{}\" is neither a line of text nor a whole number", where, name);
        else
            options[name] = text ? value.get<std::string>() : value.dump();
    }
    return options;
}

std::vector<RecipeStage> cells_for(const Recipe& recipe, const std::string& wanted) {
    std::set<std::string> names;
    for (auto cell = recipe.stages.rbegin(); cell != recipe.stages.rend(); ++cell) {
        if (cell->name != wanted && cell->stage != wanted && !names.contains(cell->name)) continue;
        names.insert(cell->name);
        names.insert(cell->needs.begin(), cell->needs.end());
    }
    std::vector<RecipeStage> cells;
    std::ranges::copy_if(recipe.stages, std::back_inserter(cells),
                         [&](const RecipeStage& cell) { return names.contains(cell.name); });
    if (!cells.empty()) return cells;
    std::vector<std::string> stages;
    for (const RecipeStage& cell : recipe.stages) {
        if (stages.empty() || stages.back() != cell.stage) stages.push_back(cell.stage);
    }
    fail(ErrorKind::kUsage, "--only {}: the recipe has no such stage or cell; its stages are {}", wanted,
         fmt::join(stages, ", "));
}

std::string slurm_script(const Recipe& recipe, const SlurmChain& chain) {
    std::string script = fmt::format(
        "#!/bin/bash\n"
        "# The recipe \"{}\" as Slurm jobs, written by nepenthe run --as-slurm:\n"
        "# each stage behind those whose artefacts it reads. Where one ends badly, those behind it are taken from the\n"
        "# queue; start this again, and what was made is found.\n"
        "set -euo pipefail\n"
        "cd {}\n"
        "export NEPENTHE_OUTPUTS={}\n"
        "unset NEPENTHE_ONLY NEPENTHE_AS_SLURM  # jobs would take them for their own\n",
        recipe.name, shell_word(chain.folder.string()), shell_word(chain.outputs.string()));
    if (!chain.root.empty())
        script += fmt::format("export NEPENTHE_ROOT=${{NEPENTHE_ROOT:-{}}}\n", shell_word(chain.root.string()));
    std::map<std::string, std::size_t> numbers;
    std::set<std::size_t> last;  // nothing is behind them yet
    for (const RecipeStage& cell : recipe.stages) {
        const std::size_t number = numbers.size() + 1;
        std::set<std::size_t> behind;
        for (const std::string& other : cell.needs) behind.insert(numbers.at(other));
        script += submission(chain, number, job_name(fmt::format("{}.{}", recipe.name, cell.name)), cell.slurm, behind,
                             {"--only", cell.name});
        for (const std::size_t other : behind) last.erase(other);
        last.insert(number);
        numbers[cell.name] = number;
    }
    // Nothing is computed in it.
    return script + submission(chain, numbers.size() + 1, job_name(recipe.name), recipe.slurm, last, {});
}

std::string submit(const std::filesystem::path& script) {
    std::string command = "env";
    for (const std::string& name : variables_of_our_own()) command += fmt::format(" -u {}", shell_word(name));
    command += fmt::format(" bash {}", shell_word(script.string()));
    FILE* const pipe = ::popen(command.c_str(), "r");
    if (pipe == nullptr) fail(ErrorKind::kInputOutput, "bash cannot be started: {}", std::strerror(errno));
    std::string printed;
    std::array<char, 4096> part{};
    for (std::size_t read = 0; (read = std::fread(part.data(), 1, part.size(), pipe)) > 0;)
        printed.append(part.data(), read);
    if (const int status = ::pclose(pipe); status != 0) {
        fail(ErrorKind::kInputOutput, "submitting has failed; the commands stand in {}. {}{}", script.string(),
             printed.empty() ? "Nothing was submitted" : "Submitted until then, to be cancelled (scancel): ",
             printed.empty() ? "" : "\n" + printed);
    }
    return printed;
}

}  // namespace nepenthe::pipelines
