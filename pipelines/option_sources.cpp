// Where the values of options come from: flags, environment, config file.

#include "base/contains.h"
#include "base/json.h"
#include "io/text.h"
#include "pipelines/config_file.h"
#include "pipelines/options.h"

#include <algorithm>
#include <array>
#include <cstdlib>

namespace nepenthe::pipelines {

namespace {

bool is_utf8(const std::string& word) { return io::find_invalid_utf8(word) == std::string::npos; }

}  // namespace

const Options::Option* Options::find(const std::string& name) const {
    const auto alias = aliases_.find(name);
    const std::string& real = alias == aliases_.end() ? name : alias->second;
    const auto found = std::ranges::find(options_, real, [](const Option& option) { return option.info.name; });
    return found == options_.end() ? nullptr : &*found;
}

std::string Options::unknown(const std::string& name) const {
    if (elsewhere_.count(name) > 0)
        return fmt::format("--{} belongs to other forms of {}, this one does not read it: leave it out", name, verb_);
    std::vector<std::string> names;
    for (const Option& option : options_) names.push_back(option.info.name);
    const std::string near = nearest_name(name, names);
    return near.empty() ? fmt::format("{} has no option \"{}\" (see nepenthe {} --help)", verb_, name, verb_)
                        : fmt::format("{} has no option \"{}\"; did you mean \"{}\"?", verb_, name, near);
}

Options::Source Options::from_words(const Arguments& arguments, Problems& problems) const {
    Source source;
    const auto& words = arguments.words;
    const auto named = [&](std::size_t i) { return i < words.size() && words[i].starts_with("--"); };
    const auto give = [&](const Option& option, const std::string& word) {
        Given& given = source[option.info.name];
        given.label = "--" + option.info.name;
        given.base = arguments.base_folder;
        given.words.push_back(word);
    };
    for (std::size_t i = 0; i < words.size(); ++i) {
        if (!named(i)) {
            const Option* option = positional_.empty() ? nullptr : find(positional_);
            if (option != nullptr && source.count(positional_) == 0)
                give(*option, words[i]);
            else
                problems.add("\"{}\" belongs to no option", words[i]);
            continue;
        }
        const std::size_t equals = words[i].find('=');
        const std::string name = words[i].substr(2, equals == std::string::npos ? equals : equals - 2);
        const Option* option = find(name);
        if (option == nullptr) {
            problems.add("{}", unknown(name));
            // What follows is taken for its value.
            while (equals == std::string::npos && i + 1 < words.size() && !named(i + 1)) ++i;
        } else if (equals != std::string::npos) {
            give(*option, words[i].substr(equals + 1));
        } else if (option->info.kind == OptionKind::kFlag) {
            give(*option, "true");
        } else if (i + 1 == words.size() || named(i + 1)) {
            problems.add("--{} needs a value (one that begins with \"--\" is written --{}=…)", name, name);
        } else {
            give(*option, words[++i]);
            // The words behind a list belong to it; an assignment has an "=".
            const bool assigns = option->info.kind == OptionKind::kAssignment;
            while (option->info.is_list && i + 1 < words.size() && !named(i + 1) &&
                   (!assigns || words[i + 1].find('=') != std::string::npos))
                give(*option, words[++i]);
        }
    }
    return source;
}

Options::Source Options::from_file(const Arguments& arguments, const std::filesystem::path& path,
                                   Problems& problems) const {
    Source source;
    try {
        for (const ConfigEntry& entry : read_config_file(path)) {
            const std::string place = fmt::format("{}, line {}", path.string(), entry.line);
            if (!arguments.verbs.empty() && !contains(arguments.verbs, entry.section)) {
                const std::string near = nearest_name(entry.section, arguments.verbs);
                problems.add("{}: there is no verb \"{}\"{}", place, entry.section,
                             near.empty() ? "" : ", did you mean \"" + near + "\"?");
            }
            // Other verbs' sections are theirs to read, as are options of this verb's other forms.
            if (entry.section != verb_ || (find(entry.key) == nullptr && elsewhere_.count(entry.key) > 0)) continue;
            const Option* option = find(entry.key);
            if (option == nullptr) {
                problems.add("{}: {}", place, unknown(entry.key));
                continue;
            }
            Given& given = source[option->info.name];
            given.label = fmt::format("{}: {}", place, entry.key);
            given.words.push_back(entry.value);
        }
    } catch (const Error& error) {
        problems.add("--config: {}", error.what());
    }
    return source;
}

Options::Source Options::from_environment() const {
    Source source;
    const auto look = [&](const std::string& spelling, const std::string& name) {
        const std::string variable = environment_name(spelling);
        // An empty variable is one that is not set.
        const char* text = std::getenv(variable.c_str());
        if (text != nullptr && *text != '\0') source[name] = {{text}, variable, {}};
    };
    for (const auto& [alias, name] : aliases_) look(alias, name);
    for (const Option& option : options_) look(option.info.name, option.info.name);
    return source;
}

void Options::read(const Arguments& arguments, Problems& problems) {
    const Source words = from_words(arguments, problems);
    const Source environment = from_environment();
    Source inherited;
    for (const auto& [name, value] : arguments.inherited) {
        if (find(name) != nullptr) inherited[name] = {{value}, "--" + name, {}};
    }
    Source file;
    for (const Source* source : {&words, &environment}) {
        const auto found = source->find("config");
        if (found == source->end()) continue;
        file = from_file(arguments, found->second.base / found->second.words.back(), problems);
        break;
    }
    Source values;
    for (const Source* source : std::array<const Source*, 4>{&file, &environment, &inherited, &words}) {
        for (const auto& [name, value] : *source) values[name] = value;
    }
    for (const auto& [name, value] : words) said_.insert(name);
    for (const Option& option : options_) {
        const auto found = values.find(option.info.name);
        if (found == values.end()) continue;
        given_.insert(option.info.name);
        if (arguments.answered.contains(option.info.name)) continue;
        if (!std::ranges::all_of(found->second.words, is_utf8)) {
            problems.add("{}: not UTF-8, as names and answers are; write it so, or rename the file",
                         found->second.label);
            continue;
        }
        try {
            option.set(found->second);
        } catch (const std::string& reason) {
            problems.add("{}: {}", found->second.label, reason);
        }
    }
}

}  // namespace nepenthe::pipelines
