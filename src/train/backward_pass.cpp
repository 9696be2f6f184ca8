#include "train/backward_pass.h"

#include "base/error.h"
#include "train/loss.h"

#include <torch/types.h>

#include <algorithm>
#include <optional>

namespace nepenthe::train {

namespace {

std::optional<std::size_t> index_of(const std::vector<at::Tensor>& parameters, const at::Tensor& wanted) {
    const auto found = std::find_if(parameters.begin(), parameters.end(),
                                    [&](const at::Tensor& parameter) { return parameter.is_same(wanted); });
    if (found == parameters.end()) return std::nullopt;
    return static_cast<std::size_t>(found - parameters.begin());
}

}  // namespace

BackwardPass::BackwardPass(const model::Decoder& decoder, const std::vector<at::Tensor>& parameters,
                           GradientBuckets& buckets, bool activation_checkpointing)
    : decoder_(decoder),
      buckets_(buckets),
      activation_checkpointing_(activation_checkpointing),
      embedding_(index_of(parameters, decoder.embedding())),
      unembedding_(index_of(parameters, decoder.unembedding())),
      // Learned positions share the embedding's addition, a norm may stand behind it: autograd then has both.
      by_rows_(embedding_ && decoder.config().positions != model::Positions::kLearned &&
               !decoder.config().embedding_norm),
      embedding_scale_(at::scalar_tensor(decoder.config().embedding_scale, decoder.embedding().scalar_type())
                           .to(at::kDouble)
                           .item<double>()) {}

double BackwardPass::run(const MicroBatch& micro, double scale, const Weighing* weighing) const {
    if (micro.supervised_count() == 0) return 0.0;
    const model::Context context = decoder_.context(micro.batch);
    at::Tensor stream;
    {
        const at::AutoGradMode graph(!by_rows_);
        stream = decoder_.embed(micro.batch.ids, context);
    }
    if (by_rows_) stream.requires_grad_(true);
    const at::Tensor hidden = decoder_.blocks(stream, context, activation_checkpointing_);
    const at::Tensor supervised = hidden.flatten(0, 1).index_select(0, micro.supervised);

    UnembeddingSink sink;
    if (unembedding_) {
        sink.gradient = buckets_.place(*unembedding_).view(decoder_.unembedding().sizes());
        sink.first = buckets_.is_fresh(*unembedding_);
    }
    const SunkLoss loss = cross_entropy_into(decoder_, supervised, micro.targets, scale, sink, weighing);
    if (unembedding_) buckets_.wrote(*unembedding_, loss.finite_gradient, embedding_ != unembedding_);
    if (loss.scaled.requires_grad()) loss.scaled.backward();
    if (by_rows_) add_embedding_gradient(micro, stream.grad());
    return loss.sum;
}

void BackwardPass::add_embedding_gradient(const MicroBatch& micro, const at::Tensor& stream_gradient) const {
    const at::NoGradGuard no_grad;
    at::Tensor place = buckets_.place(*embedding_).view(decoder_.embedding().sizes());
    if (buckets_.is_fresh(*embedding_)) place.zero_();
    const at::Tensor rows = stream_gradient.flatten(0, 1).to(at::kFloat);
    place.index_add_(0, micro.batch.ids.flatten(), rows, embedding_scale_);
    const bool finite = !rows.is_cpu() || at::isfinite(rows).all().item<bool>();
    buckets_.wrote(*embedding_, finite, true);
}

}  // namespace nepenthe::train
