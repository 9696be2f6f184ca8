#include "pipelines/options.h"

#include <fmt/ranges.h>
#include <boost/program_options.hpp>

#include <algorithm>
#include <charconv>
#include <fstream>

namespace nepenthe::pipelines {

namespace po = boost::program_options;

namespace {

template <typename T>
T parse_number(const std::string& text, const char* kind) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size()) {
        throw fmt::format("\"{}\" is not {}", text, kind);
    }
    return value;
}

std::vector<std::string> split_commas(const std::vector<std::string>& values) {
    std::vector<std::string> parts;
    for (const std::string& value : values) {
        std::size_t begin = 0;
        while (begin <= value.size()) {
            const std::size_t end = std::min(value.find(',', begin), value.size());
            if (end > begin) parts.push_back(value.substr(begin, end - begin));
            begin = end + 1;
        }
    }
    return parts;
}

std::string joined(const std::vector<std::string>& parts) { return fmt::format("{}", fmt::join(parts, ",")); }

bool parse_bool(const std::string& text) {
    if (text == "true" || text == "1" || text == "yes" || text == "on") return true;
    if (text == "false" || text == "0" || text == "no" || text == "off") return false;
    throw fmt::format("\"{}\" is neither true nor false", text);
}

// "learning-rate" → "NEPENTHE_LEARNING_RATE"
std::string environment_name(const std::string& option) {
    std::string name = "NEPENTHE_";
    for (char c : option) name += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    return name;
}

}  // namespace

Options::Options(std::string verb, std::string summary, std::string example)
    : verb_(std::move(verb)), summary_(std::move(summary)), example_(std::move(example)) {
    add("config", config_file_, "INI file with a section [" + verb_ + "]; flags and NEPENTHE_* win over it");
}

void Options::declare(Option option) { options_.push_back(std::move(option)); }

void Options::add(const std::string& name, std::string& value, const std::string& help) {
    declare({name, help, value, false, false, [&value](const auto& v) { value = v.back(); },
             [&value] { return Json(value); }});
}

void Options::add(const std::string& name, std::filesystem::path& value, const std::string& help) {
    declare({name, help, value.string(), false, false,
             [this, &value](const auto& v) { value = base_folder_ / v.back(); },
             [&value] { return Json(value.string()); }});
}

void Options::add(const std::string& name, std::vector<std::filesystem::path>& value, const std::string& help) {
    declare({name, help, "", false, true,
             [this, &value](const auto& v) {
                 value.clear();
                 for (const auto& part : split_commas(v)) value.push_back(base_folder_ / part);
             },
             [&value] {
                 Json list = Json::array();
                 for (const auto& path : value) list.push_back(path.string());
                 return list;
             }});
}

void Options::add(const std::string& name, std::vector<std::string>& value, const std::string& help) {
    declare({name, help, joined(value), false, true, [&value](const auto& v) { value = split_commas(v); },
             [&value] { return Json(value); }});
}

void Options::add(const std::string& name, std::vector<double>& value, const std::string& help) {
    declare({name, help, fmt::format("{}", fmt::join(value, ",")), false, true,
             [&value](const auto& v) {
                 value.clear();
                 for (const auto& part : split_commas(v)) value.push_back(parse_number<double>(part, "a number"));
             },
             [&value] { return Json(value); }});
}

void Options::add(const std::string& name, std::int64_t& value, const std::string& help) {
    declare({name, help, std::to_string(value), false, false,
             [&value](const auto& v) { value = parse_number<std::int64_t>(v.back(), "a whole number"); },
             [&value] { return Json(value); }});
}

void Options::add(const std::string& name, std::uint64_t& value, const std::string& help) {
    declare({name, help, std::to_string(value), false, false,
             [&value](const auto& v) { value = parse_number<std::uint64_t>(v.back(), "a whole number from 0"); },
             [&value] { return Json(value); }});
}

void Options::add(const std::string& name, double& value, const std::string& help) {
    declare({name, help, fmt::format("{}", value), false, false,
             [&value](const auto& v) { value = parse_number<double>(v.back(), "a number"); },
             [&value] { return Json(value); }});
}

void Options::add(const std::string& name, bool& value, const std::string& help) {
    declare({name, help, value ? "true" : "", true, false, [&value](const auto& v) { value = parse_bool(v.back()); },
             [&value] { return Json(value); }});
}

void Options::add(const std::string& name, std::string& value, const std::vector<std::string>& choices,
                  const std::string& help) {
    declare({name, fmt::format("{} ({})", help, fmt::join(choices, " | ")), value, false, false,
             [&value, choices](const auto& v) {
                 if (std::find(choices.begin(), choices.end(), v.back()) == choices.end()) {
                     throw fmt::format("\"{}\" is none of {}", v.back(), fmt::join(choices, ", "));
                 }
                 value = v.back();
             },
             [&value] { return Json(value); }});
}

std::string Options::unknown(const std::string& name) const {
    std::vector<std::string> names;
    for (const Option& option : options_) names.push_back(option.name);
    const std::string near = nearest_name(name, names);
    return near.empty() ? fmt::format("{} has no option \"{}\" (see nepenthe {} --help)", verb_, name, verb_)
                        : fmt::format("{} has no option \"{}\"; did you mean \"{}\"?", verb_, name, near);
}

Options::Values Options::from_words(const std::vector<std::string>& words, Problems& problems) const {
    po::options_description description;
    for (const Option& option : options_) {
        auto* value = po::value<std::vector<std::string>>()->composing();
        if (option.is_flag) value->implicit_value({"true"}, "true")->zero_tokens();
        if (option.is_list) value->multitoken();
        description.add_options()(option.name.c_str(), value);
    }
    // Words that belong to no option are collected here, or the parser would stop at the first one.
    const std::string stray = "stray words";
    description.add_options()(stray.c_str(), po::value<std::vector<std::string>>()->composing());
    po::positional_options_description positional;
    if (!positional_.empty()) positional.add(positional_.c_str(), 1);
    positional.add(stray.c_str(), -1);
    Values values;
    try {
        namespace style = po::command_line_style;
        const auto parsed = po::command_line_parser(words)
                                .options(description)
                                .positional(positional)
                                .style(style::unix_style & ~style::allow_guessing & ~style::allow_short)
                                .allow_unregistered()
                                .run();
        for (const auto& entry : parsed.options) {
            if (entry.unregistered) {
                problems.add("{}", unknown(entry.string_key));
            } else if (entry.string_key == stray) {
                // The value of an unknown option looks like a stray word; the option itself is named already.
                if (problems.empty()) problems.add("\"{}\" belongs to no option", fmt::join(entry.value, " "));
            } else {
                auto& list = values[entry.string_key];
                if (entry.value.empty()) list.push_back("true");
                list.insert(list.end(), entry.value.begin(), entry.value.end());
            }
        }
    } catch (const po::error& error) {
        problems.add("{}", error.what());
    }
    return values;
}

Options::Values Options::from_file(const std::filesystem::path& path, Problems& problems) const {
    Values values;
    std::ifstream stream(path);
    if (!stream) {
        problems.add("--config {}: cannot be read", path.string());
        return values;
    }
    po::options_description description;
    try {
        for (const auto& entry : po::parse_config_file(stream, description, /*allow_unregistered=*/true).options) {
            // Keys are "section.option"; other verbs' sections are none of our business.
            if (!entry.string_key.starts_with(verb_ + ".")) continue;
            const std::string name = entry.string_key.substr(verb_.size() + 1);
            const bool known =
                std::any_of(options_.begin(), options_.end(), [&](const Option& o) { return o.name == name; });
            if (!known) problems.add("{}: {}", path.string(), unknown(name));
            auto& list = values[name];
            list.insert(list.end(), entry.value.begin(), entry.value.end());
        }
    } catch (const po::error& error) {
        problems.add("{}: {}", path.string(), error.what());
    }
    return values;
}

Options::Values Options::from_environment() const {
    Values values;
    for (const Option& option : options_) {
        if (const char* text = std::getenv(environment_name(option.name).c_str())) values[option.name] = {text};
    }
    return values;
}

void Options::parse(const Arguments& arguments) {
    for (const std::string& word : arguments.words) {
        if (word == "--help" || word == "-h") throw HelpRequested{help()};
        if (word == "--help-all") throw HelpRequested{help(/*all=*/true)};
    }
    base_folder_ = arguments.base_folder;
    Problems problems;
    const Values words = from_words(arguments.words, problems);
    Values environment = from_environment();
    std::filesystem::path file;
    if (auto it = words.find("config"); it != words.end())
        file = base_folder_ / it->second.back();
    else if (auto env = environment.find("config"); env != environment.end())
        file = env->second.back();
    if (!file.empty()) values_ = from_file(file, problems);
    for (const auto& [name, value] : environment) values_[name] = value;
    for (const auto& [name, value] : words) {
        values_[name] = value;
        said_.insert(name);
    }
    for (const Option& option : options_) {
        const auto it = values_.find(option.name);
        if (it == values_.end()) continue;
        try {
            option.set(it->second);
        } catch (const std::string& reason) {
            problems.add("--{}: {}", option.name, reason);
        }
    }
    for (const std::string& name : required_) {
        if (!given(name)) problems.add("--{} is missing", name);
    }
    problems.throw_if_any(ErrorKind::kUsage, "options");
}

std::vector<std::string> Options::names() const {
    std::vector<std::string> names;
    for (const Option& option : options_) names.push_back(option.name);
    return names;
}

Json Options::effective() const {
    Json values = Json::object();
    for (const Option& option : options_) values[option.name] = option.get();
    return values;
}

std::string Options::help(bool all) const {
    std::string text = fmt::format("nepenthe {}: {}\n\n", verb_, summary_);
    for (const Option& option : options_) {
        if (!all && std::ranges::find(rare_, option.name) != rare_.end()) continue;
        std::string left = "  --" + option.name;
        if (option.name == positional_) left = "  " + option.name + " | --" + option.name;
        std::string line = fmt::format("{:<26} {}", left, option.help);
        if (!option.default_text.empty()) line += fmt::format(" [{}]", option.default_text);
        text += line + "\n";
    }
    if (!all && !rare_.empty()) text += fmt::format("\nAlso, explained by --help-all: --{}\n", fmt::join(rare_, " --"));
    return text + fmt::format("\nExample:\n  {}\n", example_);
}

}  // namespace nepenthe::pipelines
