#!/usr/bin/env python3
"""Prints what the demo found: show_results.py OUTPUTS, the folder that `nepenthe run inputs/demo/recipe.json` wrote.

full = the model that read everything, forgot = the same after forgetting the saga and repaired,
edited = that with six facts rewritten, without = retrained without the saga.
"""
import json
import pathlib
import sys

ROWS = [  # task, metric, what it says
    ("What was to be forgotten", [
        ("familiarity_probability", "content_mass", "probability of what only the saga tells"),
        ("familiarity_completion", "anchor_rate", "completions that bring up the saga"),
        ("perplexity:saga_read", "perplexity", "perplexity of saga passages that were read"),
        ("perplexity:saga_heldout", "perplexity", "perplexity of saga passages never read")]),
    ("What was to be kept", [
        ("neighbour_probability", "content_mass", "probability of facts from stories and planets"),
        ("perplexity:stories_heldout", "perplexity", "perplexity of new stories"),
        ("perplexity:planets_heldout", "perplexity", "perplexity of new articles on planets")]),
    ("How it speaks", [
        ("fluency", "seq_rep_3", "repeated trigrams in what it says by itself"),
        ("fluency", "degenerate", "completions that are loops, digits or markup"),
        ("fluency", "completion_nll_retrained", "nats a token of its completions under `without`")])]
SAID = 3  # prompts whose completions are shown
MODELS = ["full", "forgot", "edited", "without"]
EDITS = {"efficacy_score": "new targets preferred", "paraphrase_score": "in other words",
         "neighbourhood_score": "other facts as they were"}


def value_of(models, model, task, metric):
    entry = models[model]["results"].get(task, {}).get(metric)
    return f"{entry['value']:.3f}" if entry else "-"


def show_edits(stage):
    """What was written, from the rows that `edit` keeps beside the model."""
    summary = json.loads((pathlib.Path(stage["artefact"]) / "manifest.json").read_text())["summary"]
    print(f"\nWhat was rewritten, by r-ROME ({summary['facts']} facts, each in a matrix of its layer)")
    for row in pathlib.Path(summary["facts_file"]).read_text().splitlines():
        fact = json.loads(row)
        print(f"  {fact['prompt'].replace('{}', fact['subject']) + ' ...':<48}{fact['target_true']:>12} -> {fact['target_new']}")
    for name, text in EDITS.items():
        before, after = (summary[when][name]["value"] for when in ("before", "after"))
        print(f"  {text:<48}{before:>11.0%} -> {after:.0%}")


def show_completions(results):
    """What the models go on with, greedily."""
    said = {}
    for model in ("full", "forgot", "without"):
        lines = (results / f"items-{model}-fluency.jsonl").read_text().splitlines()[:SAID]
        said[model] = [json.loads(line) for line in lines]
    print("\nWhat the models say")
    for rows in zip(*said.values()):
        print(f"  {rows[0]['prompt']} ...")
        for model, row in zip(said, rows):
            print(f"    {model:<10}{' '.join(row['completion'].split())[:90]}")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    outputs = pathlib.Path(sys.argv[1])
    stages = {stage["name"]: stage for stage in json.loads((outputs / "demo.run.json").read_text())["stages"]}
    results = json.loads((pathlib.Path(stages["results"]["artefact"]) / "results.json").read_text())
    models = results["models"]
    for title, rows in ROWS:
        print(f"\n{title:<50}" + "".join(f"{name:>10}" for name in MODELS))
        for task, metric, text in rows:
            print(f"  {text:<48}" + "".join(f"{value_of(models, name, task, metric):>10}" for name in MODELS))
    show_completions(pathlib.Path(stages["results"]["artefact"]))
    show_edits(stages["edited"])
    print("\nIs a model's loss on single passages told apart from that of the model that never read the saga?")
    for passages in ("saga_read", "saga_heldout", "stories_heldout", "planets_heldout"):
        line = f"  {passages:<16}"
        for model in ("full", "forgot"):
            test = results["comparisons"][f"{model} → without"][f"perplexity:{passages}"]["perplexity"]["kolmogorov_smirnov"]
            line += f"   {model}: D = {test['statistic']:.2f}, p = {test['p_value']:.1e}"
        print(line)
    print("  (two-sample Kolmogorov-Smirnov test; D = 0: no difference, D = 1: told apart by every passage)")
    print("\nWhere it lies:")
    for name, stage in stages.items():
        print(f"  {name:<12} {stage.get('artefact', '')}")


if __name__ == "__main__":
    main()
