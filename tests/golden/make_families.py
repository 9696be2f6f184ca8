"""Writes a tiny random model of every decoder family, and what transformers computes with it.

    python tests/golden/make_families.py            # writes tests/golden/families/<case>/

Each case is a Hugging Face folder (config.json, model.safetensors) and expected.safetensors beside it:
    ids                  [2, length] int64
    logits               [2, length, vocabulary]
    logits_shortened     [1, length - SHORTER, vocabulary]: the second sequence without its end, where its positions turn
                         otherwise then (scalings that follow the length)
    loss, gradient.<name>  mean next-token loss of the batch and its gradients, in fp16 (for GRADIENTS only; of
                         the first layer, and but for the small cases of the last one)
This script asserts that transformers gives the same logits, at real positions, for the second sequence shortened and
padded on either side, and for the left-padded batch fed to the KV cache; the tests compare with `logits` there, too.
Sizes are odd on purpose: key-value heads are fewer than heads, head_dim is not hidden / heads where the family allows
it, windows are shorter than the sequences. Weights of all cases but the first ones are stored in bf16, to be small; all
is computed in fp32. Made with transformers 5 and torch 2.11 on one thread.
"""

import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file

LENGTH = 12
SMALL_LENGTH = 10  # of cases that are stored in bf16
FIRST = 5  # tokens of the first cached step
SHORTER = 4  # how much the second sequence is shortened for padding
VOCABULARY = 37
GRADIENTS = {"gpt2", "llama", "gemma3_text", "apertus", "bloom", "granite", "hunyuan_v1_dense", "nemotron", "olmo",
             "opt_post_norm", "phi3", "stablelm_parallel"}

LLAMA = dict(hidden_size=24, intermediate_size=36, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=10, max_position_embeddings=64)
HALF = {"gpt_neo", "gpt_neox_sequential", "llama_linear", "llama_llama3", "llama_yarn", "mistral", "qwen2"}
# Of the cases in bf16 that came later.
SMALL = dict(hidden_size=12, intermediate_size=16, num_hidden_layers=2, num_attention_heads=3, num_key_value_heads=1,
             max_position_embeddings=32)
WIDER = SMALL | dict(hidden_size=24)  # heads of width 8
DEEP = SMALL | dict(num_hidden_layers=4)


def cases():
    t = transformers
    yield "gpt2", t.GPT2Config(n_embd=24, n_layer=2, n_head=3, n_positions=32)
    yield "gpt_neo", t.GPTNeoConfig(hidden_size=24, num_layers=3, num_heads=3, max_position_embeddings=32,
                                    attention_types=[[["global", "local"], 1], [["local"], 1]], window_size=5)
    yield "gptj", t.GPTJConfig(n_embd=24, n_layer=2, n_head=3, n_positions=32, rotary_dim=4)
    yield "gpt_neox", t.GPTNeoXConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, intermediate_size=36,
                                      max_position_embeddings=32,
                                      rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                                                       "partial_rotary_factor": 0.5})
    yield "gpt_neox_sequential", t.GPTNeoXConfig(hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                                                 intermediate_size=36, max_position_embeddings=32,
                                                 use_parallel_residual=False)
    yield "llama", t.LlamaConfig(**LLAMA)
    yield "llama_biased_tied", t.LlamaConfig(**LLAMA, attention_bias=True, mlp_bias=True, tie_word_embeddings=True)
    yield "llama_linear", t.LlamaConfig(**LLAMA, rope_parameters={"rope_type": "linear", "factor": 2.5,
                                                                 "rope_theta": 10000.0})
    yield "llama_llama3", t.LlamaConfig(**LLAMA, rope_parameters={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16, "rope_theta": 500.0})
    yield "llama_yarn", t.LlamaConfig(**LLAMA, rope_parameters={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 16, "rope_theta": 10000.0,
        "beta_fast": 4.0, "beta_slow": 1.0})
    yield "mistral", t.MistralConfig(**LLAMA, sliding_window=6)
    yield "qwen2", t.Qwen2Config(hidden_size=24, intermediate_size=36, num_hidden_layers=3, num_attention_heads=4,
                                 num_key_value_heads=2, max_position_embeddings=64, use_sliding_window=True,
                                 sliding_window=6, max_window_layers=1)
    yield "qwen3", t.Qwen3Config(**LLAMA, tie_word_embeddings=True)
    yield "phi", t.PhiConfig(hidden_size=24, intermediate_size=36, num_hidden_layers=2, num_attention_heads=3,
                             max_position_embeddings=64)
    yield "olmo2", t.Olmo2Config(hidden_size=24, intermediate_size=36, num_hidden_layers=2, num_attention_heads=4,
                                 num_key_value_heads=2, max_position_embeddings=64)
    yield "gemma3_text", t.Gemma3TextConfig(
        hidden_size=24, intermediate_size=20, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2,
        head_dim=10, max_position_embeddings=64, sliding_window=6, query_pre_attn_scalar=13)


def small_cases():
    t = transformers
    mapping = t.models.auto.configuration_auto.CONFIG_MAPPING
    theta = dict(rope_theta=500.0)
    yield "llama_dynamic", t.LlamaConfig(**SMALL | dict(max_position_embeddings=6),
                                         rope_parameters=theta | dict(rope_type="dynamic", factor=3.0))
    yield "phi_qk_norm", t.PhiConfig(**SMALL, qk_layernorm=True)
    yield "gemma", t.GemmaConfig(**SMALL, head_dim=6)
    yield "gemma2", t.Gemma2Config(**SMALL, head_dim=6, sliding_window=4, query_pre_attn_scalar=7,
                                   attn_logit_softcapping=2.0, final_logit_softcapping=3.0)
    yield "phi3", t.Phi3Config(**SMALL, sliding_window=5)
    yield "phi3_longrope", t.Phi3Config(
        **WIDER, original_max_position_embeddings=7,
        rope_parameters=theta | dict(rope_type="longrope", partial_rotary_factor=0.75, short_factor=[1.0, 1.5, 2.0],
                                     long_factor=[1.25, 3.0, 7.0]))
    yield "olmo", t.OlmoConfig(**SMALL, clip_qkv=0.9)
    yield "olmo3", t.Olmo3Config(**DEEP, sliding_window=4, rope_parameters={
        "full_attention": theta | dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=8, beta_fast=4.0),
        "sliding_attention": dict(rope_type="default", rope_theta=100.0)})
    yield "granite", t.GraniteConfig(**SMALL, embedding_multiplier=3.0, logits_scaling=0.3, residual_multiplier=0.4,
                                     attention_multiplier=0.7, attention_bias=True, mlp_bias=True)
    yield "smollm3", t.SmolLM3Config(**DEEP, no_rope_layer_interval=2, use_sliding_window=True, sliding_window=4)
    yield "starcoder2", t.Starcoder2Config(**SMALL, sliding_window=5)
    yield "stablelm", t.StableLmConfig(**SMALL, use_qkv_bias=True, partial_rotary_factor=0.5)
    yield "stablelm_parallel", t.StableLmConfig(**SMALL, qk_layernorm=True, use_parallel_residual=True,
                                                partial_rotary_factor=0.5)
    opt = dict(hidden_size=12, ffn_dim=16, num_hidden_layers=2, num_attention_heads=3, max_position_embeddings=16)
    yield "opt", t.OPTConfig(**opt)
    yield "opt_post_norm", t.OPTConfig(**opt, do_layer_norm_before=False, enable_bias=False, tie_word_embeddings=False)
    falcon = dict(hidden_size=12, num_hidden_layers=2, num_attention_heads=3, ffn_hidden_size=20)
    yield "falcon", t.FalconConfig(**falcon)
    yield "falcon_grouped", t.FalconConfig(**falcon | dict(num_attention_heads=6), num_kv_heads=2,
                                           new_decoder_architecture=True, bias=True)
    yield "falcon_alibi", t.FalconConfig(**falcon, alibi=True, parallel_attn=False, multi_query=False, bias=True)
    yield "bloom", t.BloomConfig(hidden_size=12, n_layer=2, n_head=3)
    yield "mpt", t.MptConfig(d_model=12, n_heads=3, n_layers=2, max_seq_len=32,
                             attn_config=dict(clip_qkv=0.9, softmax_scale=0.8))
    yield "cohere", t.CohereConfig(**SMALL, logit_scale=0.3, use_qk_norm=True)
    yield "cohere2", t.Cohere2Config(**SMALL, logit_scale=3.0, sliding_window=4, attention_bias=True,
                                     layer_types=["sliding_attention", "full_attention"])
    yield "glm", t.GlmConfig(**SMALL, head_dim=8)
    yield "glm4", t.Glm4Config(**SMALL, head_dim=8, attention_bias=False)
    yield "nemotron", t.NemotronConfig(**SMALL, mlp_bias=True)
    yield "exaone4", t.Exaone4Config(**SMALL, sliding_window=4, sliding_window_pattern=2)
    yield "ministral", t.MinistralConfig(**SMALL, head_dim=6, sliding_window=4,
                                         layer_types=["full_attention", "sliding_attention"])
    yield "seed_oss", t.SeedOssConfig(**SMALL, head_dim=6, attention_out_bias=True)
    yield "apertus", t.ApertusConfig(**SMALL)
    yield "arcee", t.ArceeConfig(**SMALL, mlp_bias=True)
    yield "helium", t.HeliumConfig(**SMALL, head_dim=4)
    yield "ernie4_5", t.Ernie4_5Config(**SMALL, head_dim=6, use_bias=True)
    yield "hunyuan_v1_dense", t.HunYuanDenseV1Config(
        **SMALL, head_dim=6, rope_parameters=theta | dict(rope_type="dynamic", factor=1.0, alpha=50.0))


FOLLOWS_LENGTH = {"llama_dynamic", "phi3_longrope"}


def random_model(config, small, half):
    """Every tensor random, also norms and biases, so that a forgotten one shows."""
    # Falcon's eager attention adds the biases of ALiBi a second time; what from_pretrained takes does not.
    attention = "sdpa" if config.model_type == "falcon" else "eager"
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention).float().eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = name.endswith("weight") and (parameter.dim() == 1 or "_norm" in name)
            noise = torch.randn(parameter.shape, generator=generator)
            center = 0.0 if config.model_type in {"gemma", "gemma2", "gemma3_text", "nemotron"} else 1.0
            value = center + 0.2 * noise if is_norm else (0.4 if small else 0.25) * noise
            parameter.copy_(value.bfloat16() if half else value)
    return model


def positions(mask):
    return (mask.long().cumsum(1) - 1).clamp_min(0)


def padded(ids, left):
    mask = torch.ones_like(ids, dtype=torch.bool)
    result = ids.clone()
    kept = ids[1, : ids.shape[1] - SHORTER]
    result[1] = 0
    if left:
        mask[1, :SHORTER] = False
        result[1, SHORTER:] = kept
    else:
        mask[1, ids.shape[1] - SHORTER:] = False
        result[1, : ids.shape[1] - SHORTER] = kept
    return result, mask


def forward(model, ids, mask, **extra):
    return model(input_ids=ids, attention_mask=mask.long(), position_ids=positions(mask), **extra)


def cached_steps(model, ids, mask):
    pieces, past, done = [], None, 0
    while done < ids.shape[1]:
        count = FIRST if done == 0 else 1
        output = model(input_ids=ids[:, done:done + count], attention_mask=mask[:, :done + count].long(),
                       position_ids=positions(mask)[:, done:done + count], past_key_values=past, use_cache=True)
        past = output.past_key_values
        pieces.append(output.logits)
        done += count
    return torch.cat(pieces, 1)


def assert_same(name, logits, mask, plain):
    """Real positions of the padded batch against the plain one's, of whose second sequence a part is left."""
    for row, expected in enumerate(plain):
        real = logits[row][mask[row]]
        error = (real - expected[: len(real)]).abs().max() / plain.abs().max()
        assert error < 1e-5, (name, row, error)


def expected(name, model, length):
    # Token 0 is padding, whose embedding gets no gradient in transformers.
    ids = torch.randint(3, VOCABULARY, (2, length), generator=torch.Generator().manual_seed(11))
    result = {"ids": ids}
    with torch.no_grad():
        if name in FOLLOWS_LENGTH:  # before anything longer, which transformers remembers
            short = ids[1:, : length - SHORTER]
            result["logits_shortened"] = forward(model, short, torch.ones_like(short, dtype=torch.bool)).logits
        plain = forward(model, ids, torch.ones_like(ids, dtype=torch.bool)).logits
        result["logits"] = plain
        if name not in FOLLOWS_LENGTH:
            for side in ("left", "right"):
                batch, mask = padded(ids, side == "left")
                assert_same(f"{name} {side}", forward(model, batch, mask).logits, mask, plain)
            batch, mask = padded(ids, True)
            assert_same(f"{name} cached", cached_steps(model, batch, mask), mask, plain)
    if name in GRADIENTS:
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        result["loss"] = loss.detach().reshape(1)
        kept = [(key, value) for key, value in model.named_parameters()
                if not any(f".{layer}." in key for layer in range(1, model.config.num_hidden_layers - (length == LENGTH)))]
        result |= {f"gradient.{key}": value.grad.half() for key, value in kept}
    return {key: value.contiguous() for key, value in result.items()}


def write_case(folder, name, config, small):
    config.vocab_size = VOCABULARY
    config.pad_token_id, config.bos_token_id, config.eos_token_id = 0, 1, 2
    half = small or name in HALF
    model = random_model(config, small, half)
    save_file(expected(name, model, SMALL_LENGTH if small else LENGTH), folder / "expected.safetensors")
    (model.bfloat16() if half else model).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    size = sum(file.stat().st_size for file in folder.iterdir())
    print(f"{name:20} {size:8} bytes")


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    root = pathlib.Path(__file__).parent / "families"
    shutil.rmtree(root, ignore_errors=True)
    for small, all_cases in ((False, cases()), (True, small_cases())):
        for name, config in all_cases:
            (root / name).mkdir(parents=True)
            write_case(root / name, name, config, small)


if __name__ == "__main__":
    main()
