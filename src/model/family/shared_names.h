#pragma once
// What most families since Llama call their tensors. Which of them a model has is the configuration's business.

#include "model/family/families.h"

#include <array>
#include <cstddef>

namespace nepenthe::model {

inline constexpr std::array kLlamaNames = {
    NamePattern{Role::kEmbedding, "embed_tokens.weight"},
    NamePattern{Role::kAttentionNorm, "layers.{}.input_layernorm.weight"},
    NamePattern{Role::kAttentionNormBias, "layers.{}.input_layernorm.bias"},
    NamePattern{Role::kQuery, "layers.{}.self_attn.q_proj.weight"},
    NamePattern{Role::kQueryBias, "layers.{}.self_attn.q_proj.bias"},
    NamePattern{Role::kKey, "layers.{}.self_attn.k_proj.weight"},
    NamePattern{Role::kKeyBias, "layers.{}.self_attn.k_proj.bias"},
    NamePattern{Role::kValue, "layers.{}.self_attn.v_proj.weight"},
    NamePattern{Role::kValueBias, "layers.{}.self_attn.v_proj.bias"},
    NamePattern{Role::kQkv, "layers.{}.self_attn.qkv_proj.weight"},
    NamePattern{Role::kQueryNorm, "layers.{}.self_attn.q_norm.weight"},
    NamePattern{Role::kKeyNorm, "layers.{}.self_attn.k_norm.weight"},
    NamePattern{Role::kAttentionOutput, "layers.{}.self_attn.o_proj.weight"},
    NamePattern{Role::kAttentionOutputBias, "layers.{}.self_attn.o_proj.bias"},
    NamePattern{Role::kAttentionPostNorm, "layers.{}.post_self_attn_layernorm.weight"},
    NamePattern{Role::kMlpNorm, "layers.{}.post_attention_layernorm.weight"},
    NamePattern{Role::kMlpNormBias, "layers.{}.post_attention_layernorm.bias"},
    NamePattern{Role::kGate, "layers.{}.mlp.gate_proj.weight"},
    NamePattern{Role::kGateBias, "layers.{}.mlp.gate_proj.bias"},
    NamePattern{Role::kUp, "layers.{}.mlp.up_proj.weight"},
    NamePattern{Role::kUpBias, "layers.{}.mlp.up_proj.bias"},
    NamePattern{Role::kGateUp, "layers.{}.mlp.gate_up_proj.weight"},
    NamePattern{Role::kActivationPositive, "layers.{}.mlp.act_fn.alpha_p"},
    NamePattern{Role::kActivationNegative, "layers.{}.mlp.act_fn.alpha_n"},
    NamePattern{Role::kDown, "layers.{}.mlp.down_proj.weight"},
    NamePattern{Role::kDownBias, "layers.{}.mlp.down_proj.bias"},
    NamePattern{Role::kMlpPostNorm, "layers.{}.post_mlp_layernorm.weight"},
    NamePattern{Role::kFinalNorm, "norm.weight"},
    NamePattern{Role::kFinalNormBias, "norm.bias"},
    NamePattern{Role::kHead, "lm_head.weight"},
};

// `names` with other names for some of the roles.
template <std::size_t kCount, std::size_t kOthers>
constexpr std::array<NamePattern, kCount> renamed(std::array<NamePattern, kCount> names,
                                                  const std::array<NamePattern, kOthers>& others) {
    for (const NamePattern& other : others) {
        for (NamePattern& name : names) {
            if (name.role == other.role) name = other;
        }
    }
    return names;
}

// Norms behind attention and MLP (OLMo 2, Exaone 4) or on both sides (Gemma 2 and 3).
inline constexpr std::array kPostNormNames =
    renamed(kLlamaNames, std::array{
                             NamePattern{Role::kAttentionPostNorm, "layers.{}.post_attention_layernorm.weight"},
                             NamePattern{Role::kMlpNorm, "layers.{}.pre_feedforward_layernorm.weight"},
                             NamePattern{Role::kMlpPostNorm, "layers.{}.post_feedforward_layernorm.weight"},
                         });

}  // namespace nepenthe::model
