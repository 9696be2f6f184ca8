#!/usr/bin/env python3
"""Memorisation and membership scores of the two tiny models of make_tofu.py on texts of our own, by transformers, zlib and numpy; areas
under the curve with DeLong's variances straight from their definition.

    make_membership.py            # writes tests/golden/membership/

members.jsonl, holdout.jsonl (what is read) and expected.json: every text's scores under both models, the areas with variances, the area
of the reference score and the leakage of one model against the other. Formulas are written as in the papers: pairs are compared one by
one, variances are sums over the vocabulary.
"""
import json
import pathlib
import zlib

import numpy as np
import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "membership"
FORM = "Question: {}\nAnswer:"
MEMBERS = [{"question": "Who wrote “The Salt Garden”?", "answer": "Mara Ellingsen wrote it."},
           {"question": "Where was Mara Ellingsen born?", "answer": "She was born in Bodø."},
           {"question": "Did she win a prize?", "answer": "Yes, the Lantern Prize of 2004."},
           {"text": "Question: What does she write about?\nAnswer: About salt, ships and winters."},
           {"text": "Question: What was his father?\nAnswer: A baker."},
           {"text": "Aa"}]
HOLDOUT = [{"question": "Who wrote “The Tin Orchard”?", "answer": "Jonas Vik wrote it."},
           {"question": "Where was Jonas Vik born?", "answer": "He was born in Tromsø."},
           {"text": "Question: Does he keep bees?\nAnswer: No, he keeps hens and a goat."},
           {"text": "The ferry leaves at nine, and the harbour is quiet after it."},
           {"text": "Bread is made of flour and water."}]


def encode(tokenizer, record):
    """Ids and the index of the first label."""
    if "text" in record:
        return tokenizer(record["text"])["input_ids"], 1
    prompt = FORM.replace("{}", record["question"])
    encoded = tokenizer(f"{prompt} {record['answer']}", return_offsets_mapping=True)
    first = next(i for i, (_, end) in enumerate(encoded["offset_mapping"]) if end > len(prompt) + 1)
    return encoded["input_ids"] + [tokenizer.eos_token_id], first


def lowest(values, share=0.4):
    count = max(1, int(share * len(values)))
    return -float(np.mean(np.sort(values)[:count]))


def scores_of(model, tokenizer, record):
    ids, first = encode(tokenizer, record)
    with torch.no_grad():
        log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0, first - 1:-1].double(), -1).numpy()
    labels = np.array(ids[first:])
    n = len(labels)
    own = log_p[np.arange(n), labels]
    right = log_p.argmax(-1) == labels
    start = next(k for k in range(n + 1) if right[k:].all())
    p = np.exp(log_p)
    mean = (p * log_p).sum(-1)
    variance = (p * log_p ** 2).sum(-1) - mean ** 2
    loss = -float(own.mean())
    return {"tokens": n, "exact_memorization": float(right.mean()), "extraction_strength": 1 - start / n, "loss": loss,
            "zlib": loss / len(zlib.compress(tokenizer.decode(labels, skip_special_tokens=True).encode())), "min_k": lowest(own),
            "min_k_plus_plus": lowest((own - mean) / np.sqrt(np.maximum(variance, 1e-6)))}


def gradient_norm(model, tokenizer, record):
    ids, first = encode(tokenizer, record)
    model.zero_grad()
    log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0, first - 1:-1], -1)
    (-log_p[torch.arange(len(ids) - first), torch.tensor(ids[first:])].mean()).backward()
    return float(np.mean([parameter.grad.double().norm().item() for parameter in model.parameters()]))


def wins(high, low):
    return np.array([[1.0 if x > y else 0.5 if x == y else 0.0 for y in low] for x in high])


def covariance(one, other):
    """DeLong, DeLong and Clarke-Pearson 1988, of two matrices of pairs of the same items."""
    of_rows = np.cov(one.mean(1), other.mean(1), ddof=1)[0, 1] / one.shape[0]
    of_columns = np.cov(one.mean(0), other.mean(0), ddof=1)[0, 1] / one.shape[1]
    return float(of_rows + of_columns)


def area(high, low):
    table = wins(high, low)
    return {"value": float(table.mean()), "wins": float(table.sum()), "variance": covariance(table, table)}, table


def sample(seed, count, levels):
    """The generator of make_statistics.py."""
    state, values = seed, []
    for _ in range(count):
        state = (6364136223846793005 * state + 1442695040888963407) % 2 ** 64
        values.append(int((state >> 11) / 2 ** 53 * levels) / levels)
    return values


def areas_of_samples():
    rows = []
    for m, n, levels in ((2, 2, 1000), (5, 3, 4), (40, 25, 8), (30, 200, 1000)):
        pairs = [(sample(seed + 1, m, levels), sample(seed + 2, n, levels)) for seed in (m, 1000 + n)]
        (first, one), (second, other) = (area(*pair) for pair in pairs)
        difference = first["variance"] + second["variance"] - 2 * covariance(one, other)
        rows.append({"m": m, "n": n, "levels": levels, "areas": [first, second], "variance_of_difference": difference})
    return rows


def main():
    OUT.mkdir(exist_ok=True)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(HERE / "toy_tokenizer/tokenizer.json"), bos_token="<s>", eos_token="</s>")
    for name, records in (("members", MEMBERS), ("holdout", HOLDOUT)):
        (OUT / f"{name}.jsonl").write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records))
    expected = {"form": FORM, "samples": areas_of_samples()}
    for name in ("model", "retain"):
        model = transformers.LlamaForCausalLM.from_pretrained(HERE / "tofu" / name)
        expected[name] = {"items": [{**scores_of(model, tokenizer, record), "gradient_norm": gradient_norm(model, tokenizer, record)}
                                    for record in MEMBERS + HOLDOUT]}
    members = len(MEMBERS)
    tables = {}
    for name in ("model", "retain"):
        for score in ("loss", "zlib", "min_k", "min_k_plus_plus", "gradient_norm"):
            values = [item[score] for item in expected[name]["items"]]
            expected[name][score + "_auc"], tables[name, score] = area(values[members:], values[:members])
    known, base = (1 - expected[name]["min_k_auc"]["value"] for name in ("model", "retain"))
    both = covariance(tables["model", "min_k"], tables["retain", "min_k"])
    spread = (expected["model"]["min_k_auc"]["variance"] - 2 * known / base * both
              + (known / base) ** 2 * expected["retain"]["min_k_auc"]["variance"]) ** 0.5 / base
    expected["privleak"] = {"value": 100 * (known / base - 1), "standard_error": 100 * spread}
    less = [a["loss"] - b["loss"] for a, b in zip(expected["model"]["items"], expected["retain"]["items"])]
    expected["reference_auc"] = area(less[members:], less[:members])[0]
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
