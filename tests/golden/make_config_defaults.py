#!/usr/bin/env python3
"""Writes config_defaults.json beside itself: what the configuration classes of transformers stand in for keys that a
config.json leaves out. Read by tests/model/config_defaults_test.cpp.

    make_config_defaults.py

"classes": each family's class's own values, by key. "configs": what some shortened configurations ("given") are in full
("full") once transformers has read them.
"""
import dataclasses
import json
import pathlib

import transformers as t

FAMILIES = {"gpt2": t.GPT2Config, "gpt_neo": t.GPTNeoConfig, "gptj": t.GPTJConfig, "gpt_neox": t.GPTNeoXConfig,
            "llama": t.LlamaConfig, "mistral": t.MistralConfig, "qwen2": t.Qwen2Config, "qwen3": t.Qwen3Config,
            "phi": t.PhiConfig, "olmo2": t.Olmo2Config, "gemma3_text": t.Gemma3TextConfig}
FAMILIES |= {name: t.models.auto.configuration_auto.CONFIG_MAPPING[name] for name in
             "apertus arcee bloom cohere cohere2 ernie4_5 exaone4 falcon gemma gemma2 glm glm4 granite helium hunyuan_v1_dense ministral "
             "mpt nemotron olmo olmo3 opt phi3 seed_oss smollm3 stablelm starcoder2".split()}

LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
          "original_max_position_embeddings": 1024}
SMALL = {"vocab_size": 40, "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 7, "num_attention_heads": 8}
SHORTENED = {
    "gpt2": [{}, {"n_embd": 48, "n_head": 4}, {"n_embd": 48, "n_head": 4, "n_inner": 99, "scale_attn_weights": False}],
    "gpt_neo": [{}, {"hidden_size": 64, "num_heads": 4, "num_layers": 3, "attention_types": [[["global", "local"], 1], [["local"], 1]]}],
    "gptj": [{}, {"n_embd": 256, "n_head": 2}],
    "gpt_neox": [{}, SMALL, SMALL | {"rotary_pct": 0.5}, SMALL | {"rotary_emb_base": 500}, SMALL | {"use_parallel_residual": False}],
    "llama": [{}, SMALL, SMALL | {"num_key_value_heads": None}, SMALL | {"num_key_value_heads": 2, "head_dim": 24},
              SMALL | {"rope_theta": 500000.0, "rope_scaling": LLAMA3}, SMALL | {"rope_parameters": LLAMA3 | {"rope_theta": 77.0}},
              SMALL | {"rope_scaling": {"type": "linear", "factor": 2.0}}, SMALL | {"head_dim": None}],
    "mistral": [{}, SMALL, SMALL | {"sliding_window": None}, SMALL | {"sliding_window": 9}],
    "qwen2": [{}, SMALL | {"num_key_value_heads": 4}, SMALL | {"num_key_value_heads": None},
              SMALL | {"num_key_value_heads": 4, "use_sliding_window": True, "max_window_layers": 3},
              SMALL | {"num_key_value_heads": 4, "use_sliding_window": True},
              SMALL | {"num_key_value_heads": 4, "use_sliding_window": True, "sliding_window": None, "max_window_layers": 0},
              SMALL | {"num_key_value_heads": 4, "sliding_window": 12, "max_window_layers": 0}],
    "qwen3": [{}, SMALL | {"num_key_value_heads": 4}, SMALL | {"num_key_value_heads": 4, "use_sliding_window": True, "max_window_layers": 2}],
    "phi": [{}, SMALL, SMALL | {"partial_rotary_factor": 0.25}],
    "olmo2": [{}, SMALL],
    "gemma3_text": [{}, SMALL, SMALL | {"sliding_window_pattern": 3}, SMALL | {"rope_theta": 5e5, "rope_local_base_freq": 2e4},
                    SMALL | {"rope_scaling": {"rope_type": "linear", "factor": 8.0}}, SMALL | {"final_logit_softcapping": 30.0},
                    {"hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "sliding_window": 64}],
}
FALCON = {"vocab_size": 40, "hidden_size": 64, "num_hidden_layers": 3, "num_attention_heads": 8}
LONGROPE = {"short_factor": [1.0] * 4, "long_factor": [3.0] * 4}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}
SHORTENED |= {
    "apertus": [{}, SMALL | {"rope_theta": 5e5}, SMALL | {"rope_theta": 5e5, "rope_scaling": LLAMA3}],
    "arcee": [{}, SMALL | {"rope_scaling": YARN}],
    "bloom": [{}, {"n_embed": 24, "n_head": 3, "n_layer": 3}, {"hidden_size": 24, "num_attention_heads": 12, "num_hidden_layers": 3}],
    "cohere": [{}, SMALL | {"rope_theta": 8e6, "use_qk_norm": True, "logit_scale": 0.8}],
    "cohere2": [{}, SMALL | {"rope_theta": 5e4, "sliding_window_pattern": 3, "sliding_window": 5}],
    "ernie4_5": [{}, SMALL | {"head_dim": None, "num_key_value_heads": None}],
    "exaone4": [{}, SMALL | {"num_key_value_heads": 2, "sliding_window_pattern": 3, "sliding_window": 5},
                SMALL | {"num_key_value_heads": 2, "sliding_window": None, "layer_types": ["full_attention"] * 7, "rope_theta": 1e6}],
    "falcon": [{}, FALCON, FALCON | {"n_embed": 80}, FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2},
               FALCON | {"multi_query": False, "parallel_attn": False, "alibi": True, "bias": True},
               FALCON | {"new_decoder_architecture": True, "num_kv_heads": 2, "num_ln_in_parallel_attn": 1, "ffn_hidden_size": 96}],
    "gemma": [{}, SMALL | {"hidden_act": "gelu", "num_key_value_heads": 2}],
    "gemma2": [{}, SMALL | {"sliding_window": 5, "final_logit_softcapping": None}],
    "glm": [{}, SMALL | {"partial_rotary_factor": 0.25, "head_dim": None}],
    "glm4": [{}, SMALL | {"rope_theta": 5e5}],
    "granite": [{}, SMALL | {"attention_multiplier": 0.015625, "logits_scaling": 8, "residual_multiplier": 0.22, "embedding_multiplier": 12}],
    "helium": [{}, SMALL | {"num_key_value_heads": 2, "head_dim": 8}],
    "hunyuan_v1_dense": [SMALL | {"head_dim": 8}, SMALL | {"head_dim": 8, "rope_theta": 500.0, "rope_scaling": {"type": "dynamic", "factor": 1.0, "alpha": 1000.0}},
                         SMALL | {"head_dim": 8, "rope_scaling": {"type": "dynamic", "factor": 2.0}}],
    "ministral": [{}, SMALL | {"sliding_window": None}],
    "mpt": [{}, {"d_model": 24, "n_heads": 3, "n_layers": 2, "attn_config": {"clip_qkv": 6.0, "alibi_bias_max": 16}}],
    "nemotron": [{}, SMALL | {"partial_rotary_factor": 0.25}],
    "olmo": [{}, SMALL | {"clip_qkv": 8.0}],
    "olmo3": [{}, SMALL | {"sliding_window": 5, "rope_theta": 5e5, "rope_scaling": YARN},
              SMALL | {"rope_parameters": {"full_attention": YARN | {"rope_theta": 77.0}, "sliding_attention": {"rope_theta": 99.0}}}],
    "opt": [{}, {"hidden_size": 24, "num_attention_heads": 3, "do_layer_norm_before": False}, {"_remove_final_layer_norm": True}],
    "phi3": [{}, SMALL | {"sliding_window": 9}, SMALL | {"original_max_position_embeddings": 512, "rope_scaling": LONGROPE | {"type": "longrope"}},
             SMALL | {"rope_scaling": LONGROPE | {"type": "su", "original_max_position_embeddings": 4096}, "rope_theta": 77.0}],
    "seed_oss": [{}, SMALL | {"head_dim": None}],
    "smollm3": [{}, SMALL | {"num_key_value_heads": 2, "no_rope_layer_interval": 3},
                SMALL | {"num_key_value_heads": 2, "no_rope_layers": [1, 0, 1, 0, 0, 1, 1], "use_sliding_window": True, "sliding_window": 5}],
    "stablelm": [{}, SMALL | {"num_key_value_heads": 4, "use_parallel_residual": True, "qk_layernorm": True, "partial_rotary_factor": 0.5}],
    "starcoder2": [{}, SMALL | {"num_attention_heads": 8, "use_bias": False, "sliding_window": 9}],
}
NOT_ASKED = {"architectures", "chunk_size_feed_forward", "dtype", "id2label", "is_encoder_decoder", "label2id", "output_attentions",
             "output_hidden_states", "problem_type", "return_dict", "transformers_version", "_name_or_path", "initializer_range", "use_cache", "bos_token_id", "eos_token_id",
             "pad_token_id", "attention_dropout", "hidden_dropout", "resid_pdrop", "embd_pdrop", "pretraining_tp", "attn_pdrop", "model_type_"}


def plain(values):
    return {key: value for key, value in values.items() if key not in NOT_ASKED}


def main():
    classes, configs = {}, []
    for family, config in FAMILIES.items():
        classes[family] = plain({f.name: f.default for f in dataclasses.fields(config) if f.default is not dataclasses.MISSING})
        classes[family] |= plain({f.name: f.default_factory() for f in dataclasses.fields(config)
                                  if f.default_factory is not dataclasses.MISSING})
        for given in SHORTENED[family]:
            given = {"model_type": family} | given
            full = plain(config.from_dict(json.loads(json.dumps(given))).to_dict())
            configs.append({"given": given, "full": full})
    for text in SHORTENED["gemma3_text"]:
        given = {"model_type": "gemma3", "text_config": {"model_type": "gemma3_text"} | text, "vision_config": {"model_type": "siglip_vision_model"}}
        full = t.Gemma3Config.from_dict(json.loads(json.dumps(given))).to_dict()
        configs.append({"given": given, "full": plain(full["text_config"])})
    lines = ",\n".join(json.dumps(c, separators=(",", ":"), default=str) for c in configs)
    families = ",\n".join(f"{json.dumps(k)}:{json.dumps(v, separators=(',', ':'), default=str)}" for k, v in classes.items())
    path = pathlib.Path(__file__).with_name("config_defaults.json")
    path.write_text(f'{{"transformers":"{t.__version__}",\n"classes":{{\n{families}\n}},\n"configs":[\n{lines}\n]}}\n')
    print(f"{path.name}: {len(configs)} configurations, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
