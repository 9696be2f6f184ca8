// Policies as people write them: what they mean, and every mistake in one message.

#include "audit/policy.h"

#include "expected_errors.h"

#include <gtest/gtest.h>

namespace nepenthe::audit {
namespace {

Json policy() {
    return parse_json(R"({
      "measure": {"tasks": ["familiarity_probability", "neighbour_probability"], "familiarity-prompts": "a.json"},
      "attacks": {"int4": {"measure": {"quantise": "int4"}},
                  "relearned": {"relearn": {"corpus": "b.txt", "steps": [10, 50]}}},
      "lines": [{"metric": "familiarity_probability/content_mass", "at_most": 0.06},
                {"metric": "familiarity_probability/content_mass", "attack": "relearned", "step": 50,
                 "minus": "retrained", "at_most": 0.05, "at_least": -0.1},
                {"name": "utility", "metric": "neighbour_probability/content_mass", "attack": "int4", "over": "before",
                 "at_least": 0.95}]})",
                      "test");
}

std::string refused(const Json& value) {
    return testing::message_of(ErrorKind::kData, [&] { read_policy(value, "test"); });
}

TEST(Policy, SaysWhatItAsks) {
    const Policy read = read_policy(policy(), "test");
    ASSERT_EQ(read.attacks.size(), 3u);
    EXPECT_EQ(read.attacks[0].name, "");
    EXPECT_TRUE(read.attacks[0].relearn.is_null());
    EXPECT_EQ(read.attacks[1].measure["quantise"], "int4");
    EXPECT_EQ(read.attacks[1].measure["familiarity-prompts"], "a.json") << "the policy's own options hold for attacks";
    EXPECT_EQ(read.attacks[2].relearn["corpus"], "b.txt");
    Json own_tasks = policy();
    own_tasks["attacks"]["int4"]["measure"] = {{"tasks", "hellaswag"}, {"data", "d"}};
    own_tasks["lines"].erase(2);
    EXPECT_FALSE(read_policy(own_tasks, "test").attacks[1].measure.contains("familiarity-prompts"));
    // An average that evaluate adds is measured where its parts are.
    own_tasks["attacks"]["int4"]["measure"]["tasks"] = {"wmdp_bio", "wmdp_cyber"};
    own_tasks["lines"].push_back({{"metric", "wagle/wagle_wmdp_efficacy"}, {"attack", "int4"}, {"at_least", 0.7}});
    EXPECT_EQ(read_policy(own_tasks, "test").lines.back().task, "wagle");
    ASSERT_EQ(read.lines.size(), 3u);
    EXPECT_EQ(read.lines[1].attack, 2u);
    EXPECT_EQ(read.lines[1].step, 50);
    EXPECT_EQ(read.lines[1].minus, Subject::kRetrained);
    EXPECT_EQ(read.lines[1].name, "familiarity_probability/content_mass minus retrained, relearned, step 50");
    EXPECT_EQ(read.lines[2].name, "utility");
    EXPECT_EQ(read.judged, Judged::kInterval);
    EXPECT_TRUE(read.asks_for(Subject::kBefore));
    EXPECT_FALSE(read.asks_for(Subject::kUntrained));
}

TEST(Policy, TellsEveryMistakeAtOnce) {
    Json bad = policy();
    bad["judged"] = "twice";
    bad["lnes"] = 1;
    bad["attacks"]["both"] = {{"relearn", Json::object()}, {"measure", {{"quantise", "int8"}}}};
    bad["attacks"]["none"] = Json::object();
    bad["lines"][0]["metric"] = "familiarity_probability/content_mas";
    bad["lines"][1]["step"] = 20;
    bad["lines"][1]["over"] = "before";
    bad["lines"][2]["attack"] = "int5";
    bad["lines"][2]["over"] = "after";
    bad["lines"].push_back({{"metric", "tofu/forget_quality"}});
    bad["lines"].push_back({{"metric", "loss"}, {"at_most", "low"}});
    const std::string message = refused(bad);
    for (const char* part :
         {"\"judged\" is \"twice\"", "unknown key \"lnes\", did you mean \"lines\"?",
          "a model that is trained is not rounded", "says neither \"measure\" nor \"relearn\"",
          "did you mean \"content_mass\"?", "step 20 is not measured", "0, 10, 50", "make two lines of it",
          "there is no attack \"int5\"", "\"over\" is \"after\"", "does not measure the task \"tofu\"",
          "says neither \"at_most\" nor \"at_least\"", "it must be TASK/METRIC", "\"at_most\" is no number"}) {
        EXPECT_NE(message.find(part), std::string::npos) << part << " in\n" << message;
    }
}

TEST(Policy, LimitsMustLeaveRoom) {
    Json bad = policy();
    bad["lines"][1]["at_least"] = 0.2;
    EXPECT_NE(refused(bad).find("at most 0.05 and at least 0.2 cannot both hold"), std::string::npos);
    Json two = policy();
    two["lines"].push_back({{"metric", "familiarity_probability/content_mass"}, {"at_least", 0.5}});
    EXPECT_NE(refused(two).find("lines 1 and 4 contradict each other"), std::string::npos) << refused(two);
    EXPECT_NE(refused({{"lines", Json::array()}}).find("no list of what must hold"), std::string::npos);
    EXPECT_NE(refused(Json::array()).find("a policy is an object"), std::string::npos);
}

}  // namespace
}  // namespace nepenthe::audit
