// nepenthe VERB [options]: finds the verb, runs it on all ranks, prints its answer once.

#include "base/json_text.h"
#include "base/log.h"
#include "dist/error_translator.h"
#include "dist/guard.h"
#include "io/file.h"
#include "model/torch_error.h"
#include "pipelines/environment.h"
#include "pipelines/verb.h"
#include "store/artefact.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>

namespace {

using namespace nepenthe;
using namespace nepenthe::pipelines;

std::string overview() {
    std::string text = "nepenthe VERB [options]: make a language model forget, on a cluster\n\n";
    for (const Verb& verb : verbs()) text += fmt::format("  {:<10} {}\n", verb.name, verb.summary);
    return text +
           "\nEvery verb explains itself with --help. Under mpirun or srun the same command uses all ranks.\n"
           "  --config FILE       INI file with a section a verb; NEPENTHE_* variables and flags win over it\n"
           "  --json              the answer as one JSON object on stdout\n"
           "  --verbose           all options with their values, what is looked for and found, times; on stderr\n"
           "  --allow-links       read weights that are symbolic links out of their model folder\n"
           "  --hang-timeout TIME a collective that does not end within it stops the job; 90, 10m, 2h [0 = never]\n"
           "A list takes commas and repetition; an entry with a comma in it stands in double quotes "
           "(docs/operations.md).\n";
}

void print_once(const dist::Comm& comm, const std::string& text) {
    if (!comm.is_root() || text.empty()) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (text.back() != '\n') std::fputc('\n', stdout);
    // A script that reads the answer from a file must not take half of it for the whole. A reader that went away has
    // what it wanted.
    if ((std::fflush(stdout) != 0 || std::ferror(stdout) != 0) && errno != EPIPE) {
        fail(ErrorKind::kInputOutput, "the answer cannot be written to standard output: {}",
             std::generic_category().message(errno));
    }
}

std::chrono::seconds whole_seconds(double seconds) {
    constexpr double kMost = 1e9;  // decades; keeps sums of times in their type
    return std::chrono::seconds(static_cast<std::int64_t>(std::ceil(std::min(seconds, kMost))));
}

Answer run_verb(const dist::Comm& world, const Verb& verb, const Arguments& arguments) {
    check_environment(world);
    const auto begin = std::chrono::steady_clock::now();
    const dist::StageScope stage(verb.name);
    Answer answer = verb.run(world, arguments);
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin;
    log_debug("{} took {:.2f} s on {} ranks", verb.name, time.count(), world.size());
    return answer;
}

int run(const dist::Comm& world, const std::vector<std::string>& words) {
    if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
        print_once(world, overview());
        return words.empty() ? static_cast<int>(ErrorKind::kUsage) : 0;
    }
    if (words[0] == "--version") {
        print_once(world, "nepenthe " NEPENTHE_VERSION);
        return 0;
    }
    auto first = words.begin();
    while (first != words.end() && first->starts_with("-")) {
        const bool has_value = *first == "--config" || *first == "--hang-timeout";
        first += has_value && words.end() - first > 1 ? 2 : 1;
    }
    if (first == words.end()) fail(ErrorKind::kUsage, "no verb is given; nepenthe --help lists them");
    const Verb& verb = find_verb(*first);
    Arguments arguments;
    arguments.words.assign(words.begin(), first);
    arguments.words.insert(arguments.words.end(), first + 1, words.end());
    arguments.verbs = verb_names();

    Options options(verb.name, "", "");
    options.peek(arguments);
    init_log(world.rank(), world.size(), options.global().verbose ? LogLevel::kDebug : LogLevel::kInfo);
    io::allow_links(options.global().allow_links);
    const dist::Watchdog watchdog(world, whole_seconds(options.global().hang_timeout));
    try {
        const Answer answer = run_verb(world, verb, arguments);
        print_once(world, options.global().json ? json_text(answer.json) : answer.text);
    } catch (const HelpRequested& help) {
        print_once(world, help.text);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    store::set_command_line(fmt::format("nepenthe {}", fmt::join(words, " ")));
    dist::set_error_translator(model::torch_error);
    return dist::run_guarded(argc, argv, [&](const dist::Comm& world) { return run(world, words); });
}
