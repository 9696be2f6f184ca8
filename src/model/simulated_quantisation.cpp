#include "model/simulated_quantisation.h"

#include "base/error.h"
#include "model/family/families.h"
#include "model/side_memory.h"

#include <ATen/Parallel.h>
#include <torch/types.h>

namespace nepenthe::model {

namespace {

bool is_linear_map(Role role) {
    switch (role) {
        case Role::kQuery:
        case Role::kKey:
        case Role::kValue:
        case Role::kQkv:
        case Role::kAttentionOutput:
        case Role::kGate:
        case Role::kUp:
        case Role::kGateUp:
        case Role::kDown: return true;
        default: return false;
    }
}

template <typename Value>
void quantise_rows(const at::Tensor& rows, kernels::WeightCode code) {
    const std::int64_t columns = rows.size(1);
    auto* const values = rows.data_ptr<Value>();
    at::parallel_for(0, rows.size(0), 16, [&](std::int64_t begin, std::int64_t end) {
        kernels::quantise(values + begin * columns, end - begin, columns, code);
    });
}

// In place; [out, in], or [in, out] with `transposed`.
void quantise_matrix(const at::Tensor& matrix, bool transposed, kernels::WeightCode code) {
    NEPENTHE_CHECK(matrix.dim() == 2);
    const at::NoGradGuard no_grad;
    const at::Tensor outputs = transposed ? matrix.t() : matrix;
    const at::Tensor rows = outputs.to(at::kCPU).contiguous();
    if (rows.scalar_type() == at::kBFloat16) {
        quantise_rows<c10::BFloat16>(rows, code);
    } else {
        quantise_rows<float>(rows, code);
    }
    if (!rows.is_alias_of(matrix)) outputs.copy_(rows);
}

}  // namespace

QuantisedMaps quantise_linear_maps(Decoder& decoder, kernels::WeightCode code) {
    QuantisedMaps done;
    const auto quantise = [&](const at::Tensor& matrix, bool transposed) {
        quantise_matrix(matrix, transposed, code);
        ++done.matrices;
        done.weights += matrix.numel();
    };
    // In the same order; names may lack the family's prefix in the checkpoint.
    const std::vector<TensorSpec> specs = tensor_specs(decoder.config());
    for (std::size_t i = 0; const auto& [name, tensor] : decoder.parameters()) {
        const TensorSpec& spec = specs.at(i++);
        if (is_linear_map(spec.role)) quantise(tensor, spec.transposed);
    }
    if (const auto memory = decoder.side_memory()) {
        auto copy = std::make_shared<SideMemory>(*memory);
        const bool transposed = decoder.stores_transposed(decoder.mlp_output_name(memory->layer));
        for (SideMemory::Alternative& alternative : copy->alternatives) {
            alternative.weight = alternative.weight.clone();
            quantise(alternative.weight, transposed);
        }
        decoder.attach_side_memory(std::move(copy));
    }
    return done;
}

}  // namespace nepenthe::model
