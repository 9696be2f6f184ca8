#include "pipelines/recipe.h"
#include "pipelines/recipe_slurm.h"

#include "base/error.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <stdexcept>

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
    const auto words = stage_words(recipe.stages[1], {{"a", {"/outputs/train-0", {}, ""}}});
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
    const auto words = stage_words(recipe.stages[1], {{"a", {"/out,puts/train-0", {}, ""}}});
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
             R"({"stages": [{"name": "a", "verb": "train", "options": {"lr": {"cell": 1}, "x": [{"all": 2}]}}]})",
             R"({"for": [{"x": [{"name": "n", "lr": {"cell": 1}}]}],
                 "stages": [{"name": "a", "verb": "train", "options-of": "x"}]})",
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

constexpr const char* kFrontier = R"({"name": "frontier", "variables": {"model": {}},
    "for": [{"alpha": [5, "1e1"]}, {"rule": [{"name": "soft", "targets": "soft", "half-weight": 0.5},
                                           {"name": "hard", "targets": "hard", "layers": [1, 2]}]}],
    "stages": [{"name": "labels", "verb": "relabel", "options": {"baseline": "${model}", "alpha": "${alpha}"}},
               {"name": "forgot", "verb": "forget", "options-of": "rule", "may-refuse": true,
                "options": {"model": "${model}", "labels": "@labels", "alpha": "@labels.summary.alpha"}},
               {"name": "measured", "verb": "evaluate", "options": {"model": "@forgot"}},
               {"name": "together", "verb": "evaluate",
                "options": {"model": ["before=${model}", "=@forgot[*]"], "texts": ["@labels[*]"]}},
               {"name": "of one rule", "verb": "evaluate", "options": {"model": ["=@forgot[*]"], "window": "${rule}"}}],
    "tables": [{"title": "Forgetting | keeping", "of": ["labels", "measured"],
                "columns": [{"familiarity": "results.a.b.mass"}, {"share, %": {"value": "@labels.summary.share", "percent": true}}]}]})";

const RecipeStage& cell_of(const Recipe& recipe, const std::string& name) {
    const auto found = std::ranges::find(recipe.stages, name, &RecipeStage::name);
    if (found == recipe.stages.end()) throw std::runtime_error("no cell " + name);
    return *found;
}

TEST(RecipeCells, AStageRunsOverWhatItsOptionsName) {
    const Recipe recipe = recipe_of(kFrontier, {{"model", "/gemma"}});
    std::vector<std::string> names;
    for (const RecipeStage& stage : recipe.stages) names.push_back(stage.name);
    EXPECT_EQ(names,
              (std::vector<std::string>{
                  "labels[alpha=5]", "labels[alpha=1e1]", "forgot[alpha=5, rule=soft]", "forgot[alpha=5, rule=hard]",
                  "forgot[alpha=1e1, rule=soft]", "forgot[alpha=1e1, rule=hard]", "measured[alpha=5, rule=soft]",
                  "measured[alpha=5, rule=hard]", "measured[alpha=1e1, rule=soft]", "measured[alpha=1e1, rule=hard]",
                  "together", "of one rule[rule=soft]", "of one rule[rule=hard]"}));
    EXPECT_EQ(cell_of(recipe, "forgot[alpha=5, rule=hard]").needs, (std::set<std::string>{"labels[alpha=5]"}));
    EXPECT_EQ(cell_of(recipe, "forgot[alpha=5, rule=hard]").answered, (std::set<std::string>{"alpha"}));
    EXPECT_TRUE(cell_of(recipe, "forgot[alpha=5, rule=hard]").may_refuse);
}

TEST(RecipeCells, CellsAtTheSamePlaceNameEachOther) {
    const Recipe recipe = recipe_of(kFrontier, {{"model", "/gemma"}});
    CellResults results;
    for (const RecipeStage& stage : recipe.stages)
        results[stage.name].artefact = "/outputs/" + (stage.labels.empty() ? "" : stage.labels.begin()->second);
    results["labels[alpha=5]"].answer = {{"summary", {{"alpha", {{"value", 5.5}}}, {"share", 0.25}}}};
    results["labels[alpha=1e1]"].answer = {{"summary", {{"alpha", {1, 2}}}}};
    EXPECT_EQ(stage_words(cell_of(recipe, "forgot[alpha=5, rule=soft]"), results),
              (std::vector<std::string>{"--alpha=5.5", "--half-weight=0.5", "--labels=/outputs/5", "--model=/gemma",
                                        "--targets=soft"}));
    // A list in an answer is a list of words; so is one of an axis's value.
    EXPECT_EQ(stage_words(cell_of(recipe, "forgot[alpha=1e1, rule=hard]"), results),
              (std::vector<std::string>{"--alpha=1,2", "--labels=/outputs/1e1", "--layers=1,2", "--model=/gemma",
                                        "--targets=hard"}));
    EXPECT_EQ(
        stage_words(cell_of(recipe, "together"), results),
        (std::vector<std::string>{"--model=before=/gemma,forgot 5 soft=/outputs/5,forgot 5 hard=/outputs/5,forgot 1e1 "
                                  "soft=/outputs/1e1,forgot 1e1 hard=/outputs/1e1",
                                  "--texts=/outputs/5,/outputs/1e1"}));
    EXPECT_EQ(stage_words(cell_of(recipe, "of one rule[rule=hard]"), results)[0],
              "--model=forgot 5 hard=/outputs/5,forgot 1e1 hard=/outputs/1e1");
    results["labels[alpha=5]"].answer = {{"summary", {{"alpha", nullptr}}}};
    EXPECT_THROW(stage_words(cell_of(recipe, "forgot[alpha=5, rule=soft]"), results), Error);
}

TEST(RecipeCells, TablesHoldWhatCellsAnsweredAndWhyTheyDidNot) {
    const Recipe recipe = recipe_of(kFrontier, {{"model", "/gemma"}});
    CellResults results;
    results["labels[alpha=5]"].answer = {{"summary", {{"share", 0.25}}}};
    // A key may hold points.
    results["measured[alpha=5, rule=soft]"].answer = {
        {"results", {{"a.b", {{"mass", {{"value", 0.12345678}}}}}, {"a", 1}}}};
    results["measured[alpha=5, rule=hard]"].refused = "no | number";
    const Json filled = filled_table(recipe.tables.at(0), results);
    EXPECT_EQ(filled["columns"], Json({"stage", "alpha", "rule", "familiarity", "share, %"}));
    EXPECT_EQ(filled["rows"].size(), 6u);
    EXPECT_EQ(filled["rows"][0], Json({"labels", "5", "–", nullptr, 0.25}));
    EXPECT_EQ(filled["rows"][2], Json({"measured", "5", "soft", 0.12345678, 0.25}));
    EXPECT_EQ(filled["rows"][3], Json({"measured", "5", "hard", "refused: no | number", 0.25}));
    EXPECT_EQ(filled["rows"][5], Json({"measured", "1e1", "hard", nullptr, nullptr}));
    const std::string text = table_markdown(recipe.tables[0], filled);
    EXPECT_NE(text.find("### Forgetting | keeping\n\n| stage | alpha | rule | familiarity | share, % |\n"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("| measured | 5 | soft | 0.1235 | 25.0 |\n"), std::string::npos) << text;
    EXPECT_NE(text.find("| measured | 5 | hard | refused: no \\| number | 25.0 |\n"), std::string::npos) << text;
}

TEST(RecipeCells, AListAsAPathNamesNothing) {
    const Recipe recipe = recipe_of(R"({"for": [{"x": [{"name": "n", "layers": [1, 2]}]}],
        "stages": [{"name": "a", "verb": "info", "options-of": "x"}],
        "tables": [{"title": "t", "of": "a", "columns": [{"h": "${x.layers}"}, {"i": "@a.${x.layers}"}, {"j": "k"}]}]})");
    const Json filled = filled_table(recipe.tables.at(0), {{"a[x=n]", {"", {{"k", 1}}, ""}}});
    EXPECT_EQ(empty_columns(recipe.tables[0], filled), (std::vector<std::string>{"h", "i"}));
}

TEST(RecipeCells, RefuseWhatNamesNoCell) {
    const auto with = [](const char* axes, const char* options, const char* more = "") {
        return fmt::format(R"({{"for": {}, "stages": [{{"name": "a", "verb": "train", "options": {{"lr": "${{x}}"}}}},
            {{"name": "b", "verb": "train", "options": {}}}]{}}})",
                           axes, options, more);
    };
    const char* const good = R"([{"x": [1, 2]}])";
    EXPECT_EQ(recipe_refusal(with(good, R"({"model": "@a"})")), "");
    for (const auto& [text, saying] : std::vector<std::pair<std::string, std::string>>{
             {with("{}", "{}"), "no list of objects"},
             {with(R"([{"x": []}])", "{}"), "a list of values"},
             {with(R"([{"x": [1], "y": [2]}])", "{}"), "with one axis"},
             {with(R"([{"x": [1, 1]}])", "{}"), "is there twice"},
             {with(R"([{"x": [1]}, {"x": [2]}])", "{}"), "there twice"},
             {with(R"([{"x": ["a=b"]}])", "{}"), "names no cell"},
             {with(R"([{"x": [{"lr": 1}]}])", "{}"), "needs a \"name\""},
             {with(R"([{"x": [{"name": "n", "lr": {}}]}])", "{}"), "\"lr\" is"},
             {with(R"([{"x": [null]}])", "{}"), "a value is"},
             {with(good, R"({"model": "@a[*]"})"), "is many"},
             {with(good, R"({"model": "@c.summary"})"), "names no earlier stage"},
             {with(good, R"({"lr": "${y}"})"), "no variable \"y\""},
             {with(R"([{"x": [1]}, {"y": [1]}])", "{}"), "no stage names \"${y}\""},
             // Each value of an axis is looked at, not the first alone.
             {with(R"([{"x": [{"name": "m", "k": 1}, {"name": "n"}]}])", R"({"lr": "${x.k}"})"), "no variable \"x.k\""},
             {R"({"for": [{"x": [{"name": "n", "model": "@b"}]}],
                  "stages": [{"name": "a", "verb": "train", "options-of": "x"}]})",
              "\"@b\" names no earlier stage"},
             {with(good, "{}", R"(, "tables": [{"title": "t", "of": "c", "columns": [{"h": "p"}]}])"),
              "no stage \"c\""},
             {with(good, "{}", R"(, "tables": [{"title": "t", "of": "a", "columns": ["p"]}])"), "a column is"},
             {with(good, "{}", R"(, "tables": [{"title": "t", "of": "a"}])"), "needs a \"title\""},
             {with(good, "{}", R"(, "tables": [{"title": "t", "of": "a", "columns": [{"h": "@b"}]}])"), "no part of"},
             {R"({"for": [{"x": [1]}], "variables": {"x": {"default": "2"}}, "stages": []})", "a variable and an axis"},
             {R"({"stages": [{"name": "a", "verb": "train", "options-of": "x"}]})", "no axis"},
             {R"({"stages": [{"name": "a", "verb": "train", "may-refuse": "yes"}]})", "neither true nor false"},
         }) {
        EXPECT_NE(recipe_refusal(text).find(saying), std::string::npos) << text << "\n" << recipe_refusal(text);
    }
    std::string values = "0";
    for (int i = 1; i < 200; ++i) values += fmt::format(",{}", i);
    EXPECT_NE(recipe_refusal(fmt::format(R"({{"for": [{{"x": [{}]}}, {{"y": [{}]}}],
        "stages": [{{"name": "a", "verb": "train", "options": {{"lr": "${{x}}${{y}}"}}}}]}})",
                                         values, values))
                  .find("more than"),
              std::string::npos);
}

constexpr const char* kChain = R"({"name": "it's", "variables": {"account": {"default": "a b"}},
    "for": [{"alpha": [5, 10]}], "slurm": {"nodes": 1, "account": "${account}"},
    "stages": [{"name": "reinforced", "verb": "train", "slurm": {"nodes": 4, "time": "02:00:00"}},
               {"name": "labels", "verb": "relabel", "options": {"reinforced": "@reinforced", "alpha": [5, 10]}},
               {"name": "forgot", "verb": "forget", "slurm": {"comment": "α ${alpha}"},
                "options": {"labels": "@labels", "alpha": "${alpha}"}},
               {"name": "results", "verb": "evaluate", "options": {"model": ["=@forgot[*]"]}},
               {"name": "alone", "verb": "stats"}]})";

TEST(RecipeSlurm, EachCellIsAJobBehindThoseThatItNeeds) {
    const Recipe recipe = recipe_of(kChain);
    const std::string script = slurm_script(
        recipe, {"/house/jobscripts/one.sbatch", "/work", "/o's", "/house", {"/r.json", "--outputs", "/o's"}});
    const auto line = [&](std::size_t job) {
        const std::size_t at = script.find(fmt::format("job_{}=", job));
        EXPECT_NE(at, std::string::npos) << job;
        return script.substr(at, script.find('\n', at) - at);
    };
    EXPECT_EQ(
        line(1),
        R"(job_1=$(sbatch --parsable --job-name='it'\''s.reinforced' --account='a b' --nodes='4' --time='02:00:00')"
        R"( '/house/jobscripts/one.sbatch' run '/r.json' '--outputs' '/o'\''s' '--only' 'reinforced'))");
    EXPECT_NE(line(2).find(R"(--dependency="afterok:${job_1%%;*}" --kill-on-invalid-dep=yes)"), std::string::npos);
    EXPECT_NE(line(3).find("--comment='α 5' --nodes='1'"), std::string::npos) << line(3);
    EXPECT_NE(line(4).find("'--only' 'forgot[alpha=10]'"), std::string::npos) << line(4);
    EXPECT_NE(line(5).find(R"("afterok:${job_3%%;*}:${job_4%%;*}")"), std::string::npos) << line(5);
    EXPECT_EQ(line(6).find("--dependency"), std::string::npos);
    // The last one goes through all of it, behind those that nothing else is behind.
    EXPECT_NE(line(7).find(R"("afterok:${job_5%%;*}:${job_6%%;*}")"), std::string::npos) << line(7);
    EXPECT_EQ(line(7).find("--only"), std::string::npos);
    EXPECT_EQ(script.find("job_8"), std::string::npos);
    EXPECT_NE(script.find("cd '/work'\nexport NEPENTHE_OUTPUTS='/o'\\''s'\nunset NEPENTHE_ONLY NEPENTHE_AS_SLURM"),
              std::string::npos)
        << script;
    EXPECT_NE(script.find("export NEPENTHE_ROOT=${NEPENTHE_ROOT:-'/house'}\n"), std::string::npos) << script;
    EXPECT_EQ(slurm_script(recipe, {"/my.sbatch", "/work", "/o", "", {}}).find("NEPENTHE_ROOT"), std::string::npos);
}

TEST(RecipeSlurm, OneStageWithAllThatItNeeds) {
    const Recipe recipe = recipe_of(kChain);
    const auto names = [&](const std::string& wanted) {
        std::string found;
        for (const RecipeStage& cell : cells_for(recipe, wanted)) found += cell.name + " ";
        return found;
    };
    EXPECT_EQ(names("alone"), "alone ");
    EXPECT_EQ(names("forgot[alpha=10]"), "reinforced labels forgot[alpha=10] ");
    EXPECT_EQ(names("forgot"), "reinforced labels forgot[alpha=5] forgot[alpha=10] ");
    EXPECT_EQ(names("results"), "reinforced labels forgot[alpha=5] forgot[alpha=10] results ");
    EXPECT_THROW(names("forgot[alpha=7]"), Error);
}

TEST(RecipeSlurm, RefusesWhatIsNoOptionOfIts) {
    const std::string text = recipe_refusal(R"({"name": "r", "slurm": [], "stages": [{"name": "a", "verb": "train",
        "slurm": {"--time": "1", "dependency": "singleton", "nodes": 1.5, "time": "1\n2"}}]})");
    EXPECT_NE(recipe_refusal("{\"name\": \"r\\nrm\", \"stages\": []}").find("on one line"), std::string::npos);
    for (const char* part : {"the recipe: \"slurm\" is no object", "\"--time\" is no long option",
                             "\"dependency\" is for the chain to say", "\"nodes\" is neither", "\"time\" is neither"})
        EXPECT_NE(text.find(part), std::string::npos) << part << " in " << text;
}

TEST(RecipeSlurm, WhatWasSubmittedBeforeAFailureIsSaid) {
    const auto script = std::filesystem::path(::testing::TempDir()) / "recipe test's.sh";
    std::ofstream(script) << "echo one: job 7\nexit 3\n";
    try {
        submit(script);
        FAIL();
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kInputOutput);
        EXPECT_NE(std::string(error.what()).find("one: job 7"), std::string::npos) << error.what();
    }
    std::ofstream(script) << "echo one: job 7\n";
    EXPECT_EQ(submit(script), "one: job 7\n");
    // What MPI left in this process's environment is nothing for jobs.
    ASSERT_EQ(::setenv("NEPENTHE_TEST_LEFT_BEHIND", "1", 1), 0);
    std::ofstream(script) << "echo ${NEPENTHE_TEST_LEFT_BEHIND-absent} ${PATH:+there}\n";
    EXPECT_EQ(submit(script), "absent there\n");
}

}  // namespace
}  // namespace nepenthe::pipelines
