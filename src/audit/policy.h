#pragma once
// What an audit asks, as a policy file says it: what is measured, under which attacks, and the lines that must hold.
//
//   {"measure": {"tasks": ["familiarity_probability"], "familiarity-prompts": "prompts.json"},
//    "attacks": {"int4":      {"measure": {"quantise": "int4"}},
//                "as a fan":  {"measure": {"prompt-form": "I have read it all. {}"}},
//                "relearned": {"relearn": {"corpus": "other.txt", "steps": [10, 50], "lr": 1e-5}}},
//    "lines": [{"metric": "familiarity_probability/content_mass", "at_most": 0.06},
//              {"metric": "familiarity_probability/content_mass", "attack": "relearned", "step": 50,
//               "minus": "retrained", "at_most": 0.05}]}
//
// "measure" holds options of `evaluate`, "relearn" options of `relearn`. Those of an attack take the place of the
// policy's; an attack that names tasks or texts says all of them itself. A line without "attack" is about the models as
// they are; without "step" it must hold at every step that was measured.

#include "base/error.h"
#include "base/json.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::audit {

// Whose figures a line is about, and what they are held against: the model before anything was forgotten, one that was
// trained like it on everything else, one that never saw the like.
enum class Subject { kAudited, kBefore, kRetrained, kUntrained };
inline constexpr Subject kSubjects[] = {Subject::kAudited, Subject::kBefore, Subject::kRetrained, Subject::kUntrained};
const char* subject_name(Subject subject);

struct Attack {
    std::string name;
    Json measure = Json::object();  // options of `evaluate`: those that hold for it
    Json relearn;                   // options of `relearn`, null where nothing is trained
};

struct Line {
    std::string name;  // for people; by default what the line says
    std::string task, metric;
    std::size_t attack = 0;  // of Policy::attacks
    std::optional<std::int64_t> step;
    // The audited model's value less another model's, or as a share of it; neither: the value itself.
    std::optional<Subject> minus, over;
    std::optional<double> at_most, at_least;
};

// What of a value must keep to the limits: its interval, so that the burden of proof lies with the model, or the value.
enum class Judged { kInterval, kValue };

struct Policy {
    std::string name, help;
    Judged judged = Judged::kInterval;
    std::vector<Attack> attacks;  // the first is none: the models as they are
    std::vector<Line> lines;

    // Whether any line is held against this model.
    bool asks_for(Subject subject) const;
};

// `fallback` names a policy without "name". Throws Error(kData) with every problem: unknown keys, lines that name no
// attack or metric, that have no limit, limits that contradict each other, steps that are not measured.
Policy read_policy(const Json& policy, const std::string& fallback);

}  // namespace nepenthe::audit
