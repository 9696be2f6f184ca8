"""Whole training steps of a model against a plain transformers loop with the same precision, in the same run.

    python -P benchmarks/train.py BUILD_FOLDER MODEL [--threads 2] [--batch 4] [--length 256] [--steps 3]

Both sides do forward, backward, clipping by global norm and AdamW on the same batch. transformers runs fp32, and bf16 as
autocast over fp32 weights; ours runs fp32, and bf16 weights with fp32 masters. The sides take turns, each in a process
of its own, so that a busy machine slows both and peak memory can be read. Printed are tokens a second of the fastest
step, tokens a second of processor time, peak memory, and which share of the machine's own matrix product rate a step
reaches (6 FLOP a weight and token, attention not counted).
"""

import argparse
import json
import resource
import subprocess
import sys
import time


def peer(options, autocast):
    """One side of the comparison, run by this script in a process of its own."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.set_num_threads(options.threads)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32)
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5)
    ids = (torch.arange(options.batch * options.length).reshape(options.batch, -1) % 1000) + 10
    fastest = float("inf")
    for step in range(options.steps + 1):
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            loss = model(ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        if step == 0:
            processor = time.process_time()  # the first step warms up
        else:
            fastest = min(fastest, time.perf_counter() - start)
    processor = time.process_time() - processor
    print(json.dumps({"tokens": ids.numel() / fastest, "tokens_processor": ids.numel() * options.steps / processor,
                      "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                      "weights": sum(weight.numel() for weight in model.parameters())}))


def call(command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--steps", type=int, default=3)
    parser.add_argument("--peer", choices=["fp32", "bf16"], help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer:
        peer(options, options.peer == "bf16")
        return
    sizes = [str(value) for value in (options.batch, options.length, options.threads, options.steps)]
    print(f"{'':5} {'':9} {'nepenthe':>10} {'transformers':>13} {'ratio':>6}")
    for dtype in ("fp32", "bf16"):
        ours = [f"{options.build}/benchmarks/benchmark_train", options.model, dtype, *sizes]
        before = call(ours)
        theirs = call([sys.executable, "-P", __file__, *sys.argv[1:], "--peer", dtype])
        after = call(ours)
        mine = {key: max(before[key], after[key]) for key in before}
        for key, label in (("tokens", "tokens/s"), ("tokens_processor", "of proc."), ("peak_mib", "peak MiB")):
            print(f"{dtype:5} {label:9} {mine[key]:10.1f} {theirs[key]:13.1f} {mine[key] / theirs[key]:6.2f}")
        reached = 6e-9 * theirs["weights"] * mine["tokens"]
        print(f"{dtype:5} {reached:.0f} of {mine['product_gflops']:.0f} GFLOP/s: {reached / mine['product_gflops']:.0%} of one product")


if __name__ == "__main__":
    main()
