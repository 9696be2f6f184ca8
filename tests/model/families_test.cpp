// Every family against transformers: tests/golden/make_families.py made the models and the numbers.
#include "model/checkpoint_io.h"
#include "model/golden_case.h"
#include "model/model_files.h"
#include "temporary_folder.h"

#include <gtest/gtest.h>

namespace nepenthe::model {
namespace {

constexpr double kLogitTolerance = 1e-4;     // of the largest |logit|
constexpr double kGradientTolerance = 1e-3;  // of each tensor's largest gradient

class Family : public ::testing::TestWithParam<std::string> {
  protected:
    Expected expected{GetParam()};
    Decoder decoder = load_golden(GetParam(), Compute::kFloat32);
};

at::Tensor masked(const at::Tensor& logits, const Batch& batch) { return logits * batch.mask.unsqueeze(-1); }

// Feeds the batch through the KV cache as make_families.py does.
at::Tensor step_by_step(const Decoder& decoder, const Batch& batch, std::int64_t first) {
    KvCache cache(decoder.config().layers);
    std::vector<at::Tensor> pieces;
    for (std::int64_t done = 0; done < batch.ids.size(1);) {
        const std::int64_t count = done == 0 ? first : 1;
        const Batch part{batch.ids.narrow(1, done, count), batch.mask.narrow(1, done, count)};
        const Context context = decoder.context(part, &cache);
        at::Tensor hidden = decoder.embed(part.ids, context);
        for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
            hidden = decoder.block(layer, hidden, context);
        }
        pieces.push_back(decoder.head(hidden));
        done += count;
    }
    return at::cat(pieces, 1);
}

TEST_P(Family, LogitsEqualTransformers) {
    const at::NoGradGuard no_grad;
    EXPECT_LT(relative_error(decoder.logits(expected.plain()), expected.floats("logits")), kLogitTolerance);
}

TEST_P(Family, ACopyIsTheModelLoadedInThatPrecisionAndStandsAlone) {
    const at::NoGradGuard no_grad;
    const Decoder loaded = load_golden(GetParam(), Compute::kBFloat16);
    const at::Tensor exact = decoder.logits(expected.plain());
    const Decoder rounded = decoder.copy(Compute::kBFloat16), same = decoder.copy(Compute::kFloat32);
    EXPECT_EQ(rounded.compute(), Compute::kBFloat16);
    EXPECT_TRUE(rounded.logits(expected.plain()).equal(loaded.logits(expected.plain())));
    for (const NamedTensor& parameter : decoder.parameters()) parameter.tensor.zero_();
    EXPECT_TRUE(same.logits(expected.plain()).equal(exact));
}

TEST_P(Family, PaddingOnEitherSideLeavesRealPositionsAlone) {
    const at::NoGradGuard no_grad;
    for (const std::string side : {"left", "right"}) {
        const Batch batch = expected.padded(side);
        const at::Tensor logits = masked(decoder.logits(batch), batch);
        EXPECT_LT(relative_error(logits, expected.padded_logits(side)), kLogitTolerance) << side;
    }
}

TEST_P(Family, CacheGivesTheSameStepByStep) {
    const at::NoGradGuard no_grad;
    if (expected.follows_length()) return;
    const Batch batch = expected.padded("left");
    for (const std::int64_t first : {5, 1, 9}) {
        const at::Tensor logits = masked(step_by_step(decoder, batch, first), batch);
        EXPECT_LT(relative_error(logits, expected.padded_logits("left")), kLogitTolerance) << first;
    }
}

TEST_P(Family, BFloat16StaysClose) {
    const at::NoGradGuard no_grad;
    const Decoder rounded = load_golden(GetParam(), Compute::kBFloat16);
    EXPECT_LT(relative_error(rounded.logits(expected.plain()), expected.floats("logits")), 0.08);
}

TEST_P(Family, SavedAndLoadedIsTheSame) {
    const at::NoGradGuard no_grad;
    const nepenthe::testing::TemporaryFolder folder;
    save_model(decoder, golden_folder(GetParam()), folder.path());
    const Decoder again = Decoder::load(folder.path(), Compute::kFloat32, test_device());
    EXPECT_TRUE(at::equal(again.logits(expected.plain()), decoder.logits(expected.plain())));
    EXPECT_EQ(model_digest(folder.path()), model_digest(golden_folder(GetParam())));
}

std::vector<at::Tensor> gradients(const Decoder& decoder, const Batch& batch, bool checkpointing, at::Tensor* loss) {
    for (const NamedTensor& parameter : decoder.parameters()) {
        parameter.tensor.mutable_grad() = at::Tensor();
        parameter.tensor.requires_grad_(true);
    }
    const at::Tensor logits = decoder.head(decoder.hidden_states(batch, checkpointing));
    const std::int64_t length = batch.ids.size(1);
    *loss = at::cross_entropy_loss(logits.narrow(1, 0, length - 1).flatten(0, 1),
                                   batch.ids.narrow(1, 1, length - 1).flatten());
    loss->backward();
    std::vector<at::Tensor> result;
    for (const NamedTensor& parameter : decoder.parameters()) {
        result.push_back(parameter.tensor.grad());
    }
    return result;
}

TEST_P(Family, GradientsEqualTransformers) {
    at::Tensor loss;
    const std::vector<at::Tensor> found = gradients(decoder, expected.plain(), false, &loss);
    for (const at::Tensor& gradient : found) {
        ASSERT_TRUE(gradient.defined());
        EXPECT_TRUE(gradient.isfinite().all().item<bool>());
    }
    if (!expected.has("loss")) {
        return;  // make_families.py stores gradients for some families
    }
    EXPECT_NEAR(loss.item<double>(), expected.floats("loss").item<double>(), 1e-4);
    const std::vector<NamedTensor> parameters = decoder.parameters();
    std::size_t compared = 0;
    for (std::size_t i = 0; i < parameters.size(); ++i) {
        const std::string name = "gradient." + parameters[i].name;
        if (!expected.has(name)) continue;
        ++compared;
        EXPECT_LT(relative_error(found[i], expected.floats(name)), kGradientTolerance) << name;
    }
    EXPECT_GT(2 * compared, parameters.size() / 2);
}

TEST_P(Family, CheckpointingGivesTheSameBits) {
    at::Tensor loss, replayed_loss;
    const std::vector<at::Tensor> plain = gradients(decoder, expected.padded("left"), false, &loss);
    const std::vector<at::Tensor> replayed = gradients(decoder, expected.padded("left"), true, &replayed_loss);
    EXPECT_TRUE(at::equal(loss, replayed_loss));
    for (std::size_t i = 0; i < plain.size(); ++i) {
        EXPECT_TRUE(at::equal(plain[i], replayed[i])) << decoder.parameters()[i].name;
    }
}

TEST_P(Family, PiecesMakeABlock) {
    const at::NoGradGuard no_grad;
    const Context context = decoder.context(expected.plain());
    const at::Tensor hidden = decoder.embed(expected.ids("ids"), context);
    const at::Tensor stream = decoder.after_attention(0, hidden, context);
    const at::Tensor output = decoder.attention_output(0, hidden, context);
    EXPECT_LT(relative_error(decoder.with_attention(0, hidden, output), stream), 1e-6);
    const at::Tensor key = decoder.mlp_key(0, hidden, stream);
    EXPECT_EQ(key.size(2), decoder.config().intermediate);
    const at::Tensor written = decoder.mlp_output(0, key);
    EXPECT_TRUE(at::equal(decoder.after_mlp(0, stream, written), decoder.block(0, hidden, context)));
    // A change of the matrix moves what it writes by key · change.
    const std::string name = decoder.mlp_output_name(0);
    const at::Tensor change = 0.01 * at::ones_like(decoder.parameter(name));
    decoder.parameter(name).add_(change);
    const at::Tensor predicted = at::matmul(key, decoder.stores_transposed(name) ? change : change.t());
    EXPECT_LT(relative_error(decoder.mlp_output(0, key) - written, predicted), 1e-3);
}

TEST_P(Family, AFrozenPrefixIsContinuedManyTimesAndWithGradients) {
    if (expected.follows_length()) return;
    const at::Tensor ids = expected.ids("ids");
    const std::int64_t length = ids.size(1), prefix = length / 2;
    KvCache cache(decoder.config().layers);
    const Batch rest{ids.narrow(1, prefix, length - prefix), {}};
    at::Tensor whole;
    {
        const at::NoGradGuard no_grad;
        whole = decoder.hidden_states({ids, {}}).narrow(1, prefix, length - prefix);
        const Batch first{ids.narrow(1, 0, prefix), {}};
        const Context context = decoder.context(first, &cache);
        decoder.blocks(decoder.embed(first.ids, context), context);
    }
    cache.freeze();
    for (int pass = 0; pass < 2; ++pass) {
        const Context context = decoder.context(rest, &cache);
        const at::Tensor embedded = decoder.embed(rest.ids, context).detach().set_requires_grad(true);
        const at::Tensor hidden = decoder.blocks(embedded, context);
        EXPECT_LT(relative_error(hidden.detach(), whole), 1e-4);
        hidden.sum().backward();
        EXPECT_GT(embedded.grad().abs().sum().item<double>(), 0.0);
        EXPECT_EQ(cache.length(), prefix);
    }
}

INSTANTIATE_TEST_SUITE_P(All, Family, ::testing::ValuesIn(golden_cases()),
                         [](const ::testing::TestParamInfo<std::string>& test) { return test.param; });

}  // namespace
}  // namespace nepenthe::model
