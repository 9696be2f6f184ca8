#pragma once
// Inputs of linear maps of several layers in one pass that stops after the last of them.

#include "edit/keys/moment_windows.h"
#include "model/decoder.h"
#include "model/linear_maps.h"

#include <compare>
#include <cstdint>
#include <functional>
#include <vector>

namespace nepenthe::edit {

// An input of a layer, as second moments are kept of it. Ordered as the forward pass comes to them.
struct MomentMap {
    std::int64_t layer = 0;
    model::MapInput input = model::MapInput::kDown;
    auto operator<=>(const MomentMap&) const = default;
};

// Calls `visit(i, keys)` for each maps[i] (ascending): that input at the real tokens of the batch, [token, width] fp32
// on the CPU. Padding is not among them.
void visit_keys(const model::Decoder& decoder, const WindowBatch& batch, const std::vector<MomentMap>& maps,
                const std::function<void(std::size_t i, const at::Tensor& keys)>& visit);

}  // namespace nepenthe::edit
