#!/usr/bin/env python3
"""Training steps a second against a plain transformers loop, on the same model, batch, precision and threads.

    python benchmarks/train.py BUILD_FOLDER MODEL [--batch 4] [--length 256] [--threads 2] [--steps 3] [--rounds 2]

Both sides do forward, backward, clipping and AdamW on random tokens; in bf16 the peer runs under autocast with fp32 weights,
ours holds bf16 weights with fp32 masters. The two take turns; the fastest step of each counts.
"""
import argparse
import json
import os
import pathlib
import resource
import subprocess
import sys
import time


def peer(args):
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(args.threads)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, weight_decay=0)
    ids = torch.randint(model.config.vocab_size, (args.batch, args.length))
    seconds = []
    for _ in range(args.steps):
        start = time.perf_counter()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=args.dtype == "bf16"):
            loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"seconds": seconds, "tokens": args.batch * args.length,
                      "peak_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("model")
    for name, default in (("batch", 4), ("length", 256), ("threads", 2), ("steps", 3), ("rounds", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--dtype", default="", help="fp32 or bf16; both when left out")
    parser.add_argument("--peer", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer:
        return peer(args)
    environment = {**os.environ, "OMP_NUM_THREADS": str(args.threads)}

    def run(command):
        done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
        return json.loads(done.stdout.strip().splitlines()[-1])

    print(f"{'':6}{'transformers':>14}{'nepenthe':>10}{'ratio':>7}{'peak GiB, theirs':>18}{'ours':>6}   (tokens/s)")
    for dtype in [args.dtype] if args.dtype else ["fp32", "bf16"]:
        sizes = [args.batch, args.length, args.threads, args.steps]
        ours = [args.build / "benchmarks/benchmark_train", args.model, dtype, *map(str, sizes)]
        theirs = [sys.executable, __file__, *sys.argv[1:], "--dtype", dtype, "--peer"]
        rows = [(run(theirs), run(ours)) for _ in range(args.rounds)]
        rate = [max(row[side]["tokens"] / min(row[side]["seconds"]) for row in rows) for side in (0, 1)]
        peak = [max(row[side]["peak_kib"] for row in rows) / 2**20 for side in (0, 1)]
        print(f"{dtype:6}{rate[0]:14.1f}{rate[1]:10.1f}{rate[1] / rate[0]:7.2f}{peak[0]:18.2f}{peak[1]:6.2f}")


if __name__ == "__main__":
    main()
