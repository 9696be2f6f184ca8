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

std::string recipe_refusal(const std::string& text, const std::map<std::string, std::string>& variables = {}) {
    try {
        recipe_of(text, variables);
    } catch (const Error& error) {
        EXPECT_TRUE(error.kind() == ErrorKind::kUsage || error.kind() == ErrorKind::kData);
        return error.what();
    }
    return "";
}

TEST(Recipe, StagesNameEarlierOnesAndVariables) {
    const Recipe recipe =
        recipe_of(R"({"name": "r", "variables": {"book": {"help": "text"}, "rate": {"default": "1e-5"}},
        "stages": [{"name": "a", "verb": "train", "options": {"corpus": "${book}", "lr": "${rate}"}},
                   {"name": "b", "verb": "forget", "options": {"labels": "@a", "epochs": 2, "deterministic": true,
                                                               "alpha": [2.5, 5], "swap": false}}]})",
                  {{"book", "oz.txt"}});
    const auto words = stage_words(recipe.stages[1], {{"a", "/outputs/train-0"}});
    EXPECT_EQ(words, (std::vector<std::string>{"--alpha=2.5,5", "--deterministic=true", "--epochs=2",
                                               "--labels=/outputs/train-0", "--swap=false"}));
    EXPECT_EQ(recipe.stages[0].options["corpus"], "oz.txt");
    EXPECT_EQ(recipe.stages[0].options["lr"], "1e-5");
}

TEST(Recipe, RefusesWithEveryProblem) {
    const std::string text = recipe_refusal(R"({"name": "r", "variables": {"book": {"help": "the novel"}},
        "stages": [{"name": "a", "verb": "train", "optoins": {}}, {"name": "b", "verb": "train", "options": {"model": "@c"}}]})",
                                            {{"bok", "x"}});
    EXPECT_NE(text.find("--set book"), std::string::npos) << text;
    EXPECT_NE(text.find("no such variable"), std::string::npos) << text;
    EXPECT_NE(text.find("did you mean \"options\""), std::string::npos) << text;
    EXPECT_NE(text.find("names no earlier stage"), std::string::npos) << text;
}

TEST(Recipe, AnEntryOfAListIsOneEntryWhateverItHolds) {
    const Recipe recipe = recipe_of(R"({"name": "r", "variables": {"book": {}},
        "stages": [{"name": "a", "verb": "train"}, {"name": "b", "verb": "evaluate", "options": {
            "model": ["x=@a", "y=${book}", "z"], "texts": "t=@a", "limit": 1e3}}]})",
                                    {{"book", "lr=1,2"}});
    const auto words = stage_words(recipe.stages[1], {{"a", "/out,puts/train-0"}});
    EXPECT_EQ(words, (std::vector<std::string>{"--limit=1000.0", "--model=x=\"/out,puts/train-0\",y=\"lr=1,2\",z",
                                               "--texts=t=/out,puts/train-0"}));
}

TEST(Recipe, RefusesValuesOfAnotherKind) {
    for (const char* text : {
             R"({"stages": [{"name": 1, "verb": "train"}]})",
             R"({"stages": [{"name": "a", "verb": ["train"]}]})",
             R"({"stages": [1]})",
             R"({"stages": {}})",
             R"([])",
             R"({"name": 3, "stages": []})",
             R"({"name": "a/b", "stages": []})",
             R"({"stages": [], "variables": []})",
             R"({"stages": [], "variables": {"x": "y"}})",
             R"({"stages": [], "variables": {"x": {"default": 3}}})",
             R"({"stages": [], "variables": {"x": {"default": "3", "hepl": "?"}}})",
             R"({"stages": [{"name": "a", "verb": "train", "options": []}]})",
             R"({"stages": [{"name": "a", "verb": "train", "options": {"lr": null}}]})",
             R"({"stages": [{"name": "a", "verb": "train", "options": {"lr": {"x": 1}}}]})",
             R"({"stages": [{"name": "a", "verb": "train", "options": {"corpus": []}}]})",
             R"({"stages": [{"name": "a", "verb": "train", "options": {"corpus": [["x"]]}}]})",
             R"({"stages": [{"name": "a", "verb": "train", "options": {"corpus": [true]}}]})",
             R"({"stages": [{"name": "a", "verb": "train", "options": {"outputs": "x"}}]})",
             R"({"stages": [{"name": "a", "verb": "train", "options": {"json": true}}]})",
         }) {
        EXPECT_NE(recipe_refusal(text), "") << text;
    }
}

TEST(Recipe, AReferenceToAStageWithoutAnArtefactIsSaid) {
    const Recipe recipe = recipe_of(R"({"stages": [{"name": "a", "verb": "info", "options": {"model": "m"}},
                                                   {"name": "b", "verb": "train", "options": {"model": "@a"}}]})");
    EXPECT_THROW(stage_words(recipe.stages[1], {}), Error);
}

}  // namespace
}  // namespace nepenthe::pipelines
