"""Blocks of a decoder, forward and forward + backward, against transformers in the same run.

    python benchmarks/forward.py BUILD_FOLDER MODEL [--threads 2] [--batch 4] [--length 256] [--rounds 3]


Both sides time the same work: hidden states of all layers without the unembedding, and their sum's gradients with respect
to every parameter but the embedding. transformers runs bf16 under autocast on fp32 weights, the way it is trained on CPUs; its own bf16
weights are a third column. The sides take turns, so that a busy machine slows both.
"""

import argparse
import json
import subprocess
import time

import torch
from transformers import AutoModelForCausalLM


def best(rounds, work):
    """Fewest seconds of the clock and of the processor, after a round to warm up."""
    times = []
    for _ in range(rounds + 1):
        start, processor = time.perf_counter(), time.process_time()
        work()
        times.append((time.perf_counter() - start, time.process_time() - processor))
    return [min(column) for column in zip(*times[1:])]


def peer(model, ids, autocast, rounds):
    body = model.model if hasattr(model, "model") else model.transformer

    def forward():
        with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
            return body(ids, use_cache=False).last_hidden_state

    def forward_only():
        with torch.no_grad():
            forward()

    def both():
        forward().float().sum().backward()
        model.zero_grad(set_to_none=True)

    result = {}
    for name, work in (("forward", forward_only), ("forward_backward", both)):
        wall, processor = best(rounds, work)
        result |= {name: ids.numel() / wall, name + "_processor": ids.numel() / processor}
    return result


def ours(options, dtype):
    command = [f"{options.build}/benchmarks/benchmark_forward", options.model, dtype, str(options.batch),
               str(options.length), str(options.threads), str(options.rounds)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build")
    parser.add_argument("model")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    ids = (torch.arange(options.batch * options.length).reshape(options.batch, -1) % 1000) + 10
    print(f"{'':14} {'':17} {'tokens/s':>24} {'ratio':>7} {'tokens/s of processor':>26} {'ratio':>7}")
    print(f"{'':14} {'work':17} {'nepenthe':>11} {'transformers':>12} {'':7} {'nepenthe':>13} {'transformers':>12}")
    for label, dtype, stored, autocast in (("fp32", "fp32", torch.float32, False),
                                           ("bf16 autocast", "bf16", torch.float32, True),
                                           ("bf16 weights", "bf16", torch.bfloat16, False)):
        mine = ours(options, dtype)
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=stored)
        model.get_input_embeddings().requires_grad_(False)
        theirs = peer(model, ids, autocast, options.rounds)
        again = ours(options, dtype)
        del model
        for work in ("forward", "forward_backward"):
            line = f"{label:14} {work:17}"
            for key in (work, work + "_processor"):
                rate = max(mine[key], again[key])
                line += f" {rate:11.0f} {theirs[key]:12.0f} {rate / theirs[key]:7.2f}  "
            print(line, flush=True)


if __name__ == "__main__":
    main()
