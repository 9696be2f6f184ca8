// The fast optimisation of values against the plain one, family by family.
#include "edit/values/value.h"

#include "base/error.h"
#include "edit/value_reference.h"
#include "model/golden_case.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace nepenthe::edit {
namespace {

using testing::naive_value;
using testing::random_fact;

constexpr double kTolerance = 1e-4;

model::Decoder tiny(const std::string& family, model::Compute compute = model::Compute::kFloat32) {
    return model::Decoder::load(model::golden_folder(family), compute);
}

// Facts of different lengths: a subject at the very end, one target token and several, contexts of all sizes.
std::vector<ValueProblem> mixed_facts(const model::Decoder& decoder) {
    const std::int64_t vocabulary = decoder.config().vocabulary;
    return {random_fact(0, vocabulary, 4, 3, 1), random_fact(1, vocabulary, 4, 0, 3),
            random_fact(2, vocabulary, 4, 1, 2), random_fact(3, vocabulary, 4, 0, 1)};
}

ValueOptions small_steps(ValueSite site, std::int64_t layer) {
    ValueOptions options;
    options.site = site;
    options.layer = layer;
    options.steps = 6;
    options.lr = 0.05;
    options.stop_loss = 0.0;
    return options;
}

using testing::distance;

void expect_same(const FactValue& fast, const FactValue& plain, const std::string& what) {
    EXPECT_LT(distance(fast.initial, plain.initial), 1e-5) << what;
    EXPECT_LT(distance(fast.delta, plain.delta), kTolerance) << what;
    EXPECT_EQ(fast.steps, plain.steps) << what;
    EXPECT_EQ(fast.clamped, plain.clamped) << what;
    EXPECT_NEAR(fast.first_nll, plain.first_nll, kTolerance) << what;
    EXPECT_NEAR(fast.nll, plain.nll, kTolerance) << what;
    EXPECT_NEAR(fast.kl, plain.kl, kTolerance) << what;
    EXPECT_NEAR(fast.decay, plain.decay, kTolerance * plain.decay + 1e-9) << what;
}

class ValueFamily : public ::testing::TestWithParam<std::string> {};

TEST_P(ValueFamily, ABatchEqualsThePlainLoopFactByFact) {
    const model::Decoder decoder = tiny(GetParam());
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    for (const ValueSite site : {ValueSite::kMlpOutput, ValueSite::kBlockOutput}) {
        const ValueOptions options = small_steps(site, 0);
        const std::vector<FactValue> values = optimise_values(decoder, facts, options);
        for (std::size_t f = 0; f < facts.size(); ++f) {
            expect_same(values[f], naive_value(decoder, facts[f], options), GetParam() + " fact " + std::to_string(f));
        }
    }
}

TEST_P(ValueFamily, TheLastLayerCanBeEdited) {
    const model::Decoder decoder = tiny(GetParam());
    // Behind the last block a delta reaches its own position alone: the subject stands at the end.
    const std::vector<ValueProblem> facts = {random_fact(3, decoder.config().vocabulary, 3, 0, 1)};
    const ValueOptions options = small_steps(ValueSite::kMlpOutput, decoder.config().layers - 1);
    expect_same(optimise_values(decoder, facts, options).front(), naive_value(decoder, facts[0], options), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Families, ValueFamily,
                         ::testing::Values("gpt2", "llama", "gemma3_text", "olmo2", "gptj", "gpt_neox", "granite",
                                           "bloom", "phi3"),
                         [](const auto& family) { return family.param; });

TEST(Value, FactsInABatchEqualFactsAlone) {
    const model::Decoder decoder = tiny("gemma3_text");
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    const ValueOptions options = small_steps(ValueSite::kMlpOutput, 1);
    const std::vector<FactValue> together = optimise_values(decoder, facts, options);
    for (std::size_t f = 0; f < facts.size(); ++f) {
        expect_same(together[f], optimise_values(decoder, {&facts[f], 1}, options).front(), std::to_string(f));
    }
}

TEST(Value, AFactThatReachedItsTargetLeavesTheBatch) {
    const model::Decoder decoder = tiny("llama");
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    ValueOptions options = small_steps(ValueSite::kBlockOutput, 0);
    options.steps = 12;
    options.relative_lr = 0.3;
    options.stop_loss = 4.0;
    const std::vector<FactValue> values = optimise_values(decoder, facts, options);
    std::int64_t fewest = options.steps, most = 0;
    for (std::size_t f = 0; f < facts.size(); ++f) {
        expect_same(values[f], naive_value(decoder, facts[f], options), std::to_string(f));
        fewest = std::min(fewest, values[f].steps);
        most = std::max(most, values[f].steps);
    }
    EXPECT_LT(fewest, most) << "the case is made so that facts stop at different steps";
}

TEST(Value, TheClampHoldsDeltaOnItsSphere) {
    const model::Decoder decoder = tiny("gpt2");
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    ValueOptions options = small_steps(ValueSite::kMlpOutput, 0);
    options.relative_lr = 0.4;
    options.clamp = 0.5;
    const std::vector<FactValue> values = optimise_values(decoder, facts, options);
    for (std::size_t f = 0; f < facts.size(); ++f) {
        expect_same(values[f], naive_value(decoder, facts[f], options), std::to_string(f));
        EXPECT_TRUE(values[f].clamped);
        EXPECT_NEAR((values[f].delta.norm() / values[f].initial.norm()).item<double>(), 0.5, 1e-5);
    }
}

TEST(Value, OneStepOnlyLooks) {
    const model::Decoder decoder = tiny("llama");
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    ValueOptions options = small_steps(ValueSite::kMlpOutput, 0);
    options.steps = 1;
    const FactValue value = optimise_values(decoder, facts, options).front();
    EXPECT_EQ(value.steps, 1);
    EXPECT_EQ(value.delta.abs().max().item<float>(), 0.0f);
    EXPECT_EQ(value.nll, value.first_nll);
    EXPECT_EQ(value.kl, 0.0);
}

TEST(Value, TheDecayHasNoGradientAtZero) {
    const model::Decoder decoder = tiny("llama");
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    ValueOptions options = small_steps(ValueSite::kMlpOutput, 0);
    options.decay = 10.0;
    options.steps = 3;
    for (const FactValue& value : optimise_values(decoder, facts, options)) {
        EXPECT_TRUE(value.delta.isfinite().all().item<bool>());
        EXPECT_GT(value.delta.norm().item<float>(), 0.0f);
    }
}

TEST(Value, WithoutARowThatHoldsTheModelStill) {
    const model::Decoder decoder = tiny("olmo2");
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    ValueOptions options = small_steps(ValueSite::kMlpOutput, 0);
    options.kl = 0;
    expect_same(optimise_values(decoder, facts, options)[1], naive_value(decoder, facts[1], options), "no KL");
}

TEST(Value, FrozenWeightsGetNoGradients) {
    const model::Decoder decoder = tiny("gemma3_text");
    for (const model::NamedTensor& parameter : decoder.parameters()) parameter.tensor.set_requires_grad(true);
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    optimise_values(decoder, facts, small_steps(ValueSite::kMlpOutput, 0));
    for (const model::NamedTensor& parameter : decoder.parameters()) {
        EXPECT_FALSE(parameter.tensor.grad().defined()) << parameter.name;
    }
}

TEST(Value, BFloat16GoesTheSameWay) {
    const model::Decoder decoder = tiny("gemma3_text"), rounded = tiny("gemma3_text", model::Compute::kBFloat16);
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    const ValueOptions options = small_steps(ValueSite::kMlpOutput, 1);
    const auto exact = optimise_values(decoder, facts, options), rough = optimise_values(rounded, facts, options);
    for (std::size_t f = 0; f < facts.size(); ++f) {
        EXPECT_EQ(rough[f].delta.scalar_type(), at::kFloat);
        EXPECT_LT(rough[f].nll, rough[f].first_nll);
        EXPECT_NEAR(rough[f].nll, exact[f].nll, 0.1 * exact[f].first_nll);
    }
}

TEST(Value, ANaNInTheModelEndsTheFactWithANaN) {
    const model::Decoder decoder = tiny("llama");
    decoder.parameter(decoder.mlp_output_name(1)).view(-1)[0] = std::nan("");
    const std::vector<ValueProblem> facts = mixed_facts(decoder);
    const FactValue value = optimise_values(decoder, facts, small_steps(ValueSite::kMlpOutput, 0)).front();
    EXPECT_TRUE(std::isnan(value.nll));
    EXPECT_EQ(value.steps, 1);
}

TEST(Value, BadOptionsAreAllNamed) {
    const model::Decoder decoder = tiny("llama");
    ValueOptions options;
    options.layer = 99;
    options.steps = 0;
    options.clamp = -1;
    try {
        optimise_values(decoder, {}, options);
        FAIL() << "must not be accepted";
    } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kUsage);
        for (const char* word : {"layer 99", "step", "clamp"}) {
            EXPECT_NE(std::string(error.what()).find(word), std::string::npos) << error.what();
        }
    }
}

}  // namespace
}  // namespace nepenthe::edit
