#pragma once
// The values of a run's units: optimised in fixed blocks dealt to ranks, journalled, and taken from an earlier run
// where it holds the same block.

#include "dist/comm.h"
#include "edit/edit_context.h"

#include <filesystem>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nepenthe::edit {

// Values of a block as bytes, and back; exact.
std::string pack_values(const std::vector<FactValue>& values);
std::vector<FactValue> unpack_values(std::string_view bytes);

// Packed values by EditContext::block_key.
using KnownValues = std::map<std::string, std::string>;

// Units whose values are computed side by side, in order: blocks of about options.facts_per_block units
// (store/content_blocks.h).
std::vector<std::span<const EditUnit>> value_blocks(const EditContext& context, std::span<const EditUnit> units);

// Collective. One value a unit. `folder` takes the journal (empty: none). Blocks depend on the units and
// options.facts_per_block alone, so a value's bits do not depend on the number of ranks.
std::vector<FactValue> unit_values(const dist::Comm& comm, const model::Decoder& decoder, const EditContext& context,
                                   const std::vector<EditUnit>& units, const std::string& history,
                                   const KnownValues& known, const std::filesystem::path& folder);

// Not collective: the values of one block, or the known ones.
std::string block_values(const model::Decoder& decoder, const EditContext& context, std::span<const EditUnit> units,
                         const std::string& history, const KnownValues& known);

}  // namespace nepenthe::edit
