"""Steps of GradDiff and NPO against a plain transformers loop with the same precision, in the same run.

    python -P benchmarks/objective.py BUILD_FOLDER MODEL FORGET.jsonl RETAIN.jsonl [--threads 2] [--batch 8] [--steps 3]

Files hold {"question", "answer"} a line. Both sides take batches of items to be forgotten with as many retained ones,
answers alone supervised; the peer pads to the longest of a batch, holds a second model for NPO and asks it every step,
as published code does. transformers runs fp32, and bf16 as autocast over fp32 weights; ours fp32, and bf16 weights with
fp32 masters. The sides take turns, each in a process of its own. Printed are items a second of the fastest step and peak
memory.
"""

import argparse
import json
import resource
import subprocess
import sys
import time


def peer(options, objective, autocast):
    """One side of the comparison, run by this script in a process of its own."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(options.threads)
    tokenizer = AutoTokenizer.from_pretrained(options.model)

    def rows(path):
        out = []
        for line in open(path, encoding="utf-8"):
            row = json.loads(line)
            prompt = f"Question: {row['question']}\nAnswer:"
            ids = tokenizer(f"{prompt} {row['answer']}").input_ids + [tokenizer.eos_token_id]
            start = len(tokenizer(prompt).input_ids)
            out.append((ids, [-100] * start + ids[start:]))
        return out

    def batch(rows):
        length = max(len(ids) for ids, _ in rows)
        pad = lambda values, fill: [row + [fill] * (length - len(row)) for row in values]  # noqa: E731
        ids, labels = [ids for ids, _ in rows], [labels for _, labels in rows]
        return (torch.tensor(pad(ids, 0)), torch.tensor(pad([[1] * len(row) for row in ids], 0)), torch.tensor(pad(labels, -100)))

    def losses(model, ids, mask, labels):
        """Negative log-likelihood of each row, and the number of its labels."""
        logits = model(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1].float()
        each = torch.nn.functional.cross_entropy(logits.transpose(1, 2), labels[:, 1:], ignore_index=-100, reduction="none")
        return each.sum(1), (labels[:, 1:] != -100).sum()

    forget, retain = rows(options.forget), rows(options.retain)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    reference = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval() if objective == "npo" else None
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    fastest = float("inf")
    for step in range(options.steps + 1):
        pick = lambda rows: [rows[(step * options.batch + i) % len(rows)] for i in range(options.batch)]  # noqa: E731
        mine, kept = batch(pick(forget)), batch(pick(retain))
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            sums, count = losses(model, *mine)
            kept_sums, kept_count = losses(model, *kept)
            loss = kept_sums.sum() / kept_count
            if objective == "npo":
                with torch.no_grad():
                    before, _ = losses(reference, *mine)
                loss = loss - 20 * torch.nn.functional.logsigmoid(0.1 * (sums - before)).mean()
            else:
                loss = loss - sums.sum() / count
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step > 0:
            fastest = min(fastest, time.perf_counter() - start)
    print(json.dumps({"items": options.batch / fastest, "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))


def call(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser()
    for name in ("build", "model", "forget", "retain"):
        parser.add_argument(name)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--peer", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        objective, dtype = options.peer.split(":")
        peer(options, objective, dtype == "bf16")
        return
    sizes = [str(value) for value in (options.batch, options.threads, options.steps)]
    print(f"{'':9} {'':5} {'':9} {'nepenthe':>10} {'transformers':>13} {'ratio':>6}")
    for objective in ("graddiff", "npo"):
        for dtype in ("fp32", "bf16"):
            ours = [f"{options.build}/benchmarks/benchmark_objective", options.model, dtype, objective, options.forget, options.retain, *sizes]
            before = call(ours)
            theirs = call([sys.executable, "-P", __file__, *sys.argv[1:], "--peer", f"{objective}:{dtype}"])
            after = call(ours)
            for key, label, best in (("items", "items/s", max), ("peak_mib", "peak MiB", max)):
                mine = best(before[key], after[key])
                print(f"{objective:9} {dtype:5} {label:9} {mine:10.2f} {theirs[key]:13.2f} {mine / theirs[key]:6.2f}", flush=True)


if __name__ == "__main__":
    main()
