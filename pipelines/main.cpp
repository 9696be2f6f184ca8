// nepenthe VERB [options]: finds the verb, runs it on all ranks, prints its answer once.

#include "base/log.h"
#include "dist/guard.h"
#include "io/file.h"
#include "pipelines/verb.h"
#include "store/artefact.h"

#include <fmt/ranges.h>

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace {

using namespace nepenthe;
using namespace nepenthe::pipelines;

std::string overview() {
    std::string text = "nepenthe VERB [options]: make a language model forget, on a cluster\n\n";
    for (const Verb& verb : verbs()) text += fmt::format("  {:<10} {}\n", verb.name, verb.summary);
    return text +
           "\nEvery verb explains itself with --help. Under mpirun or srun the same command uses all ranks.\n"
           "  --json         the answer as one JSON object on stdout\n"
           "  --verbose      more talk on stderr\n"
           "  --allow-links  read weights that are symbolic links out of their model folder\n"
           "  --hang-timeout seconds after which a collective that does not end stops the job [0 = never]\n";
}

// Options that main itself takes, from any place on the command line.
struct MainOptions {
    bool json = false, verbose = false, allow_links = false;
    std::int64_t hang_timeout = 0;
};

MainOptions take_main_options(std::vector<std::string>& words) {
    MainOptions taken;
    const char* links = std::getenv("NEPENTHE_ALLOW_LINKS");
    taken.allow_links = links != nullptr && std::string_view(links) == "1";
    std::vector<std::string> rest;
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (words[i] == "--json") {
            taken.json = true;
        } else if (words[i] == "--verbose") {
            taken.verbose = true;
        } else if (words[i] == "--allow-links") {
            taken.allow_links = true;
        } else if (words[i] == "--hang-timeout" && i + 1 < words.size()) {
            try {
                taken.hang_timeout = std::stol(words[++i]);
            } catch (const std::exception&) {
                fail(ErrorKind::kUsage, "--hang-timeout: \"{}\" is not a number of seconds", words[i]);
            }
        } else {
            rest.push_back(words[i]);
        }
    }
    words = std::move(rest);
    return taken;
}

void print_once(const dist::Comm& comm, const std::string& text) {
    if (!comm.is_root() || text.empty()) return;
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (text.back() != '\n') std::fputc('\n', stdout);
    std::fflush(stdout);
}

int run(const dist::Comm& world, std::vector<std::string> words) {
    const MainOptions main_options = take_main_options(words);
    init_log(world.rank(), world.size(), main_options.verbose ? LogLevel::kDebug : LogLevel::kInfo);
    io::allow_links(main_options.allow_links);
    if (words.empty() || words[0] == "--help" || words[0] == "-h" || words[0] == "help") {
        print_once(world, overview());
        return words.empty() ? static_cast<int>(ErrorKind::kUsage) : 0;
    }
    if (words[0] == "--version") {
        print_once(world, "nepenthe " NEPENTHE_VERSION);
        return 0;
    }
    const dist::Watchdog watchdog(world, std::chrono::seconds(main_options.hang_timeout));
    const Verb& verb = find_verb(words[0]);
    const dist::StageScope stage(verb.name);
    try {
        const Answer answer = verb.run(world, {{words.begin() + 1, words.end()}, {}});
        print_once(world, main_options.json ? answer.json.dump() : answer.text);
    } catch (const HelpRequested& help) {
        print_once(world, help.text);
    }
    return 0;
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::string> words(argv + 1, argv + argc);
    store::set_command_line(fmt::format("nepenthe {}", fmt::join(words, " ")));
    return dist::run_guarded(argc, argv, [&](const dist::Comm& world) { return run(world, words); });
}
