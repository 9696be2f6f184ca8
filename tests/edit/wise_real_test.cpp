// WISE and IKE on Gemma 3 270M: a few facts are answered, other prompts are untouched, demonstrations
// found by all-MiniLM-L6-v2 make the targets likelier.

#include "edit/facts/edit_prompt.h"
#include "edit/memories/ike.h"
#include "edit/memories/wise.h"
#include "gemma_model.h"
#include "material.h"
#include "model/generate.h"
#include "model/score.h"
#include "mpi_world.h"

#include <gtest/gtest.h>
#include <torch/types.h>

namespace nepenthe::edit {
namespace {

std::vector<Fact> facts_of(const char* file, std::int64_t limit) {
    FactOptions options;
    options.limit = limit;
    return read_facts(nepenthe::testing::kMaterial / "editing" / file, options).facts;
}

struct Gemma : nepenthe::testing::Gemma {
    at::Tensor logits(const std::string& text) const {
        const at::NoGradGuard no_grad;
        const auto ids = tokenizer.encode_ids(text, true);
        const model::Batch batch{at::tensor(std::vector<std::int64_t>(ids.begin(), ids.end()), at::kLong).unsqueeze(0),
                                 {}};
        return decoder.head(decoder.hidden_states(batch).select(1, batch.ids.size(1) - 1));
    }
    // Mean log-probability of the target's tokens behind a prompt.
    double likelihood(const std::string& prompt, const std::string& target) const {
        std::vector<text::TokenId> ids = tokenizer.encode_ids(prompt, true);
        const std::size_t first = ids.size();
        const auto behind = target_ids(tokenizer, prompt, target);
        ids.insert(ids.end(), behind.begin(), behind.end());
        const auto score = model::score_sequences(decoder, std::vector<model::ScoreRequest>{{ids, first}})[0];
        return score.log_likelihood / static_cast<double>(score.tokens);
    }
};

TEST(WiseReal, AnswersFactsAndLeavesOtherPromptsBitForBit) {
    Gemma gemma;
    WiseInputs inputs;
    inputs.tokenizer = &gemma.tokenizer;
    inputs.facts = facts_of("counterfact-edit.json", 3);
    inputs.irrelevant = irrelevant_texts(facts_of("counterfact-val.json", 64), inputs.facts);
    inputs.prefixes = {"", "The man said that", "In the end it was"};
    const std::vector<std::string> others = {"The capital of France is", "Once upon a time there was a little",
                                             "Water boils at a temperature of", "My favourite colour has always been"};
    std::vector<at::Tensor> before;
    for (const std::string& text : others) before.push_back(gemma.logits(text));
    std::vector<double> unedited;
    for (const Fact& fact : inputs.facts) unedited.push_back(gemma.likelihood(fact.sentence(), fact.target_new));

    WiseOptions options;
    const WiseResult result = wise(*testing::world, gemma.decoder, inputs, options, {});
    for (std::size_t i = 0; i < inputs.facts.size(); ++i) {
        const Fact& fact = inputs.facts[i];
        const WiseRecord& record = result.records[i];
        EXPECT_NEAR(result.records[0].report.first.activation, 30.0, 1e-4);
        EXPECT_LT(record.report.last.target, 0.1) << fact.sentence();
        EXPECT_TRUE(record.answered_by_memory) << fact.sentence();
        const double edited = gemma.likelihood(fact.sentence(), fact.target_new);
        EXPECT_GT(edited, unedited[i]);
        EXPECT_GT(edited, gemma.likelihood(fact.sentence(), fact.target_true)) << fact.sentence();
    }
    for (std::size_t i = 0; i < others.size(); ++i)
        EXPECT_TRUE(at::equal(gemma.logits(others[i]), before[i])) << others[i];
}

TEST(IkeReal, DemonstrationsMakeTargetsLikelier) {
    const Gemma gemma;
    const auto encoder = model::SentenceEncoder::load(NEPENTHE_DEPS "/models/all-minilm-l6-v2");
    IkeInputs inputs;
    inputs.tokenizer = &gemma.tokenizer;
    inputs.max_positions = gemma.decoder.config().max_positions;
    inputs.encoder = &encoder;
    inputs.facts = facts_of("counterfact-edit.json", 4);
    inputs.pool = facts_of("counterfact-val.json", 200);
    const IkeBundle bundle = ike(*testing::world, inputs, {}, {});
    std::size_t preferred = 0;
    for (const Fact& fact : inputs.facts) {
        EXPECT_EQ(bundle.find(fact.id)->demonstrations.size(), 32U);
        const std::string with = bundle.prompt(fact.id, fact.sentence());
        const double plain = gemma.likelihood(fact.sentence(), fact.target_new);
        const double plain_true = gemma.likelihood(fact.sentence(), fact.target_true);
        const double told = gemma.likelihood(with, fact.target_new);
        const double told_true = gemma.likelihood(with, fact.target_true);
        EXPECT_GT(told, plain + 0.5) << fact.sentence();
        EXPECT_GT(told - told_true, plain - plain_true + 0.5) << fact.sentence();
        preferred += told > told_true ? 1 : 0;
    }
    EXPECT_GE(preferred, 3U) << "of four";
}

}  // namespace
}  // namespace nepenthe::edit
