#pragma once
// FT-L, the baseline that everybody quotes: gradient descent on one matrix within a box around its weights.
// specs: editing.md §9 (of the published code's flaws, reading every target token from one position is not repeated).

#include "edit/edit_context.h"
#include "edit/edited_matrix.h"
#include "edit/solve/dealing.h"

#include <vector>

namespace nepenthe::edit {

struct FineTuneReport {
    double first_loss = 0, last_loss = 0;  // mean over facts of the mean NLL of the target's tokens
    std::int64_t steps = 0;
};

// Changes `matrix` in place: Adam on the mean target NLL of minibatches of units, bare prompts only, every weight kept
// within options.fine_tune.box of the kept ones; stops when an epoch's mean loss is below stop_loss. Gradients of fixed
// sub-blocks are summed in fp64 in their order: the bits do not depend on the number of ranks. Uses `dealing`.
FineTuneReport fine_tune(const Dealing& dealing, const model::Decoder& decoder, const EditContext& context,
                         const std::vector<EditUnit>& units, EditedMatrix& matrix);

}  // namespace nepenthe::edit
