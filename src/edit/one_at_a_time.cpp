#include "edit/one_at_a_time.h"

#include "base/error.h"
#include "base/hash.h"
#include "edit/host_numbers.h"
#include "store/blocks.h"
#include "store/packing.h"

#include <torch/types.h>

namespace nepenthe::edit {

namespace {

at::Tensor row_of(const std::vector<double>& values) { return values.empty() ? at::Tensor() : at::tensor(values); }

std::vector<char> chars(const std::string& text) { return {text.begin(), text.end()}; }
std::string string_of(const std::vector<char>& bytes) { return {bytes.begin(), bytes.end()}; }

void pack_record(store::Packer& packer, const EditRecord& record, const std::vector<Delta>& deltas, bool with_updates) {
    packer.add(chars(record.value.initial.defined() ? pack_values({record.value}) : ""));
    packer.add(std::vector<double>{record.value.first_nll, record.value.nll, static_cast<double>(record.value.steps)});
    packer.add(doubles(record.key)).add(doubles(record.residual));
    packer.add(std::vector<double>{record.key_cosine, record.response})
        .add(chars(record.note))
        .add(chars(record.probe));
    for (const Delta& delta : deltas) {
        packer.add(std::vector<std::int64_t>{delta.layer});
        packer.add(std::vector<double>{delta.norm, delta.weight_norm, delta.largest, delta.condition, delta.jitter,
                                       delta.error_before});
        // One fact's factors are a column and a row.
        packer.add(with_updates ? doubles(delta.update.left) : std::vector<double>{});
        packer.add(with_updates ? doubles(delta.update.right) : std::vector<double>{});
    }
}

EditRecord unpack_record(store::Unpacker& unpacker) {
    EditRecord record;
    std::vector<char> value, note, probe;
    std::vector<double> losses, key, residual, ratios;
    unpacker.read(value).read(losses).read(key).read(residual).read(ratios).read(note).read(probe);
    if (!value.empty()) record.value = unpack_values(string_of(value)).front();
    record.value.first_nll = losses.at(0);
    record.value.nll = losses.at(1);
    record.value.steps = static_cast<std::int64_t>(losses.at(2));
    record.key = row_of(key);
    record.residual = row_of(residual);
    record.key_cosine = ratios.at(0);
    record.response = ratios.at(1);
    record.note = string_of(note);
    record.probe = string_of(probe);
    return record;
}

Delta unpack_delta(store::Unpacker& unpacker, const model::Decoder& decoder) {
    Delta delta;
    std::vector<std::int64_t> layer;
    std::vector<double> numbers, left, right;
    unpacker.read(layer).read(numbers).read(left).read(right);
    delta.layer = layer.at(0);
    delta.tensor = decoder.mlp_output_name(delta.layer);
    delta.norm = numbers.at(0);
    delta.weight_norm = numbers.at(1);
    delta.largest = numbers.at(2);
    delta.condition = numbers.at(3);
    delta.jitter = numbers.at(4);
    delta.error_before = numbers.at(5);
    delta.units = 1;
    if (!left.empty()) delta.update = {row_of(left).unsqueeze(1), row_of(right).unsqueeze(0)};
    return delta;
}

}  // namespace

void edit_one_at_a_time(const dist::Comm& comm, model::Decoder& decoder, const model::Decoder& value_decoder,
                        const EditContext& context, BatchWriter& writer, const std::vector<EditUnit>& units,
                        const EditInputs& inputs, const EditHooks& hooks, const std::filesystem::path& folder,
                        EditResult& result) {
    const EditOptions& edit = context.options();
    const bool by_value = edit.method != Method::kFineTune;
    const auto blocks = value_blocks(context, units);
    store::BlockOptions options;
    options.label = "edit";
    options.key_digest = sha256_hex(context.block_key(units, "") + canonical_json(edit.to_json()));
    const auto results = store::for_each_block(comm, folder, blocks.size(), options, [&](std::uint64_t block) {
        const auto some = blocks[block];
        std::vector<FactValue> values;
        if (by_value) values = unpack_values(block_values(value_decoder, context, some, "", inputs.known_values));
        store::Packer packer;
        for (std::size_t i = 0; i < some.size(); ++i) {
            std::vector<FactValue> value;
            if (by_value) value.push_back(values[i]);
            WrittenBatch written = writer.write(Dealing::here(), {some[i]}, value);
            try {
                if (hooks.probe) written.records.front().probe = hooks.probe(decoder, some[i].facts.front());
            } catch (...) {
                writer.restore();
                throw;
            }
            writer.restore();
            pack_record(packer, written.records.front(), written.deltas, by_value);
        }
        return packer.take();
    });
    for (std::uint64_t block = 0; block < blocks.size(); ++block) {
        const std::string bytes = results.read(block);
        store::Unpacker unpacker(bytes);
        for (const EditUnit& unit : blocks[block]) {
            EditRecord record = unpack_record(unpacker);
            record.facts = unit.facts;
            record.block_key = context.block_key(blocks[block], "");
            for (std::size_t layer = 0; layer < edit.layers.size(); ++layer) {
                result.deltas.push_back(unpack_delta(unpacker, decoder));
                result.deltas.back().first_unit = result.records.size();
            }
            result.records.push_back(std::move(record));
        }
    }
    result.units_written = units.size();
}

}  // namespace nepenthe::edit
