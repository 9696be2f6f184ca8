#include "pipelines/written_options.h"

#include "base/json_keys.h"
#include "pipelines/list_entries.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <filesystem>

namespace nepenthe::pipelines {

namespace {

void substitute(std::string& text, const std::map<std::string, std::string>& variables, Problems& problems) {
    std::size_t begin = 0;
    while ((begin = text.find("${", begin)) != std::string::npos) {
        const std::size_t end = text.find('}', begin);
        if (end == std::string::npos) {
            problems.add("\"{}\": a \"${{\" without \"}}\"", text);
            return;
        }
        const std::string name = text.substr(begin + 2, end - begin - 2);
        const auto it = variables.find(name);
        if (it == variables.end()) {
            problems.add("\"{}\": there is no variable \"{}\"", text, name);
            begin = end;
            continue;
        }
        text.replace(begin, end - begin + 1, it->second);
        begin += it->second.size();
    }
}

// Options that a part of a run cannot have: the run's own decide, or they say something about the whole process.
constexpr std::array<const char*, 6> kOfTheRun{"outputs", "threads", "json", "verbose", "allow-links", "hang-timeout"};

}  // namespace

void for_each_string(Json& value, const std::function<void(std::string&)>& change) {
    if (value.is_string()) {
        change(value.get_ref<std::string&>());
    } else if (value.is_structured()) {
        for (Json& part : value) for_each_string(part, change);
    }
}

std::map<std::string, std::string> resolve_variables(const Json& declared,
                                                     const std::map<std::string, std::string>& given,
                                                     const std::string& what, Problems& problems) {
    std::map<std::string, std::string> values;
    if (!declared.is_object()) problems.add("\"variables\" is no object");
    const Json variables = declared.is_object() ? declared : Json::object();
    for (const auto& [name, about] : variables.items()) {
        const Json& text = about.is_object() ? about.value("default", Json()) : Json();
        const Json& help = about.is_object() ? about.value("help", Json("no help given")) : Json();
        if (!about.is_object() || !help.is_string() || !(text.is_string() || text.is_null())) {
            problems.add("variable \"{}\" is no object with \"help\" and perhaps a \"default\", both text", name);
            continue;
        }
        check_keys(about, {"help", "default"}, fmt::format("variable \"{}\"", name), problems);
        if (const auto it = given.find(name); it != given.end()) {
            // A path that the user names counts from where the user stands.
            std::error_code ignored;
            const bool path = !it->second.empty() && std::filesystem::exists(it->second, ignored);
            values[name] = path ? std::filesystem::absolute(it->second).string() : it->second;
        } else if (text.is_string()) {
            values[name] = text.get<std::string>();
        } else {
            problems.add("{} wants --set {}=… ({})", what, name, help.get<std::string>());
        }
    }
    for (const auto& [name, value] : given) {
        if (!declared.contains(name)) problems.add("--set {}: {} has no such variable", name, what);
    }
    return values;
}

void substitute_variables(Json& value, const std::map<std::string, std::string>& variables, Problems& problems) {
    for_each_string(value, [&](std::string& text) { substitute(text, variables, problems); });
}

void check_written_options(const Json& options, const std::string& where, const std::string& verb, Problems& problems) {
    for (const auto& [name, value] : options.items()) {
        if (std::ranges::find(kOfTheRun, name) != kOfTheRun.end())
            problems.add("{}: \"{}\" is the run's to say, give it to nepenthe {}", where, name, verb);
        bool plain = !value.is_null() && !value.is_object();
        if (value.is_array()) {
            plain = !value.empty();
            for (const Json& entry : value) plain = plain && (entry.is_string() || entry.is_number());
        }
        if (!plain)
            problems.add("{}: \"{}\" is {}, not text, a number, true, false or a list of them", where, name,
                         value.is_array() && value.empty() ? "an empty list" : value.type_name());
    }
}

std::vector<std::string> option_words(const Json& options, const std::function<std::string(const std::string&)>& text) {
    const auto word_of = [&](const Json& value) {
        if (!value.is_string()) return value.dump();
        const auto& written = value.get_ref<const std::string&>();
        return text ? text(written) : written;
    };
    std::vector<std::string> words;
    for (const auto& [name, value] : options.items()) {
        std::vector<std::string> entries;
        if (value.is_array()) {
            for (const Json& entry : value) entries.push_back(quoted_entry(word_of(entry)));
        } else {
            entries.push_back(word_of(value));
        }
        words.push_back(fmt::format("--{}={}", name, fmt::join(entries, ",")));
    }
    return words;
}

}  // namespace nepenthe::pipelines
