#!/usr/bin/env python3
"""Options as a user gives them to the binary: paths of any name, every source, refusals before any work.

    option_words_test.py NEPENTHE MATERIAL
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BINARY, MATERIAL = sys.argv[1], pathlib.Path(sys.argv[2])
MODEL = MATERIAL / "models/stories"
ROOT = pathlib.Path(__file__).resolve().parents[2]
VERBS = ("info", "tokenize", "score", "generate", "train", "anchors", "relabel", "forget", "attribute", "mask", "stats", "repair", "trace", "edit", "evaluate", "relearn", "audit", "report",
         "verify", "run")


def call(*words, ranks=1, cwd=None, **environment):
    command = [BINARY, *map(str, words)]
    if ranks > 1:
        command = ["mpirun", "-n", str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=cwd, env={**os.environ, **environment})


class OptionWords(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)
        self.text = self.folder / "text.txt"
        self.text.write_text("Once upon a time there was a little fish. " * 8)

    def tearDown(self):
        self.temporary.cleanup()

    def answer(self, *words, cwd=None, **environment):
        done = call(*words, "--json", cwd=cwd, **environment)
        self.assertEqual(done.returncode, 0, f"{words}\n{done.stderr}")
        return json.loads(done.stdout)

    def refused(self, *words, saying, code=64, ranks=1, **environment):
        done = call(*words, ranks=ranks, **environment)
        self.assertEqual(done.returncode, code, f"{words}\n{done.stderr}")
        lines = [line for line in done.stderr.splitlines() if line.startswith("nepenthe:")]
        self.assertEqual(len(lines), 1, done.stderr)
        for part in [saying] if isinstance(saying, str) else saying:
            self.assertIn(part, done.stderr)
        self.assertFalse((self.folder / "outputs").exists(), "nothing was begun")

    def test_any_path_can_be_named(self):
        odd = self.folder / "lr=1e-5,bs=8"
        odd.mkdir()
        shutil.copytree(MODEL, odd / "model")
        shutil.copy(self.text, odd / "a, b=c.txt")
        common = ("--window", 64, "--limit", 1, "--threads", 1, "--outputs", self.folder / "outputs")
        plain = self.answer("evaluate", "--model", f"m={MODEL}", "--texts", f"t={self.text}", *common)["results"]
        ways = (("m=lr=1e-5,bs=8/model", "t=lr=1e-5,bs=8/a, b=c.txt"),
                ('m="lr=1e-5,bs=8/model"', 't="lr=1e-5,bs=8/a, b=c.txt"'),
                (f"m={odd}/model", f"t={odd}/a, b=c.txt"))
        for model, text in ways:
            found = self.answer("evaluate", "--model", model, "--texts", text, *common, cwd=self.folder)
            self.assertEqual(found["results"], plain, model)
            # The environment and a config file say it in the same words.
            found = self.answer("evaluate", *common, cwd=self.folder, NEPENTHE_MODEL=model, NEPENTHE_TEXTS=text)
            self.assertEqual(found["results"], plain, model)
            (self.folder / "site.ini").write_text(f"[evaluate]\nmodel = {model}\ntexts = {text}\n")
            found = self.answer("evaluate", *common, "--config", "site.ini", cwd=self.folder)
            self.assertEqual(found["results"], plain, model)
        both = self.answer("evaluate", "--model", "lr=1e-5,bs=8/model", "--model", f"n={MODEL}", "--texts", "t=text.txt", *common,
                           cwd=self.folder)
        self.assertEqual(set(both["models"]), {"model", "n"})
        tokens = self.answer("tokenize", "--model", odd / "model", "--file", odd / "a, b=c.txt")
        self.assertEqual(tokens["ids"], self.answer("tokenize", "--model", MODEL, "--file", self.text)["ids"])

    def test_recipes_name_any_path(self):
        odd = self.folder / "a,b=c"
        odd.mkdir()
        shutil.copytree(MODEL, odd / "model")
        shutil.copy(self.text, odd / "t.txt")
        options = {"model": ["m=a,b=c/model", "n=${model}"], "texts": ["t=a,b=c/t.txt"], "window": 64, "limit": 1}
        stages = [{"name": "known", "verb": "info", "options": {"model": "a,b=c/model"}},
                  {"name": "results", "verb": "evaluate", "options": options}]
        recipe = self.folder / "recipe.json"
        recipe.write_text(json.dumps({"variables": {"model": {}}, "stages": stages}))
        for value in ("a,b=c/model", f"{odd}/model", '"a,b=c/model"'):
            done = self.answer("run", recipe, "--set", f"model={value}", "--threads", 1, "--outputs", self.folder / "out,puts",
                               cwd=self.folder)
            self.assertEqual(set(done["stages"][1]["models"]), {"m", "n"}, value)

    def test_a_recipe_runs_over_values_and_tells_their_answers(self):
        (self.folder / "broken.txt").write_bytes(b"Once \xff")
        recipe = {
            "variables": {"model": {}}, "name": "windows",
            "for": [{"file": ["text.txt", "broken.txt"]}, {"window": [{"name": "short", "window": 16}, {"name": "long", "window": 64}]}],
            "stages": [
                {"name": "known", "verb": "info", "options": {"model": "${model}"}},
                {"name": "scored", "verb": "score", "options-of": "window", "may-refuse": True,
                 "options": {"model": "${model}", "file": "${file}"}},
                {"name": "again", "verb": "score", "options": {"model": "${model}", "file": "text.txt", "window": "@known.hidden"}},
                {"name": "measured", "verb": "evaluate", "options": {"model": ["m=${model}"], "texts": ["t=${file}"], "limit": 1},
                 "may-refuse": True},
                {"name": "beside", "verb": "evaluate", "options": {"model": ["x=${model}"], "texts": ["t=text.txt"], "limit": "@known.layers"}}],
            "tables": [{"title": "Perplexity", "of": ["again", "scored"],
                        "columns": [{"perplexity": "perplexity"}, {"layers": "@known.layers"}]}]}
        file = self.folder / "recipe.json"
        file.write_text(json.dumps(recipe))
        words = ("run", file, "--set", f"model={MODEL}", "--threads", 1, "--outputs", self.folder / "out")
        done = self.answer(*words)
        table = done["tables"][0]
        self.assertEqual(table["columns"], ["stage", "file", "window", "perplexity", "layers"])
        self.assertEqual([row[:3] for row in table["rows"]],
                         [["again", "–", "–"], ["scored", "text.txt", "short"], ["scored", "text.txt", "long"],
                          ["scored", "broken.txt", "short"], ["scored", "broken.txt", "long"]])
        plain = self.answer("score", "--model", MODEL, "--file", self.text, "--window", 16, "--threads", 1)
        self.assertEqual(table["rows"][1][3], plain["perplexity"])
        self.assertNotEqual(table["rows"][2][3], plain["perplexity"])
        self.assertIn("not UTF-8", table["rows"][3][3])
        self.assertEqual({row[4] for row in table["rows"]}, {2})
        self.assertIn("| scored | text.txt | short |", (self.folder / "out/windows.tables.md").read_text())
        # On two ranks the same, and a refusal ends neither of them.
        together = call(*words, "--json", ranks=2)
        self.assertEqual(together.returncode, 0, together.stderr)
        self.assertEqual(json.loads(together.stdout.replace("rank 0: ", ""))["tables"], done["tables"])
        # Without leave to refuse, the run ends there; a value that no answer has is named.
        recipe["stages"][1]["may-refuse"] = False
        file.write_text(json.dumps(recipe))
        stopped = call(*words)
        self.assertEqual(stopped.returncode, 65, stopped.stderr)
        recipe["stages"] = [recipe["stages"][0], recipe["stages"][2]]
        recipe["stages"][1]["options"]["window"] = "@known.width"
        file.write_text(json.dumps(dict(recipe, tables=[], **{"for": []})))
        stopped = call(*words)
        self.assertEqual(stopped.returncode, 64, stopped.stderr)
        self.assertIn('"@known.width": its answer has no number', stopped.stderr)

    def test_a_recipe_in_jobs_says_what_it_says_alone(self):
        """A stand-in for sbatch runs each job at once; tests/slurm/real_slurm_test.sh asks Slurm itself."""
        recipe = {
            "variables": {"model": {}}, "name": "jobs", "for": [{"window": [16, 64]}], "slurm": {"time": 10},
            "stages": [{"name": "known", "verb": "info", "options": {"model": "${model}"}},
                       {"name": "measured", "verb": "evaluate", "slurm": {"nodes": 2},
                        "options": {"model": ["m=${model}"], "texts": ["t=text.txt"], "window": "${window}"}},
                       {"name": "beside", "verb": "evaluate", "options": {"model": ["m=${model}"], "texts": ["t=text.txt"], "limit": "@known.layers",
                                                                          "compare-with": ["@measured[*]"]}, "may-refuse": True}],
            "tables": [{"title": "Perplexity", "of": "measured", "columns": [{"of t": "results.perplexity:t.perplexity"}]}]}
        file, calls, stand_in = self.folder / "recipe.json", self.folder / "calls", self.folder / "bin"
        file.write_text(json.dumps(recipe))
        stand_in.mkdir()
        (stand_in / "sbatch").write_text(f'#!/bin/bash\necho "$*" >>"{calls}"\nwhile [[ $1 == --* ]]; do shift; done\n'
                                         f'[[ -z $FULL ]] || exit 1\nbash "$@" >&2 || exit 1\nwc -l <"{calls}"\n')
        (stand_in / "sbatch").chmod(0o755)
        (self.folder / "one.sbatch").write_text(f'exec "{BINARY}" "$@"\n')
        words = ("run", file, "--set", f"model={MODEL}", "--threads", 1)
        alone = self.answer(*words, "--outputs", self.folder / "alone")
        path = f"{stand_in}:{os.environ['PATH']}"
        jobs = self.answer(*words, "--outputs", "made", cwd=self.folder, PATH=path, NEPENTHE_AS_SLURM=str(self.folder / "one.sbatch"))
        self.assertEqual(jobs["jobs"], 5)
        summary = json.loads((self.folder / "made/jobs.run.json").read_text())
        self.assertEqual(summary["tables"], alone["tables"])
        lines = calls.read_text().splitlines()
        self.assertEqual(len(lines), 5)
        self.assertIn("--nodes=2 --time=10", lines[2])
        self.assertIn("--only measured[window=64]", lines[2])
        self.assertIn("--dependency=afterok:1:2:3 ", lines[3])
        self.assertNotIn("--only", lines[4])
        # One stage alone, and what cannot be meant or done.
        only = self.answer(*words, "--outputs", self.folder / "only", "--only", "measured[window=16]")
        self.assertEqual([stage["name"] for stage in only["stages"]], ["measured[window=16]"])
        self.refused(*words, "--outputs", self.folder / "outputs", "--only", "measure", saying="its stages are known, measured, beside")
        one = self.folder / "one.sbatch"
        self.refused(*words, "--outputs", self.folder / "outputs", "--only", "known", "--as-slurm", one, saying="give one of the two")
        self.refused(*words, "--outputs", self.folder / "outputs", "--as-slurm", one, ranks=2, saying="without a launcher")
        self.refused(*words, "--outputs", self.folder / "outputs", "--as-slurm", self.folder / "no.sbatch", saying="no such script")
        full = call(*words, "--outputs", self.folder / "full", "--as-slurm", one, PATH=path, FULL="1")
        self.assertEqual(full.returncode, 74, full.stderr)
        self.assertIn("Nothing was submitted", full.stderr)

    def test_recipes_of_the_repository_are_whole(self):
        """Every variable given, the options of every stage are right."""
        for file in sorted(ROOT.glob("inputs/*/*.json")):
            written = json.loads(file.read_text())
            if not isinstance(written, dict) or "stages" not in written:
                continue
            words = [f"{name}={self.folder / 'nothing'}" for name, about in written.get("variables", {}).items()
                     if "default" not in about]
            done = call("run", file, *(word for value in words for word in ("--set", value)), "--outputs", self.folder / "outputs")
            # All that is wrong is that nothing is there, which the first stage finds.
            self.assertIn("stage 1 of", done.stderr, file)
            self.assertNotEqual(done.returncode, 0)

    def test_a_recipe_is_checked_before_its_first_stage(self):
        stages = [{"name": "a", "verb": "score", "options": {"model": str(MODEL), "file": str(self.text)}},
                  {"name": "b", "verb": "trian", "options": {}},
                  {"name": "c", "verb": "evaluate", "options": {"model": "m=@a", "limit": "10m", "lmit": 3}},
                  {"name": "d", "verb": "relabel", "options": {"baseline": "@a"}}]
        recipe = self.folder / "recipe.json"
        recipe.write_text(json.dumps({"stages": stages}))
        self.refused("run", recipe, "--outputs", self.folder / "outputs",
                     saying=['did you mean "train"', '"10m" is not a whole number', 'did you mean "limit"', "--reinforced is missing"])

    def test_numbers_are_read_whole_from_every_source(self):
        self.refused("score", "--model", MODEL, "--file", self.text, "--hang-timeout", "10q", saying='--hang-timeout: "10q"')
        self.refused("relabel", "--activations", "3x", saying='--activations: "3x"')
        self.refused("stats", "--layers", "3,,5", saying="empty entry")
        self.refused("score", "--model", MODEL, "--file", self.text, saying="NEPENTHE_THREADS: \"2x\"", NEPENTHE_THREADS="2x")
        self.refused("score", "--model", MODEL, "--file", self.text, saying="NEPENTHE_THREADS: -1", NEPENTHE_THREADS="-1", ranks=2)
        self.refused("verify", self.folder, saying="SOURCE_DATE_EPOCH", SOURCE_DATE_EPOCH="now")
        short = ("score", "--model", MODEL, "--file", self.text, "--window", 64)
        self.assertEqual(self.answer(*short, "--hang-timeout", "10m")["tokens"], self.answer(*short, "--hang-timeout=1h")["tokens"])

    def test_variables_that_nothing_reads_are_refused(self):
        self.refused("info", MODEL, saying=["NEPENTHE_THREDS", "did you mean NEPENTHE_THREADS"], NEPENTHE_THREDS="2", ranks=2)
        self.answer("info", MODEL, NEPENTHE_LR="1e-5", NEPENTHE_STAGE="x", NEPENTHE_TEST_ANY="1", NEPENTHE_FORMAT="auto")

    def test_a_fault_that_cannot_happen_is_refused_on_all_ranks_once(self):
        for value in ("blocks.befor", "burn@blocks.before", "blocks.before:7", "blocks.before:0:0", "blocks.before:0:x"):
            self.refused("score", "--model", MODEL, "--file", self.text, saying="NEPENTHE_FAULT", NEPENTHE_FAULT=value, ranks=2)
        self.answer("info", MODEL, NEPENTHE_FAULT="")

    def test_kernels_that_there_are_not_are_refused(self):
        self.refused("info", MODEL, saying=["NEPENTHE_KERNELS", "reference, portable and native"], NEPENTHE_KERNELS="fast", ranks=2)
        for value in ("", "reference", "portable", "native"):
            self.answer("info", MODEL, NEPENTHE_KERNELS=value)

    def test_kernels_of_other_last_bits_give_another_name(self):
        words = ("evaluate", "--model", MODEL, "--texts", f"t={self.text}", "--window", 64, "--limit", 1, "--threads", 1,
                 "--outputs", self.folder / "outputs")
        names = {value: self.answer(*words, NEPENTHE_KERNELS=value)["artefact"] for value in ("", "native", "portable", "reference")}
        self.assertEqual(names[""], names["native"])
        self.assertEqual(len(set(names.values())), 3)

    def test_the_method_is_taken_from_every_source(self):
        wise = ["--pool is missing", "--model is missing"]
        self.refused("edit", "--facts", self.text, saying=wise, NEPENTHE_METHOD="wise")
        settings = self.folder / "site.ini"
        settings.write_text("[edit]\nmethod = ike\ntau = 1\nmask-ratio = 0.5\n")
        self.refused("edit", "--facts", self.text, "--config", settings, saying="--encoder is missing")
        self.refused("edit", "--method=ike", "--tau", "1", saying="--tau belongs to other forms of edit")
        self.refused("edit", "--method", "memit", "--config", settings, saying="--facts is missing")

    def test_former_names_are_understood(self):
        for words in (("--format", "nothing"), ("--fact-format", "nothing")):
            self.refused("edit", "--facts", self.text, "--model", MODEL, *words, saying='--fact-format: "nothing" is none of')
            self.refused("evaluate", "--model", MODEL, *words, saying='--fact-format: "nothing" is none of')
        self.refused("edit", "--zsre", "nothing", saying="--zsre-convention")

    def test_what_nothing_reads_is_refused(self):
        self.refused("generate", "--model", MODEL, "--prompt", "x", "--greedy", "--top-k", 3, "--top-p=0.5",
                     saying=["--top-k is read by sampling", "--top-p"])
        self.refused("train", "--model", MODEL, "--corpus", self.text, "--tokenizer", MODEL / "tokenizer.json", saying="--tokenizer")
        self.refused("train", "--model", MODEL, "--corpus", self.text, "--max-steps", 3, "--epochs", 2, saying="--epochs")
        self.refused("train", "--model", MODEL, "--corpus", self.text, "--schedule", "constant", "--final-lr-share", 0.5,
                     saying="--final-lr-share")
        self.refused("forget", "--model", MODEL, "--labels", self.folder, "--retain-block", 64, saying="--retain-block")
        self.refused("stats", "--merge", self.folder, "--layers", 3, "--seed", 1, saying=["--layers", "--seed"])
        self.refused("evaluate", "--model", MODEL, "--texts", self.text, "--tofu-forget", "forget01", "--facts", self.text, "--told-above", 1,
                     saying=["--tofu-forget is read by tofu", "--facts", "--told-above is read with --told"])
        self.refused("anchors", "--dictionary", self.text, "--terms", 3, saying="--terms")

    def test_verbose_says_what_it_does(self):
        words = ("evaluate", "--model", MODEL, "--texts", f"t={self.text}", "--window", 64, "--limit", 1, "--outputs", self.folder / "out")
        quiet, loud = call(*words), call(*words, "--verbose")
        self.assertEqual(loud.returncode, 0, loud.stderr)
        for part in ("window = 64", "limit = 1", "(default)", "exists; its key", "took"):
            self.assertIn(part, loud.stderr)
            self.assertNotIn(part, quiet.stderr)

    def test_words_may_stand_before_the_verb(self):
        self.assertEqual(call("--hang-timeout", 60, "--json", "info", MODEL).stdout, call("info", MODEL, "--json").stdout)
        self.refused("--json", saying="no verb")

    def test_help_names_the_words_that_are_accepted(self):
        for verb in VERBS:
            done = call(verb, "--help-all")
            self.assertEqual(done.returncode, 0, verb)
        self.assertIn("easyedit", call("evaluate", "--help").stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
