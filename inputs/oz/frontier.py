#!/usr/bin/env python3
"""The frontier between forgetting and utility: α × combination × reinforcement, as a Markdown table.

    inputs/oz/frontier.py --model gemma-3-270m --book oz.txt --benchmarks FOLDER --wikitext test.txt \\
                          [--retain other-books.txt] [--reinforce 3e-5:2 6e-5:3] [--combine logits logprobs] [--alpha 2.5 5 10]

Every stage is a call of the binary, and what exists is not made again: a run that was cut off goes on, and a value more
costs what it adds. Results: familiarity and neighbours are probabilities, see docs/methods.md.
"""

import argparse
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from runs_support import Refused, Runner, heading, line  # noqa: E402

TASKS = {"familiarity_probability": "content_mass", "neighbour_probability": "content_mass",
         "wikitext_token_perplexity": "token_perplexity", "hellaswag": "acc_norm"}


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "book", "benchmarks", "wikitext"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--reinforce", nargs="+", default=["3e-5:2", "6e-5:3"], help="lr:epochs of the reinforced model")
    parser.add_argument("--combine", nargs="+", default=["logits", "logprobs"])
    parser.add_argument("--alpha", nargs="+", default=["2.5", "5", "10"])
    parser.add_argument("--forget", default="4e-5:1", help="lr:epochs of forgetting")
    parser.add_argument("--retain", nargs="*", default=[], help="texts that must stay")
    parser.add_argument("--retain-ratio", default="0.5", help="blocks of them for every block of labels")
    parser.add_argument("--limit", default="100", help="items a task (questions, windows, prompts)")
    parser.add_argument("--outputs", default="outputs/oz-frontier")
    parser.add_argument("--ranks", default="2")
    parser.add_argument("--nepenthe", default=str(HERE.parents[1] / "build/release/nepenthe"))
    parser.set_defaults(slim=False)
    return parser.parse_args()


def reinforce(run, options, setting):
    lr, epochs = setting.split(":")
    return run("train", "--model", options.model, "--corpus", options.book, "--dtype", "bf16", "--block", "256",
               "--lr", lr, "--epochs", epochs, "--global-batch", "8", "--micro-batch", "4")["artefact"]


def relabel(run, options, reinforced, combine):
    return run("relabel", "--baseline", options.model, "--reinforced", reinforced, "--corpus", options.book,
               "--dictionary", str(HERE / "dictionary.json"), "--block", "256", "--alpha", ",".join(options.alpha),
               "--combine", combine)


def forget(run, options, labels, alpha):
    lr, epochs = options.forget.split(":")
    retained = ["--retain", ",".join(options.retain), "--retain-ratio", options.retain_ratio] if options.retain else []
    return run("forget", "--model", options.model, "--labels", labels, "--alpha", alpha, "--dtype", "bf16", "--lr", lr,
               "--epochs", epochs, "--global-batch", "8", "--micro-batch", "4", *retained)["artefact"]


def evaluate(run, options, model):
    results = run("evaluate", "--model", model, "--tasks", ",".join(TASKS), "--data", options.benchmarks, "--wikitext",
                  options.wikitext, "--limit", options.limit, "--window", "512", "--dtype", "bf16",
                  "--familiarity-prompts", str(HERE / "familiarity_probability.json"),
                  "--neighbour-prompts", str(HERE / "neighbours.json"))["results"]
    return {task: results[task][metric]["value"] for task, metric in TASKS.items()}


def row(cells, scores):
    line(*cells, f"{scores['familiarity_probability']:.3f}", f"{scores['neighbour_probability']:.3f}",
         f"{scores['wikitext_token_perplexity']:.1f}", f"{100 * scores['hellaswag']:.1f}")


def main():
    options = read_options()
    run = Runner(options)
    heading("Forgetting against utility", "reinforced (lr:epochs)", "combination", "α", "labels = text", "labels = baseline's argmax",
            "familiarity", "neighbours", "WikiText perplexity", "HellaSwag, %")
    row(["–", "–", "–", "–", "–"], evaluate(run, options, options.model))
    for setting in options.reinforce:
        reinforced = reinforce(run, options, setting)
        row([setting, "the reinforced model itself", "–", "–", "–"], evaluate(run, options, reinforced))
        for combine in options.combine:
            labels = relabel(run, options, reinforced, combine)
            for alpha in options.alpha:
                agreement = labels["summary"]["alpha"][alpha]
                scores = evaluate(run, options, forget(run, options, labels["artefact"], alpha))
                row([setting, combine, alpha, f"{agreement['agrees_with_text']['value']:.2f}",
                     f"{agreement['agrees_with_baseline']['value']:.2f}"], scores)


if __name__ == "__main__":
    try:
        main()
    except Refused as reason:
        sys.exit(str(reason))
