#include "pipelines/options.h"

#include "base/contains.h"
#include "base/json_text.h"
#include "base/log.h"
#include "base/number.h"
#include "pipelines/layers.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <optional>

namespace nepenthe::pipelines {

namespace {

template <typename T>
std::string joined(const std::vector<T>& parts) {
    return fmt::format("{}", fmt::join(parts, ","));
}

template <typename T>
T at_least(T least, std::optional<T> value, const std::string& text, const char* kind) {
    if (!value) throw fmt::format("\"{}\" is not {}", text, kind);
    if (*value < least) throw fmt::format("{} is less than {}", text, least);
    return *value;
}

bool parse_bool(const std::string& text) {
    if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "0" || text == "no" || text == "off") return false;
    throw fmt::format("\"{}\" is neither true nor false", text);
}

// A word that is to name a file; an empty one is mostly a shell variable that is not set.
const std::string& path_word(const std::string& word) {
    if (word.empty()) throw std::string("the path is empty");
    return word;
}

const std::string& chosen(const std::string& word, const std::vector<std::string>& choices) {
    if (!contains(choices, word)) throw fmt::format("\"{}\" is none of {}", word, fmt::join(choices, ", "));
    return word;
}

// All entries of several words.
template <typename Cut>
auto entries_of(const std::vector<std::string>& words, const Cut& cut) {
    decltype(cut(words.front())) all;
    for (const std::string& word : words) {
        auto some = cut(word);
        all.insert(all.end(), some.begin(), some.end());
    }
    return all;
}

std::string help_line(const OptionInfo& info, bool is_positional) {
    std::string left = "  --" + info.name;
    if (is_positional) left = "  " + info.name + " | --" + info.name;
    std::string line = fmt::format("{:<26} {}", left, info.help);
    if (!info.choices.empty()) line += fmt::format(" ({})", fmt::join(info.choices, " | "));
    if (!info.default_text.empty()) line += fmt::format(" [{}]", info.default_text);
    return line + "\n";
}

}  // namespace

std::string environment_name(const std::string& option) {
    std::string name = "NEPENTHE_";
    for (char c : option) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
}

Options::Options(std::string verb, std::string summary, std::string example)
    : verb_(std::move(verb)), summary_(std::move(summary)), example_(std::move(example)) {
    add("config", config_file_, "INI file with a section [" + verb_ + "]; flags and NEPENTHE_* win over it");
    add("json", global_.json, "the answer as one JSON object on stdout");
    add("verbose", global_.verbose, "more talk on stderr");
    add("allow-links", global_.allow_links, "read weights that are symbolic links out of their model folder");
    add_seconds("hang-timeout", global_.hang_timeout, "a collective that does not end within it stops the job");
    for (Option& option : options_) option.is_global = true;
}

void Options::declare(OptionInfo info, std::function<void(const Given&)> set, std::function<Json()> get) {
    options_.push_back({std::move(info), std::move(set), std::move(get), false});
}

void Options::add(const std::string& name, std::string& value, const std::string& help) {
    declare(
        {name, help, value, OptionKind::kText, false, {}, {}},
        [&value](const Given& given) { value = given.words.back(); }, [&value] { return Json(value); });
}

void Options::add(const std::string& name, std::filesystem::path& value, const std::string& help) {
    declare(
        {name, help, value.string(), OptionKind::kPath, false, {}, {}},
        [&value](const Given& given) { value = given.base / path_word(given.words.back()); },
        [&value] { return Json(value.string()); });
}

void Options::add(const std::string& name, std::vector<std::filesystem::path>& value, const std::string& help) {
    declare(
        {name, help, "", OptionKind::kPath, true, {}, {}},
        [&value](const Given& given) {
            value = entries_of(given.words, [&](const auto& word) { return path_entries(word, given.base); });
        },
        [&value] {
            Json list = Json::array();
            for (const auto& path : value) list.push_back(path.string());
            return list;
        });
}

void Options::add(const std::string& name, std::vector<NamedPath>& value, const std::string& help) {
    declare(
        {name, help, "", OptionKind::kNamedPath, true, {}, {}},
        [&value](const Given& given) {
            value = entries_of(given.words, [&](const auto& word) { return named_paths(word, given.base); });
            std::set<std::string> names;
            for (const NamedPath& entry : value) {
                if (!names.insert(entry.name).second)
                    throw fmt::format("two are called \"{}\"; write NAME=PATH to tell them apart", entry.name);
            }
        },
        [&value] {
            Json list = Json::array();
            for (const NamedPath& entry : value) list.push_back(entry.name + "=" + entry.path.string());
            return list;
        });
}

void Options::add(const std::string& name, std::vector<std::string>& value, const std::string& help) {
    declare(
        {name, help, joined(value), OptionKind::kText, true, {}, {}},
        [&value](const Given& given) { value = entries_of(given.words, list_entries); },
        [&value] { return Json(value); });
}

void Options::add(const std::string& name, std::vector<double>& value, const std::string& help) {
    declare(
        {name, help, joined(value), OptionKind::kReal, true, {}, {}},
        [&value](const Given& given) {
            std::vector<double> numbers;
            for (const std::string& entry : entries_of(given.words, list_entries))
                numbers.push_back(
                    at_least(std::numeric_limits<double>::lowest(), parse_real(entry), entry, "a number"));
            value = std::move(numbers);
        },
        [&value] { return Json(value); });
}

void Options::add(const std::string& name, std::vector<std::int64_t>& value, const std::string& help,
                  std::int64_t least) {
    declare(
        {name, help, joined(value), OptionKind::kWhole, true, {}, {}},
        [&value, least](const Given& given) {
            std::vector<std::int64_t> numbers;
            for (const std::string& entry : entries_of(given.words, list_entries))
                numbers.push_back(at_least(least, parse_integer(entry), entry, "a whole number"));
            value = std::move(numbers);
        },
        [&value] { return Json(value); });
}

void Options::add(const std::string& name, std::int64_t& value, const std::string& help, std::int64_t least) {
    declare(
        {name, help, std::to_string(value), OptionKind::kWhole, false, {}, {}},
        [&value, least](const Given& given) {
            value = at_least(least, parse_integer(given.words.back()), given.words.back(), "a whole number");
        },
        [&value] { return Json(value); });
}

void Options::add(const std::string& name, std::uint64_t& value, const std::string& help) {
    declare(
        {name, help, std::to_string(value), OptionKind::kWhole, false, {}, {}},
        [&value](const Given& given) {
            value = at_least(std::uint64_t{0}, parse_unsigned(given.words.back()), given.words.back(),
                             "a whole number from 0");
        },
        [&value] { return Json(value); });
}

void Options::add(const std::string& name, double& value, const std::string& help, double least) {
    declare(
        {name, help, fmt::format("{}", value), OptionKind::kReal, false, {}, {}},
        [&value, least](const Given& given) {
            value = at_least(least, parse_real(given.words.back()), given.words.back(), "a number");
        },
        [&value] { return Json(value); });
}

void Options::add(const std::string& name, bool& value, const std::string& help) {
    declare(
        {name, help, value ? "true" : "", OptionKind::kFlag, false, {}, {}},
        [&value](const Given& given) { value = parse_bool(given.words.back()); }, [&value] { return Json(value); });
}

void Options::add(const std::string& name, std::map<std::string, std::string>& value, const std::string& help) {
    declare(
        {name, help, "", OptionKind::kAssignment, true, {}, {}},
        [&value](const Given& given) {
            value.clear();
            for (const auto& [key, text] :
                 entries_of(given.words, [&](const auto& word) { return named_entries(word, given.base); })) {
                if (!key) throw fmt::format("\"{}\": write NAME=VALUE", text);
                if (!value.emplace(*key, text).second) throw fmt::format("\"{}\" is given twice", *key);
            }
        },
        [&value] { return Json(value); });
}

void Options::add_layers(const std::string& name, std::vector<std::int64_t>& value, const std::string& help) {
    declare(
        {name, help, joined(value), OptionKind::kWhole, true, {}, {}},
        [&value](const Given& given) { value = entries_of(entries_of(given.words, list_entries), layer_numbers); },
        [&value] { return Json(value); });
}

void Options::add_seconds(const std::string& name, double& value, const std::string& help) {
    declare(
        {name, help, fmt::format("{} s", value), OptionKind::kSeconds, false, {}, {}},
        [&value](const Given& given) {
            value = at_least(0.0, parse_seconds(given.words.back()), given.words.back(),
                             "a time: write seconds, or a number with s, m, h or d");
        },
        [&value] { return Json(value); });
}

void Options::add(const std::string& name, std::string& value, const std::vector<std::string>& choices,
                  const std::string& help) {
    declare(
        {name, help, value, OptionKind::kChoice, false, choices, {}},
        [&value, choices](const Given& given) { value = chosen(given.words.back(), choices); },
        [&value] { return Json(value); });
}

void Options::add(const std::string& name, std::vector<std::string>& value, const std::vector<std::string>& choices,
                  const std::string& help) {
    declare(
        {name, help, joined(value), OptionKind::kChoice, true, choices, {}},
        [&value, choices](const Given& given) {
            const std::vector<std::string> entries = entries_of(given.words, list_entries);
            for (const std::string& entry : entries) chosen(entry, choices);
            value = entries;
        },
        [&value] { return Json(value); });
}

void Options::add_alias(const std::string& alias, const std::string& name) {
    const auto option = std::ranges::find(options_, name, [](const Option& each) { return each.info.name; });
    NEPENTHE_CHECK(option != options_.end());
    option->info.aliases.push_back(alias);
    aliases_[alias] = name;
}

void Options::peek(const Arguments& arguments) {
    Problems ignored;
    read(arguments, ignored);
}

void Options::parse(const Arguments& arguments) {
    for (const std::string& word : arguments.words) {
        if (word == "--help" || word == "-h") throw HelpRequested{help(), infos()};
        if (word == "--help-all") throw HelpRequested{help(/*all=*/true), infos()};
    }
    Problems problems;
    read(arguments, problems);
    for (const auto& [name, instead] : required_) {
        if (given(name) || (!instead.empty() && given(instead))) continue;
        problems.add("--{} is missing{}", name, instead.empty() ? "" : fmt::format(" (or --{})", instead));
    }
    problems.throw_if_any(ErrorKind::kUsage, "options");
    if (arguments.only_check) throw OptionsChecked{};
    for (const Option& option : options_) {
        log_debug("{} {} = {}{}", verb_, option.info.name, json_text(option.get()),
                  given(option.info.name) ? "" : " (default)");
    }
}

void Options::refuse_unread(const std::vector<std::string>& names, const std::string& where, Problems& problems) const {
    for (const std::string& name : names) {
        if (said(name)) problems.add("--{} is read {}: leave it out", name, where);
    }
}

void Options::explain_only(const std::vector<std::string>& names) {
    for (const std::string& name : this->names()) {
        if (!contains(names, name)) rare_.push_back(name);
    }
}

std::vector<std::string> Options::names() const {
    std::vector<std::string> names;
    for (const OptionInfo& info : infos()) names.push_back(info.name);
    return names;
}

std::vector<OptionInfo> Options::infos() const {
    std::vector<OptionInfo> infos;
    for (const Option& option : options_) {
        if (!option.is_global) infos.push_back(option.info);
    }
    return infos;
}

Json Options::effective() const {
    Json values = Json::object();
    for (const Option& option : options_) values[option.info.name] = option.get();
    return values;
}

std::string Options::help(bool all) const {
    std::string text = fmt::format("nepenthe {}: {}\n\n", verb_, summary_);
    for (const OptionInfo& info : infos()) {
        if (all || !contains(rare_, info.name)) text += help_line(info, info.name == positional_);
    }
    if (!all && !rare_.empty()) text += fmt::format("\nAlso, explained by --help-all: --{}\n", fmt::join(rare_, " --"));
    return text + fmt::format(
                      "\nEverywhere (nepenthe --help): --config --json --verbose --allow-links --hang-timeout\n"
                      "Example:\n  {}\n",
                      example_);
}

}  // namespace nepenthe::pipelines
