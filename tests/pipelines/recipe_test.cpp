#include "pipelines/recipe.h"

#include "base/error.h"

#include <gtest/gtest.h>

#include <fstream>

namespace nepenthe::pipelines {
namespace {

Recipe recipe_of(const std::string& text, const std::map<std::string, std::string>& variables = {}) {
    const auto file = std::filesystem::path(::testing::TempDir()) / "recipe_test.json";
    std::ofstream(file) << text;
    return read_recipe(file, variables);
}

std::string refusal(const std::string& text, const std::map<std::string, std::string>& variables = {}) {
    try {
        recipe_of(text, variables);
    } catch (const Error& error) {
        return error.what();
    }
    return "";
}

TEST(Recipe, StagesNameEarlierOnesAndVariables) {
    const Recipe recipe =
        recipe_of(R"({"name": "r", "variables": {"book": {"help": "text"}, "rate": {"default": "1e-5"}},
        "stages": [{"name": "a", "verb": "train", "options": {"corpus": "${book}", "lr": "${rate}"}},
                   {"name": "b", "verb": "forget", "options": {"labels": "@a", "epochs": 2, "deterministic": true,
                                                               "alpha": [2.5, 5], "json": false}}]})",
                  {{"book", "oz.txt"}});
    const auto words = stage_words(recipe.stages[1], {{"a", "/outputs/train-0"}});
    EXPECT_EQ(words, (std::vector<std::string>{"--alpha=2.5,5", "--deterministic", "--epochs=2",
                                               "--labels=/outputs/train-0"}));
    EXPECT_EQ(recipe.stages[0].options["corpus"], "oz.txt");
    EXPECT_EQ(recipe.stages[0].options["lr"], "1e-5");
}

TEST(Recipe, RefusesWithEveryProblem) {
    const std::string text = refusal(R"({"name": "r", "variables": {"book": {"help": "the novel"}},
        "stages": [{"name": "a", "verb": "train", "optoins": {}}, {"name": "b", "verb": "train", "options": {"model": "@c"}}]})",
                                     {{"bok", "x"}});
    EXPECT_NE(text.find("--set book"), std::string::npos) << text;
    EXPECT_NE(text.find("no such variable"), std::string::npos) << text;
    EXPECT_NE(text.find("did you mean \"options\""), std::string::npos) << text;
    EXPECT_NE(text.find("names no earlier stage"), std::string::npos) << text;
}

TEST(Recipe, RefusesAnUnknownVerb) {
    EXPECT_NE(refusal(R"({"name": "r", "stages": [{"name": "a", "verb": "trian"}]})").find("did you mean \"train\""),
              std::string::npos);
}

}  // namespace
}  // namespace nepenthe::pipelines
