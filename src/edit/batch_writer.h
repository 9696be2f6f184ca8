#pragma once
// Writes batches of units into the edited layers, one layer after another, and takes them back.

#include "edit/edit.h"
#include "edit/edit_context.h"
#include "edit/edited_matrix.h"
#include "edit/layer_update.h"
#include "edit/solve/dealing.h"

#include <vector>

namespace nepenthe::edit {

struct WrittenBatch {
    std::vector<Delta> deltas;        // one a layer
    std::vector<EditRecord> records;  // one a unit
};

class BatchWriter {
  public:
    // Factorises the layers' moments. Both must outlive this. Collective only in so far as all ranks do the same.
    BatchWriter(model::Decoder& decoder, const EditContext& context,
                const std::function<at::Tensor(std::int64_t layer)>& moment);

    // Writes the units so that they get `values` (one a unit; none for fine-tuning). Throws Error(kGate) with the
    // weights as they were kept last. Uses `dealing`.
    WrittenBatch write(const Dealing& dealing, const std::vector<EditUnit>& units,
                       const std::vector<FactValue>& values);
    // The present weights become those that restore() goes back to; AlphaEdit takes note of the units' keys.
    void keep(const Dealing& dealing, const std::vector<EditUnit>& units);
    void restore();

  private:
    Delta write_layer(const Dealing& dealing, std::size_t position, const std::vector<EditUnit>& units,
                      const at::Tensor& wanted, LayerSystem& system);
    WrittenBatch write_values(const Dealing& dealing, const std::vector<EditUnit>& units,
                              const std::vector<FactValue>& values);
    WrittenBatch write_fine_tuned(const Dealing& dealing, const std::vector<EditUnit>& units);
    Delta describe(std::size_t position, const Solution& solution, double error_before) const;

    model::Decoder& decoder_;
    const EditContext& context_;
    std::vector<EditedMatrix> matrices_;  // by position in options.layers
    std::vector<LayerState> states_;
};

}  // namespace nepenthe::edit
