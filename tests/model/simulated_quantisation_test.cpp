// Quantised decoders: which tensors are rounded, along which axis, in either dtype.
#include "model/simulated_quantisation.h"

#include "io/file.h"
#include "model/family/families.h"
#include "model/side_memory.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <filesystem>
#include <map>

namespace nepenthe::model {
namespace {

Decoder make_decoder(const std::string& family, Compute compute) {
    const std::filesystem::path families = NEPENTHE_SOURCE_DIR "/tests/golden/families";
    const std::string config = io::read_file(families / family / "config.json");
    return Decoder::create(parse_config(parse_json(config, "config.json")), 5, compute);
}

std::map<std::string, at::Tensor> copies(const Decoder& decoder) {
    std::map<std::string, at::Tensor> kept;
    for (const auto& [name, tensor] : decoder.parameters()) kept[name] = tensor.clone();
    return kept;
}

// The matrix's rows, an output each, through the kernel by itself.
at::Tensor expected(const at::Tensor& matrix, bool transposed, kernels::WeightCode code) {
    at::Tensor rows = (transposed ? matrix.t() : matrix).contiguous().clone();
    if (rows.scalar_type() == at::kFloat) {
        kernels::quantise(rows.data_ptr<float>(), rows.size(0), rows.size(1), code);
    } else {
        kernels::quantise(rows.data_ptr<c10::BFloat16>(), rows.size(0), rows.size(1), code);
    }
    return transposed ? rows.t() : rows;
}

TEST(SimulatedQuantisation, RoundsLinearMapsInsideBlocksAlone) {
    // Separate and fused projections, [in, out] storage, tied and separate heads, biases.
    for (const char* family : {"llama", "gpt2", "phi3", "gpt_neox", "gemma3_text"}) {
        for (const Compute compute : {Compute::kFloat32, Compute::kBFloat16}) {
            Decoder decoder = make_decoder(family, compute);
            const auto before = copies(decoder);
            const auto done = quantise_linear_maps(decoder, kernels::WeightCode::kNf4);
            std::int64_t matrices = 0, weights = 0;
            for (const TensorSpec& spec : tensor_specs(decoder.config())) {
                const at::Tensor now = decoder.parameter(spec.name), then = before.at(spec.name);
                const bool in_block =
                    spec.layer >= 0 && now.dim() == 2 && spec.role != Role::kQueryNorm && spec.role != Role::kKeyNorm;
                matrices += in_block;
                weights += in_block ? now.numel() : 0;
                EXPECT_EQ(at::equal(now, then), !in_block) << family << " " << spec.name;
                const at::Tensor rounded = in_block ? expected(then, spec.transposed, kernels::WeightCode::kNf4) : then;
                EXPECT_TRUE(at::equal(now, rounded)) << family << " " << spec.name;
            }
            EXPECT_GT(matrices, 0);
            EXPECT_EQ(done.matrices, matrices) << family;
            EXPECT_EQ(done.weights, weights) << family;
        }
    }
}

TEST(SimulatedQuantisation, ChangesWhatTheModelSays) {
    const at::Tensor ids = torch::arange(12, at::kLong).unsqueeze(0);
    const at::NoGradGuard no_grad;
    std::map<kernels::WeightCode, double> errors;
    const at::Tensor exact = make_decoder("llama", Compute::kFloat32).logits({ids, {}});
    for (const kernels::WeightCode code : kernels::kWeightCodes) {
        Decoder decoder = make_decoder("llama", Compute::kFloat32);
        quantise_linear_maps(decoder, code);
        errors[code] = (decoder.logits({ids, {}}) - exact).norm().item<double>();
        EXPECT_GT(errors[code], 0);
    }
    EXPECT_LT(errors[kernels::WeightCode::kInt8], errors[kernels::WeightCode::kNf4]);
    EXPECT_LT(errors[kernels::WeightCode::kNf4], errors[kernels::WeightCode::kFp4]);
}

TEST(SimulatedQuantisation, TakesASideMemoryAlong) {
    Decoder decoder = make_decoder("llama", Compute::kFloat32);
    auto memory = std::make_shared<SideMemory>();
    memory->layer = 0;
    const at::Tensor down = decoder.parameter(decoder.mlp_output_name(0));
    const at::Tensor alternative = down + 0.01;
    memory->alternatives.push_back({alternative, 1.0});
    const at::Tensor kept = alternative.clone();
    decoder.attach_side_memory(memory);
    const std::int64_t plain = quantise_linear_maps(decoder, kernels::WeightCode::kInt4).matrices;
    EXPECT_TRUE(at::equal(alternative, kept)) << "the memory that was handed in is another's";
    EXPECT_TRUE(
        at::equal(decoder.side_memory()->alternatives[0].weight, expected(kept, false, kernels::WeightCode::kInt4)));
    decoder.attach_side_memory(nullptr);
    EXPECT_EQ(quantise_linear_maps(decoder, kernels::WeightCode::kInt4).matrices, plain - 1);
}

}  // namespace
}  // namespace nepenthe::model
