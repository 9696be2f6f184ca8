#pragma once
// Keys of several layers in one pass that stops after the last of them.

#include "edit/keys/moment_windows.h"
#include "model/decoder.h"

#include <cstdint>
#include <functional>
#include <vector>

namespace nepenthe::edit {

// Calls `visit(i, keys)` for each layers[i] (ascending): the inputs of its second MLP matrix at the real tokens of the
// batch, [token, intermediate] fp32 on the CPU. Padding is not among them.
void visit_keys(const model::Decoder& decoder, const WindowBatch& batch, const std::vector<std::int64_t>& layers,
                const std::function<void(std::size_t i, const at::Tensor& keys)>& visit);

}  // namespace nepenthe::edit
