#include "train/head_loss.h"

#include "base/error.h"
#include "kernels/composed_softmax.h"
#include "model/gemm.h"
#include "train/gradient_fold.h"
#include "train/tile_loss.h"

#include <torch/types.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <span>
#include <utility>
#include <vector>

namespace nepenthe::train {

namespace {

constexpr std::int64_t kLogitBytes = std::int64_t{256} << 20;  // of a chunk
// Ids a tile: the logits of a chunk's tile stay in the last-level cache from the product that makes them to the
// statistics, and from the gradient to the two products that read it.
constexpr std::int64_t kTile = 8192;

// Positions at once.
std::int64_t largest_chunk(const HeadLossInput& input) {
    const std::int64_t row_bytes = input.unembedding.size(0) * input.normed.element_size();
    return input.chunk > 0 ? input.chunk : std::max<std::int64_t>(16, kLogitBytes / row_bytes);
}

struct Rows {
    std::int64_t first = 0, count = 0;
};

// Equal chunks: a short last one would waste its products.
std::vector<Rows> equal_chunks(Rows whole, std::int64_t most) {
    const std::int64_t chunks = (whole.count + most - 1) / most, length = (whole.count + chunks - 1) / chunks;
    std::vector<Rows> out;
    for (std::int64_t done = 0; done < whole.count; done += length) {
        out.push_back({whole.first + done, std::min(length, whole.count - done)});
    }
    return out;
}

// From the losses of a chunk's rows, by their weights, what their gradients are multiplied with, [count] fp32;
// undefined: nothing.
using Slopes = std::function<at::Tensor(std::span<const double> losses)>;

at::Tensor slope_tensor(std::span<const double> slopes) {
    return at::tensor(at::ArrayRef<double>(slopes.data(), slopes.size()), at::kDouble).to(at::kFloat);
}

// One chunk of positions on the host.
class HostChunk {
  public:
    HostChunk(const HeadLossInput& input, HeadLoss& loss, Rows rows)
        : input_(input),
          loss_(loss),
          first_(rows.first),
          count_(rows.count),
          normed_(input.normed.narrow(0, first_, count_)),
          targets_(input.targets.rows(first_, count_)),
          softmax_(targets_) {}

    void run(const Slopes& slopes) {
        const std::int64_t vocabulary = input_.unembedding.size(0);
        std::vector<at::Tensor> tiles;
        for (std::int64_t id = 0; id < vocabulary; id += kTile) {
            at::Tensor tile = logits(id, std::min(kTile, vocabulary - id));
            take_in_tile(tile, id, targets_, input_.soft_cap, softmax_);
            if (input_.gradients) {
                tiles.push_back(std::move(tile));
            }
        }
        const std::vector<double> row_losses = losses(targets_, softmax_);
        const at::Tensor factors = slopes(row_losses);
        if (factors.defined()) {
            targets_.weights = targets_.weights * factors;
        }
        if (input_.gradients) {
            backward(tiles);
        }
    }

  private:
    at::Tensor logits(std::int64_t id, std::int64_t width) const {
        at::Tensor tile = model::matrix_product(normed_, input_.unembedding.narrow(0, id, width).t());
        if (input_.bias.defined()) {
            tile.add_(input_.bias.narrow(0, id, width));
        }
        return tile.contiguous();
    }

    void backward(std::vector<at::Tensor>& tiles) {
        const bool single = input_.normed.scalar_type() == at::kFloat;
        const std::vector<RowFactors> factors = row_factors(targets_, softmax_);
        // Partial sums over the vocabulary stay in fp32 whatever the compute dtype.
        at::Tensor normed_gradient = at::zeros(normed_.sizes(), normed_.options().dtype(at::kFloat));
        for (std::size_t i = 0; i < tiles.size(); ++i) {
            const at::Tensor tile = std::move(tiles[i]);
            const std::int64_t id = static_cast<std::int64_t>(i) * kTile, width = tile.size(1);
            gradient_of_tile(tile, id, targets_, input_.soft_cap, input_.scale, softmax_, factors);
            const at::Tensor weights = input_.unembedding.narrow(0, id, width);
            if (single) {
                normed_gradient = model::matrix_product_plus(tile, weights, normed_gradient);
            } else {
                normed_gradient.add_(model::matrix_product(tile, weights));
            }
            weight_gradient(tile, id, width);
        }
        loss_.normed_gradient.narrow(0, first_, count_).copy_(normed_gradient);
    }

    void weight_gradient(const at::Tensor& tile, std::int64_t id, std::int64_t width) {
        if (input_.unembedding_gradient.defined()) {
            const at::Tensor into = input_.unembedding_gradient.narrow(0, id, width);
            const at::Tensor product = model::matrix_product(tile.t(), normed_);
            const bool finite = fold_gradient(into, product, input_.overwrite && first_ == 0);
            loss_.finite_gradient = loss_.finite_gradient && finite;
        }
        if (loss_.bias_gradient.defined()) {
            loss_.bias_gradient.narrow(0, id, width).add_(tile.sum(0, false, at::kFloat));
        }
    }

    const HeadLossInput& input_;
    HeadLoss& loss_;
    std::int64_t first_, count_;
    at::Tensor normed_;
    Targets targets_;
    ChunkSoftmax softmax_;
};

// Loss [row] and gradient [row, vocabulary] of rows whose loss is another one than the cross-entropy.
struct RowGradient {
    at::Tensor loss, gradient;
};

RowGradient hinge(const at::Tensor& log_p, const at::Tensor& label) {
    const at::Tensor p = log_p.exp(), at_label = label.unsqueeze(1);
    const at::Tensor of_label = p.gather(1, at_label);
    const auto [of_rival, rival] = p.scatter(1, at_label, -1.0).max(1, true);
    // ∇p_v = p_v (e_v − p)
    at::Tensor gradient = p * (of_rival - of_label);
    gradient.scatter_add_(1, at_label, of_label).scatter_add_(1, rival, -of_rival);
    return {(1.0 + of_label - of_rival).squeeze(1), gradient};
}

RowGradient peak(const at::Tensor& logits) {
    const auto [most, where] = logits.max(1, true);
    const at::Tensor above = most - logits.mean(1, true);
    at::Tensor gradient = (-2.0 / static_cast<double>(logits.size(1)) * above).expand_as(logits).clone();
    gradient.scatter_add_(1, where, 2.0 * above);
    return {above.square().squeeze(1), gradient};
}

// Puts rows of other losses in the place of the cross-entropy's.
void replace_rows(std::span<const RowLoss> row_losses, const at::Tensor& logits, const at::Tensor& log_p,
                  const Targets& targets, at::Tensor& loss, at::Tensor& gradient) {
    for (const RowLoss kind : {RowLoss::kHinge, RowLoss::kPeak}) {
        std::vector<std::int64_t> rows;
        for (std::size_t i = 0; i < row_losses.size(); ++i) {
            if (row_losses[i] == kind) rows.push_back(static_cast<std::int64_t>(i));
        }
        if (rows.empty()) continue;
        const at::Tensor index = at::tensor(rows, at::kLong).to(logits.device());
        const at::Tensor labels = targets.ids.index_select(0, targets.offsets.index_select(0, index));
        const RowGradient made =
            kind == RowLoss::kHinge ? hinge(log_p.index_select(0, index), labels) : peak(logits.index_select(0, index));
        loss.index_copy_(0, index, made.loss);
        gradient.index_copy_(0, index, made.gradient);
    }
}

// Of each row, what all tokens have together that it does not name, as tile_loss.cpp's log_rest().
at::Tensor log_rest(const at::Tensor& log_p, const at::Tensor& row, const at::Tensor& named, const Targets& targets) {
    const at::Tensor named_sum = at::zeros_like(targets.rest).index_add_(0, row, named.exp());
    const at::Tensor of_others = at::logsumexp(
        log_p.index_put({row, targets.ids}, at::full({}, -std::numeric_limits<float>::infinity(), log_p.options())), 1);
    return at::where(named_sum < 0.5, at::log1p(-named_sum), of_others);
}

// One chunk of positions as tensor operations over the whole vocabulary.
void run_composed_chunk(const HeadLossInput& input, HeadLoss& loss, Rows rows, const Slopes& slopes) {
    const at::Tensor normed = input.normed.narrow(0, rows.first, rows.count);
    const Targets targets = input.targets.rows(rows.first, rows.count);
    const at::Tensor row = targets.row_of_entry();
    at::Tensor logits = at::mm(normed, input.unembedding.t()).to(at::kFloat);
    if (input.bias.defined()) {
        logits.add_(input.bias);
    }
    logits = kernels::composed_soft_cap(logits, input.soft_cap);
    const at::Tensor log_p = at::log_softmax(logits, 1);
    const at::Tensor named = log_p.index({row, targets.ids});
    at::Tensor row_loss = at::zeros_like(targets.rest).index_add_(0, row, -targets.probabilities * named);
    at::Tensor gradient = log_p.exp(), weights = targets.weights;
    if (targets.soft) {
        const at::Tensor log_others = log_rest(log_p, row, named, targets), others = log_others.exp();
        const at::Tensor lumped = targets.rest > 0;
        row_loss = row_loss - at::where(lumped, targets.rest * log_others, at::zeros_like(log_others));
        gradient.mul_(at::where(lumped, 1.0 - targets.rest / others, at::ones_like(others)).unsqueeze(1));
        const at::Tensor apart =
            (others - targets.rest).abs().index_add_(0, row, (named.exp() - targets.probabilities).abs());
        weights = weights.masked_fill((targets.offsets.diff() > 1).logical_and(apart <= kAlike), 0);
    }
    gradient.index_put_({row, targets.ids}, named.exp() - targets.probabilities);
    if (input.weighing != nullptr && !input.weighing->row_losses.empty()) {
        const std::span<const RowLoss> kinds(input.weighing->row_losses);
        replace_rows(kinds.subspan(static_cast<std::size_t>(rows.first), static_cast<std::size_t>(rows.count)), logits,
                     log_p, targets, row_loss, gradient);
    }
    const at::Tensor weighted = (targets.weights * row_loss).to(at::kDouble).cpu();
    const at::Tensor factors = slopes({weighted.const_data_ptr<double>(), static_cast<std::size_t>(weighted.numel())});
    if (!input.gradients) {
        return;
    }
    if (factors.defined()) {
        weights = weights * factors.to(weights.device());
    }
    gradient.mul_((weights * input.scale).unsqueeze(1));
    kernels::composed_gradient_through_cap(gradient, logits, input.soft_cap);
    const at::Tensor low = gradient.to(normed.scalar_type());
    loss.normed_gradient.narrow(0, rows.first, rows.count).copy_(at::mm(low, input.unembedding));
    if (input.unembedding_gradient.defined()) {
        const bool finite =
            fold_gradient(input.unembedding_gradient, at::mm(low.t(), normed), input.overwrite && rows.first == 0);
        loss.finite_gradient = loss.finite_gradient && finite;
    }
    if (loss.bias_gradient.defined()) {
        loss.bias_gradient.add_(gradient.sum(0));
    }
}

void run_chunk(const HeadLossInput& input, HeadLoss& loss, Rows rows, const Slopes& slopes) {
    const bool other_losses = input.weighing != nullptr && !input.weighing->row_losses.empty();
    if (input.normed.is_cpu() && !input.composed && !other_losses) {
        HostChunk(input, loss, rows).run(slopes);
    } else {
        run_composed_chunk(input, loss, rows, slopes);
    }
}

void add_all(double& sum, std::span<const double> values) {
    for (const double value : values) sum += value;
}

// The rows in chunks of whole groups, whose weights follow from their losses.
class WeighedRun {
  public:
    WeighedRun(const HeadLossInput& input, HeadLoss& loss) : input_(input), loss_(loss), weighing_(*input.weighing) {}

    void run() {
        // Whole rows as tensor operations take several copies of the logits.
        const std::int64_t most =
            std::max<std::int64_t>(1, largest_chunk(input_) / (weighing_.row_losses.empty() ? 1 : 8));
        Rows chunk;
        std::size_t first_group = 0;
        for (std::size_t group = 0; group < weighing_.groups.size(); ++group) {
            const std::int64_t rows = weighing_.groups[group];
            if (chunk.count > 0 && chunk.count + rows > most) {
                whole_groups(chunk, first_group, group);
                chunk = {chunk.first + chunk.count, 0};
            }
            if (chunk.count == 0) first_group = group;
            if (rows > most) {
                long_group({chunk.first, rows}, group, most);
                chunk = {chunk.first + rows, 0};
            } else {
                chunk.count += rows;
            }
        }
        if (chunk.count > 0) whole_groups(chunk, first_group, weighing_.groups.size());
        NEPENTHE_CHECK(chunk.first + chunk.count == input_.normed.size(0));
    }

  private:
    void whole_groups(Rows rows, std::size_t begin, std::size_t end) {
        run_chunk(input_, loss_, rows, [&](std::span<const double> losses) {
            add_all(loss_.sum, losses);
            std::vector<double> slopes(losses.size());
            std::size_t row = 0;
            for (std::size_t group = begin; group < end; ++group) {
                const auto count = static_cast<std::size_t>(weighing_.groups[group]);
                weighing_.weigh(group, losses.subspan(row, count), std::span(slopes).subspan(row, count));
                row += count;
            }
            return slope_tensor(slopes);
        });
    }

    // More rows than may be held at once: their losses first, the gradient in a second pass.
    void long_group(Rows rows, std::size_t group, std::int64_t most) {
        const std::vector<Rows> chunks = equal_chunks(rows, most);
        HeadLossInput losses_alone = input_;
        losses_alone.gradients = false;
        std::vector<double> losses, slopes(static_cast<std::size_t>(rows.count));
        for (const Rows& chunk : chunks) {
            run_chunk(losses_alone, loss_, chunk, [&](std::span<const double> some) {
                losses.insert(losses.end(), some.begin(), some.end());
                return at::Tensor();
            });
        }
        add_all(loss_.sum, losses);
        weighing_.weigh(group, losses, slopes);
        if (!input_.gradients) return;
        for (const Rows& chunk : chunks) {
            const auto begin = static_cast<std::size_t>(chunk.first - rows.first);
            run_chunk(input_, loss_, chunk, [&](std::span<const double> some) {
                return slope_tensor(std::span(slopes).subspan(begin, some.size()));
            });
        }
    }

    const HeadLossInput& input_;
    HeadLoss& loss_;
    const Weighing& weighing_;
};

}  // namespace

HeadLoss head_loss(const HeadLossInput& input) {
    NEPENTHE_CHECK(input.normed.dim() == 2 && input.targets.size() == input.normed.size(0) && input.normed.size(0) > 0);
    const at::NoGradGuard no_grad;
    HeadLossInput contiguous = input;
    contiguous.normed = input.normed.contiguous();
    HeadLoss loss;
    if (input.gradients) {
        loss.normed_gradient = at::empty_like(contiguous.normed);
        if (input.bias.defined()) {
            loss.bias_gradient = at::zeros(input.bias.sizes(), input.bias.options().dtype(at::kFloat));
        }
    }
    if (contiguous.weighing != nullptr) {
        WeighedRun(contiguous, loss).run();
        return loss;
    }
    for (const Rows& rows : equal_chunks({0, contiguous.normed.size(0)}, largest_chunk(contiguous))) {
        run_chunk(contiguous, loss, rows, [&](std::span<const double> losses) {
            add_all(loss.sum, losses);
            return at::Tensor();
        });
    }
    return loss;
}

}  // namespace nepenthe::train
