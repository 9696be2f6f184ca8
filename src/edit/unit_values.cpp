#include "edit/unit_values.h"

#include "base/error.h"
#include "base/hash.h"
#include "store/blocks.h"
#include "store/content_blocks.h"
#include "store/packing.h"

#include <torch/types.h>

namespace nepenthe::edit {

namespace {

std::vector<float> floats(const at::Tensor& tensor) {
    const at::Tensor host = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
    return {host.const_data_ptr<float>(), host.const_data_ptr<float>() + host.numel()};
}

// Costs of blocks for dealing: characters stand for the tokens that are computed.
std::vector<double> block_costs(const EditContext& context, const std::vector<std::span<const EditUnit>>& blocks) {
    std::vector<double> costs;
    for (const auto& block : blocks) {
        double characters = 0;
        for (const EditUnit& unit : block) {
            for (const std::size_t index : unit.facts) {
                const Fact& fact = context.facts()[index];
                characters += static_cast<double>(fact.sentence().size() + fact.target_new.size());
            }
        }
        costs.push_back(characters);
    }
    return costs;
}

}  // namespace

std::string pack_values(const std::vector<FactValue>& values) {
    store::Packer packer;
    for (const FactValue& value : values) {
        packer.add(floats(value.initial)).add(floats(value.delta));
        packer.add(std::vector<double>{value.nll, value.kl, value.decay, value.first_nll});
        packer.add(std::vector<std::int64_t>{value.steps, value.clamped ? 1 : 0});
    }
    return packer.take();
}

std::vector<FactValue> unpack_values(std::string_view bytes) {
    store::Unpacker unpacker(bytes);
    std::vector<FactValue> values;
    while (!unpacker.finished()) {
        std::vector<float> initial, delta;
        std::vector<double> losses;
        std::vector<std::int64_t> counts;
        unpacker.read(initial).read(delta).read(losses).read(counts);
        NEPENTHE_CHECK(losses.size() == 4 && counts.size() == 2 && initial.size() == delta.size());
        values.push_back({at::tensor(initial), at::tensor(delta), losses[0], losses[1], losses[2], losses[3], counts[0],
                          counts[1] != 0});
    }
    return values;
}

std::vector<std::span<const EditUnit>> value_blocks(const EditContext& context, std::span<const EditUnit> units) {
    const auto mean = static_cast<std::size_t>(context.options().facts_per_block);
    std::vector<std::span<const EditUnit>> blocks;
    std::vector<std::uint64_t> digests;
    for (std::size_t i = 0; i < units.size(); ++i) {
        digests.push_back(xxh3(as_bytes(context.block_key(units.subspan(i, 1), ""))));
    }
    for (const store::BlockRange& range : store::content_blocks(digests, mean)) {
        blocks.push_back(units.subspan(range.begin, range.size()));
    }
    return blocks;
}

std::string block_values(const model::Decoder& decoder, const EditContext& context, std::span<const EditUnit> units,
                         const std::string& history, const KnownValues& known) {
    if (const auto found = known.find(context.block_key(units, history)); found != known.end()) return found->second;
    std::vector<ValueProblem> problems;
    for (const EditUnit& unit : units) problems.push_back(context.problem(unit));
    ValueOptions options = context.options().value;
    options.site = context.options().value_site();
    options.layer = context.options().layers.back();
    const auto values = optimise_values(decoder, problems, options);
    for (std::size_t i = 0; i < values.size(); ++i) {
        if (!at::isfinite(values[i].initial).all().item<bool>() || !at::isfinite(values[i].delta).all().item<bool>()) {
            fail(ErrorKind::kGate, "fact {}: its value is not finite; try a smaller step size",
                 context.facts()[units[i].facts.front()].id);
        }
    }
    return pack_values(values);
}

std::vector<FactValue> unit_values(const dist::Comm& comm, const model::Decoder& decoder, const EditContext& context,
                                   const std::vector<EditUnit>& units, const std::string& history,
                                   const KnownValues& known, const std::filesystem::path& folder) {
    const auto blocks = value_blocks(context, units);
    store::BlockOptions options;
    options.label = "values";
    options.key_digest = sha256_hex(context.block_key(units, history) + canonical_json(context.options().to_json()));
    options.costs = block_costs(context, blocks);
    const auto results = store::for_each_block(comm, folder, blocks.size(), options, [&](std::uint64_t block) {
        return block_values(decoder, context, blocks[block], history, known);
    });
    std::vector<FactValue> values;
    for (std::uint64_t block = 0; block < blocks.size(); ++block) {
        for (FactValue& value : unpack_values(results.read(block))) values.push_back(std::move(value));
    }
    NEPENTHE_CHECK(values.size() == units.size());
    return values;
}

}  // namespace nepenthe::edit
