#include "edit/batch_writer.h"

#include "base/error.h"
#include "base/log.h"
#include "edit/fine_tune.h"

#include <torch/types.h>

namespace nepenthe::edit {

namespace {

// Below it the bare prompt hardly sees what is written at the averaged key.
constexpr double kFarKey = 0.5;

double cosine(const at::Tensor& a, const at::Tensor& b) {
    return (at::dot(a, b) / (a.norm() * b.norm())).item<double>();
}

// Share of the edit that the bare prompt sees: k0 · u / (k̄ · u) with the update's own direction u.
double bare_response(const LowRank& update, const LayerSystem& system) {
    const at::Tensor direction = update.right.squeeze(0);
    const double mean = at::dot(direction, system.keys.select(1, 0)).item<double>();
    return at::dot(direction, system.bare_keys.select(1, 0)).item<double>() / mean;
}

std::string note_of(const EditRecord& record, const EditOptions& options) {
    std::vector<std::string> notes;
    if (record.value.clamped) notes.push_back(fmt::format("clamped at {} times its value", options.value.clamp));
    if (record.value.nll >= options.value.stop_loss * 10)
        notes.push_back(fmt::format("target not reached: loss {:.2f}", record.value.nll));
    if (record.key_cosine < kFarKey)
        notes.push_back(fmt::format("bare key far from the averaged one: cosine {:.2f}", record.key_cosine));
    if (record.facts.size() > 1) notes.push_back(fmt::format("one value for {} facts", record.facts.size()));
    std::string text;
    for (const std::string& note : notes) text += (text.empty() ? "" : "; ") + note;
    return text;
}

EditRecord record_of_unit(const EditUnit& unit, FactValue value) {
    EditRecord record;
    record.facts = unit.facts;
    record.facts.insert(record.facts.end(), unit.duplicates.begin(), unit.duplicates.end());
    record.value = std::move(value);
    return record;
}

}  // namespace

BatchWriter::BatchWriter(model::Decoder& decoder, const EditContext& context,
                         const std::function<at::Tensor(std::int64_t layer)>& moment)
    : decoder_(decoder), context_(context) {
    const EditOptions& options = context.options();
    for (const std::int64_t layer : options.layers) {
        matrices_.emplace_back(decoder, layer);
        LayerState state;
        if (moment && options.method != Method::kFineTune) {
            const at::Tensor matrix = moment(layer);
            if (matrix.sizes() != at::IntArrayRef({decoder.config().intermediate, decoder.config().intermediate})) {
                fail(ErrorKind::kData, "statistics of layer {}: their width is not the model's {}", layer,
                     decoder.config().intermediate);
            }
            if (options.method == Method::kAlphaEdit) {
                state.null_space = null_space(matrix, options.tau);
            } else {
                state.moment = make_moment(matrix, fmt::format("second moment of layer {}", layer));
            }
        }
        states_.push_back(std::move(state));
    }
}

WrittenBatch BatchWriter::write(const Dealing& dealing, const std::vector<EditUnit>& units,
                                const std::vector<FactValue>& values) {
    try {
        return context_.options().method == Method::kFineTune ? write_fine_tuned(dealing, units)
                                                              : write_values(dealing, units, values);
    } catch (...) {
        restore();
        throw;
    }
}

Delta BatchWriter::describe(std::size_t position, const Solution& solution, double error_before) const {
    Delta delta;
    const EditedMatrix& matrix = matrices_[position];
    delta.layer = matrix.layer();
    delta.tensor = matrix.name();
    delta.update = solution.update.compact();
    delta.norm = delta.update.norm();
    delta.weight_norm = matrix.norm();
    delta.largest = delta.update.dense().abs().max().item<double>();
    delta.condition = solution.condition;
    delta.jitter = solution.jitter;
    delta.error_before = error_before;
    return delta;
}

Delta BatchWriter::write_layer(const Dealing& dealing, std::size_t position, const std::vector<EditUnit>& units,
                               const at::Tensor& wanted, LayerSystem& system) {
    system = layer_system(dealing, decoder_, context_, units, wanted, position);
    const Solution solution = layer_solution(dealing, context_.options(), system, states_[position]);
    const Delta delta = describe(position, solution, system.value_error);
    matrices_[position].add(solution.update);
    dealing.check_same(matrices_[position].tensor(), "edited " + delta.tensor);
    return delta;
}

WrittenBatch BatchWriter::write_values(const Dealing& dealing, const std::vector<EditUnit>& units,
                                       const std::vector<FactValue>& values) {
    const EditOptions& options = context_.options();
    const at::Tensor wanted = wanted_values(values);
    WrittenBatch batch;
    LayerSystem system;
    for (std::size_t position = 0; position < matrices_.size(); ++position) {
        batch.deltas.push_back(write_layer(dealing, position, units, wanted, system));
        batch.deltas.back().units = units.size();
    }
    for (std::size_t i = 0; i < units.size(); ++i) {
        const auto column = static_cast<std::int64_t>(i);
        EditRecord record = record_of_unit(units[i], values[i]);
        record.key = system.keys.select(1, column).clone();
        record.residual = system.residuals.select(1, column).clone();
        record.key_cosine = cosine(system.bare_keys.select(1, column), record.key);
        if (is_rank_one(options.method)) {
            record.response = bare_response(batch.deltas.back().update, system);
            if (record.response < options.min_response) {
                fail(ErrorKind::kGate, "fact {}: the bare prompt sees {:.3f} of the edit, less than --min-response {}",
                     context_.facts()[record.facts.front()].id, record.response, options.min_response);
            }
        }
        record.note = note_of(record, options);
        batch.records.push_back(std::move(record));
    }
    return batch;
}

WrittenBatch BatchWriter::write_fine_tuned(const Dealing& dealing, const std::vector<EditUnit>& units) {
    EditedMatrix& matrix = matrices_.front();
    const FineTuneReport report = fine_tune(dealing, decoder_, context_, units, matrix);
    at::Tensor change = matrix.tensor().to(at::kCPU, at::kDouble) - matrix.kept().to(at::kCPU, at::kDouble);
    if (matrix.transposed()) change = change.t().contiguous();
    dealing.check_same(matrix.tensor(), "edited " + matrix.name());
    WrittenBatch batch;
    batch.deltas.push_back(describe(0, {{at::Tensor(), change}, 1, 0}, 0));
    batch.deltas.back().units = units.size();
    for (const EditUnit& unit : units) {
        EditRecord record = record_of_unit(unit, {});
        record.value.first_nll = report.first_loss;
        record.value.nll = report.last_loss;
        record.value.steps = report.steps;
        batch.records.push_back(std::move(record));
    }
    return batch;
}

void BatchWriter::keep(const Dealing& dealing, const std::vector<EditUnit>& units) {
    const EditOptions& options = context_.options();
    for (std::size_t position = 0; position < matrices_.size(); ++position) {
        matrices_[position].keep();
        if (options.method != Method::kAlphaEdit || options.mode != Mode::kSequential) continue;
        // Keys of what was written, as the edited model has them now.
        const at::Tensor wanted =
            at::ones({decoder_.config().hidden, static_cast<std::int64_t>(units.size())}, at::kDouble);
        const at::Tensor keys = layer_system(dealing, decoder_, context_, units, wanted, position).keys;
        const at::Tensor gram = dealing.rows(keys.size(0), [&](std::int64_t first, std::int64_t count) {
            return at::matmul(keys.narrow(0, first, count), keys.t());
        });
        at::Tensor& previous = states_[position].previous;
        previous = previous.defined() ? previous + gram : gram;
    }
}

void BatchWriter::restore() {
    for (EditedMatrix& matrix : matrices_) matrix.restore();
}

}  // namespace nepenthe::edit
