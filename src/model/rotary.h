#pragma once
// Rotary positions (Su et al., 2021) with the scalings that config.json may name, and the norm of single heads, which
// stands right before them, in the same pass.

#include "model/family/config.h"

#include <ATen/core/Tensor.h>

namespace nepenthe::model {

// Angular frequencies [dims / 2] fp32 for a sequence of `length` tokens, with the scaling applied. llama3: Meta's
// published scaling of low frequencies; yarn: Peng et al., 2023, "YaRN: Efficient Context Window Extension of Large
// Language Models"; longrope: Ding et al., 2024; dynamic: the base grows with the sequence.
at::Tensor rotary_frequencies(const Rotary& rotary, std::int64_t length = 0);
// Whether the frequencies depend on how long a sequence is.
bool follows_length(const Rotary& rotary);
// Whether a sequence that grew from `before` to `after` tokens has to be read again, because all its positions turn by
// other angles now (longrope beyond its original length).
bool turns_anew(const DecoderConfig& config, std::int64_t before, std::int64_t after);
// What cosines and sines are multiplied with: 1, or the attention factor of yarn and longrope.
double rotary_attention_factor(const Rotary& rotary);

struct RotaryTable {
    at::Tensor cosines, sines;  // [batch|1, position, dims / 2] fp32
};
// `positions` [batch|1, position]; `frequencies` [dims / 2] on their device. Where the frequencies follow the length of
// a sequence, which is its last position's, they are computed for each row.
RotaryTable rotary_table(const Rotary& rotary, const at::Tensor& frequencies, const at::Tensor& positions);

struct HeadNorm {
    at::Tensor weight;  // [head_dim]; undefined = no norm
    double epsilon = 0;
    bool one_plus = false;
};
// Norm of each head, then rotation of its first dims: [batch, position, head, head_dim] → the same, contiguous. The
// last axis of the input must be dense; the others may have any stride, so that slices of a fused projection need no
// copy.
at::Tensor norm_and_rotate(const at::Tensor& heads, const HeadNorm& norm, const RotaryTable& table,
                           Rotary::Pairing pairing);

}  // namespace nepenthe::model
