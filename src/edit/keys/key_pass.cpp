#include "edit/keys/key_pass.h"

#include "base/error.h"

#include <torch/types.h>

#include <algorithm>

namespace nepenthe::edit {

void visit_keys(const model::Decoder& decoder, const WindowBatch& batch, const std::vector<MomentMap>& maps,
                const std::function<void(std::size_t i, const at::Tensor& keys)>& visit) {
    const at::NoGradGuard no_grad;
    NEPENTHE_CHECK(!maps.empty() && std::is_sorted(maps.begin(), maps.end()));
    model::Batch input{batch.ids.to(decoder.device()), {}};
    at::Tensor real;  // indices of real tokens among all positions
    if (batch.mask.defined()) {
        input.mask = batch.mask.to(decoder.device());
        real = input.mask.flatten().nonzero().squeeze(1);
    }
    const model::Context context = decoder.context(input);
    at::Tensor hidden = decoder.embed(input.ids, context);
    std::size_t next = 0;
    for (std::int64_t layer = 0; next < maps.size(); ++layer) {
        if (layer != maps[next].layer) {
            hidden = decoder.block(layer, hidden, context);
            continue;
        }
        hidden = model::block_with_inputs(
            decoder, layer, hidden, context, [&](model::MapInput which, const at::Tensor& read) {
                if (MomentMap{layer, which} != maps[next]) return true;
                const at::Tensor rows = read.flatten(0, 1);
                visit(next, (real.defined() ? rows.index_select(0, real) : rows).to(at::kCPU, at::kFloat));
                return ++next < maps.size();
            });
    }
}

}  // namespace nepenthe::edit
