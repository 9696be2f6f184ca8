#include "pipelines/environment.h"

#include "base/error.h"
#include "base/json.h"
#include "kernels/dispatch.h"
#include "pipelines/options.h"
#include "pipelines/verb.h"
#include "store/timestamp.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::pipelines {

namespace {

// What the binary, set-up, tests and job scripts read beside options.
constexpr std::array<const char*, 11> kNoOptions{"NEPENTHE_FAULT",       "NEPENTHE_KERNELS",     "NEPENTHE_DEPS",
                                                 "NEPENTHE_DATA",        "NEPENTHE_ROOT",        "NEPENTHE_SITE",
                                                 "NEPENTHE_BINARY",      "NEPENTHE_LAUNCHER",    "NEPENTHE_STAGE",
                                                 "NEPENTHE_DIGEST_FILE", "NEPENTHE_GOLDEN_ITEMS"};
constexpr std::string_view kPrefix = "NEPENTHE_", kFree = "NEPENTHE_TEST_";

std::vector<std::string> known_variables(const dist::Comm& comm) {
    std::vector<std::string> known(kNoOptions.begin(), kNoOptions.end());
    for (const char* name : {"config", "json", "verbose", "allow-links", "hang-timeout"})
        known.push_back(environment_name(name));
    for (const Verb& verb : verbs()) {
        for (const OptionInfo& option : options_of(comm, verb)) {
            known.push_back(environment_name(option.name));
            for (const std::string& alias : option.aliases) known.push_back(environment_name(alias));
        }
    }
    return known;
}

}  // namespace

void check_environment(const dist::Comm& comm) {
    static_cast<void>(store::timestamp());      // refuses a SOURCE_DATE_EPOCH that is no time
    static_cast<void>(kernels::path_in_use());  // likewise a NEPENTHE_KERNELS that names no path
    std::vector<std::string> set;
    for (char** entry = environ; *entry != nullptr; ++entry) {
        const std::string_view text = *entry;
        const std::string_view name = text.substr(0, text.find('='));
        if (name.starts_with(kPrefix) && !name.starts_with(kFree)) set.emplace_back(name);
    }
    if (set.empty()) return;
    std::ranges::sort(set);
    const std::vector<std::string> known = known_variables(comm);
    Problems problems;
    for (const std::string& name : set) {
        if (std::ranges::find(known, name) != known.end()) continue;
        const std::string near = nearest_name(name, known);
        problems.add("nothing reads the variable {}{}", name, near.empty() ? "" : "; did you mean " + near + "?");
    }
    problems.throw_if_any(ErrorKind::kUsage, "environment");
}

}  // namespace nepenthe::pipelines
