// Names hold what determines content: every option of every verb that makes an artefact is given another value, and the
// artefact's name must change; those options whose value does not count, by promise, are listed with the reason. An
// option that is in neither list fails, so that a new one cannot be forgotten.
#include "key_cases.h"

#include <gtest/gtest.h>

#include <set>
#include <sstream>

namespace nepenthe::pipelines {
namespace {

// Options that a table shares with all others and that do not count.
const std::map<std::string, std::string> kOutside = {
    {"outputs", "where, not what"},
    {"config", "says what the options themselves say"},
};

std::string option_of(const std::string& word) { return word.substr(2, word.find('=') - 2); }

// `base` with `words` in the place of what it says of their options.
Words replaced(const Words& base, const Words& words) {
    std::set<std::string> gone;
    for (const std::string& word : words) gone.insert(option_of(word));
    Words result;
    for (const std::string& word : base) {
        if (!gone.contains(option_of(word))) result.push_back(word);
    }
    result.insert(result.end(), words.begin(), words.end());
    return result;
}

// What the table of a verb (with the words that choose among its tables) declares.
std::set<std::string> declared(const std::string& verb, Words words) {
    words.push_back("--help-all");
    std::set<std::string> names;
    try {
        find_verb(verb).run(*testing::world, {words, {}});
    } catch (const HelpRequested& help) {
        std::istringstream lines(help.text);
        for (std::string line; std::getline(lines, line);) {
            const std::size_t begin = line.find("--");
            const bool first = line.starts_with("  --");
            if (!first || begin == std::string::npos) continue;
            names.insert(line.substr(begin + 2, line.find(' ', begin) - begin - 2));
        }
    }
    EXPECT_FALSE(names.empty()) << verb;
    return names;
}

void check_names(const Case& one) {
    const std::string base = name_of(one, one.base);
    EXPECT_EQ(name_of(one, one.base), base) << one.verb << ": asked twice";
    for (const auto& [option, words] : one.changed) {
        if (words.empty()) continue;  // this table's other cases try it
        EXPECT_NE(name_of(one, replaced(one.base, words)), base) << one.verb << " --" << option << " is not in the key";
    }
    for (const auto& [option, words] : one.promised) {
        EXPECT_EQ(name_of(one, replaced(one.base, words)), base) << one.verb << " --" << option << " does not count";
    }
    EXPECT_EQ(name_of(one, replaced(one.base, {in().word("outputs", "elsewhere")})), base);
}

// Every option of a table lies in one of the cases' lists, or in `without_name`.
void check_complete(const std::string& verb, const Words& table, const std::vector<Case>& cases,
                    const std::map<std::string, std::string>& without_name = {}) {
    for (const std::string& option : declared(verb, table)) {
        bool known = kOutside.contains(option) || without_name.contains(option);
        for (const Case& one : cases) known = known || one.changed.contains(option) || one.promised.contains(option);
        EXPECT_TRUE(known) << verb << " --" << option
                           << ": give it another value here, and see that the artefact's name changes";
    }
}

void check(const std::string& verb, const std::vector<Case>& cases,
           const std::map<std::string, std::string>& without_name = {}, const Words& table = {}) {
    for (const Case& one : cases) check_names(one);
    check_complete(verb, table, cases, without_name);
}

TEST(Keys, Train) { check("train", {train_case(), train_new_case(), train_masked_case()}); }

TEST(Keys, Relabel) { check("relabel", {relabel_case(), relabel_from_case()}); }

// Labels belong to one model: another one is refused, it does not come to a name.
TEST(Keys, Forget) {
    check("forget", {forget_case()},
          {{"model", "refused with labels of another"},
           {"objective", "another table of options"},
           {"mask", "as with train"},
           {"selection", "as with train"}});
}

TEST(Keys, ForgetByObjectives) {
    std::map<std::string, std::string> watched = {{"mask", "as with train"}, {"selection", "as with train"}};
    for (const char* option :
         {"familiarity-prompts", "neighbour-prompts", "completion-prompts", "utility-budget", "repetition-budget"}) {
        watched[option] = "as with labels";
    }
    const std::vector<Case> cases = {npo_case(),    ga_case(),  gru_case(),  blur_case(),
                                     undial_case(), dpo_case(), flat_case(), rmu_case()};
    check("forget", cases, watched, {"--objective=npo"});
    check("forget", cases, watched, {"--objective=flat"});
    check("forget", cases, watched, {"--objective=rmu"});
}

TEST(Keys, Attribute) {
    check("attribute", {attribute_case(), attribute_by_inputs_case()},
          {{"reference-tokens", "as with forget"},
           {"refusals", "as with forget"},
           {"block", "as with forget"},
           {"seed", "as with random scores"}});
}

TEST(Keys, Mask) { check("mask", {mask_case(), mask_invert_case()}); }

TEST(Keys, Trace) { check("trace", {trace_case()}); }

TEST(Keys, Evaluate) {
    check("evaluate", {evaluate_case(), evaluate_told_case()}, {{"list-tasks", "makes no artefact"}});
}

// What is measured has the options of evaluate, and its key.
TEST(Keys, Relearn) {
    std::map<std::string, std::string> measured = {{"max-steps", "the last of --steps decides"},
                                                   {"epochs", "the last of --steps decides"}};
    for (const std::string& option : declared("evaluate", {})) measured.try_emplace(option, "as with evaluate");
    check("relearn", {relearn_case(), relearn_text_case()}, measured);
}

TEST(Keys, Audit) { check("audit", {audit_case()}); }

TEST(Keys, Stats) {
    check("stats", {stats_case()},
          {{"merge", "another way to make one: the digests of what is added up are its name"}});
}

TEST(Keys, Repair) {
    check("repair", {repair_case(), repair_fixed_case()}, {{"base", "refused with moments of another"}});
}

// How a file is read shows in the facts that come of it, and these are in the key.
const std::map<std::string, std::string> kByTheFacts = {{"fact-format", "the facts that were read"},
                                                        {"zsre-convention", "the facts that were read"},
                                                        {"skip-bad", "the facts that were read"},
                                                        {"target", "the facts that were read"},
                                                        {"refusals", "the facts that were read"}};

TEST(Keys, Edit) {
    std::map<std::string, std::string> without = kByTheFacts;
    without.insert(
        {{"list", "makes no artefact"},
         {"diff", "makes no artefact"},
         {"as-published", "rows are of published models; they set the options above, and the row is in the key"},
         {"published-row", "likewise"}});
    check("edit", edit_cases(), without);
}

TEST(Keys, EditBesideTheWeights) {
    std::map<std::string, std::string> without = kByTheFacts;
    without.insert({{"method", "another table of options"},
                    {"dtype", "WISE is trained in fp32"},
                    {"published-row", "likewise in the row that is in the key"}});
    check("edit", {wise_case()}, without, {"--method=wise"});
    check("edit", {ike_case()}, without, {"--method=ike"});
}

TEST(Keys, EveryVerbThatMakesAnArtefactTellsItsKey) {
    const std::set<std::string> without = {"info",    "tokenize", "score",  "generate",
                                           "anchors", "report",   "verify", "run"};
    for (const Verb& verb : verbs()) EXPECT_EQ(verb.key == nullptr, without.contains(verb.name)) << verb.name;
}

}  // namespace
}  // namespace nepenthe::pipelines
