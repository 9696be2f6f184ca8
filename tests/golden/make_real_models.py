"""Writes tests/golden/real_models.json: what transformers computes in fp32 with real models on real text.

    python tests/golden/make_real_models.py SHARED_DATA DEPS [MODEL…]   # only these models anew

For Gemma 3 270M (DEPS/models/gemma-3-270m) and TinyStories-656K (SHARED_DATA/models/tinystories-656k):
    nll      of the first 20,000 characters of each novel in sliding windows of 512 tokens that advance by 256: a token is
             scored once, in the first window that holds it, given the tokens of that window before it; the very first
             token is not scored. Sum of natural logarithms and the number of scored tokens.
    prompts  20 prompts as token ids and their greedy continuations by 64 tokens (no stop token).
Text is tokenised by the `tokenizers` package from the model's tokenizer.json, special tokens added (AutoTokenizer builds
another tokenizer for the Llama family, which drops unknown characters). No text is stored.
"""

import json
import pathlib
import sys

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM

CHARACTERS = 20_000
WINDOW, STRIDE = 512, 256
NEW_TOKENS = 64
NOVELS = ("alice", "peter-pan", "wizard-of-oz")
PROMPTS = [
    "Once upon a time there was a little", "The capital of France is", "In the beginning", "My favourite colour is",
    "The quick brown fox", "Water boils at", "She opened the door and", "The first president of the United States was",
    "def fibonacci(n):", "It was a dark and stormy night", "To make bread you need", "The sun rises in the",
    "One day, a girl named Lily went to the", "The largest planet in the solar system is", "Dear Sir or Madam,",
    "He ran as fast as he could because", "The meaning of life", "Tom had a big red ball.", "According to the report,",
    "1, 2, 3, 4, 5,",
]


def sliding_nll(model, ids):
    total, scored, begin = 0.0, 1, 0
    while scored < len(ids):
        window = ids[begin:begin + WINDOW]
        end = begin + len(window)
        with torch.no_grad():
            logits = model(torch.tensor([window])).logits[0].float()
        log_probabilities = torch.log_softmax(logits, -1)
        first = max(scored, begin + 1)
        for position in range(first, end):
            total -= log_probabilities[position - 1 - begin, ids[position]].item()
        scored, begin = end, begin + STRIDE
    return {"tokens": len(ids) - 1, "nll_sum": total}


def continuation(model, ids):
    # Without a mask, generate() takes every pad token of the prompt (here also the unknown token) for padding.
    batch = torch.tensor([ids])
    output = model.generate(batch, attention_mask=torch.ones_like(batch), max_new_tokens=NEW_TOKENS, do_sample=False,
                            eos_token_id=None, pad_token_id=0)
    return output[0, len(ids):].tolist()


def main(shared, deps, only):
    folders = {"gemma-3-270m": deps / "models/gemma-3-270m", "tinystories-656k": shared / "models/tinystories-656k"}
    path = pathlib.Path(__file__).parent / "real_models.json"
    known = json.loads(path.read_text())["models"] if only else {}
    result = {"characters": CHARACTERS, "window": WINDOW, "stride": STRIDE, "models": known}
    for name, folder in folders.items():
        if only and name not in only:
            continue
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        entry = {"nll": {}, "prompts": []}
        for novel in NOVELS:
            text = (shared / f"text/gutenberg/{novel}.txt").read_text(encoding="utf-8-sig")[:CHARACTERS]
            entry["nll"][novel] = sliding_nll(model, tokenizer.encode(text).ids)
            print(name, novel, entry["nll"][novel])
        for prompt in PROMPTS:
            ids = tokenizer.encode(prompt).ids
            entry["prompts"].append({"ids": ids, "continuation": continuation(model, ids)})
        result["models"][name] = entry
    path.write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:])
