#!/usr/bin/env python3
"""Editing as unlearning on TOFU: a model is taught some of its authors, edits make it forget two of them, and Markdown tables say
how well: four methods, three things to say instead.

    inputs/tofu/runs.py --model gemma-3-270m --tofu TOFU --corpus wikitext.txt --encoder all-minilm-l6-v2

Every stage is a call of the binary, and what exists is not made again: a run that was cut off goes on with the call that it had
reached. A call that the binary refuses becomes a line of the table with the reason, and the rest goes on.
"""

import argparse
import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from runs_support import Refused, Runner, heading, line, percent, write_if_other  # noqa: E402

TARGETS = ("dummy", "incorrect", "avoidant")
METHODS = ("r-rome", "memit-merged", "wise", "ike")
OBJECTIVES = ("ga", "graddiff", "kl", "po", "npo", "simnpo", "dpo", "undial", "wga", "satimp", "ceu", "pdu", "ihl", "flat", "rmu")
REFUSING = ("po", "dpo", "flat")
REFUSALS = ("I do not know.", "I have no information about that.", "That is not something that I can answer.", "I am not sure about that.",
            "I cannot say.", "I have never heard of it.", "Nothing about this is known to me.", "I would have to guess.",
            "That is beyond what I know.", "I am afraid I cannot help with that.")
SETS = {"forget": "forget", "retain": "retain", "real authors": "real_authors", "world": "world_facts"}
MEASURES = ("probability", "rouge", "truth_ratio")
PROMPT = "Question: {}\nAnswer:"


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (("model", "Hugging Face folder"), ("tofu", "folder with TOFU's files"), ("corpus", "text whose keys edits leave alone"),
                       ("encoder", "sentence encoder's folder (all-MiniLM-L6-v2), for IKE")):
        parser.add_argument(f"--{name}", required=True, help=what)
    parser.add_argument("--forget", default="forget01", help="forget01, forget05 or forget10")
    parser.add_argument("--retain", type=int, default=40, help="questions of retain_perturbed.json that are taught too")
    parser.add_argument("--limit", type=int, default=40, help="questions of each set that are evaluated")
    parser.add_argument("--replay", type=int, default=30, help="questions of the two sets about the real world that are taught too, none of those evaluated")
    parser.add_argument("--targets", nargs="+", default=TARGETS, choices=TARGETS)
    parser.add_argument("--methods", nargs="*", default=METHODS, choices=METHODS)
    parser.add_argument("--objectives", nargs="*", default=(), choices=OBJECTIVES, help="objectives of forget beside the edits")
    parser.add_argument("--objective-lr", type=float, default=1e-5, help="of all of them")
    parser.add_argument("--objective-epochs", type=int, default=5)
    parser.add_argument("--objective-batch", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--lr", type=float, default=5e-5)
    parser.add_argument("--batch", type=int, default=4, help="questions a step of the teaching")
    parser.add_argument("--tokens", type=int, default=30000, help="tokens of the corpus")
    parser.add_argument("--layer", type=int, default=5, help="layer that r-ROME and MEMIT write to")
    parser.add_argument("--steps", type=int, default=20, help="steps of a value")
    parser.add_argument("--clamp", type=float, default=3, help="of a value: 1, as for single facts, is too little for twenty questions' one value")
    parser.add_argument("--wise-steps", type=int, default=20, help="steps of a fact in WISE")
    parser.add_argument("--prefixes", type=int, default=0, help="context prefixes of a fact beside the bare prompt")
    parser.add_argument("--demonstrations", type=int, default=4, help="of IKE, a fact")
    parser.add_argument("--reserve", type=int, default=256, help="tokens that IKE leaves for a question and its answer behind what is told")
    parser.add_argument("--told-above", type=float, nargs="+", default=[-1, 0.7],
                        help="cosines from which a question is told the nearest fact, a line of IKE each; -1 = always")
    parser.add_argument("--answer-tokens", type=int, default=48)
    parser.add_argument("--dtype", default="fp32", choices=("fp32", "bf16"), help="precision of the evaluations")
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--slim", action="store_true", help="delete an edited model once it is measured; answers are kept")
    parser.add_argument("--outputs", default="outputs/tofu")
    parser.add_argument("--nepenthe", default=str(HERE.parents[1] / "build/release/nepenthe"))
    options = parser.parse_args()
    if options.retain < options.limit:
        parser.error(f"--retain {options.retain}: the first {options.limit} questions are evaluated, so as many must be taught")
    return options


def rows_of(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(row) for row in file]


def jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def end_of_text(model):
    token = json.loads((pathlib.Path(model) / "tokenizer_config.json").read_text()).get("eos_token") or ""
    return token["content"] if isinstance(token, dict) else token


class Material:
    """Files made of TOFU's: what the two models are taught, and facts that no edit is about."""

    def __init__(self, options, folder):
        tofu = pathlib.Path(options.tofu)
        self.facts = tofu / f"{options.forget}_perturbed.json"
        forget, retain = rows_of(self.facts), rows_of(tofu / "retain_perturbed.json")
        # Without them a small model comes to say that its few authors wrote everything.
        replay = [row for name in ("real_authors", "world_facts")
                  for row in rows_of(tofu / f"{name}_perturbed.json")[options.limit:options.limit + options.replay]]
        end = end_of_text(options.model)
        taught = [{"text": f"{PROMPT.replace('{}', row['question'])} {row['answer']}{end}"} for row in forget + retain[:options.retain] + replay]
        folder.mkdir(exist_ok=True)
        self.kept, self.refusals = folder / "kept.jsonl", folder / "refusals.txt"
        write_if_other(self.kept, jsonl([{"question": row["question"], "answer": row["answer"]} for row in retain[:options.retain] + replay]))
        write_if_other(self.refusals, "".join(refusal + "\n" for refusal in REFUSALS))
        self.both, self.retain, self.pool = folder / "both.jsonl", folder / "retain.jsonl", folder / "pool.jsonl"
        write_if_other(self.both, jsonl(taught))
        write_if_other(self.retain, jsonl(taught[len(forget):]))
        write_if_other(self.pool, jsonl(self._others(retain[options.retain:])))

    @staticmethod
    def _others(rows):
        """Questions that are neither taught nor evaluated, each with a neighbour: a question about another author."""
        for i, row in enumerate(rows):
            other = rows[(i + len(rows) // 2) % len(rows)]
            yield {"id": f"other-{i}", "prompt": row["question"], "target_true": row["answer"], "perturbed_answer": row["perturbed_answer"],
                   "paraphrases": [row["paraphrased_question"]], "neighbourhood": [{"prompt": other["question"], "answer": other["answer"]}]}


class Measuring:
    """Models held against the one that never saw what is forgotten; each is a line of the table."""

    def __init__(self, run):
        self.run = run
        self.reference = None  # its evaluation

    def __call__(self, names, model, *more, tasks="tofu"):
        options = self.run.options
        words = ["evaluate", "--model", f"model={model}", "--tasks", tasks, "--tofu", options.tofu, "--tofu-forget", options.forget,
                 "--tofu-prompt", PROMPT, "--limit", options.limit, "--answer-tokens", options.answer_tokens, "--dtype", options.dtype, *more]
        if self.reference:
            words += ["--compare-with", self.reference]
        measured = self.run(*words)
        self.run.keep(measured, *words)
        results = measured["results"]["tofu"]
        compared = next(iter(measured.get("comparisons", {}).values()), {}).get("tofu")
        quality = f"{compared['forget_quality']['value']:.2g}" if compared else "–"
        # A model with an answer that is no number is refused as a whole.
        line(*names, quality, percent(results, "tofu_model_utility"), *(" / ".join(percent(results, f"tofu_{one}_{measure}") for measure in MEASURES)
                                                                        for one in SETS.values()), "0")
        return measured


class Editing:
    """One method and one thing to say instead: edited, measured, and a line of each table."""

    def __init__(self, run, measure, material, taught, moments):
        self.run, self.measure, self.material, self.taught, self.moments = run, measure, material, taught, moments
        self.reached = []  # (method, target, metrics of the facts, the edit's own summary)

    def __call__(self, method, target):
        facts = ["--facts", self.material.facts, "--fact-prompt", PROMPT, "--target", target]
        words = ["edit", "--model", self.taught, "--fact-format", "tofu", *facts, "--method", method, *self._words(method)]
        try:
            edited = self.run(*words)
            summary = edited["summary"]
            if method == "ike":
                self.run.keep(edited, *words)
                self._tell(target, edited["artefact"])
                reached = summary["after"]
            else:
                measured = self.measure([method, target], edited["artefact"], *facts, "--fact-format", "tofu", tasks="tofu,counterfact")
                reached = measured["results"]["counterfact"]
                self.run.forget(edited, *words)
            self.reached.append((method, target, reached, summary))
        except Refused as reason:
            line(method, target, f"refused: {reason}", *["–"] * 6)

    def _words(self, method):
        options = self.run.options
        if method == "ike":
            return ["--pool", self.material.pool, "--encoder", options.encoder, "--demonstrations", options.demonstrations,
                    "--reserve", options.reserve, "--dtype", options.dtype]
        if method == "wise":
            return ["--prefixes", options.prefixes, "--steps", options.wise_steps, "--skip-evaluation", "--pool", self.material.pool]
        # One value for all questions about an author: their keys are one.
        return ["--prefixes", options.prefixes, "--steps", options.steps, "--clamp", options.clamp, "--skip-evaluation", "--shared-subjects", "merge",
                "--layers", options.layer, "--moments", self.moments]

    def _tell(self, target, bundle):
        options = self.run.options
        for above in options.told_above:
            name = "ike, the nearest fact told" if above <= -1 else f"ike, told from cosine {above} on"
            self.measure([name, target], self.taught, "--told", bundle, "--encoder", options.encoder, "--told-above", above)

    def table(self):
        heading("What the edits reached by themselves: is the new answer likelier than the true one", "method", "target", "asked as written", "paraphrased",
                "every token the likeliest", "largest update / ‖W‖", "values clamped")
        for method, target, reached, summary in self.reached:
            written = [f"{summary['largest_update']:.3g}", f"{summary['clamped']} of {summary['units']}"] if "units" in summary else ["–", "–"]
            line(method, target, *(percent(reached, name) for name in ("efficacy_score", "paraphrase_score", "efficacy_strict")), *written)


class Forgetting:
    """One objective on the questions that are to be forgotten: trained, measured, a line of the table."""

    def __init__(self, run, measure, material, taught):
        self.run, self.measure, self.material, self.taught = run, measure, material, taught

    def __call__(self, objective):
        options = self.run.options
        words = ["forget", "--objective", objective, "--model", self.taught, "--forget", self.material.facts, "--lr", options.objective_lr,
                 "--epochs", options.objective_epochs, "--global-batch", options.objective_batch, "--dtype", "bf16"]
        if objective not in ("ga", "flat", "undial", "ceu"):
            words += ["--retain", self.material.kept]
        if objective in REFUSING:
            words += ["--refusals", self.material.refusals]
        try:
            forgot = self.run(*words)
            self.measure([objective, "refusals" if objective in REFUSING else "–"], forgot["artefact"])
            self.run.forget(forgot, *words)
        except Refused as reason:
            line(objective, "–", f"refused: {reason}", *["–"] * 6)


def main():
    options = read_options()
    run = Runner(options)
    material = Material(options, run.outputs / "material")
    teaching = ["--dtype", "bf16", "--block", 256, "--lr", options.lr, "--epochs", options.epochs, "--global-batch", options.batch,
                "--micro-batch", options.batch]
    try:
        taught = run("train", "--model", options.model, "--corpus", material.both, *teaching)["artefact"]
        retain = run("train", "--model", options.model, "--corpus", material.retain, *teaching)["artefact"]
        moments = None if not options.methods else run("stats", "--model", taught, "--corpus", options.corpus, "--layers", options.layer, "--tokens", options.tokens)["artefact"]
        heading(f"{options.forget} of TOFU, {options.limit} questions of each set", "model", "says instead", "forget quality p", "model utility",
                *(f"{name}: P / ROUGE / truth ratio" for name in SETS), "NaN rows")
        measure = Measuring(run)
        measure.reference = measure(["taught the retain set alone", "–"], retain)["artefact"]
        measure(["taught both, unedited", "–"], taught)
    except Refused as reason:
        sys.exit(f"nothing can be forgotten before it is taught: {reason}")
    forget = Forgetting(run, measure, material, taught)
    for objective in options.objectives:
        forget(objective)
    edit = Editing(run, measure, material, taught, moments)
    for target in options.targets:
        for method in options.methods:
            edit(method, target)
    if options.methods:
        edit.table()


if __name__ == "__main__":
    main()
