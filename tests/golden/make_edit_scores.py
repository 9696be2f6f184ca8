#!/usr/bin/env python3
"""Golden numbers of the evaluation of edits: CounterFact and zsRE records scored with `transformers` alone, fp32, before any edit.

Every (prompt, object) pair is one sequence, prompt + " " + object, tokenised once; the object's tokens are those that cover a character of it.
A mean negative log-likelihood is over these tokens, in nats, the softmax in fp64.

    make_edit_scores.py --model FOLDER --editing FOLDER --output edit_scores_gemma3_270m.json [--limit 200] [--threads 1] [--batch 16]
"""

import argparse
import json
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


class Scorer:
    def __init__(self, folder, batch):
        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        self.model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
        self.batch = batch

    def encode(self, prompt, target):
        text = f"{prompt} {target}"
        encoded = self.tokenizer(text, return_offsets_mapping=True)
        first = next(i for i, (_, end) in enumerate(encoded["offset_mapping"]) if end > len(prompt) + 1)
        return encoded["input_ids"], first

    @torch.no_grad()
    def score(self, pairs):
        """For each pair: mean NLL, [right tokens, tokens], the most likely tokens."""
        encoded = [self.encode(*pair) for pair in pairs]
        order = sorted(range(len(pairs)), key=lambda i: len(encoded[i][0]))
        results = [None] * len(pairs)
        for begin in range(0, len(order), self.batch):
            chosen = order[begin:begin + self.batch]
            longest = max(len(encoded[i][0]) for i in chosen)
            ids = torch.zeros(len(chosen), longest, dtype=torch.long)
            mask = torch.zeros_like(ids)
            for row, i in enumerate(chosen):
                ids[row, :len(encoded[i][0])] = torch.tensor(encoded[i][0])
                mask[row, :len(encoded[i][0])] = 1
            states = self.model.model(input_ids=ids, attention_mask=mask).last_hidden_state
            for row, i in enumerate(chosen):
                tokens, first = encoded[i]
                logits = self.model.lm_head(states[row, first - 1:len(tokens) - 1]).double()
                target = torch.tensor(tokens[first:])
                nll = -logits.log_softmax(-1).gather(1, target[:, None]).mean()
                best = logits.argmax(-1)
                results[i] = (round(float(nll), 5), [int((best == target).sum()), len(target)], best.tolist())
            print(f"{begin + len(chosen)} of {len(order)}", flush=True)
        return results


def mean(values):
    return sum(values) / len(values)


def harmonic(values):
    return len(values) / sum(1 / v for v in values) if min(values) > 0 else 0.0


def counterfact(scorer, records):
    pairs = []
    for r in records:
        for prompt, true in ((r["prompt"], r["ground_truth"]), (r["rephrase_prompt"], r["ground_truth"]),
                             (r["locality_prompt"], r["locality_ground_truth"])):
            pairs += [(prompt, r["target_new"]), (prompt, true)]
    scores = scorer.score(pairs)
    items = []
    for i, r in enumerate(records):
        new_and_true = scores[6 * i:6 * i + 6]
        items.append({"id": str(r["case_id"]), "nll": [s[0] for s in new_and_true], "right": [s[1] for s in new_and_true],
                      "locality_argmax": new_and_true[5][2]})
    success = [mean([float(i["nll"][2 * k] < i["nll"][2 * k + 1]) for i in items]) for k in (0, 1)]
    success.append(mean([float(i["nll"][5] < i["nll"][4]) for i in items]))
    return {"metrics": {"efficacy_score": success[0], "paraphrase_score": success[1], "neighbourhood_score": success[2],
                        "edit_score": harmonic(success)}, "items": items}


def zsre(scorer, records):
    pairs = []
    for r in records:
        pairs += [(r["src"], r["answers"][0]), (r["rephrase"], r["answers"][0]), (r["loc"] + "?", r["loc_ans"])]
    scores = scorer.score(pairs)
    items = [{"id": str(i), "nll": [s[0] for s in scores[3 * i:3 * i + 3]], "right": [s[1] for s in scores[3 * i:3 * i + 3]]}
             for i in range(len(records))]
    accuracy = [mean([i["right"][k][0] / i["right"][k][1] for i in items]) for k in range(3)]
    return {"metrics": dict(zip(("rewrite_token_accuracy", "paraphrase_token_accuracy", "neighbourhood_token_accuracy"), accuracy),
                            zsre_score=harmonic(accuracy)), "items": items}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--editing", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    scorer = Scorer(options.model, options.batch)
    golden = {name: make(scorer, json.loads((options.editing / file).read_text())[:options.limit])
              for name, make, file in (("counterfact", counterfact, "counterfact-edit.json"), ("zsre", zsre, "zsre-1k.json"))}
    parts = []
    for name, task in golden.items():
        items = ",\n".join(json.dumps(item, separators=(",", ":")) for item in task["items"])
        parts.append(f'"{name}": {{"metrics": {json.dumps(task["metrics"])}, "items": [\n{items}\n]}}')
    options.output.write_text("{\n" + ",\n".join(parts) + "\n}\n")


if __name__ == "__main__":
    main()
