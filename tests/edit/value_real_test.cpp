// Keys and a value of a fact on Gemma 3 270M.
#include "edit/facts/edit_prompt.h"
#include "edit/facts/facts.h"
#include "edit/keys/keys.h"
#include "edit/value_reference.h"
#include "gemma_model.h"
#include "material.h"

#include <gtest/gtest.h>

#include <filesystem>

namespace nepenthe::edit {
namespace {

TEST(ValueReal, AFewStepsEqualThePlainLoopAndTeachTheFact) {
    const auto& [decoder, tokenizer] = nepenthe::testing::gemma();
    FactOptions reading;
    reading.limit = 1;
    const Fact fact = read_facts(nepenthe::testing::kMaterial / "editing/counterfact-edit.json", reading).facts.front();
    const auto window = decoder.config().max_positions;
    ValueProblem problem;
    for (const char* prefix : {"", "The first time I saw it", "Because of the"}) {
        problem.rows.push_back(make_row(tokenizer, prefix, fact.prompt, fact.subject, fact.target_new, window));
    }
    problem.kl_row = make_row(tokenizer, "", "{} is a", fact.subject, "", window);

    ValueOptions options;
    options.layer = 5;
    options.clamp = 1;
    options.decay = 1e-3;
    options.relative_lr = 0.4;
    options.steps = 3;
    const FactValue fast = optimise_values(decoder, {&problem, 1}, options).front();
    const FactValue plain = testing::naive_value(decoder, problem, options);
    EXPECT_LT(((fast.delta - plain.delta).norm() / plain.delta.norm()).item<double>(), 1e-4);
    EXPECT_NEAR(fast.nll, plain.nll, 1e-4 * plain.nll);

    options.steps = 15;
    const FactValue taught = optimise_values(decoder, {&problem, 1}, options).front();
    EXPECT_LT(taught.nll, 0.1) << "from " << taught.first_nll;

    const std::vector<std::vector<EditRow>> rows = {problem.rows};
    const auto keys = gather_keys(decoder, rows, prefix_weights(rows.front().size(), PrefixMean::kFlat), 5, 5);
    EXPECT_LT(((keys[0].bare_output - taught.initial).norm() / taught.initial.norm()).item<double>(), 1e-4);
}

}  // namespace
}  // namespace nepenthe::edit
