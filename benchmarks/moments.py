#!/usr/bin/env python3
"""Second moments of several layers: one pass against the published one-layer-at-a-time way written with transformers.

    python -P benchmarks/moments.py PROGRAM MODEL CORPUS [--tokens 8192] [--layers 3,4,5,6,7] [--threads 1] [--batch-tokens 4096]

The peer gathers one layer after the other, as the published scripts do: a hook on the input of the second MLP matrix ends
the forward pass there, the product is fp32. PROGRAM is benchmark_moments. Loading models and tokenizing are not timed.
The sides take turns; ratios are of processor seconds, which other work on the machine disturbs least, and of the clock.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import time


class Stop(Exception):
    pass


def peer(args):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    text = pathlib.Path(args.corpus).read_text(encoding="utf-8")[: 8 * args.tokens]
    ids = tokenizer.encode(text, add_special_tokens=False)
    windows = [[tokenizer.bos_token_id] + ids[i:i + 511] for i in range(0, len(ids), 511)][: args.tokens // 512]
    batches = [torch.tensor(windows[i:i + 8]) for i in range(0, len(windows), 8)]
    start, processor = time.perf_counter(), time.process_time()
    with torch.no_grad():
        for layer in map(int, args.layers.split(",")):
            moment, seen = 0, []

            def hook(module, inputs):
                seen.append(inputs[0])
                raise Stop

            handle = model.model.layers[layer].mlp.down_proj.register_forward_pre_hook(hook)
            for batch in batches:
                try:
                    model.model(batch, use_cache=False)
                except Stop:
                    pass
                keys = seen.pop().flatten(0, 1)
                moment = moment + keys.T @ keys
            handle.remove()
    return {"tokens": sum(map(len, windows)), "seconds": time.perf_counter() - start,
            "processor_seconds": time.process_time() - processor}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("corpus")
    parser.add_argument("--tokens", type=int, default=8192)
    parser.add_argument("--layers", default="3,4,5,6,7")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch-tokens", type=int, default=4096, help="ours: tokens computed together (stats --batch-tokens)")
    parser.add_argument("--peer-alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer_alone:
        print(json.dumps(peer(args)))
        return
    theirs = json.loads(subprocess.run([sys.executable, "-P", *sys.argv, "--peer-alone"], check=True, capture_output=True,
                                       text=True).stdout.splitlines()[-1])
    ours = json.loads(subprocess.run([args.program, args.model, args.corpus, str(theirs["tokens"]), args.layers,
                                      str(args.threads), str(args.batch_tokens)], check=True, capture_output=True,
                                     text=True).stdout)
    for name, side in (("ours", ours), ("theirs", theirs)):
        print(f"{name:7} {side['tokens']} tokens, {side['tokens'] / side['seconds']:8.0f} tokens/s by the clock, "
              f"{side['tokens'] / side['processor_seconds']:8.0f} by processor time")
    print(f"ratio   {theirs['seconds'] / ours['seconds']:.1f} by the clock, "
          f"{theirs['processor_seconds'] / ours['processor_seconds']:.1f} by processor time")


if __name__ == "__main__":
    main()
