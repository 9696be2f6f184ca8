// Evaluation is the same bytes on any number of ranks, with and without a journal, and goes on after a stop.

#include "base/error.h"
#include "base/hash.h"
#include "evaluate/completion_likelihood.h"
#include "evaluate/depth_reference.h"
#include "evaluate/evaluate.h"
#include "material.h"
#include "mpi_world.h"
#include "shared_folder.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace nepenthe::evaluate {
namespace {

using nepenthe::testing::kMaterial;
using nepenthe::testing::kStories;

const std::filesystem::path kDemo = NEPENTHE_SOURCE_DIR "/inputs/demo";

EvaluateOptions small_options() {
    EvaluateOptions options;
    options.tasks = {"piqa",
                     "winogrande",
                     "boolq",
                     "lambada_openai",
                     "wikitext_word_perplexity",
                     "wikitext_token_perplexity",
                     "perplexity",
                     "familiarity_probability",
                     "neighbour_probability",
                     "familiarity_completion",
                     "fluency",
                     "counterfact",
                     "easyedit",
                     "unrelated_facts",
                     "tofu",
                     "membership",
                     "muse",
                     "depth",
                     "logit_lens"};
    options.data = kMaterial / "benchmarks";
    options.wikitext = kMaterial / "text/wikitext.txt";
    options.text = kMaterial / "text/planets";
    options.familiarity_prompts = kDemo / "familiarity_probability.json";
    options.completion_prompts = kDemo / "familiarity_completion.json";
    options.neighbour_prompts = kDemo / "neighbours.json";
    options.dictionary = kDemo / "dictionary.json";
    options.facts = kMaterial / "editing/counterfact-edit.json";
    options.unrelated_facts = kMaterial / "editing/counterfact-val.json";
    options.tofu = kMaterial / "unlearning/tofu";
    options.answer_tokens = 8;
    options.member_texts = kMaterial / "text/planets";
    options.muse = NEPENTHE_SOURCE_DIR "/tests/golden/muse";
    options.muse_retrained = "news";
    options.holdout_texts = NEPENTHE_SOURCE_DIR "/tests/golden/membership/holdout.jsonl";
    options.limit = 40;
    options.window = 128;
    options.completions = 2;
    options.completion_tokens = 8;
    options.seed = 7;
    options.gradient_norm = true;
    options.probe_items = kDemo / "saga_facts.jsonl";
    return options;
}

struct Loaded {
    model::Decoder decoder = model::Decoder::load(kStories, model::Compute::kFloat32);
    text::Tokenizer tokenizer = text::Tokenizer::load(kStories);
};

Loaded& loaded() {
    static Loaded value;
    return value;
}

std::string bytes_of(const std::vector<TaskResult>& results) {
    std::string bytes = results_json(results).dump();
    for (const TaskResult& result : results) bytes += Json(result.items).dump();
    return bytes;
}

CompletionJudge judge() { return {"completion_nll", "stories", loaded().decoder, loaded().tokenizer}; }

// A model of the same shape that has learnt nothing.
std::shared_ptr<const DepthReference> depth_reference(const EvaluateOptions& options) {
    const auto retrained = model::Decoder::create(loaded().decoder.config(), 3, model::Compute::kFloat32);
    return std::make_shared<const DepthReference>(
        *nepenthe::testing::world,
        DepthReference::Pair{model::Decoder::load(kStories, model::Compute::kFloat32), retrained, loaded().tokenizer,
                             loaded().tokenizer},
        options, "stories", std::filesystem::path());
}

// With the completions judged, where there are some.
std::string run(EvaluateOptions options, const std::filesystem::path& scratch = {}) {
    if (!options.probe_items.empty()) options.depth_reference = depth_reference(options);
    auto results = evaluate(*nepenthe::testing::world, loaded().decoder, loaded().tokenizer, options, scratch);
    for (TaskResult& result : results) {
        if (result.task != "fluency") continue;
        judge_completions(*nepenthe::testing::world, judge(), loaded().tokenizer.digest(), result,
                          scratch.empty() ? scratch : scratch / "judge");
    }
    return bytes_of(results);
}

TEST(EvaluateMpi, EveryRankHasTheSameBytes) {
    const std::string mine = run(small_options());
    for (const std::string& other : nepenthe::testing::world->all_gather(mine)) EXPECT_EQ(other, mine);
    // evaluate_ranks_test.py compares these digests over rank counts.
    const char* file = std::getenv("NEPENTHE_DIGEST_FILE");
    if (file != nullptr && nepenthe::testing::world->is_root()) std::ofstream(file) << sha256_hex(mine) << "\n";
}

TEST(EvaluateMpi, AJournalChangesNothing) {
    const nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    const std::string in_memory = run(small_options());
    EXPECT_EQ(run(small_options(), folder.path()), in_memory);
    EXPECT_EQ(run(small_options(), folder.path()), in_memory);  // all blocks from the journal
    EvaluateOptions other = small_options();
    other.seed = 8;
    EXPECT_THROW(run(other, folder.path()), Error);  // another evaluation's journal is not mixed in
}

TEST(EvaluateMpi, ResultsAddUp) {
    EvaluateOptions options = small_options();
    options.tasks = {"piqa", "familiarity_completion", "familiarity_probability"};
    const auto results = evaluate(*nepenthe::testing::world, loaded().decoder, loaded().tokenizer, options, {});
    ASSERT_EQ(results.size(), 3u);
    EXPECT_EQ(results[0].items.size(), 40u);
    for (std::size_t i = 0; i < results[0].items.size(); ++i) EXPECT_EQ(results[0].items[i]["id"], i);
    const Metric& accuracy = results[0].metrics[0];
    EXPECT_EQ(accuracy.name, "acc");
    EXPECT_EQ(accuracy.denominator, 40);
    EXPECT_LE(accuracy.low, accuracy.value);
    EXPECT_GE(accuracy.high, accuracy.value);
    EXPECT_EQ(results[1].metrics[0].denominator, 40 * options.completions);
    for (const Json& row : results[2].items) {
        EXPECT_GE(row["content_mass"], 0);
        EXPECT_LE(row["content_mass"].get<double>() + row["generic_mass"].get<double>(), 1 + 1e-6);
    }
}

// The model judges its own greedy text: what it wrote are the likeliest tokens, each alone and as text again.
TEST(EvaluateMpi, CompletionsAreJudgedAsTheyWereWritten) {
    EvaluateOptions options = small_options();
    options.tasks = {"fluency"};
    options.completion_tokens = 48;
    auto results = evaluate(*nepenthe::testing::world, loaded().decoder, loaded().tokenizer, options, {});
    const std::size_t alone = results[0].metrics.size();
    TaskResult as_text = results[0];
    judge_completions(*nepenthe::testing::world, judge(), loaded().tokenizer.digest(), results[0], {});
    judge_completions(*nepenthe::testing::world, judge(), "of another tokenizer", as_text, {});
    ASSERT_EQ(results[0].metrics.size(), alone + 1);
    const Metric &measured = results[0].metrics.back(), &of_text = as_text.metrics.back();
    EXPECT_EQ(measured.name, "completion_nll");
    EXPECT_GT(measured.value, 0);
    EXPECT_LT(measured.value, 2) << "greedy text is likely";
    EXPECT_NEAR(of_text.value, measured.value, .1);
    EXPECT_EQ(judge_of(results[0], "completion_nll"), "stories");
    EXPECT_EQ(judge_of(results[0], "completion_nll_retrained"), "");
    double tokens = 0;
    for (const Json& row : results[0].items) {
        const auto ids = row["completion_ids"].get<std::vector<text::TokenId>>();
        EXPECT_TRUE(row["ended"] || ids.size() == 48) << row;
        if (ids.empty()) {
            EXPECT_TRUE(row["completion_nll"].is_null());
        } else {
            EXPECT_EQ(row["completion_nll"][1], ids.size());
            tokens += static_cast<double>(ids.size());
        }
    }
    EXPECT_EQ(measured.denominator, tokens);
}

// A completion that ends at once has no likelihood, and counts nowhere in it.
TEST(EvaluateMpi, ACompletionWithoutTokensHasNoLikelihood) {
    TaskResult fluency{"fluency", {}, {}};
    for (std::size_t id = 0; id < 2; ++id) {
        fluency.items.push_back(
            {{"id", id}, {"prompt", "Once upon a time"}, {"completion", ""}, {"completion_ids", Json::array()}});
    }
    judge_completions(*nepenthe::testing::world, judge(), loaded().tokenizer.digest(), fluency, {});
    EXPECT_EQ(fluency.metrics.back().denominator, 0);
    EXPECT_TRUE(fluency.metrics.back().to_json()["value"].is_null());
    fluency.metrics.clear();
    fluency.items[1]["completion"] = ", there";
    fluency.items[1]["completion_ids"] = loaded().tokenizer.encode_ids(", there", false);
    judge_completions(*nepenthe::testing::world, judge(), loaded().tokenizer.digest(), fluency, {});
    EXPECT_TRUE(fluency.items[0]["completion_nll"].is_null());
    EXPECT_EQ(fluency.metrics.back().denominator, fluency.items[1]["completion_ids"].size());
    EXPECT_GT(fluency.metrics.back().value, 0);
}

// Facts with generation prompts as ROME publishes them; reference texts for two of the three.
TEST(EvaluateMpi, TextsLedTowardsAFactAreTheSameOnAllRanks) {
    const nepenthe::testing::SharedFolder folder(*nepenthe::testing::world);
    if (nepenthe::testing::world->is_root()) {
        Json facts = Json::array(), references = Json::array();
        for (const std::string id : {"Q1", "Q2", "Q3"}) {
            facts.push_back({{"case_id", id},
                             {"requested_rewrite",
                              {{"subject", "Lily"},
                               {"prompt", "{} went to"},
                               {"relation_id", "P1"},
                               {"target_new", {{"str", "school"}, {"id", id}}},
                               {"target_true", {{"str", "bed"}, {"id", "Q9"}}}}},
                             {"generation_prompts", {"One day, Lily went to", "Lily's favourite place is"}}});
            if (id != "Q3")
                references.push_back({{"relation_id", "P1"},
                                      {"target_id", id},
                                      {"samples", {{{"text", "Lily and her mom went to the park to play."}}}}});
        }
        std::ofstream(folder.path() / "facts.json") << facts;
        std::ofstream(folder.path() / "references.json") << references;
    }
    nepenthe::testing::world->barrier();
    EvaluateOptions options;
    options.tasks = {"edit_generation"};
    options.facts = folder.path() / "facts.json";
    options.reference_texts = folder.path() / "references.json";
    const std::string mine = run(options);
    for (const std::string& other : nepenthe::testing::world->all_gather(mine)) EXPECT_EQ(other, mine);
    const auto results = evaluate(*nepenthe::testing::world, loaded().decoder, loaded().tokenizer, options, {});
    ASSERT_EQ(results[0].items.size(), 3u);
    EXPECT_EQ(results[0].items[0]["texts"].size(), 2u);
    EXPECT_TRUE(results[0].items[2]["reference_consistency"].is_null());
    EXPECT_EQ(results[0].metrics[1].denominator, 2);
    EXPECT_GT(results[0].metrics[0].value, 1);  // bits
    EXPECT_GT(results[0].metrics[1].value, 0);

    options.seed = 1;
    EXPECT_NE(run(options), mine);  // other texts
    nepenthe::testing::world->barrier();
    if (nepenthe::testing::world->is_root()) std::ofstream(folder.path() / "references.json") << "[]";
    nepenthe::testing::world->barrier();
    EXPECT_THROW(run(options), Error);  // texts about no fact
}

TEST(EvaluateMpi, AMistakeEndsOnAllRanksAlike) {
    EvaluateOptions options = small_options();
    options.tasks = {"hellaswagg"};
    try {
        run(options);
        FAIL() << "an unknown task was evaluated";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        EXPECT_NE(std::string(error.what()).find("did you mean \"hellaswag\""), std::string::npos) << error.what();
    }
}

}  // namespace
}  // namespace nepenthe::evaluate
