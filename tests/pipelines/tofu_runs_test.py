#!/usr/bin/env python3
"""inputs/tofu/runs.py from end to end on a tiny model: every method has its line, a second start finds everything done, and
a comparison with an earlier evaluation says what one with both models would have said."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from runs_options import OPTIONS, main

SOURCE = pathlib.Path(__file__).resolve().parents[2]
METHODS = ("r-rome", "memit-merged", "wise", "ike, the nearest fact told", "ike, told from cosine")


class TofuRuns(unittest.TestCase):
    def start(self, outputs):
        data = pathlib.Path(OPTIONS.material)
        return subprocess.run(
            [sys.executable, str(SOURCE / "inputs/tofu/runs.py"), "--nepenthe", OPTIONS.nepenthe, "--outputs", str(outputs), "--ranks", "1",
             "--model", str(data / "models/stories"), "--tofu", str(data / "unlearning/tofu"),
             "--corpus", str(data / "text/wikitext.txt"), "--encoder", str(SOURCE / "tests/golden/tiny_bert"),
             "--targets", "dummy", "--retain", "40", "--limit", "3", "--epochs", "1", "--tokens", "2000", "--layer", "0", "--steps", "2", "--wise-steps", "2",
             "--demonstrations", "1", "--reserve", "200", "--answer-tokens", "4", "--slim"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    def test_every_method_has_its_line(self):
        with tempfile.TemporaryDirectory() as folder:
            outputs = pathlib.Path(folder) / "out"
            first = self.start(outputs)
            self.assertEqual(first.returncode, 0, first.stderr)
            forgotten, reached = first.stdout.split("### What the edits reached")
            columns = next(row for row in forgotten.splitlines() if row.startswith("| model")).count("|")
            for method in METHODS:
                rows = [row for row in forgotten.splitlines() if row.startswith(f"| {method}")]
                self.assertEqual(len(rows), 1, forgotten)
                self.assertNotIn("refused", rows[0])
                self.assertEqual(rows[0].count("|"), columns, rows[0])
            self.assertEqual(reached.count("| dummy |"), 4, reached)
            self.assertEqual(list(outputs.glob("edit-*")), [], "--slim leaves no edited model")

            again = self.start(outputs)
            self.assertEqual(again.stdout, first.stdout)
            self.compare(outputs, folder)

    def compare(self, outputs, folder):
        models = sorted(outputs.glob("train-*"))
        self.assertEqual(len(models), 2)
        words = ["--tasks", "tofu", "--tofu", str(pathlib.Path(OPTIONS.material) / "unlearning/tofu"), "--tofu-forget", "forget01", "--limit", "3",
                 "--answer-tokens", "4", "--outputs", folder, "--json"]
        both = self.evaluate("--model", f"a={models[0]},b={models[1]}", *words)
        one = self.evaluate("--model", f"a={models[0]}", *words)
        other = self.evaluate("--model", f"b={models[1]}", "--compare-with", one["artefact"], *words)
        self.assertEqual(other["comparisons"], both["comparisons"])
        self.assertEqual(set(other["models"]), {"b"})
        wrong = subprocess.run([OPTIONS.nepenthe, "evaluate", "--model", str(models[0]), "--compare-with", str(models[1]), *words],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(wrong.returncode, 65, wrong.stderr)
        self.assertIn("not an evaluation", wrong.stderr)
        twice = subprocess.run([OPTIONS.nepenthe, "evaluate", "--model", str(models[0]), "--compare-with",
                                f"{one['artefact']},{one['artefact']}", *words],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual(twice.returncode, 64, twice.stderr)
        self.assertIn('called "a"', twice.stderr)

    @staticmethod
    def evaluate(*words):
        done = subprocess.run([OPTIONS.nepenthe, "evaluate", *words], stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout)


if __name__ == "__main__":
    main()
