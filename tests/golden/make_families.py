"""Writes a tiny random model of every decoder family, and what transformers computes with it.

    python tests/golden/make_families.py            # writes tests/golden/families/<case>/

Each case is a Hugging Face folder (config.json, model.safetensors) and expected.safetensors beside it:
    ids                  [2, length] int64     the plain batch
    logits               [2, length, vocabulary]
    ids_left, mask_left  the same sequences, the second one shortened, padded on the left; logits_left at real positions
    ids_right, …         padded on the right
    step_logits          logits of the left-padded batch fed to the KV cache: 5 tokens at once, then one at a time
    loss, gradient.<name>  mean next-token loss of the plain batch and its gradients (for GRADIENTS only)
Sizes are odd on purpose: key-value heads are fewer than heads, head_dim is not hidden / heads where the family allows it,
windows are shorter than the sequences. Made with transformers 5 and torch 2.11 on one thread.
"""

import pathlib
import shutil

import torch
import transformers
from safetensors.torch import save_file

LENGTH = 12
FIRST = 5  # tokens of the first cached step
SHORTER = 4  # how much the second sequence is shortened for padding
VOCABULARY = 37
GRADIENTS = {"gpt2", "llama", "gemma3_text"}

LLAMA = dict(hidden_size=24, intermediate_size=36, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, head_dim=10, max_position_embeddings=64)


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


def random_model(config):
    """Every tensor random, also norms and biases, so that a forgotten one shows."""
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    generator = torch.Generator().manual_seed(7)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            is_norm = parameter.dim() == 1 and name.endswith("weight")
            noise = torch.randn(parameter.shape, generator=generator)
            center = 0.0 if config.model_type == "gemma3_text" else 1.0
            parameter.copy_(center + 0.2 * noise if is_norm else 0.25 * noise)
    return model


def positions(mask):
    return (mask.long().cumsum(1) - 1).clamp_min(0)


def padded(ids, left):
    mask = torch.ones_like(ids, dtype=torch.bool)
    result = ids.clone()
    kept = ids[1, : LENGTH - SHORTER]
    result[1] = 0
    if left:
        mask[1, :SHORTER] = False
        result[1, SHORTER:] = kept
    else:
        mask[1, LENGTH - SHORTER:] = False
        result[1, : LENGTH - SHORTER] = kept
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


def expected(name, model):
    # Token 0 is padding, whose embedding gets no gradient in transformers.
    ids = torch.randint(3, VOCABULARY, (2, LENGTH), generator=torch.Generator().manual_seed(11))
    result = {"ids": ids}
    with torch.no_grad():
        result["logits"] = forward(model, ids, torch.ones_like(ids, dtype=torch.bool)).logits
        for side in ("left", "right"):
            batch, mask = padded(ids, side == "left")
            logits = forward(model, batch, mask).logits
            result |= {f"ids_{side}": batch, f"mask_{side}": mask, f"logits_{side}": logits * mask.unsqueeze(-1)}
        batch, mask = padded(ids, True)
        result["step_logits"] = cached_steps(model, batch, mask) * mask.unsqueeze(-1)
    if name in GRADIENTS:
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        result["loss"] = loss.detach().reshape(1)
        result |= {f"gradient.{key}": value.grad for key, value in model.named_parameters()}
    return {key: value.contiguous() for key, value in result.items()}


def main():
    torch.set_num_threads(1)
    torch.manual_seed(0)
    root = pathlib.Path(__file__).parent / "families"
    shutil.rmtree(root, ignore_errors=True)
    for name, config in cases():
        config.vocab_size = VOCABULARY
        config.pad_token_id, config.bos_token_id, config.eos_token_id = 0, 1, 2
        folder = root / name
        model = random_model(config)
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        save_file(expected(name, model), folder / "expected.safetensors")
        size = sum(file.stat().st_size for file in folder.iterdir())
        print(f"{name:20} {size:8} bytes")


if __name__ == "__main__":
    main()
