#pragma once
// Which tensor of a checkpoint is which of the model's. Names come with the family's prefix, without it (GPT-2's trunk
// on the hub), as the text part of a multimodal model, and with the marks that torch.compile, DataParallel and FSDP
// leave in them; whatever the file calls a tensor is what saving calls it.

#include "base/error.h"
#include "io/safetensors.h"
#include "model/family/families.h"

#include <string>
#include <vector>

namespace nepenthe::model {

struct CheckpointLayout {
    std::vector<TensorSpec> specs;  // the model's tensors, named as the checkpoint names them
    // Whether the unembedding is the embedding: as config.json says, unless the file holds two different matrices,
    // which is warned of (transformers 5 does not tie them either).
    bool tied = false;
    std::string head_copy;  // the name under which the file repeats a tied embedding, "" where it does not
};

// Throws Error(kData) for quantised weights. Every tensor that is missing, or belongs to no model of this
// configuration, goes to `problems`; a missing one keeps the family's own name in `specs`.
CheckpointLayout read_layout(const DecoderConfig& config, const io::Checkpoint& checkpoint, Problems& problems);

}  // namespace nepenthe::model
