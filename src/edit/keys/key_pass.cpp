#include "edit/keys/key_pass.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>

namespace nepenthe::edit {

void visit_keys(const model::Decoder& decoder, const WindowBatch& batch, const std::vector<std::int64_t>& layers,
                const std::function<void(std::size_t i, const at::Tensor& keys)>& visit) {
    const at::NoGradGuard no_grad;
    NEPENTHE_CHECK(!layers.empty() && std::is_sorted(layers.begin(), layers.end()));
    model::Batch input{batch.ids.to(decoder.device()), {}};
    at::Tensor real;  // indices of real tokens among all positions
    if (batch.mask.defined()) {
        input.mask = batch.mask.to(decoder.device());
        real = input.mask.flatten().nonzero().squeeze(1);
    }
    const model::Context context = decoder.context(input);
    at::Tensor hidden = decoder.embed(input.ids, context);
    std::size_t next = 0;
    for (std::int64_t layer = 0; next < layers.size(); ++layer) {
        if (layer != layers[next]) {
            hidden = decoder.block(layer, hidden, context);
            continue;
        }
        const at::Tensor stream = decoder.after_attention(layer, hidden, context);
        const at::Tensor key = decoder.mlp_key(layer, hidden, stream);
        const at::Tensor rows = key.flatten(0, 1);
        visit(next, (real.defined() ? rows.index_select(0, real) : rows).to(at::kCPU, at::kFloat));
        ++next;
        if (next < layers.size()) hidden = decoder.after_mlp(layer, stream, decoder.mlp_output(layer, key));
    }
}

}  // namespace nepenthe::edit
