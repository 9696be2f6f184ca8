#!/usr/bin/env python3
"""Where edits take their numbers and their statistics from, as a user meets it, on a tiny GPT-2 of random weights.

    --group published  --as-published: refused without a row, another model's row with what is changed of it, in the ledger and on the page
    --group sentences  stats --facts --leave-out, and what edit says of statistics without them
    --group ike        what IKE measures is published, found again, and goes on after a kill
"""
import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

import h5py
import torch
import transformers

GOLDEN = pathlib.Path(__file__).resolve().parents[1] / "golden"
EDITS = [("a", "Lily", "One day, {} went to the", "moon", "river"), ("b", "Tom", "{} has a big red", "boat", "hat"),
         ("c", "The little dog", "{} likes to eat", "cake", "fish")]
OTHERS = [("p", "Sara", "{} saw a big", "tree", "dog"), ("q", "Ben", "{} wanted to play with his", "book", "ball"),
          ("r", "Lily", "{} lives in the", "wood", "town"), ("s", "Anna", "{} and Tom sat on the", "roof", "grass")]
failures = []


def check(condition, text):
    print(("ok    " if condition else "FAIL  ") + text, flush=True)
    if not condition:
        failures.append(text)


class Runner:
    def __init__(self, args, folder):
        self.args, self.folder = args, pathlib.Path(folder)
        self.model = self.folder / "model"
        torch.manual_seed(7)
        config = transformers.GPT2Config(vocab_size=1024, n_positions=512, n_embd=24, n_layer=3, n_head=2, bos_token_id=1, eos_token_id=2)
        transformers.GPT2LMHeadModel(config).save_pretrained(self.model)
        for file in (GOLDEN / "toy_tokenizer").iterdir():
            shutil.copy(file, self.model)
        self.edits, self.others = self.facts("edits.jsonl", EDITS), self.facts("others.jsonl", OTHERS)
        self.text = self.folder / "text.txt"
        self.text.write_text("Once upon a time there was a little boat on the river. " * 400)

    def facts(self, name, rows, sun="The sun is very"):
        path = self.folder / name
        path.write_text("".join(json.dumps({"id": id, "subject": subject, "prompt": prompt, "target_new": new, "target_true": true,
                                            "paraphrases": [f"They say that {prompt.replace('{}', subject)}"],
                                            "neighbourhood": [{"prompt": sun, "answer": "bright"}]}) + "\n"
                                for id, subject, prompt, new, true in rows))
        return path

    def run(self, verb, *words, ranks=1, fault=None, outputs="outputs"):
        environment = dict(os.environ, SOURCE_DATE_EPOCH="1000000000", **({"NEPENTHE_FAULT": fault} if fault else {}))
        done = subprocess.run([self.args.mpirun, "-n", str(ranks), self.args.nepenthe, verb, *map(str, words), "--model", self.model,
                               "--outputs", self.folder / outputs, "--threads", "1", "--json"], env=environment, capture_output=True, text=True, timeout=250)
        done.answer = json.loads(done.stdout) if done.returncode == 0 and done.stdout.strip() else {}
        return done

    def stats(self, *words, **more):
        done = self.run("stats", "--layers", "0,1", "--window", 64, "--batch-tokens", 256, *words, **more)
        check(done.returncode == 0, f"stats {' '.join(map(str, words))}: code {done.returncode} {done.stderr[-300:] if done.returncode else ''}")
        return done.answer


def ledger_options(artefact):
    with h5py.File(pathlib.Path(artefact) / "ledger.h5") as file:
        return json.loads(file.attrs["options"])


def published(runner):
    moments = runner.stats("--corpus", runner.text)["artefact"]
    edit = ["--facts", runner.edits, "--method", "memit", "--as-published"]
    refused = runner.run("edit", *edit, "--moments", moments)
    check(refused.returncode == 64 and all(part in refused.stderr for part in ("memit", "3 layers", "gpt2-xl", "gpt-j-6b", "--published-row")),
          f"a model without a row is told which rows there are: {refused.returncode} {refused.stderr[-300:]}")
    row = [*edit, "--published-row", "gpt2-xl"]
    refused = runner.run("edit", *row, "--moments", moments)
    check(refused.returncode == 64 and "layer 13 does not exist" in refused.stderr, f"a row's layers must exist: {refused.stderr[-200:]}")
    refused = runner.run("edit", *row, "--layers", "0,1")
    check(refused.returncode == 64 and "--moments is missing" in refused.stderr, "a row that weighs other keys wants statistics")
    refused = runner.run("edit", *row, "--layers", "0,1", "--moments", moments, "--pilot", runner.others)
    check(refused.returncode == 64 and "--pilot" in refused.stderr, "a pilot chooses what is published")
    refused = runner.run("edit", "--facts", runner.edits, "--published-row", "gpt2-xl")
    check(refused.returncode == 64 and "--as-published" in refused.stderr, "a row is asked for by --as-published")
    refused = runner.run("edit", "--facts", runner.edits, "--method", "rome", "--as-published", "--published-row", "llama-2-7b", "--layers", 0, "--moments", moments)
    check(refused.returncode == 64 and "leave it out" in refused.stderr, "a row without statistics takes none")
    refused = runner.run("edit", "--facts", runner.edits, "--method", "emmet", "--as-published")
    check(refused.returncode == 64 and "nothing is published of emmet" in refused.stderr, "a method without rows")

    done = runner.run("edit", *row, "--layers", "0,1", "--moments", moments)
    check(done.returncode == 0, f"MEMIT as published for gpt2-xl, other layers: {done.returncode} {done.stderr[-500:]}")
    if done.returncode:
        return
    options = ledger_options(done.answer["artefact"])
    value = options["value"]
    check((options["layers"], options["lambda"], options["site"], options["block_residual"], value["lr"], value["relative_lr"], value["clamp"], value["decay"],
           value["steps"], value["site"]) == ([0, 1], 20000, "block-output", "bare", 0.5, 0, 0.75, 0.5, 20, "block_output"), f"the row's numbers: {options}")
    named = options["as_published"]
    check(named["row"] == "gpt2-xl" and named["changed"] == ["layers"] and "kmeng01/memit" in named["source"], f"the row is named: {named}")
    manifest = json.loads((pathlib.Path(done.answer["artefact"]) / "manifest.json").read_text())
    check(manifest["summary"]["as_published"] == named and manifest["key"]["options"]["as_published"] == named if "key" in manifest else True, "so it is in the manifest")
    page = (pathlib.Path(done.answer["artefact"]) / "report.html").read_text()
    check("memit as published for gpt2-xl" in page and "but for --layers" in page, "and on the page")
    plain = runner.run("edit", "--facts", runner.edits, "--method", "memit", "--layers", "0,1", "--moments", moments)
    check(plain.returncode == 0 and "as_published" not in ledger_options(plain.answer["artefact"]), "our defaults name no row")

    refused = runner.run("edit", "--facts", runner.edits, "--method", "wise", "--pool", runner.others, "--as-published")
    check(refused.returncode == 64 and "llama-2-7b" in refused.stderr, f"WISE: a model without a row: {refused.stderr[-200:]}")
    wise = runner.run("edit", "--facts", runner.edits, "--method", "wise", "--pool", runner.others, "--as-published", "--published-row", "llama-2-7b",
                      "--layer", 1, "--steps", 3, "--skip-evaluation")
    check(wise.returncode == 0 and wise.answer["summary"]["as_published"]["changed"] == ["layer", "steps"],
          f"WISE with another row: {wise.returncode} {wise.stderr[-300:]}")
    refused = runner.run("edit", "--facts", runner.edits, "--method", "rome", "--residual", "bare")
    check(refused.returncode == 64 and "--residual" in refused.stderr, "--residual where nothing reads it")


def sentences(runner):
    alone = runner.stats("--facts", runner.others)
    check(alone["summary"]["sentences"] == 9, f"every sentence once: {alone['summary']}")
    some = runner.stats("--corpus", runner.text, "--facts", runner.others, "--leave-out", runner.edits)
    # Of Lily and Tom nothing is said, nor what the edits are asked about the sun.
    check(some["summary"]["sentences"] == 4, f"those that may be told: {some['summary']}")
    with h5py.File(pathlib.Path(some["artefact"]) / "moments.h5") as file:
        subjects = file["subjects"][()]
    check(json.loads(subjects if isinstance(subjects, (bytes, str)) else bytes(subjects)) == ["ben", "sara"], f"about whom: {subjects}")
    first = runner.stats("--corpus", runner.text, "--facts", runner.others, "--leave-out", runner.edits, "--leave-out-limit", 1)
    check(first["summary"]["sentences"] == 6, f"Tom may be told of: {first['summary']}")
    for ranks in (2, 3):
        again = runner.stats("--corpus", runner.text, "--facts", runner.others, "--leave-out", runner.edits, ranks=ranks, outputs=f"outputs-{ranks}")
        check(again["digest"] == some["digest"], f"the same bytes on {ranks} ranks")
    for words, part in ((["--leave-out", runner.edits], "without --facts"), ([], "--corpus is missing"),
                        (["--facts", runner.others, "--leave-out-limit", 2], "without --leave-out")):
        refused = runner.run("stats", "--layers", 0, *words)
        check(refused.returncode == 64 and part in refused.stderr, f"{part}: {refused.returncode} {refused.stderr[-200:]}")
    refused = runner.run("stats", "--layers", 0, "--facts", runner.edits, "--leave-out", runner.edits)
    check(refused.returncode == 65 and "no true sentence" in refused.stderr, f"nothing may be told: {refused.stderr[-200:]}")

    text = runner.stats("--corpus", runner.text)["artefact"]
    for moments, part in ((text, "running text alone"), (some["artefact"], "4 true sentences"), (alone["artefact"], "subjects of 1 of the 3 facts that are to be written (a)")):
        done = runner.run("edit", "--facts", runner.edits, "--method", "memit", "--layers", 0, "--steps", 2, "--moments", moments, "--skip-evaluation")
        said = [line for line in done.answer.get("summary", {}).get("warnings", []) if part in line]
        check(done.returncode == 0 and len(said) == 1 and part in done.stderr, f"edit says: {part}: {done.answer.get('summary', {}).get('warnings')} {done.stderr[-300:]}")


def ike(runner):
    pool = runner.facts("pool.jsonl", OTHERS, "The moon is very")  # nothing that the edits are asked
    words = ["--facts", runner.edits, "--method", "ike", "--pool", pool, "--encoder", GOLDEN / "tiny_bert", "--demonstrations", 2, "--reserve", 40]
    whole = runner.run("edit", *words)
    check(whole.returncode == 0, f"IKE: {whole.returncode} {whole.stderr[-500:]}")
    if whole.returncode:
        return
    folder = pathlib.Path(whole.answer["artefact"])
    report = json.loads((folder / "report.json").read_text())
    check(len(report["rows"]["before"]) == len(report["rows"]["after"]) == len(EDITS) and report["after"] == whole.answer["summary"]["after"],
          "what was measured is published")
    check((folder / "bundle.jsonl").exists(), "with the bundle")
    again = runner.run("edit", *words)
    check(again.answer.get("reused") is True and again.answer["summary"] == whole.answer["summary"], "and found again")
    bare = runner.run("edit", *words, "--skip-evaluation")
    check(bare.returncode == 0 and bare.answer["artefact"] != str(folder) and "after" not in bare.answer["summary"], "a bundle alone is another artefact")
    # The vectors' block, the facts before, and in the middle of what they are told.
    for nth, ranks in ((2, 1), (3, 2)):
        outputs = f"killed-{nth}"
        killed = runner.run("edit", *words, fault=f"blocks.after_data:*:{nth}", outputs=outputs)
        check(killed.returncode != 0 and killed.returncode != 64, f"killed at block {nth}: {killed.returncode}")
        done = runner.run("edit", *words, ranks=ranks, outputs=outputs)
        check(done.returncode == 0 and done.answer["digest"] == whole.answer["digest"], f"goes on, on {ranks} ranks, to the same digest: {done.stderr[-300:]}")
    other = runner.run("edit", *words, "--dtype", "bf16")
    check(other.returncode == 0 and other.answer["artefact"] != str(folder), "another precision measures something else")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--nepenthe", required=True)
    parser.add_argument("--mpirun", required=True)
    parser.add_argument("--group", choices=("published", "sentences", "ike"), required=True)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        globals()[args.group](Runner(args, folder))
    sys.exit(f"{len(failures)} failed" if failures else 0)


if __name__ == "__main__":
    main()
