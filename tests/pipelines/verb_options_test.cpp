// The tables of options of all verbs, walked: what they say holds for each of them.

#include "edit/edit_options.h"
#include "edit/facts/facts.h"
#include "edit/trace/trace.h"
#include "kernels/quantise.h"
#include "model/decoder.h"
#include "mpi_world.h"
#include "pipelines/verb.h"
#include "unlearn/attribution/compose.h"
#include "unlearn/relabel/relabel.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>

namespace nepenthe::pipelines {
namespace {

using testing::world;

// What reads the words of a closed set, by the option's name.
const std::map<std::string, std::function<void(const std::string&)>>& readers() {
    static const std::map<std::string, std::function<void(const std::string&)>> table = {
        {"method",
         [](const std::string& word) {
             if (word != "wise" && word != "ike") edit::parse_method(word);
         }},
        {"mode", [](const std::string& word) { edit::parse_mode(word); }},
        {"shared-subjects", [](const std::string& word) { edit::parse_shared_subjects(word); }},
        {"residual", [](const std::string& word) { edit::parse_residual(word); }},
        {"value-site", [](const std::string& word) { edit::parse_value_site(word); }},
        {"fact-format", [](const std::string& word) { edit::parse_fact_format(word); }},
        {"zsre-convention", [](const std::string& word) { edit::parse_zsre_convention(word); }},
        {"target", [](const std::string& word) { edit::parse_unlearning_target(word); }},
        {"kinds", [](const std::string& word) { edit::parse_trace_kind(word); }},
        {"rules", [](const std::string& word) { unlearn::parse_rules(word); }},
        {"combine", [](const std::string& word) { unlearn::parse_combine(word); }},
        {"swap", [](const std::string& word) { unlearn::parse_swap(word); }},
        {"op", [](const std::string& word) { unlearn::parse_mask_operation(word); }},
        {"quantise",
         [](const std::string& word) {
             if (word != "none") kernels::parse_weight_code(word);
         }},
        {"dtype", [](const std::string& word) { model::parse_compute(word); }},
    };
    return table;
}

void for_each_option(const std::function<void(const Verb&, const OptionInfo&)>& visit) {
    for (const Verb& verb : verbs()) {
        const std::vector<OptionInfo> options = options_of(*world, verb);
        EXPECT_FALSE(options.empty()) << verb.name;
        for (const OptionInfo& option : options) visit(verb, option);
    }
}

TEST(VerbOptions, EveryChoiceIsRead) {
    std::set<std::string> met;
    for_each_option([&](const Verb& verb, const OptionInfo& option) {
        const auto reader = readers().find(option.name);
        EXPECT_EQ(option.kind == OptionKind::kChoice, !option.choices.empty()) << option.name;
        if (reader == readers().end()) return;
        met.insert(option.name);
        ASSERT_EQ(option.kind, OptionKind::kChoice) << verb.name << " --" << option.name << " has words to choose from";
        for (const std::string& choice : option.choices)
            EXPECT_NO_THROW(reader->second(choice)) << verb.name << " --" << option.name << " " << choice;
        EXPECT_THROW(reader->second("no such word"), Error) << option.name;
    });
    EXPECT_EQ(met.size(), readers().size());
}

// An option of text either has choices, or takes any text: a help that names words which the option may refuse is what
// this list is to keep out.
TEST(VerbOptions, TextIsFreeOrHasChoices) {
    const std::set<std::string> free{
        "prompt",          "system", "text",     "noise",         "fact-prompt",     "tofu-prompt",    "alpha",
        "tasks",           "only",   "rollback", "published-row", "selection",       "muse-retrained", "form",
        "question-prompt", "accept", "drop",     "pin",           "entities-python", "prompt-form"};
    for_each_option([&](const Verb& verb, const OptionInfo& option) {
        if (option.kind != OptionKind::kText) return;
        EXPECT_EQ(free.count(option.name), 1u) << verb.name << " --" << option.name;
    });
}

TEST(VerbOptions, OneNameMeansOneKindEverywhere) {
    // The models of evaluate are several; edit's model decides which published row there is, an objective has several.
    const std::set<std::string> apart{"evaluate model", "edit as-published"};
    std::map<std::string, std::pair<OptionKind, std::string>> kinds;
    for_each_option([&](const Verb& verb, const OptionInfo& option) {
        if (apart.count(fmt::format("{} {}", verb.name, option.name)) > 0) return;
        const auto [known, added] = kinds.emplace(option.name, std::pair{option.kind, std::string(verb.name)});
        EXPECT_EQ(known->second.first, option.kind)
            << "--" << option.name << " of " << verb.name << " and of " << known->second.second;
    });
}

// An option by two names: the former one is understood, and is no other option's name.
TEST(VerbOptions, FormerNamesAreNobodysElse) {
    std::set<std::string> names, aliases;
    for_each_option([&](const Verb&, const OptionInfo& option) {
        names.insert(option.name);
        aliases.insert(option.aliases.begin(), option.aliases.end());
    });
    for (const std::string& alias : aliases) EXPECT_EQ(names.count(alias), 0u) << alias;
    EXPECT_EQ(aliases, (std::set<std::string>{"format", "tune", "tune-clamps", "tune-layers", "tune-limit", "zsre"}));
}

TEST(VerbOptions, HelpNamesEveryOption) {
    for (const Verb& verb : verbs()) {
        for (const char* form : verb.forms) {
            Arguments arguments;
            if (*form != '\0') arguments.words.emplace_back(form);
            arguments.words.emplace_back("--help-all");
            try {
                verb.run(*world, arguments);
                ADD_FAILURE() << verb.name;
            } catch (const HelpRequested& help) {
                for (const OptionInfo& option : help.options)
                    EXPECT_NE(help.text.find(fmt::format("--{} ", option.name)), std::string::npos) << option.name;
            }
        }
    }
}

}  // namespace
}  // namespace nepenthe::pipelines
