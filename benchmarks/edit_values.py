"""Seconds per edited value against a lean PyTorch loop on the same rows, steps and stopping rule, in the same run.

    python -P benchmarks/edit_values.py BUILD_FOLDER MODEL FACTS [--count 4] [--batch 16] [--threads 2] [--kind rome]
                                        [--layer 5] [--steps 20] [--clamp 1] [--relative-lr 0.1] [--decay 0.001] [--skip-peer]

The peer is edit_values_lean.py: the blocks below the edited layer run once, logits are computed only where they are
supervised, every row of a fact side by side. Ours runs one fact at a time and `--batch` facts side by side, in fp32 and
bf16; the sides take turns, each in a process of its own. Printed: seconds a fact, ratio, mean forward passes, mean
negative log-likelihood at the end, and the share of the machine's product rate that the arithmetic of the method (the
positions from the subject on through the blocks above the edit and back, logits and their gradient at supervised
positions, all other positions once) reaches.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile


def arithmetic(config, facts, values, layer):
    """GFLOP that the method needs on these rows, padding not counted."""
    width, inner = config["hidden_size"], config["intermediate_size"]
    heads, kv_heads, head = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]
    block = width * head * (2 * heads + 2 * kv_heads) + 3 * width * inner
    layers, vocabulary = config["num_hidden_layers"], config["vocab_size"]
    total = 0
    for fact, value in zip(facts, values):
        before = sum(row["subject_last"] for row in fact["rows"]) + fact["kl_row"]["subject_last"]
        behind = sum(len(row["ids"]) - row["subject_last"] for row in fact["rows"]) + 1
        supervised = sum(len(row["targets"]) for row in fact["rows"]) + 1
        forward = 2 * behind * block * (layers - layer - 1) + 2 * supervised * width * vocabulary
        total += 2 * (before * layers + behind * (layer + 1)) * block + (2 * value["steps"] - 1) * forward
    return total * 1e-9


def call(command):
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)


def mean(rows, key):
    return sum(row[key] for row in rows) / len(rows)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("facts")
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--count", type=int, default=4)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kind", choices=["rome", "memit"], default="rome")
    parser.add_argument("--layer", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--clamp", type=float, default=1.0)
    parser.add_argument("--relative-lr", type=float, default=0.1)
    parser.add_argument("--decay", type=float, default=1e-3)
    parser.add_argument("--skip-peer", action="store_true")
    options = parser.parse_args()
    config = json.loads((options.model / "config.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        rows = pathlib.Path(folder) / "rows.json"

        def ours(dtype, count, batch):
            result = call([options.build / "benchmarks/benchmark_edit_values", options.model, dtype, options.facts,
                           options.first, count, batch, options.threads, rows, options.layer, options.steps,
                           options.clamp, options.relative_lr, options.decay, options.kind])
            work = arithmetic(config, json.loads(rows.read_text())["facts"], result["values"], options.layer)
            result["share"] = work / result["seconds"] / result["gflops"]
            return result

        def show(label, result, peer):
            values = result["values"]
            seconds = result["seconds"] / len(values)
            ratio = f"{peer / seconds:6.1f}" if peer else "     -"
            share = f"{result['share']:6.0%} of {result['gflops']:.0f} GFLOP/s" if "share" in result else ""
            print(f"{label:24} {seconds:8.3f} s/fact {ratio} x  {mean(values, 'steps'):5.1f} passes  "
                  f"nll {mean(values, 'nll'):.4f} {share}", flush=True)

        print(f"{options.kind}, layer {options.layer}, {options.count} facts one at a time")
        single = ours("fp32", options.count, 1)
        peer = None
        if not options.skip_peer:
            lean = call([sys.executable, "-P", pathlib.Path(__file__).with_name("edit_values_lean.py"), options.model, rows,
                         "--threads", options.threads, "--kind", options.kind, "--layer", options.layer,
                         "--steps", options.steps, "--clamp", options.clamp, "--relative-lr", options.relative_lr, "--decay", options.decay])
            peer = lean["seconds"] / len(lean["values"])
            show("lean PyTorch fp32", lean, peer)
            again = ours("fp32", options.count, 1)
            single = min(single, again, key=lambda result: result["seconds"])
        show("fp32", single, peer)
        show("bf16", ours("bf16", options.count, 1), peer)
        for dtype in ("fp32", "bf16"):
            show(f"{dtype}, {options.batch} side by side", ours(dtype, options.batch, options.batch), peer)


if __name__ == "__main__":
    main()
