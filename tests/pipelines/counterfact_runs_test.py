#!/usr/bin/env python3
"""inputs/counterfact/runs.py from end to end on a tiny model: every table has its lines, nothing is refused, a second start finds
everything done, and the sentences that keep keys still are about no subject that a table looks at."""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from runs_options import OPTIONS, main

SOURCE = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(SOURCE / "inputs"))
import runs_support  # noqa: E402
# Lines of each table, by how they begin: two pilots, of one method each.
TABLES = {"One at a time": [3], "In one batch": [2 * 2 * 3], "A pilot": [1 + 2, 1 + 2], "With what the pilots chose": [2 * 4], "zsRE": [4], "Three cases": [3]}
STORIES = (("Once upon a time, there was a {} named", "little girl"), ("One day, {} went to the", "Lily"), ("{} has a big red", "Tom"),
           ("The {} said to the cat:", "big dog"))


class CounterFactRuns(unittest.TestCase):
    def setUp(self):
        self.data = pathlib.Path(OPTIONS.material)
        self.model = self.data / "models/stories"
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)

    def known(self):
        """Facts that this model knows: what it goes on with by itself."""
        facts = []
        for number, (template, subject) in enumerate(STORIES):
            prompt = template.replace("{}", subject)
            done = subprocess.run([OPTIONS.nepenthe, "generate", "--model", self.model, "--prompt", prompt, "--greedy", "--max-new-tokens", "4", "--json"],
                                  stdout=subprocess.PIPE, text=True, check=True)
            said = json.loads(done.stdout)["text"]
            facts.append({"known_id": number, "subject": subject, "attribute": said.split()[0], "template": template, "prompt": prompt, "prediction": said})
        path = self.folder / "known.json"
        path.write_text(json.dumps(facts))
        return path

    def start(self, known):
        facts = self.data / "editing"
        return subprocess.run(
            [sys.executable, str(SOURCE / "inputs/counterfact/runs.py"), "--nepenthe", OPTIONS.nepenthe, "--outputs", str(self.folder / "out"), "--ranks", "1",
             "--model", str(self.model), "--facts", str(facts / "counterfact-edit.json"), "--val", str(facts / "counterfact-val.json"),
             "--zsre", str(facts / "zsre-1k.json"), "--known", str(known), "--corpus", str(self.data / "text/wikitext.txt"),
             "--limit", "3", "--batches", "1", "1000", "--zsre-limit", "3", "--trace-limit", "4", "--tokens", "2000", "--sentences", "40",
             "--layer", "0", "--layers", "0", "1", "--pilot-limit", "3", "--pilot-clamps", "1", "--slim"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)

    def test_every_table_has_its_lines(self):
        known = self.known()
        first = self.start(known)
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertNotIn("refused", first.stdout)
        tables = first.stdout.split("\n### ")[1:]
        for name, rows in TABLES.items():
            lines = [[line for line in table.splitlines() if line.startswith("|")] for table in tables if table.startswith(name)]
            self.assertEqual([len(table) - 2 for table in lines], rows, first.stdout)
            for table in lines:
                self.assertEqual({line.replace("\\|", "").count("|") for line in table}, {table[0].count("|")}, table)
        again = self.start(known)
        self.assertEqual(again.stdout, first.stdout)
        self.assertIn("one-at-a-time", first.stderr)
        self.assertNotIn("one-at-a-time", again.stderr)

        page = (self.folder / "out/report.html").read_text()
        self.assertIn("Over the number of facts", page)
        self.assertIn("Over layers", page)

        sentences = (self.folder / "out/sentences.jsonl").read_text()
        self.assertEqual(len(sentences.splitlines()), 40)
        for name, limit in (("counterfact-edit", 3), ("counterfact-val", 100), ("zsre-1k", 3)):
            for fact in json.loads((self.data / f"editing/{name}.json").read_text())[:limit]:
                self.assertNotIn(f"{fact['subject']} ", sentences)


class KeptAnswers(unittest.TestCase):
    """What --slim keeps is found again by the words, the files that they name and the binary; not when one of them is another."""

    def setUp(self):
        holder = tempfile.TemporaryDirectory()
        self.addCleanup(holder.cleanup)
        self.folder = pathlib.Path(holder.name)
        self.binary = self.folder / "nepenthe"

    def build(self, answer):
        self.binary.write_text(f"#!/bin/sh\necho run >> {self.folder}/runs\necho '{json.dumps(answer)}'\n")
        self.binary.chmod(0o755)

    def ask(self, *words):
        """The answer, and how often the binary has run by now."""
        runner = runs_support.Runner(argparse.Namespace(outputs=self.folder / "out", slim=True, nepenthe=str(self.binary), ranks=1))
        answer = runner("edit", *words)
        runner.keep(answer, "edit", *words)
        return answer, len((self.folder / "runs").read_text().split())

    def test_are_told_apart(self):
        facts = self.folder / "facts.json"
        facts.write_text("[1]")
        self.build("first")
        self.assertEqual(self.ask(facts), ("first", 1))
        self.assertEqual(self.ask(facts), ("first", 1))
        self.assertEqual(self.ask(facts, "--clamp", 1), ("first", 2))
        facts.write_text("[1, 2]")
        self.assertEqual(self.ask(facts), ("first", 3))
        self.build("second")
        self.assertEqual(self.ask(facts), ("second", 4))


if __name__ == "__main__":
    main()
