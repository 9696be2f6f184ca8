#!/usr/bin/env python3
"""Relabelling against the published algorithm written with transformers: tokens a second and peak memory.

Usage: relabel.py PROGRAM MODEL CORPUS [--dictionary F] [--chars N] [--block N] [--threads N]
The peer loads both models in fp32, translates each block by the published scan over tokens, replaces forbidden tokens,
forms v = b - alpha * relu(r - b) for three alphas and takes the argmax (specs: unlearning.md 2.3, 2.4); it stores labels
alone, while PROGRAM also stores margins, certificates and the 64 best logits. Loading models is not timed.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time

ALPHAS = (2.5, 5.0, 10.0)
DICTIONARY = {"Dorothy": ["Clara"], "Toto": ["Rex"], "Scarecrow": ["Dummy"], "Emerald City": ["Jade Town"],
              "Tin Woodman": ["Iron Smith"], "Kansas": ["Farmland"], "Munchkins": ["Villagers"]}


def translate(ids, keys):
    out, mapping, forbidden, seen, at = [], [-1] * len(ids), {}, set(), 0
    while at < len(ids):
        for term, key, value in keys:
            if ids[at:at + len(key)] == key:
                if term in seen and at > 0:
                    mapping[at - 1] = -1
                seen.add(term)
                forbidden.setdefault(len(out), set()).add(value[0])
                out += value
                mapping[at + len(key) - 1] = len(out) - 1
                at += len(key)
                break
        else:
            mapping[at] = len(out)
            out.append(ids[at])
            at += 1
    return out, mapping, forbidden


def peer(args):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    load = lambda: AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    baseline, reinforced = load(), load()
    dictionary = json.loads(pathlib.Path(args.dictionary).read_text())
    encode = lambda text: tokenizer.encode(text, add_special_tokens=False)
    keys = [(term, encode(lead + term), encode(lead + values[0])) for term, values in dictionary.items()
            for lead in (" ", "")]
    text = pathlib.Path(args.corpus).read_text(encoding="utf-8-sig").replace("\r\n", "\n")[:args.chars]
    stream = []
    for begin in range(0, len(text), 10_000):
        stream += tokenizer.encode(text[begin:begin + 10_000])
    blocks = [stream[i:i + args.block] for i in range(0, len(stream), args.block)][:-1]
    start = time.perf_counter()
    with torch.no_grad():
        for block in blocks:
            translated, mapping, forbidden = translate(block, keys)
            b = baseline(torch.tensor([translated])).logits[0]
            r = reinforced(torch.tensor([block])).logits[0]
            active = sorted({token for tokens in forbidden.values() for token in tokens})
            for position in range(len(translated)):
                now = [t for t in active if any(after < position and t in tokens for after, tokens in forbidden.items())]
                if now:
                    b[position, now] = b[position].mean()
            rows = torch.tensor([max(m, 0) for m in mapping])
            b = b[rows]
            for alpha in ALPHAS:
                labels = (b - alpha * torch.relu(r - b)).argmax(-1)
                labels[[i for i, m in enumerate(mapping) if m < 0]] = -100
    seconds = time.perf_counter() - start
    print(json.dumps({"tokens": sum(map(len, blocks)), "seconds": seconds,
                      "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("corpus")
    parser.add_argument("--dictionary", default=None)
    parser.add_argument("--chars", type=int, default=8000)
    parser.add_argument("--block", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args)
    if args.dictionary is None:
        args.dictionary = "/tmp/nepenthe-benchmark-dictionary.json"
        pathlib.Path(args.dictionary).write_text(json.dumps(DICTIONARY))
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads), "MKL_NUM_THREADS": str(args.threads)}
    run = lambda command: json.loads(subprocess.run(command, env=environment, check=True, capture_output=True,
                                                    text=True).stdout.strip().splitlines()[-1])
    rows = {"transformers": run([sys.executable, __file__, *sys.argv[1:], "--dictionary", args.dictionary, "--peer"])}
    for swap in ("never", "always"):
        rows[f"nepenthe, swap {swap}"] = run([args.program, args.model, args.corpus, args.dictionary, str(args.chars),
                                              str(args.block), swap])
    first = rows["transformers"]
    print(f"{'':24}{'tokens':>8}{'tokens/s':>10}{'ratio':>8}{'peak GiB':>10}{'share':>8}")
    for name, row in rows.items():
        rate = row["tokens"] / row["seconds"]
        print(f"{name:24}{row['tokens']:>8}{rate:>10.1f}{rate / (first['tokens'] / first['seconds']):>8.2f}"
              f"{row['peak_kib'] / 2**20:>10.2f}{row['peak_kib'] / first['peak_kib']:>8.2f}")


if __name__ == "__main__":
    main()
