// Products of bf16 pairs against plain sums in fp64, at sizes that fill no register block.
#include "edit/values/half_products.h"
#include "edit/value_reference.h"
#include "edit/values/target_loss.h"
#include "edit/values/tile_products.h"
#include "edit/values/vocabulary_strips.h"
#include "model/golden_case.h"

#include <ATen/CPUGeneratorImpl.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <torch/csrc/autograd/autograd.h>
#include <torch/types.h>

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

namespace nepenthe::edit {
namespace {

const std::uint16_t* bits_of(const at::Tensor& halves) {
    return reinterpret_cast<const std::uint16_t*>(halves.const_data_ptr<c10::BFloat16>());
}

at::Tensor random_halves(at::IntArrayRef shape, std::uint64_t seed) {
    return at::randn(shape, at::make_generator<at::CPUGeneratorImpl>(seed), at::kFloat).to(at::kBFloat16);
}

using testing::distance;

// The two products, in vectors or in tiles.
struct Products {
    const char* name;
    bool (*can)();
    void (*logits)(const HalfStrip& strip, const std::uint16_t* states, std::int64_t lanes, float* logits);
    void (*sums)(const HalfStrip& strip, const std::uint16_t* pairs, const float* factors, std::int64_t lanes,
                 float* sums);
};
constexpr Products kVectors{"vectors", has_half_products, half_strip_logits, half_strip_sums};
constexpr Products kTiles{"tiles", has_tile_products,
                          [](const HalfStrip& strip, const std::uint16_t* states, std::int64_t, float* logits) {
                              tile_logits(strip, states, logits);
                          },
                          tile_sums};

class HalfProducts : public ::testing::TestWithParam<std::tuple<Products, std::pair<std::int64_t, std::int64_t>>> {
};  // ids, hidden

TEST_P(HalfProducts, EqualPlainSums) {
    const auto& [products, shape] = GetParam();
    const auto [ids, hidden] = shape;
    if (!products.can()) {  // these strips are refused; VocabularyStrips widens its numbers
        EXPECT_THROW(products.logits({nullptr, 0, 0}, nullptr, 1, nullptr), std::exception);
        EXPECT_THROW(products.sums({nullptr, 0, 0}, nullptr, nullptr, 1, nullptr), std::exception);
        return;
    }
    const at::Tensor weights = random_halves({ids, hidden}, 1), states = random_halves({kLaneBlock, hidden}, 2);
    const HalfStrip strip{bits_of(weights), ids, hidden};
    const at::Tensor pairs = states.view({kLaneBlock, hidden / 2, 2}).transpose(0, 1).contiguous();
    const at::Tensor logits = at::empty({ids, kLaneBlock}, at::kFloat);
    const at::Tensor plain = at::mm(weights.to(at::kDouble), states.to(at::kDouble).t());
    for (const std::int64_t lanes : {1, 16, 17, 32}) {
        logits.fill_(std::numeric_limits<float>::quiet_NaN());
        products.logits(strip, bits_of(pairs), lanes, logits.mutable_data_ptr<float>());
        EXPECT_LT(distance(logits.narrow(1, 0, lanes).to(at::kDouble), plain.narrow(1, 0, lanes)), 1e-6) << lanes;
        EXPECT_TRUE(logits.isfinite().all().item<bool>()) << lanes;
    }

    std::vector<std::uint16_t> rows(static_cast<std::size_t>((ids + 1) / 2 * 2 * hidden));
    interleave_rows(strip, rows.data());
    for (const std::int64_t lanes : {1, 7, 16, 17, 32}) {
        // One lane more than asked for, which stays as it is.
        const at::Tensor sums = at::ones({lanes + 1, hidden}, at::kFloat);
        products.sums(strip, rows.data(), logits.const_data_ptr<float>(), lanes, sums.mutable_data_ptr<float>());
        const at::Tensor rounded = logits.to(at::kBFloat16).to(at::kDouble).narrow(1, 0, lanes);
        const at::Tensor expected = 1.0 + at::mm(rounded.t(), weights.to(at::kDouble));
        EXPECT_LT(distance(sums.narrow(0, 0, lanes).to(at::kDouble), expected), 1e-6) << lanes;
        EXPECT_TRUE(sums[lanes].eq(1.0).all().item<bool>()) << lanes;
    }
}

std::string name_of_products(const ::testing::TestParamInfo<HalfProducts::ParamType>& test) {
    const auto& [products, shape] = test.param;
    return fmt::format("{}_{}x{}", products.name, shape.first, shape.second);
}

INSTANTIATE_TEST_SUITE_P(Vectors, HalfProducts,
                         ::testing::Combine(::testing::Values(kVectors),
                                            ::testing::Values(std::pair{96, 640}, std::pair{13, 34}, std::pair{1, 2},
                                                              std::pair{95, 64})),
                         name_of_products);
INSTANTIATE_TEST_SUITE_P(Tiles, HalfProducts,
                         ::testing::Combine(::testing::Values(kTiles),
                                            ::testing::Values(std::pair{96, 640}, std::pair{1, 32}, std::pair{50, 96},
                                                              std::pair{95, 64})),
                         name_of_products);

// Strips of a bf16 unembedding, in pairs and widened: a machine that can do pairs has to get the other way right too.
class VocabularyStripsTest : public ::testing::TestWithParam<std::int64_t> {};  // hidden

TEST_P(VocabularyStripsTest, OfBFloat16EqualPlainSumsInPairsAndWidened) {
    constexpr std::int64_t kRows = 37, kAt = 3, kIds = 13;
    const std::int64_t hidden = GetParam();
    const at::Tensor unembedding = random_halves({20, hidden}, 3), normed = random_halves({kRows, hidden}, 4);
    const at::Tensor strip = unembedding.narrow(0, kAt, kIds).to(at::kDouble);
    for (const bool half : {false, true}) {
        if (half && !VocabularyStrips::can_be_half(unembedding, normed)) continue;
        const LaneStates states(normed, kRows, half);
        VocabularyStrips strips(unembedding, states, kIds, half);
        strips.go_to(kAt, kIds);
        for (std::int64_t block = 0; block * kLaneBlock < kRows; ++block) {
            const std::int64_t lanes = std::min(kLaneBlock, kRows - block * kLaneBlock);
            const at::Tensor logits = at::empty({kIds, kLaneBlock}, at::kFloat);
            strips.logits(block, lanes, logits.mutable_data_ptr<float>());
            const at::Tensor of_block = normed.narrow(0, block * kLaneBlock, lanes).to(at::kDouble);
            const at::Tensor mine = logits.narrow(1, 0, lanes).to(at::kDouble);
            EXPECT_LT(distance(mine, at::mm(strip, of_block.t())), 1e-6) << half << block;

            const at::Tensor sums = at::ones({lanes, hidden}, at::kFloat);
            strips.add_sums(logits.const_data_ptr<float>(), lanes, sums.mutable_data_ptr<float>());
            const at::Tensor factors = half ? mine.to(at::kFloat).to(at::kBFloat16).to(at::kDouble) : mine;
            EXPECT_LT(distance(sums.to(at::kDouble), 1.0 + at::mm(factors.t(), strip)), 1e-6) << half << block;
        }
    }
}

// 64 is for tiles, 34 for vectors alone.
INSTANTIATE_TEST_SUITE_P(Widths, VocabularyStripsTest, ::testing::Values(34, 64));

// What rounding to bf16 may take off a number: half of the last of its eight digits.
constexpr double kHalfDigit = 0x1p-9;

// Whole losses of a bf16 model: exact but for the rounding of factors, and targets' factors are not rounded. The bounds
// hold number by number, whatever the input; sums of fp32 add 1e-5 of what they sum.
TEST(TargetLoss, InBFloat16IsThatOfTheRoundedWeights) {
    const auto decoder = model::Decoder::load(model::golden_folder("gemma3_text"), model::Compute::kBFloat16);
    const std::int64_t hidden = decoder.unembedding().size(1), likely = 8, held = 2;
    const at::Tensor weights = decoder.unembedding().to(at::kDouble);
    const at::Tensor before = random_halves({likely + held, hidden}, 5);
    at::Tensor after = random_halves({likely + held, hidden}, 6);
    // Targets that are likely, but not the likeliest in what is summed up together (neighbours are): its factor is 1,
    // which rounds to itself.
    for (std::int64_t row = 0; row < likely; ++row) {
        const at::Tensor pair = weights[2 * row] + weights[2 * row + 1];
        after[row].copy_(pair * (16.0 / pair.square().sum()));
    }
    const at::Tensor states = after.to(at::kDouble).requires_grad_();
    const at::Tensor log_p = at::mm(states, weights.t()).log_softmax(1);
    const at::Tensor targets = std::get<1>(log_p.narrow(0, 0, likely).topk(2, 1)).select(1, 1).contiguous();
    ReferenceLogits reference;
    target_loss(decoder, before, targets, reference);
    const TargetLoss mine = target_loss(decoder, after, targets, reference);

    const at::Tensor log_q = at::mm(before.to(at::kDouble), weights.t()).log_softmax(1).narrow(0, likely, held);
    const at::Tensor of_held = log_p.narrow(0, likely, held);
    const at::Tensor divergence = (of_held.exp() * (of_held - log_q)).sum(1);
    const at::Tensor losses =
        at::cat({-log_p.narrow(0, 0, likely).gather(1, targets.unsqueeze(1)).squeeze(1), divergence});
    const at::Tensor gradient = torch::autograd::grad({losses.sum()}, {states}, {}, /*retain_graph=*/true)[0];

    const at::NoGradGuard no_grad;
    const at::Tensor p = log_p.exp();
    const at::Tensor others = p.narrow(0, 0, likely).scatter(1, targets.unsqueeze(1), 0.0);
    // A held row's gradient is that of its shifts' weighted sum less the mean shift's share of the plain one.
    const at::Tensor p_held = p.narrow(0, likely, held);
    const at::Tensor moved =
        at::mm((after.to(at::kDouble) - before.to(at::kDouble)), weights.t()).narrow(0, likely, held);
    const at::Tensor shifted = p_held * (moved.abs() + (p_held * moved).sum(1, true).abs());
    const at::Tensor rounded = at::mm(at::cat({others, shifted}), weights.abs());
    const at::Tensor summed = at::mm(p, weights.abs()) + rounded;
    const at::Tensor allowed = kHalfDigit * rounded + 1e-5 * summed;
    for (std::int64_t row = 0; row < likely + held; ++row) {
        EXPECT_NEAR(mine.losses[static_cast<std::size_t>(row)], losses[row].item<double>(), 1e-5) << row;
        const at::Tensor off = (mine.gradient[row].to(at::kDouble) - gradient[row]).abs();
        EXPECT_LE((off / allowed[row]).max().item<double>(), 1.0) << row;
    }
}

// What devices run, on the host, with a soft cap and a bias among the families.
TEST(TargetLoss, IsTheSameFromWholeRows) {
    for (const char* family : {"gemma3_text", "phi", "capped"}) {
        model::Decoder decoder =
            model::Decoder::load(model::golden_folder(*family == 'c' ? "llama" : family), model::Compute::kFloat32);
        if (*family == 'c') {
            model::DecoderConfig config = decoder.config();
            config.logit_soft_cap = 0.1;
            decoder = model::Decoder::create(config, 3, model::Compute::kFloat32);
        }
        const std::int64_t hidden = decoder.config().hidden, likely = 37, held = 5;
        const auto states = [&](std::uint64_t seed) {
            return random_halves({likely + held, hidden}, seed).to(at::kFloat);
        };
        const at::Tensor targets = at::arange(likely, at::kLong).remainder(decoder.config().vocabulary);
        ReferenceLogits reference, of_rows;
        target_loss(decoder, states(7), targets, reference);
        composed_target_loss(decoder, states(7), targets, of_rows);
        EXPECT_TRUE(at::allclose(reference.logits, of_rows.logits, 1e-5, 1e-5)) << family;
        const TargetLoss mine = target_loss(decoder, states(8), targets, reference),
                         composed = composed_target_loss(decoder, states(8), targets, of_rows);
        for (std::size_t row = 0; row < mine.losses.size(); ++row) {
            EXPECT_NEAR(mine.losses[row], composed.losses[row], 1e-4 * (1 + mine.losses[row])) << family << " " << row;
        }
        EXPECT_TRUE(at::allclose(mine.gradient, composed.gradient, 1e-4, 1e-5)) << family;
    }
}

}  // namespace
}  // namespace nepenthe::edit
