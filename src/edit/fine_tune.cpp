#include "edit/fine_tune.h"

#include "base/error.h"
#include "store/packing.h"

#include <torch/types.h>

#include <algorithm>
#include <cmath>

namespace nepenthe::edit {

namespace {

constexpr std::size_t kUnitsPerPass = 8;

// Gradients are asked of one tensor for as long as this lives.
class GradientOf {
  public:
    explicit GradientOf(at::Tensor tensor) : tensor_(std::move(tensor)) { tensor_.requires_grad_(true); }
    ~GradientOf() {
        tensor_.mutable_grad() = at::Tensor();
        tensor_.requires_grad_(false);
    }
    GradientOf(const GradientOf&) = delete;
    GradientOf& operator=(const GradientOf&) = delete;

  private:
    at::Tensor tensor_;
};

// Rows side by side, right-padded; mean over rows of the mean NLL of their targets, summed.
at::Tensor summed_loss(const model::Decoder& decoder, const std::vector<EditRow>& rows, std::int64_t layer) {
    std::size_t length = 0;
    for (const EditRow& row : rows) length = std::max(length, row.ids.size());
    const auto count = static_cast<std::int64_t>(rows.size());
    model::Batch batch{at::zeros({count, static_cast<std::int64_t>(length)}, at::kLong),
                       at::zeros({count, static_cast<std::int64_t>(length)}, at::kBool)};
    std::vector<std::int64_t> row_of, position, target;
    std::vector<float> share;
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const EditRow& row = rows[i];
        const auto at_row = static_cast<std::int64_t>(i * length);
        std::copy(row.ids.begin(), row.ids.end(), batch.ids.mutable_data_ptr<std::int64_t>() + at_row);
        std::fill_n(batch.mask.mutable_data_ptr<bool>() + at_row, row.ids.size(), true);
        for (std::size_t t = 0; t < row.targets.size(); ++t) {
            row_of.push_back(static_cast<std::int64_t>(i));
            position.push_back(static_cast<std::int64_t>(row.ids.size() - row.targets.size() + t));
            target.push_back(row.targets[t]);
            share.push_back(1.0F / static_cast<float>(row.targets.size()));
        }
    }
    const at::Device device = decoder.device();
    batch.ids = batch.ids.to(device);
    batch.mask = batch.mask.all().item<bool>() ? at::Tensor() : batch.mask.to(device);
    const model::Context context = decoder.context(batch);
    at::Tensor hidden = decoder.embed(batch.ids, context);
    {
        const at::NoGradGuard below;
        for (std::int64_t l = 0; l < layer; ++l) hidden = decoder.block(l, hidden, context);
    }
    for (std::int64_t l = layer; l < decoder.config().layers; ++l) hidden = decoder.block(l, hidden, context);
    const at::Tensor asked = hidden.index({at::tensor(row_of).to(device), at::tensor(position).to(device)});
    const at::Tensor logp = at::log_softmax(decoder.head(asked), -1);
    const at::Tensor nll = -logp.gather(1, at::tensor(target).to(device).unsqueeze(1)).squeeze(1);
    return (nll * at::tensor(share).to(device)).sum();
}

// Adam's state for the matrix.
class MatrixAdam {
  public:
    explicit MatrixAdam(double lr) : lr_(lr) {}
    at::Tensor step(const at::Tensor& gradient) {
        constexpr double kBeta1 = 0.9, kBeta2 = 0.999, kEpsilon = 1e-8;
        if (!mean_.defined()) {
            mean_ = at::zeros_like(gradient);
            square_ = at::zeros_like(gradient);
        }
        ++count_;
        mean_ = kBeta1 * mean_ + (1 - kBeta1) * gradient;
        square_ = kBeta2 * square_ + (1 - kBeta2) * gradient.square();
        const double mean_share = 1 - std::pow(kBeta1, count_), square_share = 1 - std::pow(kBeta2, count_);
        return -lr_ * (mean_ / mean_share) / ((square_ / square_share).sqrt() + kEpsilon);
    }

  private:
    double lr_;
    int count_ = 0;
    at::Tensor mean_, square_;
};

// Loss (summed over facts) and gradient of the rows, through sub-blocks of fixed size.
std::pair<double, at::Tensor> loss_and_gradient(const Dealing& dealing, const model::Decoder& decoder,
                                                const std::vector<std::vector<EditRow>>& passes, EditedMatrix& matrix) {
    const auto results = dealing.items("fine-tuning", passes.size(), [&](std::uint64_t pass) {
        const GradientOf scope(matrix.tensor());
        at::AutoGradMode with_gradients(true);
        const at::Tensor loss = summed_loss(decoder, passes[pass], matrix.layer());
        loss.backward();
        const at::Tensor gradient = matrix.tensor().grad().to(at::kCPU, at::kFloat).contiguous();
        return store::Packer()
            .add(std::vector<double>{loss.item<double>()})
            .add(std::vector<float>(gradient.const_data_ptr<float>(),
                                    gradient.const_data_ptr<float>() + gradient.numel()))
            .take();
    });
    double loss = 0;
    at::Tensor sum = at::zeros(matrix.tensor().sizes(), at::kDouble);
    for (const std::string& bytes : results) {
        std::vector<double> of_pass;
        std::vector<float> gradient;
        store::Unpacker(bytes).read(of_pass).read(gradient);
        loss += of_pass.at(0);
        sum += at::tensor(gradient).view(sum.sizes()).to(at::kDouble);
    }
    return {loss, sum};
}

}  // namespace

FineTuneReport fine_tune(const Dealing& dealing, const model::Decoder& decoder, const EditContext& context,
                         const std::vector<EditUnit>& units, EditedMatrix& matrix) {
    const FineTuneOptions& options = context.options().fine_tune;
    std::vector<std::vector<EditRow>> minibatches;
    std::size_t rows = 0;
    for (std::size_t i = 0; i < units.size(); ++i) {
        if (i % static_cast<std::size_t>(options.minibatch) == 0) minibatches.emplace_back();
        for (EditRow& row : context.rows(units[i]).rows) minibatches.back().push_back(std::move(row)), ++rows;
    }
    const at::NoGradGuard no_grad;
    const at::Tensor kept = matrix.kept().to(at::kCPU, at::kDouble);
    at::Tensor weight = kept.clone();
    MatrixAdam adam(options.lr);
    FineTuneReport report;
    for (report.steps = 0; report.steps < options.steps; ++report.steps) {
        double loss = 0;
        for (const std::vector<EditRow>& minibatch : minibatches) {
            std::vector<std::vector<EditRow>> passes;
            for (std::size_t first = 0; first < minibatch.size(); first += kUnitsPerPass) {
                const auto begin = minibatch.begin() + static_cast<std::ptrdiff_t>(first);
                passes.emplace_back(
                    begin, begin + static_cast<std::ptrdiff_t>(std::min(kUnitsPerPass, minibatch.size() - first)));
            }
            const auto [of_batch, gradient] = loss_and_gradient(dealing, decoder, passes, matrix);
            loss += of_batch;
            weight += adam.step(gradient / static_cast<double>(minibatch.size()));
            weight = at::clamp(weight, kept - options.box, kept + options.box);
            matrix.tensor().copy_(weight.to(at::kFloat));
        }
        report.last_loss = loss / static_cast<double>(rows);
        if (report.steps == 0) report.first_loss = report.last_loss;
        if (!std::isfinite(report.last_loss)) fail(ErrorKind::kGate, "fine-tuning: the loss is not finite");
        if (report.last_loss < options.stop_loss) break;
    }
    return report;
}

}  // namespace nepenthe::edit
