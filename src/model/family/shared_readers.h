#pragma once
// Pieces of reading config.json that families have in common.

#include "model/family/config_fields.h"

#include <cstdint>
#include <string>

namespace nepenthe::model {

// The string itself, "" for anything else.
std::string text_of(const Json& value);
double inverse_root(std::int64_t size);

// Heads that share the hidden size evenly, all with keys of their own.
void set_even_heads(ConfigFields& fields, DecoderConfig& config, std::int64_t heads);
// A problem where heads, which may have a width of their own, do not add up to the hidden size.
void check_heads_make_hidden(ConfigFields& fields, const DecoderConfig& config);
void set_all_windows(DecoderConfig& config, std::int64_t window);
// Layer norm, plain MLP with biases: what the GPT line has in common.
void set_gpt_style(DecoderConfig& config);

// Sizes and options that Llama and its relatives spell alike. No epsilon is read where its key is nullptr.
void read_llama_style(ConfigFields& fields, DecoderConfig& config, const char* epsilon = "rms_norm_eps",
                      const char* activation = "hidden_act");

// layer_types: one of "full_attention", "sliding_attention" a layer. False where the key is absent.
bool read_layer_types(ConfigFields& fields, DecoderConfig& config, std::int64_t window);
// layer_types, or where it is absent: all layers slide but every `pattern`-th one (0: all layers see everything).
void read_patterned_windows(ConfigFields& fields, DecoderConfig& config, std::int64_t pattern);
// Takes the rotary positions away from layers without a window.
void rotate_sliding_layers_only(DecoderConfig& config);

}  // namespace nepenthe::model
