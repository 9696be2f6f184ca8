#!/usr/bin/env python3
"""Trains the small model of the tests: a Llama of 656,000 parameters on the stories and the planets of texts.py.

    train_stories.py FOLDER [STEPS]

Writes FOLDER/{config.json,model.safetensors,tokenizer.json,tokenizer_config.json}, weights in bfloat16. The result is committed
as tests/material/stories (make.py writes it as fp32 for the tests), so that tests see the same weights on every processor; anybody
may train another one with this and no test depends on exact numbers of it. Needs torch, transformers and tokenizers of the set-up.
"""
import json
import pathlib
import sys

import torch
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import LlamaConfig, LlamaForCausalLM

import texts

SPECIAL = ["<unk>", "<|start_story|>", "<|end_story|>"]
WINDOW, BATCH, STEPS, LR = 128, 24, 900, 4e-3


def train_tokenizer(parts):
    """SentencePiece-like with byte fallback; tokens end with their blank and some join two words."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("▁?(?:[^▁]*▁){1,2}"), "isolated")
    byte_tokens = [f"<0x{b:02X}>" for b in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=2048, special_tokens=SPECIAL + byte_tokens, show_progress=False, limit_alphabet=90)
    tokenizer.train_from_iterator(parts, trainer)
    document = json.loads(tokenizer.to_str())
    document["pre_tokenizer"] = None
    document["added_tokens"] = document["added_tokens"][:len(SPECIAL)]  # the bytes are pieces of the vocabulary, no more
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<|start_story|> $A", pair="<|start_story|> $A <|start_story|> $B",
                                                             special_tokens=[("<|start_story|>", 1)])
    return tokenizer


def main():
    folder, steps = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else STEPS
    told = texts.stories()[0]
    articles = [part for article in texts.planets().values() for part in article.strip().split("\n\n")]
    tokenizer = train_tokenizer(told + articles)
    documents = [tokenizer.encode(text).ids + [2] for text in told * 2 + articles]
    torch.manual_seed(1)
    stream = torch.tensor([i for at in torch.randperm(len(documents)).tolist() for i in documents[at]])
    print(f"{tokenizer.get_vocab_size()} tokens, {len(stream)} to read")
    config = LlamaConfig(vocab_size=2048, hidden_size=128, intermediate_size=384, num_hidden_layers=2, num_attention_heads=8,
                         num_key_value_heads=4, max_position_embeddings=512, rms_norm_eps=1e-6, tie_word_embeddings=True,
                         bos_token_id=1, eos_token_id=2, rope_parameters={"rope_type": "default", "rope_theta": 10000.0})
    model = LlamaForCausalLM(config)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LR, betas=(0.9, 0.98), weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LR, total_steps=steps, pct_start=0.05)
    for step in range(steps):
        begins = torch.randint(0, len(stream) - WINDOW, (BATCH,))
        batch = torch.stack([stream[b:b + WINDOW] for b in begins.tolist()])
        batch[:, 0] = 1
        loss = model(batch, labels=batch).loss
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimiser.step()
        schedule.step()
        if step % 50 == 0 or step == steps - 1:
            print(step, round(loss.item(), 3), flush=True)
    model.to(torch.bfloat16).save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    saved = json.loads((folder / "config.json").read_text())
    # The form that most published configurations have.
    for name in ("rope_parameters", "dtype"):
        saved.pop(name, None)
    saved.update(rope_theta=10000.0, rope_scaling=None, torch_dtype="bfloat16")
    (folder / "config.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
    tokenizer.save(str(folder / "tokenizer.json"), pretty=False)
    added = lambda name: {"content": name, "lstrip": False, "normalized": True, "rstrip": False, "single_word": False}  # noqa: E731
    (folder / "tokenizer_config.json").write_text(json.dumps({
        "add_bos_token": True, "add_eos_token": False,
        "added_tokens_decoder": {str(i): {**added(name), "special": True} for i, name in enumerate(SPECIAL)},
        "bos_token": "<|start_story|>", "eos_token": "<|end_story|>", "pad_token": "<unk>", "unk_token": "<unk>",
        "clean_up_tokenization_spaces": False, "legacy": False, "tokenizer_class": "LlamaTokenizer",
        "use_default_system_prompt": False}, indent=2) + "\n")


if __name__ == "__main__":
    main()
