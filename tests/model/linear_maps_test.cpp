// What the linear maps of every family read.
#include "model/linear_maps.h"
#include "model/golden_case.h"

#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include <map>
#include <regex>
#include <set>

namespace nepenthe::model {
namespace {

class LinearMaps : public ::testing::TestWithParam<std::string> {
  protected:
    Expected expected{GetParam()};
    Decoder decoder = load_golden(GetParam(), Compute::kFloat32);
    Batch batch = expected.plain();
    Context context = decoder.context(batch);
    at::Tensor hidden = decoder.embed(batch.ids, context);
};

TEST_P(LinearMaps, ShowingInputsChangesNoBit) {
    const at::NoGradGuard no_grad;
    for (std::int64_t layer = 0; layer < decoder.config().layers; ++layer) {
        std::vector<MapInput> seen;
        const at::Tensor block = decoder.block(layer, hidden, context);
        const at::Tensor shown =
            block_with_inputs(decoder, layer, hidden, context, [&](MapInput input, const at::Tensor& read) {
                seen.push_back(input);
                EXPECT_EQ(read.size(2), input_width(decoder.config(), input));
                return true;
            });
        EXPECT_TRUE(at::equal(shown, block)) << "layer " << layer;
        EXPECT_EQ(seen, (std::vector<MapInput>(kMapInputs.begin(), kMapInputs.end())));
        hidden = block;
    }
}

TEST_P(LinearMaps, AreAllMatricesOfTheLayers) {
    std::set<std::string> names;
    for (const LinearMap& map : linear_maps(decoder)) names.insert(map.name);
    for (const NamedTensor& parameter : decoder.parameters()) {
        const bool in_layer = std::regex_search(parameter.name, std::regex("\\.[0-9]+\\."));
        // Norms of single heads, [head, head_dim], are the only other matrices of a layer.
        const bool matrix = parameter.tensor.dim() == 2 && parameter.name.find("norm") == std::string::npos;
        EXPECT_EQ(names.contains(parameter.name), in_layer && matrix) << parameter.name;
    }
}

// A change of a matrix that is orthogonal to everything it reads changes nothing, and any other does.
TEST_P(LinearMaps, ReadWhatIsShown) {
    const at::NoGradGuard no_grad;
    constexpr std::int64_t kLayer = 1;
    hidden =
        decoder.block(0, hidden, context).narrow(1, 0, 5);  // fewer tokens than entries: some directions are unread
    batch.ids = batch.ids.narrow(1, 0, 5);
    context = decoder.context({batch.ids, {}});
    std::map<MapInput, at::Tensor> read;
    const at::Tensor before =
        block_with_inputs(decoder, kLayer, hidden, context, [&](MapInput input, const at::Tensor& shown) {
            read[input] = shown.flatten(0, 1).cpu().to(at::kDouble);
            return true;
        });
    for (const LinearMap& map : linear_maps(decoder)) {
        if (map.layer != kLayer) continue;
        const at::Tensor rows = read.at(map.input), weight = decoder.parameter(map.name), kept = weight.clone();
        const std::int64_t outputs = weight.size(map.transposed ? 1 : 0);
        ASSERT_EQ(weight.size(map.transposed ? 0 : 1), rows.size(1)) << map.name;
        ASSERT_LT(rows.size(0), rows.size(1)) << map.name;
        auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
        const at::Tensor left = at::randn({outputs, 1}, generator, at::kDouble);
        const at::Tensor drawn = at::randn({rows.size(1), 1}, generator, at::kDouble);
        const at::Tensor basis = std::get<0>(at::linalg_qr(rows.t()));
        const at::Tensor unread = drawn - at::matmul(basis, at::matmul(basis.t(), drawn));
        const auto moved = [&](const at::Tensor& direction) {
            const at::Tensor change = at::matmul(left, direction.t()).to(at::kFloat).to(test_device());
            weight.add_(map.transposed ? change.t() : change);
            const at::Tensor after = decoder.block(kLayer, hidden, context);
            weight.copy_(kept);
            return (after - before).abs().max().item<double>();
        };
        EXPECT_LT(moved(unread), 1e-3 * moved(drawn)) << map.name;
    }
}

INSTANTIATE_TEST_SUITE_P(All, LinearMaps, ::testing::ValuesIn(golden_cases()),
                         [](const ::testing::TestParamInfo<std::string>& test) { return test.param; });

}  // namespace
}  // namespace nepenthe::model
