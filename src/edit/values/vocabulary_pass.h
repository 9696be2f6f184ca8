#pragma once
// The host's way through target_loss.h: strips of the unembedding that stay in a core's cache from the product that
// makes their logits to the one that sums them up.

#include "edit/values/target_loss.h"

namespace nepenthe::edit {

// target_loss() on the host. The vocabulary is cut into a fixed number of parts, dealt to threads and merged in order:
// results do not depend on the number of threads. Sums are fp32; bf16 weights and states are widened, or multiplied in
// pairs on processors that can (vocabulary_strips.h).
TargetLoss vocabulary_pass(const model::Decoder& decoder, const at::Tensor& normed, const at::Tensor& targets,
                           ReferenceLogits& reference);

}  // namespace nepenthe::edit
