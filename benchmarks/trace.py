#!/usr/bin/env python3
"""Causal tracing of one fact against hooks on a transformers model, as the published code does it.

    python -P benchmarks/trace.py PROGRAM MODEL FACTS [--prompt TEXT] [--threads 1] [--cells 8]

The peer runs, for each (token, layer), a batch of one clean and ten corrupted copies through the whole model with a hook
that puts the clean state back, all logits included. It times `--cells` cells and scales to all of them; PROGRAM
(benchmark_trace) computes every cell. Loading models is not timed.
"""
import argparse
import json
import subprocess
import sys
import time


def peer(args):
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    torch.set_num_threads(args.threads)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.float32).eval()
    ids = torch.tensor([tokenizer.encode(args.prompt)] * 11)
    layers = model.config.num_hidden_layers
    torch.manual_seed(1)

    def noise(module, inputs, output):
        output[1:, 1:3] += 3.09 * torch.randn_like(output[1:, 1:3])
        return output

    def run(token, layer):
        def restore(module, inputs, output):
            hidden = output[0] if isinstance(output, tuple) else output
            hidden[1:, token] = hidden[0, token]
            return output

        hooks = [model.model.embed_tokens.register_forward_hook(noise),
                 model.model.layers[layer].register_forward_hook(restore)]
        with torch.no_grad():
            probability = model(ids, use_cache=False).logits[:, -1].softmax(-1)
        for hook in hooks:
            hook.remove()
        return probability

    run(1, 0)
    start, processor = time.perf_counter(), time.process_time()
    for cell in range(args.cells):
        run(cell % ids.shape[1], cell % layers)
    cells = ids.shape[1] * layers
    return {"tokens": ids.shape[1], "seconds": (time.perf_counter() - start) * cells / args.cells,
            "processor_seconds": (time.process_time() - processor) * cells / args.cells}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program")
    parser.add_argument("model")
    parser.add_argument("facts")
    parser.add_argument("--prompt", default="Catalonia belongs to the continent of")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cells", type=int, default=8)
    parser.add_argument("--peer-alone", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.peer_alone:
        print(json.dumps(peer(args)))
        return
    theirs = json.loads(subprocess.run([sys.executable, "-P", *sys.argv, "--peer-alone"], check=True, capture_output=True,
                                       text=True).stdout.splitlines()[-1])
    lines = subprocess.run([args.program, args.model, args.facts, args.prompt, str(args.threads)], check=True,
                           capture_output=True, text=True).stdout.splitlines()
    print(f"hooks   one kind: {theirs['seconds']:6.1f} s by the clock, {theirs['processor_seconds']:6.1f} s of processor time")
    for ours in map(json.loads, lines):
        kinds = 3 if ours["kinds"] == "all" else 1
        print(f"{ours['kinds']:7} a kind:   {ours['seconds'] / kinds:6.1f} s by the clock, "
              f"{ours['processor_seconds'] / kinds:6.1f} s of processor time: "
              f"{kinds * theirs['seconds'] / ours['seconds']:.1f} and "
              f"{kinds * theirs['processor_seconds'] / ours['processor_seconds']:.1f} times as fast")


if __name__ == "__main__":
    main()
