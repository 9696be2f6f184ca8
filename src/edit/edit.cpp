#include "edit/edit.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/log.h"
#include "dist/guard.h"
#include "edit/batch_writer.h"
#include "edit/edit_context.h"
#include "edit/one_at_a_time.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <optional>

namespace nepenthe::edit {

namespace {

namespace fs = std::filesystem;

void check_edit_inputs(const model::DecoderConfig& config, const EditInputs& inputs, const EditOptions& options) {
    Problems usage;
    for (const std::string& problem : options.validate(config)) usage.add("{}", problem);
    if (options.method == Method::kAlphaEdit && !inputs.moment) {
        usage.add(
            "alphaedit writes into the null space of a layer's second moment: give --moments (made by nepenthe stats)");
    }
    usage.throw_if_any(ErrorKind::kUsage, "edit");
    if (inputs.facts.empty()) fail(ErrorKind::kData, "edit: there are no facts");
    Problems rows;
    const auto problems = row_problems(config, *inputs.tokenizer, inputs.facts);
    std::size_t bad = 0;
    for (std::size_t i = 0; i < problems.size(); ++i) {
        if (problems[i].empty()) continue;
        if (++bad <= 20) rows.add("fact {}: {}", inputs.facts[i].id, problems[i]);
    }
    if (bad > 20) rows.add("… and {} more", bad - 20);
    rows.throw_if_any(ErrorKind::kData, "facts that cannot be written");
}

// Prefixes are drawn by one rank: the model's bits need not be the same where ranks have other numbers of threads.
std::vector<std::string> shared_prefixes(const dist::Comm& comm, const model::Decoder& decoder,
                                         const EditInputs& inputs, const EditOptions& options) {
    if (!inputs.prefixes.empty()) return inputs.prefixes;
    std::string packed;
    dist::run_agreed(comm, "context prefixes", [&] {
        if (comm.is_root()) packed = Json(make_prefixes(decoder, *inputs.tokenizer, options.prefixes())).dump();
    });
    comm.broadcast(packed);
    return Json::parse(packed).get<std::vector<std::string>>();
}

// How many units are written together.
std::size_t batch_size(const EditOptions& options, std::size_t units) {
    if (options.mode == Mode::kBatch) return units;
    if (is_rank_one(options.method)) return 1;
    return options.batch == 0 ? units : static_cast<std::size_t>(options.batch);
}

void warn_before(const EditInputs& inputs, const EditOptions& options, const model::DecoderConfig& config,
                 std::size_t together, std::vector<std::string>& warnings) {
    if (!inputs.moment && options.method != Method::kFineTune) {
        warnings.emplace_back(
            "no statistics are given: C = I, other keys are not protected (nepenthe stats makes them)");
    }
    if (options.method != Method::kFineTune && !options.layers.empty() && options.layers.back() == config.layers - 1) {
        warnings.push_back(
            fmt::format("layer {} is the last: what is written at a subject reaches an answer only where that follows "
                        "it at once (nepenthe trace proposes layers)",
                        options.layers.back()));
    }
    const bool exact = options.method == Method::kEmmet && options.emmet_weight * options.emmet_mu == 0;
    if (options.mode != Mode::kOneAtATime && static_cast<std::int64_t>(together) > config.intermediate &&
        options.method != Method::kFineTune) {
        const std::string text =
            fmt::format("{} keys a batch, but a layer holds {} independent ones", together, config.intermediate);
        if (exact) fail(ErrorKind::kGate, "{}: equality cannot hold; give --emmet-mu or choose memit", text);
        warnings.push_back(text + ": errors will be averaged over facts");
    }
    if (model::norms_output(config.norm_place) && options.value_site() == ValueSite::kBlockOutput) {
        warnings.emplace_back(
            "this family normalises what W writes: residuals of the block's output are carried back through that "
            "norm, which can meet their direction but not their length");
    }
}

// A key of such a token belongs to its prompt alone: the edit may not be met where other characters follow the subject.
void warn_of_merged_subjects(const model::DecoderConfig& config, const EditInputs& inputs,
                             std::vector<std::string>& warnings) {
    constexpr std::size_t kNamed = 20;
    const auto merged = merged_subjects(config, *inputs.tokenizer, inputs.facts);
    if (merged.empty()) return;
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < std::min(kNamed, merged.size()); ++i) ids.push_back(inputs.facts[merged[i]].id);
    warnings.push_back(fmt::format(
        "{} facts whose subject's last token also covers what follows it, so that the edit may not be met in "
        "other sentences: {}{}",
        merged.size(), fmt::join(ids, ", "), merged.size() > kNamed ? " …" : ""));
}

// The model that values are computed on: the edited one, or a copy in another precision that follows it.
class ValueModel {
  public:
    ValueModel(const model::Decoder& edited, const EditOptions& options) : edited_(edited), layers_(options.layers) {
        if (options.value_compute != edited.compute()) copy_.emplace(edited.copy(options.value_compute));
    }

    const model::Decoder& decoder() const { return copy_ ? *copy_ : edited_; }
    // Takes over what was written since.
    void follow() {
        if (!copy_) return;
        for (const std::int64_t layer : layers_) {
            const std::string name = edited_.mlp_output_name(layer);
            copy_->parameter(name).copy_(edited_.parameter(name));
        }
    }

  private:
    const model::Decoder& edited_;
    const std::vector<std::int64_t>& layers_;
    std::optional<model::Decoder> copy_;
};

// The batches of a run, one after another.
void edit_batches(const dist::Comm& comm, model::Decoder& decoder, ValueModel& value_model, const EditContext& context,
                  BatchWriter& writer, const std::vector<EditUnit>& units, const EditInputs& inputs,
                  const EditHooks& hooks, const fs::path& scratch, EditResult& result) {
    const EditOptions& options = context.options();
    const std::size_t together = batch_size(options, units.size());
    const Dealing dealing = Dealing::over(comm);
    std::string history;
    for (std::size_t first = 0; first < units.size(); first += together) {
        const auto begin = units.begin() + static_cast<std::ptrdiff_t>(first);
        const std::vector<EditUnit> batch(
            begin, begin + static_cast<std::ptrdiff_t>(std::min(together, units.size() - first)));
        std::vector<FactValue> values;
        if (options.method != Method::kFineTune) {
            const fs::path folder = scratch.empty() ? fs::path() : scratch / fmt::format("values-{:06}", first);
            values = unit_values(comm, value_model.decoder(), context, batch, history, inputs.known_values, folder);
        }
        WrittenBatch written;
        try {
            written = writer.write(dealing, batch, values);
            if (hooks.after) hooks.after(decoder, batch);
        } catch (const Error& error) {
            writer.restore();
            if (error.kind() != ErrorKind::kGate || options.mode != Mode::kSequential || first == 0) throw;
            result.stopped = error.what();
            log_warning("stopped after {} of {} units, the last batch is rolled back: {}", first, units.size(),
                        error.what());
            return;
        }
        std::size_t unit = 0;
        for (const auto& block : value_blocks(context, batch)) {
            const std::string key = context.block_key(block, history);
            for (std::size_t i = 0; i < block.size(); ++i, ++unit) {
                written.records[unit].block_key = key;
                result.records.push_back(std::move(written.records[unit]));
            }
        }
        for (Delta& delta : written.deltas) {
            delta.first_unit = first;
            result.deltas.push_back(std::move(delta));
        }
        result.units_written = first + batch.size();
        if (result.units_written < units.size()) {
            history = context.block_key(batch, history);
            writer.keep(dealing, batch);
            value_model.follow();
        }
    }
}

}  // namespace

std::vector<EditUnit> check_edit(const model::DecoderConfig& config, const EditInputs& inputs,
                                 const EditOptions& options, std::vector<std::string>& warnings) {
    check_edit_inputs(config, inputs, options);
    std::vector<EditUnit> units = make_units(inputs.facts, options, warnings);
    warn_before(inputs, options, config, batch_size(options, units.size()), warnings);
    warn_of_merged_subjects(config, inputs, warnings);
    return units;
}

EditResult edit(const dist::Comm& comm, model::Decoder& decoder, const EditInputs& inputs, const EditOptions& options,
                const fs::path& scratch, const EditHooks& hooks) {
    const dist::StageScope stage("edit");
    NEPENTHE_CHECK(inputs.tokenizer != nullptr);
    EditResult result;
    const std::vector<EditUnit> units = check_edit(decoder.config(), inputs, options, result.warnings);
    for (const std::string& warning : result.warnings) log_warning("{}", warning);
    log_info("{} {}: {} facts in {} units, layer {}", method_name(options.method), mode_name(options.mode),
             inputs.facts.size(), units.size(), fmt::join(options.layers, ", "));

    result.prefixes = shared_prefixes(comm, decoder, inputs, options);
    const EditContext context(decoder.config(), *inputs.tokenizer, inputs.facts, options, result.prefixes);
    std::unique_ptr<BatchWriter> writer;
    std::unique_ptr<ValueModel> value_model;
    dist::run_agreed(comm, "statistics", [&] {
        writer = std::make_unique<BatchWriter>(decoder, context, inputs.moment);
        value_model = std::make_unique<ValueModel>(decoder, options);
    });
    if (options.mode == Mode::kOneAtATime) {
        edit_one_at_a_time(comm, decoder, value_model->decoder(), context, *writer, units, inputs, hooks,
                           scratch.empty() ? fs::path() : scratch / "facts", result);
    } else {
        edit_batches(comm, decoder, *value_model, context, *writer, units, inputs, hooks, scratch, result);
    }
    return result;
}

}  // namespace nepenthe::edit
