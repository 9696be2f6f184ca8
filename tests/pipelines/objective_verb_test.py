#!/usr/bin/env python3
"""forget --objective, attribute and --mask as a user calls them, on a small model.

    objective_verb_test.py NEPENTHE MATERIAL
"""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

BINARY, MATERIAL = sys.argv[1], pathlib.Path(sys.argv[2])
MODEL = MATERIAL / "models/stories"
LAYERS = ",".join(map(str, range(json.loads((MODEL / "config.json").read_text())["num_hidden_layers"])))
OBJECTIVES = ("ga", "graddiff", "kl", "po", "npo", "simnpo", "dpo", "undial", "wga", "satimp", "ceu", "pdu", "ihl", "flat", "rmu")
FORGET = [("Who found the key?", "Ilvane found it under the old tree."), ("What is red?", "The ball is red."),
          ("Where did they go?", "They went to the sea and stayed there."), ("Who is sad?", "The cat is sad.")]
RETAIN = [("What is big?", "The sun is big and very far away."), ("Who likes the park?", "Tim likes it."),
          ("What does a bird do?", "It flies over the house.")]


def call(*words, ranks=1):
    command = [BINARY, *map(str, words)]
    if ranks > 1:
        command = ["mpirun", "--oversubscribe", "-n", str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def answer(*words, ranks=1):
    done = call(*words, "--json", ranks=ranks)
    if done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def manifest(made):
    return json.loads((pathlib.Path(made["artefact"]) / "manifest.json").read_text())


class ObjectiveVerb(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        place = pathlib.Path(self.folder.name)
        self.forget, self.retain, self.refusals = place / "forget.jsonl", place / "retain.json", place / "refusals.txt"
        self.forget.write_text("".join(json.dumps({"question": q, "answer": a}) + "\n" for q, a in FORGET))
        self.retain.write_text(json.dumps([{"prompt": q, "response": a} for q, a in RETAIN], indent=1))
        self.refusals.write_text("I do not know.\n")
        self.place = place
        self.data = ("--model", MODEL, "--forget", self.forget, "--retain", self.retain)
        self.training = ("--epochs", 1, "--global-batch", 3, "--micro-batch", 2, "--lr", "1e-3", "--deterministic", "--threads", 1)

    def made(self, name, *words, ranks=1):
        return answer(*words, "--outputs", self.place / name, ranks=ranks)

    def test_every_objective_has_its_page_and_no_other_options(self):
        for name in OBJECTIVES:
            done = call("forget", "--objective", name, "--help")
            self.assertEqual(done.returncode, 0, name)
            self.assertLessEqual(len(done.stdout.splitlines()), 50, f"forget --objective {name} --help does not fit a screen")
            self.assertIn(f"--objective {name} --model", done.stdout)
        done = call("forget", "--objective", "ga", "--model", MODEL, "--forget", self.forget, "--beta", 1, "--labels", MODEL)
        self.assertEqual(done.returncode, 64)
        self.assertIn("--beta", done.stderr)
        self.assertIn("--labels", done.stderr)

    def test_masks_and_what_they_confine_are_the_same_on_any_number_of_ranks(self):
        masks = self.made("one", "attribute", *self.data, "--shares", "0.9,0.25", "--threads", 1)
        again = self.made("three", "attribute", *self.data, "--shares", "0.9,0.25", "--threads", 1, ranks=3)
        self.assertEqual(masks["digest"], again["digest"])
        self.assertAlmostEqual(masks["summary"]["density"]["0.25"]["all"]["value"], 0.25, places=5)
        words = ("forget", "--objective", "npo", *self.data, *self.training, "--mask", masks["artefact"], "--selection", "0.25")
        alone, together = self.made("alone", *words), self.made("together", *words, ranks=2)
        self.assertEqual(alone["digest"], together["digest"])
        # What was forgotten is known in the manifest; three quarters of the weights have the bits that they had.
        drawn = self.made("drawn", "attribute", "--model", MODEL, "--score", "random", "--threads", 1)
        self.assertAlmostEqual(drawn["summary"]["density"]["0.95"]["all"]["value"], 0.95, places=5)
        said = manifest(alone)["summary"]
        self.assertEqual(said["objective"]["name"], "npo")
        self.assertLess(said["changed_share"], 0.2501)
        self.assertGreater(said["changed_share"], 0.1)
        done = call(*words[:-1], "0.5", "--outputs", self.place / "none")
        self.assertEqual(done.returncode, 64)
        self.assertIn("0.25", done.stderr)

    def test_scores_by_inputs_keep_the_share_of_every_output(self):
        words = ("stats", "--model", MODEL, "--corpus", MATERIAL / "text/stories.txt", "--tokens", 500, "--threads", 1)
        some = self.made("some", *words, "--layers", "0")
        every = self.made("every", *words, "--layers", LAYERS, "--maps", "all")
        by_inputs = ("attribute", "--model", MODEL, "--score", "wanda", "--shares", "0.5", "--threads", 1)
        masks = self.made("one", *by_inputs, "--stats", every["artefact"])
        again = self.made("three", *by_inputs, "--stats", every["artefact"], ranks=3)
        self.assertEqual(masks["digest"], again["digest"])
        # The scores are those inputs': other text gives other masks of the same density.
        other = self.made("other", "stats", "--model", MODEL, "--corpus", MATERIAL / "text/novel.txt", "--tokens", 500, "--threads", 1,
                          "--layers", LAYERS, "--maps", "all")
        self.assertNotEqual(masks["digest"], self.made("by other", *by_inputs, "--stats", other["artefact"])["digest"])
        # Any other score keeps more of one matrix than of another.
        density = masks["summary"]["density"]["0.5"]
        for module in ("q", "o", "down"):
            self.assertAlmostEqual(density["module"][module]["value"], 0.5, delta=0.01)
        done = call(*by_inputs)
        self.assertEqual(done.returncode, 64)
        self.assertIn("--stats is missing", done.stderr)
        done = call(*by_inputs, "--stats", some["artefact"], "--outputs", self.place / "none")
        self.assertEqual(done.returncode, 65)
        self.assertIn("lacks layer 0, input of qkv", done.stderr)

    def test_gradients_of_two_sides(self):
        words = ("forget", "--objective", "graddiff", "--pair", "blur", *self.data, *self.training)
        alone, together = self.made("alone", *words), self.made("together", *words, ranks=2)
        self.assertEqual(alone["digest"], together["digest"])
        conflict = manifest(alone)["summary"]["conflict"]
        self.assertTrue(all(-1 <= row["cosine"] <= 1 for row in conflict))
        self.assertTrue(any(row["forget_norm"] > 0 and row["retain_norm"] > 0 for row in conflict))

    def test_what_is_missing_is_named(self):
        done = call("forget", "--objective", "dpo", "--model", MODEL, "--forget", self.forget)
        self.assertEqual(done.returncode, 64)
        self.assertIn("--retain is missing", done.stderr)
        self.assertIn("--refusals is missing", done.stderr)
        done = call("forget", "--objective", "npo", "--model", MODEL, "--forget", self.forget, "--retain", self.forget)
        self.assertEqual(done.returncode, 65)
        self.assertIn("retained word for word", done.stderr)
        self.retain.write_text('{"question": "a", "answer": "b"}\n{"question": "a"}\n{"answer": "b", "question": ""}\n')
        done = call("forget", "--objective", "npo", *self.data)
        self.assertEqual(done.returncode, 65)
        self.assertIn("line 2", done.stderr)
        self.assertIn("line 3", done.stderr)
        self.retain.write_text('[{"question": "What is big?", "answer": "The sun."}]')
        done = call("forget", "--objective", "npo", *self.data, "--block", 64)
        self.assertEqual(done.returncode, 64)
        self.assertIn("--block is read with text", done.stderr)
        done = call("attribute", *self.data, "--score", "magnitude")
        self.assertEqual(done.returncode, 64)
        self.assertIn("--forget is read by scores of gradients", done.stderr)
        done = call("attribute", *self.data, "--shares", "1.5")
        self.assertEqual(done.returncode, 64)
        self.assertIn("1.5", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
