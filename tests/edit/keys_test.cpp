// Keys gathered in padded passes against each row alone.
#include "edit/keys/keys.h"

#include "base/error.h"
#include "edit/value_reference.h"
#include "model/golden_case.h"

#include <gtest/gtest.h>

namespace nepenthe::edit {
namespace {

struct Plain {
    at::Tensor key, output, block;
};

// One row alone, whole blocks and every position.
Plain plain_keys(const model::Decoder& decoder, const EditRow& row, std::int64_t layer, std::int64_t block_layer) {
    const at::NoGradGuard no_grad;
    const at::Tensor ids =
        at::tensor(std::vector<std::int64_t>(row.ids.begin(), row.ids.end()), at::kLong).unsqueeze(0);
    const model::Context context = decoder.context({ids, {}});
    at::Tensor hidden = decoder.embed(ids, context);
    Plain plain;
    const auto here = static_cast<std::int64_t>(row.subject_last);
    for (std::int64_t l = 0; l < decoder.config().layers; ++l) {
        const at::Tensor stream = decoder.after_attention(l, hidden, context);
        const at::Tensor key = decoder.mlp_key(l, hidden, stream), output = decoder.mlp_output(l, key);
        hidden = decoder.after_mlp(l, stream, output);
        if (l == layer) {
            plain.key = key[0][here].to(at::kDouble);
            plain.output = output[0][here].to(at::kDouble);
        }
        if (l == block_layer) plain.block = hidden[0][here].to(at::kDouble);
    }
    return plain;
}

using testing::distance;

class KeysFamily : public ::testing::TestWithParam<std::string> {};

TEST_P(KeysFamily, MeansAndBareStatesEqualEachRowAlone) {
    const auto decoder = model::Decoder::load(model::golden_folder(GetParam()), model::Compute::kFloat32);
    std::vector<std::vector<EditRow>> rows;
    for (std::uint64_t f = 0; f < 3; ++f) {
        rows.push_back(testing::random_fact(f, decoder.config().vocabulary, 4, f, 1).rows);
    }
    const std::vector<double> weights = prefix_weights(4, PrefixMean::kHalfBare);
    const std::int64_t last = decoder.config().layers - 1;
    for (const auto& [layer, block_layer] : {std::pair{std::int64_t{0}, last}, {last, std::int64_t{0}}, {last, last}}) {
        const auto keys = gather_keys(decoder, rows, weights, layer, block_layer);
        ASSERT_EQ(keys.size(), rows.size());
        for (std::size_t f = 0; f < rows.size(); ++f) {
            at::Tensor key = at::zeros_like(keys[f].mean_key), output = at::zeros_like(keys[f].mean_output);
            for (std::size_t r = 0; r < rows[f].size(); ++r) {
                const Plain plain = plain_keys(decoder, rows[f][r], layer, block_layer);
                key.add_(plain.key, weights[r]);
                output.add_(plain.output, weights[r]);
            }
            const Plain bare = plain_keys(decoder, rows[f][0], layer, block_layer);
            EXPECT_LT(distance(keys[f].mean_key, key), 1e-5);
            EXPECT_LT(distance(keys[f].mean_output, output), 1e-5);
            EXPECT_LT(distance(keys[f].bare_key, bare.key), 1e-5);
            EXPECT_LT(distance(keys[f].bare_output, bare.output), 1e-5);
            EXPECT_LT(distance(keys[f].bare_block, bare.block), 1e-5);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Families, KeysFamily,
                         ::testing::Values("gpt2", "llama", "gemma3_text", "olmo2", "gptj", "granite", "bloom", "phi3"),
                         [](const auto& family) { return family.param; });

TEST(Keys, AreOfThePresentWeights) {
    const auto decoder = model::Decoder::load(model::golden_folder("llama"), model::Compute::kFloat32);
    const std::vector<std::vector<EditRow>> rows = {testing::random_fact(1, decoder.config().vocabulary, 3, 0, 1).rows};
    const std::vector<double> weights = prefix_weights(3, PrefixMean::kFlat);
    const auto before = gather_keys(decoder, rows, weights, 1, 1);
    decoder.parameter(decoder.mlp_output_name(1)).mul_(2.0);
    const auto after = gather_keys(decoder, rows, weights, 1, 1);
    EXPECT_LT(distance(after[0].bare_output, 2.0 * before[0].bare_output), 1e-5);
    EXPECT_TRUE(at::equal(after[0].bare_key, before[0].bare_key));
}

TEST(Keys, ALayerThatDoesNotExistIsRefused) {
    const auto decoder = model::Decoder::load(model::golden_folder("llama"), model::Compute::kFloat32);
    const std::vector<std::vector<EditRow>> rows = {testing::random_fact(1, decoder.config().vocabulary, 3, 0, 1).rows};
    EXPECT_THROW(gather_keys(decoder, rows, prefix_weights(3, PrefixMean::kFlat), 77, 0), Error);
}

}  // namespace
}  // namespace nepenthe::edit
