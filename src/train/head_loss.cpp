#include "train/head_loss.h"

#include "base/error.h"
#include "kernels/composed_softmax.h"
#include "model/gemm.h"
#include "train/gradient_fold.h"
#include "train/tile_loss.h"

#include <torch/types.h>

#include <algorithm>
#include <vector>

namespace nepenthe::train {

namespace {

constexpr std::int64_t kLogitBytes = std::int64_t{256} << 20;  // of a chunk
// Ids a tile: the logits of a chunk's tile stay in the last-level cache from the product that makes them to the
// statistics, and from the gradient to the two products that read it.
constexpr std::int64_t kTile = 8192;

std::int64_t chosen_chunk(const HeadLossInput& input) {
    const std::int64_t n = input.normed.size(0);
    const std::int64_t row_bytes = input.unembedding.size(0) * input.normed.element_size();
    const std::int64_t most = input.chunk > 0 ? input.chunk : std::max<std::int64_t>(16, kLogitBytes / row_bytes);
    const std::int64_t chunks = (n + most - 1) / most;
    return (n + chunks - 1) / chunks;  // equal chunks: a short last one would waste its products
}

// One chunk of positions on the host.
class HostChunk {
  public:
    HostChunk(const HeadLossInput& input, HeadLoss& loss, std::int64_t first, std::int64_t count)
        : input_(input),
          loss_(loss),
          first_(first),
          count_(count),
          normed_(input.normed.narrow(0, first, count)),
          targets_(input.targets.rows(first, count)),
          softmax_(targets_) {}

    void run() {
        const std::int64_t vocabulary = input_.unembedding.size(0);
        std::vector<at::Tensor> tiles;
        for (std::int64_t id = 0; id < vocabulary; id += kTile) {
            at::Tensor tile = logits(id, std::min(kTile, vocabulary - id));
            take_in_tile(tile, id, targets_, input_.soft_cap, softmax_);
            if (input_.gradients) {
                tiles.push_back(std::move(tile));
            }
        }
        for (const double loss : losses(targets_, softmax_)) {
            loss_.sum += loss;
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
        // Partial sums over the vocabulary stay in fp32 whatever the compute dtype.
        at::Tensor normed_gradient = at::zeros(normed_.sizes(), normed_.options().dtype(at::kFloat));
        for (std::size_t i = 0; i < tiles.size(); ++i) {
            const at::Tensor tile = std::move(tiles[i]);
            const std::int64_t id = static_cast<std::int64_t>(i) * kTile, width = tile.size(1);
            gradient_of_tile(tile, id, targets_, input_.soft_cap, input_.scale, softmax_);
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

// One chunk of positions as tensor operations over the whole vocabulary.
void run_composed_chunk(const HeadLossInput& input, HeadLoss& loss, std::int64_t first, std::int64_t count) {
    const at::Tensor normed = input.normed.narrow(0, first, count);
    const Targets targets = input.targets.rows(first, count);
    const at::Tensor row = targets.row_of_entry();
    at::Tensor logits = at::mm(normed, input.unembedding.t()).to(at::kFloat);
    if (input.bias.defined()) {
        logits.add_(input.bias);
    }
    logits = kernels::composed_soft_cap(logits, input.soft_cap);
    const at::Tensor log_p = logits - kernels::composed_log_sum_exp(logits);
    const at::Tensor named = log_p.index({row, targets.ids});
    const at::Tensor others =
        (1.0 - at::zeros_like(targets.rest).index_add_(0, row, named.exp())).clamp_min_(kLeastRest);
    const at::Tensor row_loss =
        at::zeros_like(targets.rest).index_add_(0, row, -targets.probabilities * named) - targets.rest * others.log();
    loss.sum += (targets.weights * row_loss).to(at::kDouble).sum().item<double>();
    if (!input.gradients) {
        return;
    }
    at::Tensor gradient = log_p.exp();
    const at::Tensor of_named = named.exp() - targets.probabilities;
    gradient.mul_((1.0 - targets.rest / others).unsqueeze(1));
    gradient.index_put_({row, targets.ids}, of_named);
    gradient.mul_(targets.weights.unsqueeze(1)).mul_(input.scale);
    kernels::composed_gradient_through_cap(gradient, logits, input.soft_cap);
    const at::Tensor low = gradient.to(normed.scalar_type());
    loss.normed_gradient.narrow(0, first, count).copy_(at::mm(low, input.unembedding));
    if (input.unembedding_gradient.defined()) {
        const bool finite =
            fold_gradient(input.unembedding_gradient, at::mm(low.t(), normed), input.overwrite && first == 0);
        loss.finite_gradient = loss.finite_gradient && finite;
    }
    if (loss.bias_gradient.defined()) {
        loss.bias_gradient.add_(gradient.sum(0));
    }
}

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
    const std::int64_t n = contiguous.normed.size(0), chunk = chosen_chunk(contiguous);
    for (std::int64_t first = 0; first < n; first += chunk) {
        const std::int64_t count = std::min(chunk, n - first);
        if (contiguous.normed.is_cpu() && !contiguous.composed) {
            HostChunk(contiguous, loss, first, count).run();
        } else {
            run_composed_chunk(contiguous, loss, first, count);
        }
    }
    return loss;
}

}  // namespace nepenthe::train
