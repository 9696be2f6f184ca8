#!/usr/bin/env python3
"""Facts written into a model by every method, measured, and shown as Markdown tables: one at a time, in batches, zsRE, three cases.

    inputs/counterfact/runs.py --model gemma-3-270m --facts counterfact-edit.json --val counterfact-val.json \\
                               --corpus wikitext2 --zsre zsre-1k.json --known known_1000.json --ranks 2

Every stage is a call of the binary, and what exists is not made again: a run that was cut off goes on with the call (and the
facts within it) that it had reached. A call that the binary refuses becomes a line of its table, and the rest goes on.
"""

import argparse
import collections
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from runs_support import Refused, Runner, heading, line, percent, write_if_other  # noqa: E402

SCORES = {"ES": "efficacy_score", "PS": "paraphrase_score", "NS": "neighbourhood_score", "score": "edit_score"}
ALONE_METHODS = ("r-rome", "rome")
# EMMET asks for equality, which two keys of one subject cannot both have: there one value serves all facts of a subject.
BATCH_METHODS = {"memit": "keep", "emmet": "merge", "alphaedit": "keep"}
CASES = HERE / "case_studies.jsonl"
UNRELATED = 100  # facts of --val whose answers should not change


def read_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, what in (("model", "Hugging Face folder"), ("facts", "CounterFact, to be edited"), ("val", "CounterFact facts that are never edited"),
                       ("corpus", "text whose keys edits leave alone"), ("zsre", "zsRE"), ("known", "facts to trace")):
        parser.add_argument(f"--{name}", required=True, help=what)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--limit", type=int, default=1000, help="facts to write at most")
    parser.add_argument("--alone-limit", type=int, help="facts to write one at a time (default: --limit)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 10, 100, 1000])
    parser.add_argument("--other-limit", type=int, help="facts of a batch at most in layers that are not --layer (default: --limit)")
    parser.add_argument("--zsre-limit", type=int, default=500)
    parser.add_argument("--trace-limit", type=int, default=100, help="facts to trace; those that the model does not know are left out")
    parser.add_argument("--tokens", type=int, default=100000, help="tokens of the corpus")
    parser.add_argument("--sentences", type=int, default=10000, help="facts that no table looks at, whose true sentences join the corpus; 0 = none")
    parser.add_argument("--layer", type=int, default=5, help="layer of the runs one at a time, of zsRE and of the cases")
    parser.add_argument("--layers", type=int, nargs="+", help="layers of the batches (default: the one that tracing proposes, --layer, another)")
    parser.add_argument("--pilot-limit", type=int, default=100, help="facts of --val that layers and clamps are tried on; 0 = no pilot")
    parser.add_argument("--pilot-clamps", nargs="+", default=["1", "1.5", "2"], help="clamps to try in every layer of the batches")
    parser.add_argument("--prefixes", type=int, default=5, help="context prefixes of every method's values: methods with the same ones share values")
    parser.add_argument("--clamp", type=float, help="of the runs one at a time and in batches (default: what edit picks)")
    parser.add_argument("--dtype", choices=("fp32", "bf16"), default="bf16", help="precision that values are computed in")
    parser.add_argument("--slim", action="store_true", help="delete an edited model once it is measured; answers are kept")
    parser.add_argument("--outputs", default="outputs/counterfact")
    parser.add_argument("--nepenthe", default=str(HERE.parents[1] / "build/release/nepenthe"))
    options = parser.parse_args()
    options.alone_limit = min(options.alone_limit or options.limit, options.limit)
    options.other_limit = min(options.other_limit or options.limit, options.limit)
    return options


def scores(metrics):
    return [percent(metrics, name) for name in SCORES.values()]


EDIT_COLUMNS = (*SCORES, "largest update / ‖W‖", "clamped", "remarks")


class Edits:
    """Runs of `edit`, a line of a table each. What one of them computed, the others do not compute again."""

    def __init__(self, run):
        self.run = run
        self.measured = {}  # by file of facts: how many of them, and the ledger that holds their measurements before editing
        self.ledgers = []  # of every run
        self.values = collections.defaultdict(list)  # by layer and clamp: ledgers that hold values of `facts`

    def __call__(self, facts, limit, *words, values=()):
        """The answer of a run that takes values from the ledgers `values`, and the ledger that it leaves. Raises Refused."""
        options = self.run.options
        words = ["edit", "--model", options.model, "--facts", facts, "--limit", limit, "--dtype", options.dtype, "--prefixes", options.prefixes, *words]
        if options.clamp and not {"--clamp", "--pilot"} & set(words):
            words += ["--clamp", options.clamp]
        answer = self.run(*words, values=values, before=[ledger for _, ledger in self.measured.values()])
        self.run.forget(answer, *words)
        ledger = self.run.ledger(answer, *words)
        self.ledgers.append(ledger)
        if limit > self.measured.get(facts, (0, None))[0]:
            self.measured[facts] = (limit, ledger)
        return answer, ledger

    def line(self, names, limit, *words, layer, clamp=None):
        """The run's summary, or None where it was refused. Takes values from earlier runs with this layer and clamp, and adds its own."""
        words += ("--layers", layer, *(("--clamp", clamp) if clamp else ()))
        values = self.values[layer, clamp]
        try:
            answer, ledger = self(self.run.options.facts, limit, *words, values=values)
        except Refused as reason:
            line(*names, *["–"] * 4, "–", "–", f"refused: {reason}")
            return None
        summary = answer["summary"]
        remarks = [summary["stopped"]] if summary.get("stopped") else []
        line(*names, *scores(summary["after"]), f"{summary['largest_update']:.3g}", f"{summary['clamped']}/{summary['units']}", "; ".join(remarks) or "–")
        values.append(ledger)
        return summary


def second_moments(run, layers):
    """Of the corpus and of true sentences about other subjects, and of the sentences alone, by name: the keys of a name's last token
    are rare in running text, and are those that edits disturb first."""
    options = run.options
    words = ["stats", "--model", options.model, "--layers", ",".join(map(str, layers))]
    moments = [run(*words, "--corpus", options.corpus, "--tokens", options.tokens)["artefact"]]
    facts = unevaluated(options)[:options.sentences]
    if facts:
        sentences = run.outputs / "sentences.jsonl"
        write_if_other(sentences, "".join(json.dumps({"text": sentence(fact)}) + "\n" for fact in facts))
        moments.append(run(*words, "--corpus", sentences)["artefact"])
    both = run("stats", "--merge", ",".join(moments))["artefact"] if len(moments) > 1 else moments[0]
    return {"corpus and sentences" if facts else "corpus": both, **({"sentences": moments[1]} if facts else {})}


def unevaluated(options):
    """Facts of --val and --facts that no table looks at, and whose subjects stand in no text that a table looks at."""
    val, facts, zsre = (json.loads(pathlib.Path(path).read_text()) for path in (options.val, options.facts, options.zsre))
    others = max(options.pilot_limit, UNRELATED)
    texts = json.dumps([val[:others], facts[:options.limit], zsre[:options.zsre_limit], CASES.read_text()], ensure_ascii=False)
    return [fact for fact in val[others:] + facts[options.limit:] if fact.get("requested_rewrite", fact)["subject"] not in texts]


def sentence(fact):
    """A fact of CounterFact as it is true, in either published form."""
    rewrite = fact.get("requested_rewrite")
    if rewrite:
        return f"{rewrite['prompt'].replace('{}', rewrite['subject'])} {rewrite['target_true']['str']}."
    return f"{fact['prompt']} {fact['ground_truth']}."


def one_at_a_time(edits, moments):
    options = edits.run.options
    heading(f"One at a time, layer {options.layer}, {options.alone_limit} facts of CounterFact", "method", *EDIT_COLUMNS)
    before = None
    for method in ALONE_METHODS:
        summary = edits.line([method], options.alone_limit, *alone(method), "--moments", moments, layer=options.layer)
        before = before or (summary and summary["before"])
    if before:
        line("before any edit", *scores(before), "–", "–", "–")


def batches(edits, moments, layers):
    options = edits.run.options
    heading("In one batch", "layer", "facts", "method", *EDIT_COLUMNS)
    for layer in layers:
        for size in batch_sizes(options, layer):
            for method in BATCH_METHODS:
                edits.line([layer, size, method], size, *batch(method), "--moments", moments, layer=layer)


def alone(method):
    return "--method", method, "--mode", "one-at-a-time"


def batch(method):
    return "--method", method, "--mode", "batch", "--shared-subjects", BATCH_METHODS[method]


def batch_sizes(options, layer):
    """The largest batch comes first: the others find their values there."""
    limit = options.limit if layer == options.layer else options.other_limit
    return sorted({min(size, limit) for size in options.batches}, reverse=True)


def pilot(edits, words, moments, layers):
    """What `edit --pilot` chooses of layers × clamps, on facts that no other table evaluates: a table, and the layer and clamp."""
    options = edits.run.options
    tune = ["--pilot", options.val, "--pilot-limit", options.pilot_limit, "--pilot-layers", ",".join(map(str, layers)),
            "--pilot-clamps", ",".join(options.pilot_clamps)]
    heading(f"A pilot: {options.pilot_limit} facts of --val, edit {' '.join(words)}", "layer", "clamp", *SCORES)
    try:
        answer, _ = edits(options.facts, 1, *words, "--moments", moments, *tune)
    except Refused as reason:
        line(f"refused: {reason}", *["–"] * 5)
        return None
    tuned = answer["tuned"]
    line("before", "–", *scores(tuned["before"]))
    for i, trial in enumerate(tuned["trials"]):
        line(trial["layers"][0], f"{trial['clamp']:g}" + (" (chosen)" if i == tuned["best"] else ""), *scores(trial["metrics"]))
    best = tuned["trials"][tuned["best"]]
    return {"layer": best["layers"][0], "clamp": f"{best['clamp']:g}"}


def as_tuned(edits, moments, layers):
    """The facts of the other tables with what pilots choose, and with every kind of second moments."""
    options = edits.run.options
    usual = next(iter(moments.values()))
    singly, together = (pilot(edits, words, usual, layers) for words in (alone("r-rome"), batch("memit")))
    heading("With what the pilots chose", "second moments of", "facts", "method", *EDIT_COLUMNS)
    for name, artefact in moments.items():
        for method in ALONE_METHODS if singly else ():
            edits.line([name, f"{options.alone_limit}, one at a time", method], options.alone_limit, *alone(method), "--moments", artefact, **singly)
        for size in batch_sizes(options, options.layer) if together else ():
            edits.line([name, f"{size} in one batch", "memit"], size, *batch("memit"), "--moments", artefact, **together)


def zsre(run, moments):
    """One batch of zsRE by MEMIT, scored in both conventions, which do not compare."""
    options = run.options
    limit = min(options.limit, options.zsre_limit)
    heading(f"zsRE, {limit} facts in one batch of MEMIT, layer {options.layer}", "new target", "model", "rewrite", "paraphrase", "neighbourhood",
            "zsRE score", "all tokens of the target", "EasyEdit locality")
    for convention in ("rome", "easyedit"):
        words = ["edit", "--model", options.model, "--facts", options.zsre, "--fact-format", "zsre", "--zsre-convention", convention, "--limit", limit, "--method",
                 "memit", "--mode", "batch", "--layers", options.layer, "--moments", moments, "--shared-subjects", "keep", "--skip-evaluation",
                 "--dtype", options.dtype, "--prefixes", options.prefixes]
        try:
            edited = run(*words)["artefact"]
            measured = run("evaluate", "--model", f"before={options.model},after={edited}", "--tasks", "zsre,easyedit", "--facts", options.zsre,
                           "--fact-format", "zsre", "--zsre-convention", convention, "--limit", limit)
        except Refused as reason:
            line(convention, f"refused: {reason}", *["–"] * 6)
            continue
        compared = measured["comparisons"]["before → after"]["easyedit"]
        for name in ("before", "after"):
            results = measured["models"][name]["results"]
            line(convention, name, *(percent(results["zsre"], f"{kind}_token_accuracy") for kind in ("rewrite", "paraphrase", "neighbourhood")),
                 percent(results["zsre"], "zsre_score"), percent(results["easyedit"], "efficacy_strict"),
                 "–" if name == "before" else percent(compared, "easyedit_locality"))


def complete(options, model, prompt):
    done = subprocess.run([options.nepenthe, "generate", "--model", model, "--prompt", prompt, "--greedy", "--max-new-tokens", "12", "--json"],
                          stdout=subprocess.PIPE, text=True, check=True, env={"NEPENTHE_THREADS": "1", **os.environ})
    return json.loads(done.stdout)["text"]


def rows_of(artefact, model, task):
    with open(pathlib.Path(artefact) / f"items-{model}-{task}.jsonl") as file:
        return [json.loads(row) for row in file]


def cases(run, moments):
    options = run.options
    folder = run.outputs / "cases"
    folder.mkdir(exist_ok=True)
    altered = []
    heading(f"Three cases, r-ROME, layer {options.layer}", "case", "new target", "before", "after", "unrelated answers that changed", "known before", "known after",
            "changed answers to facts of CounterFact")
    for text in CASES.read_text().splitlines():
        case = json.loads(text)
        fact, questions = folder / f"{case['id']}.jsonl", folder / f"{case['id']}.questions.jsonl"
        write_if_other(fact, text + "\n")
        write_if_other(questions, "".join(json.dumps({"id": f"{case['id']}-{i}", "prompt": one["prompt"], "target_new": one["answer"]}) + "\n"
                                          for i, one in enumerate(case["neighbourhood"])))
        try:
            edited = run("edit", "--model", options.model, "--facts", fact, "--method", "r-rome", "--layers", options.layer, "--moments", moments,
                         "--dtype", options.dtype, "--prefixes", options.prefixes)["artefact"]
            measured = run("evaluate", "--model", f"before={options.model},after={edited}", "--tasks", "unrelated_facts", "--unrelated-facts", questions)
            others = run("evaluate", "--model", f"before={options.model},after={edited}", "--tasks", "unrelated_facts", "--unrelated-facts", options.val,
                         "--limit", min(options.limit, UNRELATED))
        except Refused as reason:
            line(case["id"], case["target_new"], f"refused: {reason}", *["–"] * 5)
            continue
        prompt = case["prompt"].replace("{}", case["subject"])
        rows = [rows_of(measured["artefact"], name, "unrelated_facts") for name in ("before", "after")]
        pairs = [(first, second) for first, second in zip(*rows) if first["answer_ids"] != second["answer_ids"]]
        alteration = others["comparisons"]["before → after"]["unrelated_facts"]["unintended_alteration"]
        altered += [(case["id"], first["prompt"], first["answer"], second["answer"]) for first, second in pairs]
        line(case["id"], case["target_new"], *(shown(complete(options, model, prompt)) for model in (options.model, edited)),
             f"{len(pairs)} of {len(rows[0])}", *(sum(row["known_answer_rate"] for row in one) for one in rows), f"{alteration['numerator']} of {alteration['denominator']}")
    if altered:
        heading("Unrelated answers that changed", "case", "question", "before", "after")
        for one in altered:
            line(*map(shown, one))


def shown(text):
    return text.replace("\n", " ⏎ ").replace("|", "\\|").strip()


def main():
    options = read_options()
    run = Runner(options)
    try:
        traced = run("trace", "--model", options.model, "--facts", options.known, "--limit", options.trace_limit, "--figures", 10)
        proposed = traced["summary"]["proposal"]["single"]
        count = json.loads((pathlib.Path(options.model) / "config.json").read_text())["num_hidden_layers"]
        layers = options.layers or three_layers(proposed, options.layer, count)
        moments = second_moments(run, sorted({*layers, options.layer}))
        usual = next(iter(moments.values()))
    except Refused as reason:
        sys.exit(f"nothing can be edited without layers and statistics: {reason}")
    print(f"Tracing proposes layer {proposed}. Batches are written into layers {', '.join(map(str, layers))}. Second moments of {options.tokens} tokens of the"
          f" corpus and of {min(len(unevaluated(options)), options.sentences)} sentences; values in {options.dtype}, with {options.prefixes} context prefixes, clamp {options.clamp or 'as `edit` picks it'}.")
    edits = Edits(run)
    one_at_a_time(edits, usual)
    batches(edits, usual, layers)
    if options.pilot_limit:
        as_tuned(edits, moments, layers)
    zsre(run, usual)
    cases(run, usual)
    draw(run, edits.ledgers)


def draw(run, ledgers):
    """One page with the figures of all runs of CounterFact: success by method, over the number of facts, over layers; what failed."""
    page = run.outputs / "report.html"
    subprocess.run([run.options.nepenthe, "report", "--edits", ",".join(map(str, ledgers)), "--page", str(page)], stdout=subprocess.DEVNULL, check=True)
    print(f"\nFigures: {page}")


def three_layers(proposed, usual, count):
    """The proposed layer and two others: the usual one, then the nearest to the proposed one by steps of two."""
    nearby = [proposed, usual, *(proposed + step for step in (-2, 2, 4, -4))]
    return sorted(list(dict.fromkeys(layer for layer in nearby if 0 <= layer < count))[:3])


if __name__ == "__main__":
    main()
