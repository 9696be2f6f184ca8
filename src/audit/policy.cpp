#include "audit/policy.h"

#include "base/json_keys.h"
#include "evaluate/metric.h"
#include "evaluate/summary_rows.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <sstream>
#include <tuple>

namespace nepenthe::audit {

namespace {

// The object under `name`; an empty one, and a problem, where it is something else.
Json object_in(const Json& parent, const char* name, const std::string& where, Problems& problems) {
    const Json value = parent.value(name, Json::object());
    if (value.is_object()) return value;
    problems.add("{}: \"{}\" is no object", where, name);
    return Json::object();
}

std::string text_in(const Json& parent, const char* name, const std::string& fallback, const std::string& where,
                    Problems& problems) {
    const Json value = parent.value(name, Json(fallback));
    if (value.is_string()) return value.get<std::string>();
    problems.add("{}: \"{}\" is no text", where, name);
    return fallback;
}

std::optional<double> number_in(const Json& line, const char* name, const std::string& where, Problems& problems) {
    if (!line.contains(name)) return std::nullopt;
    if (line[name].is_number()) return line[name].get<double>();
    problems.add("{}: \"{}\" is no number", where, name);
    return std::nullopt;
}

// The models that a line can be held against.
std::optional<Subject> subject_in(const Json& line, const char* name, const std::string& where, Problems& problems) {
    if (!line.contains(name)) return std::nullopt;
    for (const Subject subject : kSubjects) {
        if (subject != Subject::kAudited && line[name] == subject_name(subject)) return subject;
    }
    problems.add("{}: \"{}\" is {}; it must be \"before\", \"retrained\" or \"untrained\"", where, name,
                 line[name].dump());
    return std::nullopt;
}

// An attack that names tasks says everything itself: the policy's options may be for other tasks.
Json with_changes(Json options, const Json& changes) {
    if (changes.contains("tasks") || changes.contains("texts")) return changes;
    for (const auto& [name, value] : changes.items()) options[name] = value;
    return options;
}

std::vector<Attack> read_attacks(const Json& policy, Problems& problems) {
    const Json measure = object_in(policy, "measure", "policy", problems);
    const Json written = object_in(policy, "attacks", "policy", problems);
    std::vector<Attack> attacks = {{"", measure, nullptr}};
    for (const auto& [name, value] : written.items()) {
        const std::string where = fmt::format("attack \"{}\"", name);
        if (name.empty()) problems.add("an attack has no name");
        if (!value.is_object()) {
            problems.add("{} is no object", where);
            continue;
        }
        check_keys(value, {"measure", "relearn"}, where, problems);
        if (value.empty()) problems.add("{} says neither \"measure\" nor \"relearn\"", where);
        Attack& attack = attacks.emplace_back();
        attack.name = name;
        attack.measure = with_changes(measure, object_in(value, "measure", where, problems));
        if (value.contains("relearn")) attack.relearn = object_in(value, "relearn", where, problems);
        if (value.contains("relearn") && attack.measure.contains("quantise"))
            problems.add("{}: a model that is trained is not rounded; make two attacks of it", where);
    }
    return attacks;
}

// The steps at which an attack is measured, in a list or by itself; empty where they cannot be told.
std::set<std::int64_t> steps_of(const Attack& attack) {
    std::set<std::int64_t> steps;
    if (!attack.relearn.is_object()) return {0};
    const auto add = [&](const Json& step) {
        if (step.is_number_integer()) steps.insert(step.get<std::int64_t>());
    };
    const Json listed = attack.relearn.value("steps", Json());
    add(listed);
    if (listed.is_array()) std::ranges::for_each(listed, add);
    if (!steps.empty()) steps.insert(0);
    return steps;
}

// What an attack measures: its tasks, and the averages that come of them.
std::vector<std::string> tasks_of(const Attack& attack) {
    std::vector<std::string> tasks;
    const Json listed = attack.measure.value("tasks", Json());
    if (listed.is_string()) {
        std::istringstream entries(listed.get<std::string>());
        for (std::string entry; std::getline(entries, entry, ',');) tasks.push_back(entry);
    }
    if (listed.is_array()) {
        std::ranges::for_each(listed, [&](const Json& entry) {
            if (entry.is_string()) tasks.push_back(entry.get<std::string>());
        });
    }
    for (std::string& average : evaluate::summary_tasks(tasks)) tasks.push_back(std::move(average));
    return tasks;
}

bool measures(const Attack& attack, const std::string& task) {
    if (task.starts_with("perplexity:") && attack.measure.contains("texts")) return true;
    const std::vector<std::string> tasks = tasks_of(attack);
    return std::ranges::find(tasks, task) != tasks.end();
}

void read_metric(const Json& value, const std::string& where, Line& line, Problems& problems) {
    const std::string metric = text_in(value, "metric", "", where, problems);
    const std::size_t slash = metric.rfind('/');
    if (slash == std::string::npos || slash == 0 || slash + 1 == metric.size()) {
        problems.add("{}: \"metric\" is \"{}\"; it must be TASK/METRIC", where, metric);
        return;
    }
    line.task = metric.substr(0, slash);
    line.metric = metric.substr(slash + 1);
    std::vector<std::string> names;
    for (const evaluate::MetricDefinition& definition : evaluate::metric_definitions())
        names.push_back(definition.name);
    if (std::ranges::find(names, line.metric) != names.end()) return;
    const std::string near = nearest_name(line.metric, names);
    problems.add("{}: there is no metric \"{}\"{}", where, line.metric,
                 near.empty() ? "" : ", did you mean \"" + near + "\"?");
}

void read_limits(const Json& value, const std::string& where, Line& line, Problems& problems) {
    line.minus = subject_in(value, "minus", where, problems);
    line.over = subject_in(value, "over", where, problems);
    line.at_most = number_in(value, "at_most", where, problems);
    line.at_least = number_in(value, "at_least", where, problems);
    if (value.contains("minus") && value.contains("over"))
        problems.add("{}: a difference (\"minus\") and a share (\"over\") at once; make two lines of it", where);
    if (!value.contains("at_most") && !value.contains("at_least"))
        problems.add("{}: says neither \"at_most\" nor \"at_least\"", where);
    if (line.at_most && line.at_least && *line.at_most < *line.at_least)
        problems.add("{}: at most {} and at least {} cannot both hold", where, *line.at_most, *line.at_least);
}

void read_attack(const Json& value, const std::string& where, const std::vector<Attack>& attacks, Line& line,
                 Problems& problems) {
    const std::string name = text_in(value, "attack", "", where, problems);
    const auto found = std::ranges::find(attacks, name, &Attack::name);
    if (found == attacks.end()) {
        problems.add("{}: there is no attack \"{}\"", where, name);
        return;
    }
    line.attack = static_cast<std::size_t>(found - attacks.begin());
    if (!line.task.empty() && !measures(*found, line.task))
        problems.add("{}: {} does not measure the task \"{}\"", where,
                     name.empty() ? "\"measure\"" : "attack \"" + name + "\"", line.task);
    if (!value.contains("step")) return;
    const std::set<std::int64_t> steps = steps_of(*found);
    if (!value["step"].is_number_integer()) {
        problems.add("{}: \"step\" is no whole number", where);
        return;
    }
    line.step = value["step"].get<std::int64_t>();
    if (!found->relearn.is_object())
        problems.add("{}: \"step\" is for attacks that relearn", where);
    else if (!steps.empty() && !steps.contains(*line.step))
        problems.add("{}: step {} is not measured; the attack has {}", where, *line.step, fmt::join(steps, ", "));
}

std::string words_of(const Line& line, const std::vector<Attack>& attacks) {
    std::string text = fmt::format("{}/{}", line.task, line.metric);
    if (line.minus) text += fmt::format(" minus {}", subject_name(*line.minus));
    if (line.over) text += fmt::format(" over {}", subject_name(*line.over));
    if (line.attack > 0) text += fmt::format(", {}", attacks[line.attack].name);
    if (line.step) text += fmt::format(", step {}", *line.step);
    return text;
}

Line read_line(const Json& value, std::size_t number, const std::vector<Attack>& attacks, Problems& problems) {
    const std::string where = fmt::format("line {}", number);
    Line line;
    if (!value.is_object()) {
        problems.add("{} is no object", where);
        return line;
    }
    check_keys(value, {"name", "metric", "attack", "step", "minus", "over", "at_most", "at_least"}, where, problems);
    read_metric(value, where, line, problems);
    read_limits(value, where, line, problems);
    read_attack(value, where, attacks, line, problems);
    line.name = text_in(value, "name", words_of(line, attacks), where, problems);
    return line;
}

// Two lines about the same figure that no model can keep.
void check_contradictions(const std::vector<Line>& lines, Problems& problems) {
    using Figure = std::tuple<std::string, std::string, std::size_t, std::optional<std::int64_t>,
                              std::optional<Subject>, std::optional<Subject>>;
    std::map<Figure, std::vector<std::size_t>> by_figure;
    for (std::size_t i = 0; i < lines.size(); ++i) {
        const Line& line = lines[i];
        by_figure[{line.task, line.metric, line.attack, line.step, line.minus, line.over}].push_back(i);
    }
    for (const auto& [figure, numbers] : by_figure) {
        for (const std::size_t one : numbers) {
            for (const std::size_t other : numbers) {
                if (one == other || !lines[one].at_most || !lines[other].at_least) continue;
                if (*lines[one].at_most < *lines[other].at_least)
                    problems.add("lines {} and {} contradict each other: {} at most {} and at least {}", one + 1,
                                 other + 1, lines[one].name, *lines[one].at_most, *lines[other].at_least);
            }
        }
    }
}

}  // namespace

const char* subject_name(Subject subject) {
    switch (subject) {
        case Subject::kAudited: return "audited";
        case Subject::kBefore: return "before";
        case Subject::kRetrained: return "retrained";
        case Subject::kUntrained: return "untrained";
    }
    return "";
}

bool Policy::asks_for(Subject subject) const {
    return std::ranges::any_of(lines, [&](const Line& line) { return line.minus == subject || line.over == subject; });
}

Policy read_policy(const Json& value, const std::string& fallback) {
    if (!value.is_object()) fail(ErrorKind::kData, "{}: a policy is an object", fallback);
    Problems problems;
    check_keys(value, {"name", "help", "variables", "judged", "measure", "attacks", "lines"}, "policy", problems);
    Policy policy;
    policy.name = text_in(value, "name", fallback, "policy", problems);
    policy.help = text_in(value, "help", "", "policy", problems);
    const std::string judged = text_in(value, "judged", "interval", "policy", problems);
    if (judged != "interval" && judged != "value")
        problems.add("\"judged\" is \"{}\"; it must be \"interval\" or \"value\"", judged);
    policy.judged = judged == "value" ? Judged::kValue : Judged::kInterval;
    policy.attacks = read_attacks(value, problems);
    const Json lines = value.value("lines", Json::array());
    if (!lines.is_array() || lines.empty()) problems.add("\"lines\" is no list of what must hold");
    for (std::size_t i = 0; lines.is_array() && i < lines.size(); ++i)
        policy.lines.push_back(read_line(lines[i], i + 1, policy.attacks, problems));
    check_contradictions(policy.lines, problems);
    problems.throw_if_any(ErrorKind::kData, "policy " + policy.name);
    return policy;
}

}  // namespace nepenthe::audit
