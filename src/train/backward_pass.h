#pragma once
// One micro-batch: loss and gradients, written into the flat buffer.
//
// The embedding's gradient bypasses autograd in both of its roles: as unembedding it is formed with the loss (loss.h),
// as embedding it is a handful of rows added in place, where autograd would fill a matrix of the vocabulary's size.

#include "model/decoder.h"
#include "train/gradient_buckets.h"
#include "train/head_loss.h"
#include "train/micro_batch.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace nepenthe::train {

class BackwardPass {
  public:
    // `parameters` as the buckets have them: those that are trained. Both must outlive this.
    BackwardPass(const model::Decoder& decoder, const std::vector<at::Tensor>& parameters, GradientBuckets& buckets,
                 bool activation_checkpointing);

    // Gradients of scale * (sum of the micro-batch's losses) are added to the buckets between begin_micro_batch and
    // end_micro_batch, which the caller calls; with `weighing`, of rows weighed from their losses (head_loss.h).
    // Returns the sum, nats. A micro-batch without supervised positions costs nothing.
    double run(const MicroBatch& micro, double scale, const Weighing* weighing = nullptr) const;

  private:
    void add_embedding_gradient(const MicroBatch& micro, const at::Tensor& stream_gradient) const;

    const model::Decoder& decoder_;
    GradientBuckets& buckets_;
    bool activation_checkpointing_;
    std::optional<std::size_t> embedding_, unembedding_;  // parameter indices, equal when tied; none: not trained
    bool by_rows_;                                        // the embedding's gradient is added row by row
    double embedding_scale_;
};

}  // namespace nepenthe::train
