#!/usr/bin/env python3
"""The verb `edit` as a user meets it, on a model that knows stories: written, listed, compared, taken back, refused; killed and on a full disk.

    --group walk      publish, list, diff, rollback (bytes of a run that never had the facts), undo (digest of the original)
    --group tuning    a pilot over layers and clamps: what it measures is what an edit measures, and the best of it is written
    --group refusals  what is wrong is said before anything is computed, with the documented exit codes
    --group faults    SIGKILL in the middle then other ranks; a full disk leaves the old artefact whole
"""
import argparse
import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import h5py

FACTS = [("a", "Lily", "One day, {} went to the", "moon", "river"), ("b", "Tom", "{} has a big red", "boat", "hat"),
         ("c", "The little dog", "{} likes to eat", "cake", "fish"), ("d", "Mom", "Then {} said it is", "night", "late")]
PILOT = [("p", "Sara", "{} saw a big", "tree", "dog"), ("q", "Ben", "{} lost a", "ring", "scarf"), ("r", "Peter", "{} looked for the", "fox", "hen")]
failures = []


def scored(subject):
    """What a pilot's score needs beside the prompt."""
    return {"paraphrases": [f"One day, {subject} was happy with the"], "neighbourhood": [{"prompt": "Venus is the second planet from the", "answer": "Sun"}]}


def check(condition, text):
    print(("ok    " if condition else "FAIL  ") + text, flush=True)
    if not condition:
        failures.append(text)


class Runner:
    def __init__(self, args, folder):
        self.args, self.folder = args, pathlib.Path(folder)
        self.model = pathlib.Path(args.material) / "models/stories"

    def run(self, *words, ranks=1, fault=None, prefix=(), outputs="outputs"):
        environment = dict(os.environ, SOURCE_DATE_EPOCH="1000000000", **({"NEPENTHE_FAULT": fault} if fault else {}))
        command = [*prefix, self.args.mpirun, "-n", str(ranks), self.args.nepenthe, "edit", *map(str, words)]
        if not {"--list", "--diff"} & set(words):
            command += ["--outputs", str(self.folder / outputs), "--threads", "1"]
        done = subprocess.run([*command, "--json"], env=environment, capture_output=True, text=True, timeout=250)
        done.answer = json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else {}
        done.lines = [line for line in done.stderr.splitlines() if line.startswith("nepenthe:")]
        return done

    def report(self, page, *edits):
        done = subprocess.run([self.args.nepenthe, "report", "--edits", ",".join(map(str, edits)), "--page", str(self.folder / page)], capture_output=True, text=True)
        check(done.returncode == 0, f"report: {done.stderr.splitlines()[-1:]}")
        return (self.folder / page).read_text() if done.returncode == 0 else ""

    def facts(self, name, rows=FACTS, more=lambda subject: {}):
        """JSON Lines of `rows`, with what `more` says of their subjects."""
        path = self.folder / name
        with open(path, "w") as file:
            for id, subject, prompt, new, true in rows:
                file.write(json.dumps({"id": id, "subject": subject, "prompt": prompt, "target_new": new, "target_true": true, **more(subject)}) + "\n")
        return path

    def edit(self, facts, *words, **more):
        return self.run("--model", self.model, "--facts", facts, "--layers", 0, "--steps", 8, "--clamp", 4, *words, **more)


def weights(folder):
    return hashlib.sha256((pathlib.Path(folder) / "model.safetensors").read_bytes()).hexdigest()


def read_rows(artefact):
    """What the ledger says of each fact after the edit."""
    with h5py.File(pathlib.Path(artefact) / "ledger.h5") as file:
        text = file["metrics"][()]
    return json.loads(text if isinstance(text, (bytes, str)) else bytes(text))["after"]["rows"]


def walk(runner):
    facts = runner.facts("facts.jsonl")
    memit = ["--method", "memit", "--lambda", 0.01]
    full = runner.edit(facts, *memit)
    check(full.returncode == 0, f"four facts in a batch: code {full.returncode} {full.lines}")
    if full.returncode != 0:
        print(full.stderr[-3000:])
        return
    artefact = full.answer["artefact"]
    files = sorted(path.name for path in pathlib.Path(artefact).iterdir())
    check({"model.safetensors", "deltas.safetensors", "undo.safetensors", "ledger.h5", "report.json", "report.html", "manifest.json"} <= set(files), f"files: {files}")
    summary = full.answer["summary"]
    check(len(summary["saved"]["changed"]) == 1 and "layers.0.mlp.down_proj" in summary["saved"]["changed"][0], f"changed: {summary['saved']}")
    check(summary["after"]["efficacy_score"]["value"] > summary["before"]["efficacy_score"]["value"], "more targets are preferred than before")
    again = runner.edit(facts, *memit)
    check(again.answer.get("reused") is True, "the same command again computes nothing")
    for ranks in (2, 3):
        other = runner.edit(facts, *memit, ranks=ranks, outputs=f"ranks{ranks}")
        check(other.answer.get("digest") == full.answer["digest"], f"{ranks} ranks: the same digest")

    listed = runner.run("--list", artefact)
    check([fact["id"] for fact in listed.answer.get("facts", [])] == ["a", "b", "c", "d"], "--list names every fact")

    never = runner.edit(runner.facts("never.jsonl", FACTS[:1] + FACTS[2:]), *memit, outputs="never")
    back = runner.run("--model", artefact, "--rollback", "b", outputs="back")
    check(back.returncode == 0 and weights(back.answer["artefact"]) == weights(never.answer["artefact"]), f"rollback of b gives the bytes of a run without it {back.lines}")
    check(back.answer.get("digest") == never.answer.get("digest"), "and the artefact's digest is the same as well")
    diff = runner.run("--diff", f"{artefact},{back.answer.get('artefact')}")
    check(diff.answer.get("only_first") == ["b"] and not diff.answer.get("only_second") and not diff.answer.get("options"), f"--diff: {diff.answer}")

    undone = runner.run("--model", artefact, "--rollback", "all", outputs="undone")
    check(undone.returncode == 0 and weights(undone.answer["artefact"]) == weights(runner.model), f"all taken back: the original's bytes {undone.lines}")
    unknown = runner.run("--model", artefact, "--rollback", "nobody", outputs="undone")
    check(unknown.returncode == 64 and "nobody" in unknown.lines[0], f"an unknown id: {unknown.returncode} {unknown.lines}")

    # EMMET computes what MEMIT has computed: its values may come from there, and nothing else changes.
    alone = runner.edit(facts, "--method", "emmet", outputs="alone")
    lent = runner.edit(facts, "--method", "emmet", "--values", artefact, outputs="lent", ranks=2)
    check(lent.answer.get("digest") == alone.answer.get("digest") is not None, f"values of an earlier run: the same digest {lent.lines}")

    before = runner.edit(facts, "--method", "emmet", "--before", artefact, outputs="before", ranks=2)
    check(before.answer.get("digest") == alone.answer.get("digest"), f"measurements of an earlier run: the same digest {before.lines}")
    other = runner.run("--model", artefact, "--facts", facts, "--layers", 0, "--method", "emmet", "--before", artefact, outputs="before")
    check(other.returncode == 64 and "another model" in other.lines[0], f"measurements of another model: {other.returncode} {other.lines}")

    half = [runner.edit(facts, *memit, "--dtype", "bf16", outputs=f"half{ranks}", ranks=ranks) for ranks in (1, 2)]
    check(half[0].answer.get("digest") == half[1].answer.get("digest") not in (None, full.answer["digest"]), f"values in bf16: one digest {half[1].lines}")
    reached = half[0].answer["summary"]["after"]["efficacy_score"]["value"]
    check(reached == summary["after"]["efficacy_score"]["value"], f"values in bf16 write the same facts: {reached}")

    single = runner.edit(facts, "--method", "r-rome", "--mode", "one-at-a-time", outputs="single", ranks=2)
    check(single.returncode == 0 and not (pathlib.Path(single.answer["artefact"]) / "model.safetensors").exists(), "one at a time publishes results, no model")
    twice = runner.edit(runner.facts("twice.jsonl", [FACTS[0], ("again", *FACTS[0][1:]), FACTS[1]]), "--method", "r-rome", "--mode", "one-at-a-time", outputs="twice")
    page = (pathlib.Path(twice.answer["artefact"]) / "report.html").read_text().split("What the model goes on with")[1] if twice.returncode == 0 else ""
    said = [line.split("</td><td>")[-1] for line in page.splitlines() if line.startswith("<tr><td>")]
    check(len(said) == 3 and said[0] == said[1] != said[2], f"a fact that stands there twice is asked once, and both lines say so {twice.lines} {said}")
    sequential = runner.edit(facts, "--method", "r-rome", outputs="sequential")
    taken = runner.run("--model", sequential.answer["artefact"], "--rollback", "c", outputs="taken")
    without = runner.edit(runner.facts("without.jsonl", FACTS[:2] + FACTS[3:]), "--method", "r-rome", outputs="without")
    check(taken.answer.get("digest") == without.answer.get("digest") is not None, "rollback in the middle of a sequential run")

    own = (pathlib.Path(artefact) / "report.html").read_text()
    check(all(f"One day, {word}" in own for word in ("Lily went",)) and own.count("<svg") == 1, "the run's own page shows its figure and what the model goes on with")
    check(runner.report("again.html", artefact) == own, "and report gives the same page of the artefact")
    runs = [artefact, never.answer["artefact"], sequential.answer["artefact"], single.answer["artefact"]]
    page = runner.report("page.html", *runs)
    check(all(part in page for part in ("Over the number of facts", "Update norms along sequential runs", "one-at-a-time, 4 facts", "memit, batch, 3 facts")), "several runs: their curves and norms")
    check("Over layers" not in page and runner.report("turned.html", *reversed(runs)) == page, "nothing for which there is one point; the order of runs is their own")
    apart = runner.report("apart.html", artefact, half[0].answer["artefact"], never.answer["artefact"])
    check(all(f"value_compute &quot;{precision}&quot;, 4 facts" in apart for precision in ("fp32", "bf16")), "runs that differ in another option are told apart by it")
    failed = {row["fact"] for row in read_rows(artefact) if row["efficacy_score"] < 1}
    table = own.split("does not give the new target")[1].split("What the model goes on with")[0]
    check(all((f"<td>{id}</td>" in table) == (id in failed) for id in "abcd"), f"facts that failed are listed, and no others: {failed}")

    # A text that the model knows well, and a budget that edits cannot keep, or can.
    text = runner.folder / "utility.txt"
    text.write_text("Once upon a time, there was a little girl named Lily. She liked to play outside in the park with her mom.\n" * 3)
    watch = ["--method", "r-rome", "--utility-text", text]
    loose = runner.edit(facts, *watch, "--utility-budget", 1e9, outputs="loose")
    check(loose.returncode == 0 and len(loose.answer["summary"]["utility"]["perplexity"]["after"]) == 4, f"a large budget: all four written {loose.lines}")
    if loose.returncode == 0:
        looks = loose.answer["summary"]["utility"]["perplexity"]
        rises = [look / looks["before"] - 1 for look in looks["after"]]
        # Between the first fact's rise and the largest: the run must end where that is passed.
        budget = max(1e-9, (rises[0] + max(rises)) / 2)
        kept = next((i for i, rise in enumerate(rises) if rise > budget), len(rises))
        tight = runner.edit(facts, *watch, "--utility-budget", budget, outputs="tight", ranks=2)
        check(tight.returncode == 0 and tight.answer["summary"]["units"] == kept and bool(tight.answer["summary"]["stopped"]) == (kept < 4),
              f"rises {rises}, budget {budget}: {kept} facts stay {tight.lines}")
        tiny = runner.edit(facts, "--method", "memit", "--lambda", 0.01, "--utility-text", text, "--utility-budget", 1e-12, outputs="tiny")
        check(tiny.returncode == 76 or tiny.answer["summary"]["utility"]["perplexity"]["after"][0] <= looks["before"], f"a batch beyond the budget: code {tiny.returncode} {tiny.lines}")

    # Questions that no edit is about, and answers that may, or may not, change.
    probe = runner.facts("probe.jsonl", [(f"{name}-{i}", name, prompt, "dog", "cat") for name in ("Sara", "Ben", "The cat", "Dad")
                                         for i, prompt in enumerate(("{} saw a big", "{} wanted to", "The sun was hot and {} went"))])
    watch = ["--method", "r-rome", "--utility-probe", probe]
    loose = runner.edit(facts, *watch, "--utility-altered", 0.99, outputs="loose-probe")
    altered = loose.answer.get("summary", {}).get("utility", {}).get("altered", {}).get("after", [])
    check(len(altered) == 4, f"a look after every fact {loose.lines}")
    if altered:
        budget = (altered[0] + max(altered)) / 2
        kept = next((i for i, share in enumerate(altered) if share > budget), len(altered))
        check(0 < kept < 4, f"edits change answers to the probe's questions: {altered}")
        tight = runner.edit(facts, *watch, "--utility-altered", budget, outputs="tight-probe", ranks=2)
        check(tight.returncode == 0 and tight.answer["summary"]["units"] == kept and "answers to" in str(tight.answer["summary"]["stopped"]),
              f"changed {altered}, budget {budget}: {kept} facts stay {tight.lines}")
        both = runner.edit(facts, "--method", "memit", "--lambda", 0.01, "--utility-probe", probe, "--utility-altered", 0, "--utility-text", text, "--utility-budget", 1e-12,
                           outputs="both")
        check(both.returncode == 76 and "perplexity" in both.stderr and "answers to" in both.stderr,
              f"a batch beyond both budgets: {both.returncode} {both.lines}")


def tuning(runner):
    facts, pilot = runner.facts("facts.jsonl"), runner.facts("pilot.jsonl", PILOT, scored)
    for method, mode in (("r-rome", "one-at-a-time"), ("memit", "batch")):
        common = ["--model", runner.model, "--steps", 8, "--method", method, "--mode", mode, *(("--lambda", 0.01) if method == "memit" else ())]
        tune = ["--facts", facts, *common, "--pilot", pilot, "--pilot-layers", "0,1", "--pilot-clamps", "0.01,8"]
        chosen = runner.run(*tune, outputs=method)
        tuned = chosen.answer.get("tuned", {"trials": []})
        trials = tuned["trials"]
        check([(trial["layers"], trial["clamp"]) for trial in trials] == [([0], 0.01), ([0], 8), ([1], 0.01), ([1], 8)], f"{method}: every layer with every clamp {chosen.lines}")
        if not trials:
            return
        for trial in trials:
            measured = runner.run("--facts", pilot, *common, "--layers", trial["layers"][0], "--clamp", trial["clamp"], outputs="alone")
            check(measured.answer["summary"]["after"] == trial["metrics"], f"{method}: {trial['name']} reaches what an edit reaches")
        metrics = [trial["metrics"] for trial in trials]
        scores = [one["edit_score"]["value"] for one in metrics]
        check(max(scores) > min(scores), f"{method}: trials differ")
        check(tuned["best"] == scores.index(max(scores)), f"{method}: the best of {scores} is chosen: {tuned['best']}")
        best = trials[tuned["best"]]
        asked = runner.run("--facts", facts, *common, "--layers", best["layers"][0], "--clamp", best["clamp"], outputs=method)
        check(asked.answer.get("reused") is True and asked.answer["digest"] == chosen.answer["digest"], f"{method}: what it writes is what its options write")
        killed = runner.run(*tune, outputs=f"{method}-killed", ranks=2, fault="blocks.after_journal:1:2")
        done = runner.run(*tune, outputs=f"{method}-killed", ranks=3)
        digests = [pathlib.Path(json.loads((pathlib.Path(answer["tuned"]["artefact"]) / "manifest.json").read_text())["digest"]) for answer in (chosen.answer, done.answer)]
        check(killed.returncode == 137 and digests[0] == digests[1], f"{method}: SIGKILL in a pilot on 2 ranks (code {killed.returncode}), then 3 ranks: the same digest {done.lines}")
    beside = runner.run("--facts", facts, "--model", runner.model, "--steps", 2, "--pilot", pilot, "--pilot-clamps", 1, "--pilot-limit", 1)
    check([trial["layers"] for trial in beside.answer["tuned"]["trials"]] == [[0], [1]] and beside.answer["tuned"]["facts"] == 1, "by itself: the family's layer and those beside it")


def refusals(runner):
    facts = runner.facts("facts.jsonl")
    def refused(done, code, *parts):
        text = "\n".join(done.lines) + done.stderr
        check(done.returncode == code and all(part in text for part in parts), f"{done.returncode} (wanted {code}) {parts}: {done.lines}")
    refused(runner.edit(facts, "--mode", "batch"), 64, "one fact at a time")
    refused(runner.run("--model", runner.model, "--facts", facts, "--method", "memit", "--layers", "0,9"), 64, "layer 9 does not exist")
    refused(runner.edit(facts, "--method", "alphaedit"), 64, "--moments")
    refused(runner.edit(facts, "--mode", "one-at-a-time", "--utility-text", facts), 64, "--utility-text")
    refused(runner.edit(facts, "--mode", "one-at-a-time", "--utility-probe", facts), 64, "--utility-probe")
    refused(runner.edit(facts, "--utility-text", runner.folder / "nowhere", "--utility-budget", 0), 64, "nowhere", "--utility-budget")
    refused(runner.edit(facts, "--utility-probe", runner.folder / "nowhere", "--utility-altered", 1), 64, "nowhere", "--utility-altered")
    refused(runner.edit(facts, "--utility-budget", 1, "--utility-windows", 1, "--utility-altered", 0.5), 64,
            "--utility-budget says nothing without --utility-text", "--utility-windows", "--utility-altered says nothing without --utility-probe")
    refused(runner.edit(facts, "--method", "r-rome", "--mode", "sequential", "--utility-text", runner.folder), 64, "there is no file")
    torn = runner.folder / "torn.jsonl"
    torn.write_bytes(facts.read_bytes()[:-9])
    refused(runner.edit(facts, "--method", "r-rome", "--mode", "sequential", "--utility-probe", torn), 65, "torn.jsonl")
    check(not list(runner.folder.glob("outputs/.work/*/**/before*")), "a probe that cannot be read is said before the facts are measured")
    refused(runner.edit(facts, "--method", "romme"), 64, "romme")
    refused(runner.run("--model", runner.model, "--facts", facts, "--layers", 0, "--method", "ft", "--dtype", "bf16"), 64, "bf16")
    refused(runner.edit(facts, "--method", "ft"), 64, "--steps is read by methods that compute values, not by ft", "--clamp")
    behind = runner.run("--model", runner.model, "--facts", facts, "--layers", 1, "--steps", 1, "--skip-evaluation")
    check(behind.returncode == 0 and "layer 1 is the last" in behind.stderr, f"what the last layer writes at a subject reaches no answer {behind.lines}")
    batched = runner.run("--model", runner.model, "--facts", facts, "--layers", 0, "--method", "ft", "--mode", "sequential", "--batch", 2, "--skip-evaluation")
    check(batched.returncode == 0, f"ft writes in batches too {batched.lines}")
    refused(runner.edit(facts, "--lambda", 1, "--tau", 1, "--emmet-mu", 1, "--batch", 2), 64, "--lambda is read by memit", "--tau", "--emmet-mu", "--batch")
    refused(runner.edit(facts, "--method", "memit", "--min-response", 1, "--ft-box", 1), 64, "--min-response", "--ft-box")
    alone = ["--model", runner.model, "--facts", facts]
    refused(runner.run(*alone, "--pilot-clamps", 1), 64, "--pilot-clamps", "--pilot")
    refused(runner.edit(facts, "--pilot", facts, "--pilot-layers", "x", "--pilot-clamps", "0,,1"), 64, '--pilot-layers: "x"', "--pilot-clamps")
    refused(runner.edit(facts, "--pilot", facts, "--pilot-layers", "1", "--pilot-clamps", "0,-1"), 64, "--pilot-layers", "--clamp", "0 is not positive", "-1 is not positive")
    refused(runner.run(*alone, "--pilot", facts, "--pilot-layers", "7"), 64, "layer 7")
    refused(runner.run(*alone, "--pilot", facts, "--values", facts), 64, "--values", "--pilot")
    refused(runner.run(*alone, "--pilot", runner.facts("own.jsonl", PILOT[:1] + FACTS[:2], scored)), 65, "fact a is to be written", "fact b is to be written")
    refused(runner.run(*alone, "--pilot", runner.facts("bare.jsonl", PILOT)), 65, "fact p lacks", "fact q lacks")
    refused(runner.run(*alone, "--method", "ft", "--pilot", facts), 64, "ft")
    lender = runner.edit(facts, "--method", "r-rome").answer["artefact"]
    refused(runner.edit(facts, "--method", "memit", "--lambda", 1, "--steps", 7, "--values", lender), 64, "--values", "prefixes", "steps")
    bad = runner.folder / "bad.jsonl"
    bad.write_text(facts.read_text() + '{"id": "e", "subject": "Sam", "prompt": "no braces", "target_new": "x"}\nnot json\n')
    refused(runner.edit(bad, "--method", "memit"), 65, "5", "6")
    skipped = runner.edit(bad, "--method", "memit", "--lambda", 0.01, "--skip-bad", "--skip-evaluation")
    check(skipped.returncode == 0 and skipped.answer["summary"]["facts"] == 4, f"--skip-bad writes the others {skipped.lines}")
    shared = runner.facts("shared.jsonl", FACTS + [("e", "Lily", "{} likes to eat", "bread", "cake")])
    refused(runner.edit(shared, "--method", "memit"), 65, "share a subject", "a, e")
    merged = runner.edit(shared, "--method", "memit-merged", "--lambda", 0.01, "--skip-evaluation")
    check(merged.returncode == 0 and merged.answer["summary"]["units"] == 4, "merged: one value per subject")
    refused(runner.run("--model", runner.model, "--rollback", "a"), 65, "")
    refused(runner.run("--model", runner.model, "--facts", facts, "--rollback", "a", "--clamp", 1, "--values", lender, "--pilot", facts), 64,
            *(f"leave --{name} out" for name in ("facts", "clamp", "values", "pilot")))
    taken = runner.run("--model", runner.model, "--rollback", "a", "--method", "r-rome", "--lambda", 1, "--pilot-limit", 2)
    refused(taken, 64, *(f"leave --{name} out" for name in ("method", "lambda", "pilot-limit")))
    check("is read by" not in taken.stderr and "without" not in taken.stderr, "each of them once")
    refused(runner.run("--list", runner.model, "--method", "memit"), 64, "write nothing: leave --method out")
    # What holds for many invocations need not be read by each.
    settings = runner.folder / "site.ini"
    settings.write_text("[edit]\nlambda = 1\nutility-windows = 3\n")
    check(runner.edit(facts, "--config", settings, "--skip-evaluation").returncode == 0, "--config may hold options of other methods")
    os.environ["NEPENTHE_TAU"] = "1"
    environment = runner.edit(facts, "--skip-evaluation")
    del os.environ["NEPENTHE_TAU"]
    check(environment.returncode == 0, f"so may the environment {environment.lines}")


def faults(runner):
    facts = runner.facts("facts.jsonl")
    memit = ["--method", "memit", "--lambda", 0.01, "--facts-per-block", 1, "--skip-evaluation"]
    whole = runner.edit(facts, *memit, outputs="whole")
    for ranks, fault, after in ((2, "blocks.after_journal:1:2", 3), (1, "publish.before_rename:0:1", 2)):
        outputs = f"killed{ranks}"
        killed = runner.edit(facts, *memit, ranks=ranks, fault=fault, outputs=outputs)
        done = runner.edit(facts, *memit, ranks=after, outputs=outputs)
        check(killed.returncode == 137 and done.answer.get("digest") == whole.answer.get("digest") is not None,
              f"SIGKILL at {fault}: code {killed.returncode}; {after} ranks finish with the same digest {done.lines}")
    small = runner.folder / "small"
    small.mkdir()
    # The old artefact and the new one's scratch fit, its model does not.
    script = (f'mount -t tmpfs -o size=5m none {small} && cp -r {runner.folder}/whole/edit-* {small}/ && "$@"; code=$?; '
              f'{runner.args.nepenthe} verify {small}/edit-* >&2 || code=99; ls {small} | wc -l >&2; exit $code')
    prefix = ["unshare", *(["-r"] if os.geteuid() != 0 else []), "-m", "sh", "-c", script, "sh"]
    fewer = runner.facts("fewer.jsonl", FACTS[:3])
    starved = runner.edit(fewer, *memit, prefix=prefix, outputs="small")
    check(starved.returncode == 74 and starved.stderr.strip().splitlines()[-1] == "1", f"a full disk: code {starved.returncode}, the old artefact stands alone and whole {starved.lines}")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--nepenthe", "--mpirun", "--material"):
        parser.add_argument(name, required=True)
    parser.add_argument("--group", required=True, choices=("walk", "tuning", "refusals", "faults"))
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="nepenthe-edit-")
    try:
        globals()[args.group](Runner(args, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
