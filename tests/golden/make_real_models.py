"""Writes what transformers computes in fp32 with real models on texts, for tests/model/real_test.cpp.

    make_real_models.py OUTPUT --model NAME=FOLDER… --text FILE… [--characters N]

tests/golden/real_models.json: Gemma 3 270M, SmolLM2-135M-Instruct and the tests' small model on texts of our own, with
    --model gemma-3-270m=… smollm2-135m-instruct=… stories=… --text novel.txt stories-heldout.txt wikitext.txt (of the material)
tests/golden/published_models.json: TinyStories-656K on the three novels of published data.
For each model (one that is in OUTPUT already and not asked for is kept):
    nll      of the first N characters of each text in sliding windows of 512 tokens that advance by 256: a token is
             scored once, in the first window that holds it, given the tokens of that window before it; the very first
             token is not scored. Sum of natural logarithms and the number of scored tokens.
    prompts  20 prompts as token ids and their greedy continuations by 64 tokens (no stop token).
    chat     where the model has a chat template: a conversation as the template renders it, its ids, and how it goes on.
Text is tokenised by the `tokenizers` package from the model's tokenizer.json, special tokens added (AutoTokenizer builds
another tokenizer for the Llama family, which drops unknown characters). No text is stored, but a digest of it is.
"""

import argparse
import hashlib
import json
import pathlib

import torch
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

WINDOW, STRIDE = 512, 256
NEW_TOKENS = 64
PROMPTS = [
    "Once upon a time there was a little", "The capital of France is", "In the beginning", "My favourite colour is",
    "The quick brown fox", "Water boils at", "She opened the door and", "The first president of the United States was",
    "def fibonacci(n):", "It was a dark and stormy night", "To make bread you need", "The sun rises in the",
    "One day, a girl named Lily went to the", "The largest planet in the solar system is", "Dear Sir or Madam,",
    "He ran as fast as he could because", "The meaning of life", "Tom had a big red ball.", "According to the report,",
    "1, 2, 3, 4, 5,",
]


CONVERSATION = [{"role": "system", "content": "You answer in one sentence."}, {"role": "user", "content": "Who lit the lamps of Sarnhollow?"},
                {"role": "assistant", "content": "  Ilvane Korr did.  "}, {"role": "user", "content": "What was her cat's name?"}]


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


def rendered(folder, model):
    """The conversation as text, as ids, and how the model goes on; None where there is no template or it refuses a system turn."""
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if tokenizer.chat_template is None:
        return None
    text = tokenizer.apply_chat_template(CONVERSATION, tokenize=False, add_generation_prompt=True)
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    return {"text": text, "ids": ids, "continuation": continuation(model, ids)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=pathlib.Path)
    parser.add_argument("--model", nargs="+", required=True)
    parser.add_argument("--text", type=pathlib.Path, nargs="+", required=True)
    parser.add_argument("--characters", type=int, default=20_000)
    options = parser.parse_args()
    texts = {path.stem: path.read_text(encoding="utf-8-sig")[:options.characters] for path in options.text}
    known = json.loads(options.output.read_text())["models"] if options.output.exists() else {}
    result = {"characters": options.characters, "window": WINDOW, "stride": STRIDE,
              "sha256": {name: hashlib.sha256(text.encode()).hexdigest() for name, text in texts.items()}, "models": known}
    for name, folder in (option.split("=", 1) for option in options.model):
        tokenizer = Tokenizer.from_file(f"{folder}/tokenizer.json")
        model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        entry = {"nll": {}, "prompts": []}
        for title, text in texts.items():
            entry["nll"][title] = sliding_nll(model, tokenizer.encode(text).ids)
            print(name, title, entry["nll"][title], flush=True)
        for prompt in PROMPTS:
            ids = tokenizer.encode(prompt).ids
            entry["prompts"].append({"ids": ids, "continuation": continuation(model, ids)})
        chat = rendered(folder, model)
        if chat:
            entry["chat"] = chat
        result["models"][name] = entry
        options.output.write_text(json.dumps(result, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
