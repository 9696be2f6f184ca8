#!/usr/bin/env python3
"""The frontier between forgetting and what must stay: label rules × α × targets × reinforcement, as a Markdown table.

    inputs/oz/frontier.py --model gemma-3-270m --book oz.txt --benchmarks FOLDER --wikitext test.txt \\
                          [--retain other-books.txt] [--reinforce 3e-5:2 6e-5:3] [--rules logodds:0.1 logprobs:0.03 logits:0] \\
                          [--alpha 5 10] [--targets soft:0.5 hard:0] [--forget 6e-5:1] [--seeds 0 1 2] [--inputs inputs/alice]

A rule is a combination and β, targets are their kind and the divergence for half the weight. The models' logits are
computed once for each reinforcement; every rule's labels come from them without a model (`relabel --from`). Every stage
is a call of the binary, and what exists is not made again: a run that was cut off goes on, and a value more costs what
it adds. Familiarity and neighbours are probabilities, on the prompts that the book's folder has, and on those of its
`heldout_*.json` where there are such; see docs/methods.md.
"""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from runs_support import Refused, Runner, heading, line  # noqa: E402

TASKS = {"familiarity_probability": "content_mass", "neighbour_probability": "content_mass", "fluency": "seq_rep_3",
         "wikitext_token_perplexity": "token_perplexity", "hellaswag": "acc_norm"}


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "book", "benchmarks", "wikitext"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--inputs", default=str(HERE), help="folder with the book's dictionary and prompts")
    parser.add_argument("--reinforce", nargs="+", default=["3e-5:2"], help="lr:epochs of the reinforced model")
    parser.add_argument("--rules", nargs="+", default=["logodds:0.1", "logprobs:0.03", "logits:0"], help="combination:β")
    parser.add_argument("--alpha", nargs="+", default=["5", "10"])
    parser.add_argument("--targets", nargs="+", default=["soft:0.5", "hard:0"], help="kind:divergence for half the weight")
    parser.add_argument("--forget", default="6e-5:1", help="lr:epochs of forgetting")
    parser.add_argument("--retain", nargs="*", default=[], help="texts that must stay")
    parser.add_argument("--retain-ratio", default="1", help="blocks of them for every block of labels")
    parser.add_argument("--retain-targets", default="model", choices=("model", "text"), help="what they should predict")
    parser.add_argument("--seeds", nargs="+", default=["0"], help="of forgetting")
    parser.add_argument("--limit", default="100", help="items a task (questions, windows, prompts)")
    parser.add_argument("--outputs", default="outputs/frontier")
    parser.add_argument("--ranks", default="2")
    parser.add_argument("--nepenthe", default=str(HERE.parents[1] / "build/release/nepenthe"))
    parser.set_defaults(slim=False)
    return parser.parse_args()


def reinforce(run, options, setting):
    lr, epochs = setting.split(":")
    return run("train", "--model", options.model, "--corpus", options.book, "--dtype", "bf16", "--block", "256",
               "--lr", lr, "--epochs", epochs, "--global-batch", "8", "--micro-batch", "4")["artefact"]


def logits_of(run, options, reinforced):
    return run("relabel", "--baseline", options.model, "--reinforced", reinforced, "--corpus", options.book,
               "--dictionary", f"{options.inputs}/dictionary.json", "--block", "256")["artefact"]


def relabel(run, options, source, reinforced, rule):
    combine, plausible = rule.split(":")
    # The models are asked only for positions whose label the stored logits do not prove.
    return run("relabel", "--from", source, "--baseline", options.model, "--reinforced", reinforced, "--combine", combine,
               "--plausible", plausible, "--alpha", ",".join(options.alpha))


def forget(run, options, labels, alpha, targets, seed):
    lr, epochs = options.forget.split(":")
    kind, half_weight = targets.split(":")
    retained = ["--retain", ",".join(options.retain), "--retain-ratio", options.retain_ratio,
                "--retain-targets", options.retain_targets] if options.retain else []
    return run("forget", "--model", options.model, "--labels", labels, "--alpha", alpha, "--targets", kind, "--half-weight",
               half_weight, "--dtype", "bf16", "--lr", lr, "--epochs", epochs, "--seed", seed, "--global-batch", "8",
               "--micro-batch", "4", *retained)["artefact"]


def evaluate(run, options, model):
    prompts = ["--familiarity-prompts", f"{options.inputs}/familiarity_probability.json",
               "--neighbour-prompts", f"{options.inputs}/neighbours.json",
               "--completion-prompts", f"{options.inputs}/familiarity_completion.json"]
    results = run("evaluate", "--model", model, "--tasks", ",".join(TASKS), "--data", options.benchmarks, "--wikitext",
                  options.wikitext, "--limit", options.limit, "--window", "512", "--dtype", "bf16", *prompts)["results"]
    scores = {task: results[task][metric]["value"] for task, metric in TASKS.items()}
    held_out = [pathlib.Path(options.inputs) / f"heldout_{name}.json" for name in ("probability", "neighbours")]
    if all(file.exists() for file in held_out):
        results = run("evaluate", "--model", model, "--tasks", "familiarity_probability,neighbour_probability", "--dtype",
                      "bf16", "--familiarity-prompts", str(held_out[0]), "--neighbour-prompts", str(held_out[1]))["results"]
        scores["held out"] = [results[task]["content_mass"]["value"]
                              for task in ("familiarity_probability", "neighbour_probability")]
    return scores


def row(cells, scores):
    held_out = " / ".join(f"{value:.3f}" for value in scores["held out"]) if "held out" in scores else "–"
    line(*cells, f"{scores['familiarity_probability']:.3f}", f"{scores['neighbour_probability']:.3f}", held_out,
         f"{scores['fluency']:.3f}", f"{scores['wikitext_token_perplexity']:.1f}", f"{100 * scores['hellaswag']:.1f}")


def main():
    options = read_options()
    run = Runner(options)
    heading("Forgetting against what must stay", "reinforced (lr:epochs)", "rule", "α", "targets", "seed", "labels = text",
            "labels = baseline's argmax", "familiarity", "neighbours", "held out", "repeated trigrams", "WikiText perplexity",
            "HellaSwag, %")
    row(["–"] * 7, evaluate(run, options, options.model))
    for setting in options.reinforce:
        reinforced = reinforce(run, options, setting)
        row([setting, "the reinforced model itself", *["–"] * 5], evaluate(run, options, reinforced))
        source = logits_of(run, options, reinforced)
        for rule in options.rules:
            labels = relabel(run, options, source, reinforced, rule)
            for alpha in options.alpha:
                agreement = labels["summary"]["alpha"][alpha]
                shares = [f"{agreement[name]['value']:.2f}" for name in ("agrees_with_text", "agrees_with_baseline")]
                for targets in options.targets:
                    for seed in options.seeds:
                        model = forget(run, options, labels["artefact"], alpha, targets, seed)
                        row([setting, rule, alpha, targets, seed, *shares], evaluate(run, options, model))


if __name__ == "__main__":
    try:
        main()
    except Refused as reason:
        sys.exit(str(reason))
