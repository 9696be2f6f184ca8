#pragma once
// One layer's share of an edit: keys and residuals on the present weights, the closed form, the written matrix.

#include "edit/edit_context.h"
#include "edit/edited_matrix.h"
#include "edit/keys/keys.h"
#include "edit/solve/dealing.h"
#include "edit/solve/solve.h"

#include <cstdint>
#include <string>
#include <vector>

namespace nepenthe::edit {

// What a layer's closed form needs besides keys and residuals; lives as long as the run.
struct LayerState {
    Moment moment;         // identity where no statistics are given
    NullSpace null_space;  // AlphaEdit
    at::Tensor previous;   // AlphaEdit: Σ k kᵀ of earlier batches, undefined before the first
};

// Keys and residuals of the units at one layer, as columns; fp64.
struct LayerSystem {
    at::Tensor keys;             // [intermediate, u] what the update is built from
    at::Tensor constraint_keys;  // [intermediate, u] what must receive the residual; rank-one methods
    at::Tensor residuals;        // [hidden, u]
    at::Tensor bare_keys;        // [intermediate, u]
    double value_error = 0;  // mean over units of ‖target − present‖ / ‖target‖, before the residual is shared out
};

// Values wanted, as columns [hidden, u] fp64: at what W writes, or at the block's output of the last layer.
at::Tensor wanted_values(const std::vector<FactValue>& values);

// Keys on the present weights; `position` counts the layers of options.layers from 0, residuals are divided by how many
// are left. Uses `dealing`.
LayerSystem layer_system(const Dealing& dealing, const model::Decoder& decoder, const EditContext& context,
                         const std::vector<EditUnit>& units, const at::Tensor& wanted, std::size_t position);

// The method's closed form. Uses `dealing`.
Solution layer_solution(const Dealing& dealing, const EditOptions& options, const LayerSystem& system,
                        const LayerState& state);

}  // namespace nepenthe::edit
