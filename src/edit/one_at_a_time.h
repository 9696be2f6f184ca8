#pragma once
// Each fact on the original weights, for evaluation: written, looked at, taken back.

#include "edit/batch_writer.h"
#include "edit/edit.h"

#include <filesystem>

namespace nepenthe::edit {

// Collective. Blocks of facts are dealt to ranks and journalled in `folder` (empty: not), the probe's answers with
// them. Values are computed on `value_decoder`. Leaves `decoder` as it was, bit by bit.
void edit_one_at_a_time(const dist::Comm& comm, model::Decoder& decoder, const model::Decoder& value_decoder,
                        const EditContext& context, BatchWriter& writer, const std::vector<EditUnit>& units,
                        const EditInputs& inputs, const EditHooks& hooks, const std::filesystem::path& folder,
                        EditResult& result);

}  // namespace nepenthe::edit
