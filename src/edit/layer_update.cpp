#include "edit/layer_update.h"

#include "base/error.h"
#include "edit/host_numbers.h"
#include "edit/post_norm.h"
#include "store/packing.h"

#include <torch/types.h>

#include <optional>

namespace nepenthe::edit {

namespace {

std::string pack_keys(const FactKeys& keys) {
    return store::Packer()
        .add(doubles(keys.mean_key))
        .add(doubles(keys.mean_output))
        .add(doubles(keys.bare_key))
        .add(doubles(keys.bare_output))
        .add(doubles(keys.bare_block))
        .add(doubles(keys.mean_block))
        .take();
}

FactKeys unpack_keys(const std::string& bytes) {
    std::vector<double> mean_key, mean_output, bare_key, bare_output, bare_block, mean_block;
    store::Unpacker(bytes)
        .read(mean_key)
        .read(mean_output)
        .read(bare_key)
        .read(bare_output)
        .read(bare_block)
        .read(mean_block);
    return {at::tensor(mean_key),    at::tensor(mean_output), at::tensor(bare_key),
            at::tensor(bare_output), at::tensor(bare_block),  at::tensor(mean_block)};
}

// What stands at the value's place now.
const at::Tensor& present_value(const EditOptions& options, const FactKeys& keys) {
    const bool bare = options.residual_at() == ResidualAt::kBare;
    if (options.value_site() == ValueSite::kBlockOutput) return bare ? keys.bare_block : keys.mean_block;
    switch (options.method) {
        case Method::kRome:
        case Method::kPRome: return keys.bare_output;
        case Method::kRRome: return keys.mean_output;
        default: return bare ? keys.bare_output : keys.mean_output;
    }
}

}  // namespace

at::Tensor wanted_values(const std::vector<FactValue>& values) {
    std::vector<at::Tensor> columns;
    for (const FactValue& value : values)
        columns.push_back(value.initial.to(at::kDouble) + value.delta.to(at::kDouble));
    return at::stack(columns, 1);
}

LayerSystem layer_system(const Dealing& dealing, const model::Decoder& decoder, const EditContext& context,
                         const std::vector<EditUnit>& units, const at::Tensor& wanted, std::size_t position) {
    const EditOptions& options = context.options();
    const std::int64_t layer = options.layers[position], last = options.layers.back();
    const bool at_block = options.value_site() == ValueSite::kBlockOutput;
    const auto packed = dealing.items("keys", units.size(), [&](std::uint64_t i) {
        const UnitRows of_unit = context.rows(units[i]);
        // One unit a call: its bits then do not depend on its neighbours.
        return pack_keys(
            gather_keys(decoder, std::span(&of_unit.rows, 1), of_unit.weights, layer, at_block ? last : layer).front());
    });
    const std::optional<PostNorm> norm = at_block ? std::make_optional<PostNorm>(decoder, layer) : std::nullopt;
    const auto remaining = static_cast<double>(options.layers.size() - position);
    LayerSystem system;
    std::vector<at::Tensor> keys, constraints, residuals, bare;
    for (std::size_t i = 0; i < units.size(); ++i) {
        const FactKeys of_unit = unpack_keys(packed[i]);
        const at::Tensor target = wanted.select(1, static_cast<std::int64_t>(i));
        const at::Tensor gap = target - present_value(options, of_unit);
        system.value_error += (gap.norm() / target.norm()).item<double>() / static_cast<double>(units.size());
        if (at_block) {
            const at::Tensor& now = of_unit.bare_output;
            residuals.push_back(norm->invert(norm->apply(now) + gap / remaining, now) - now);
        } else {
            residuals.push_back(gap);
        }
        keys.push_back(options.method == Method::kPRome ? of_unit.bare_key : of_unit.mean_key);
        constraints.push_back(options.method == Method::kRome ? of_unit.bare_key : keys.back());
        bare.push_back(of_unit.bare_key);
    }
    system.keys = at::stack(keys, 1);
    system.constraint_keys = at::stack(constraints, 1);
    system.residuals = at::stack(residuals, 1);
    system.bare_keys = at::stack(bare, 1);
    return system;
}

Solution layer_solution(const Dealing& dealing, const EditOptions& options, const LayerSystem& system,
                        const LayerState& state) {
    switch (options.method) {
        case Method::kRRome:
        case Method::kRome:
        case Method::kPRome:
            NEPENTHE_CHECK(system.keys.size(1) == 1);
            return rank_one(system.residuals.select(1, 0), system.keys.select(1, 0),
                            system.constraint_keys.select(1, 0), state.moment);
        case Method::kMemit:
        case Method::kMemitMerged:
            return least_squares(system.residuals, system.keys, state.moment, options.lambda, SolveForm::kAuto,
                                 dealing);
        case Method::kEmmet:
            return least_squares(system.residuals, system.keys, state.moment, options.emmet_weight * options.emmet_mu,
                                 SolveForm::kAuto, dealing);
        case Method::kAlphaEdit:
            return null_space_update(system.residuals, system.keys, state.null_space, state.previous, options.l2,
                                     dealing);
        case Method::kFineTune: break;
    }
    fail(ErrorKind::kInternal, "fine-tuning has no closed form");
}

}  // namespace nepenthe::edit
