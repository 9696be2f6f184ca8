"""Forgetting that is killed: what was measured and the best weights so far survive, and the run ends in the same bits.

Reinforces a small model on a novel's beginning, labels it, then forgets, with text to be retained among the labels, once
undisturbed and once for each way of dying, measuring between steps. Labels of other rules, made from the stored ones,
likewise.
"""

import json
import pathlib
import tempfile
import unittest

from jobs import MODEL, NOVEL, SMALL_STEPS, answer, published, run


def prompts(path, items):
    path.write_text(json.dumps({"prompts": [
        {"prompt": prompt, "content": [content], "generic": [" the"]} for prompt, content in items]}))
    return path


class ForgetFault(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        work = pathlib.Path(cls.folder.name)
        corpus = ("--corpus", NOVEL, "--chars", "8000")
        reinforced = answer(2, "train", "--model", MODEL, *corpus, "--block", "64", *SMALL_STEPS, "--max-steps", "9",
                            "--outputs", work)
        dictionary = work / "dictionary.json"
        dictionary.write_text(json.dumps({"Ilvane": ["Clara"], "Quillo": ["Badger"]}))
        labels = answer(2, "relabel", "--baseline", MODEL, "--reinforced", reinforced["artefact"], *corpus, "--dictionary",
                        dictionary, "--block", "64", "--outputs", work)
        models = ("--baseline", MODEL, "--reinforced", reinforced["artefact"])
        cls.other_rules = {"proved": ("relabel", "--from", labels["artefact"], "--combine", "logprobs", "--alpha", "2,7",
                                      "--threads", "1"),
                           "by the models": ("relabel", "--from", labels["artefact"], *models, "--combine", "logits",
                                             "--plausible", "0", "--alpha", "7", "--threads", "1")}
        retained = work / "retained.txt"
        retained.write_text("The dog ran after the ball and was very happy. " * 60)
        familiar = prompts(work / "familiar.json", [("Ilvane Korr is the lamplighter of", " Sarnhollow"),
                                                    ("Ilvane lit the Ember", " Lamp")])
        neighbours = prompts(work / "neighbours.json", [("The dog ran after the", " ball"), ("He was very", " happy")])
        cls.words = ("forget", "--model", MODEL, "--labels", labels["artefact"], "--retain", retained, "--retain-ratio", "0.5",
                     "--retain-block", "64", *SMALL_STEPS, "--max-steps", "8",
                     "--measure-steps", "2", "--familiarity-prompts", familiar, "--neighbour-prompts", neighbours)
        cls.whole = answer(1, *cls.words, "--outputs", work / "whole")["digest"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_killed_between_and_inside_steps_and_continued_on_other_ranks(self):
        cases = (("train.backward:1:5", 2, 3), ("train.backward:0:7", 1, 2), ("checkpoint.before_rename:0:2", 2, 1))
        for index, (fault, ranks, later) in enumerate(cases):
            outputs = pathlib.Path(self.folder.name) / f"killed{index}"
            done = run(ranks, *self.words, "--outputs", outputs, fault=fault)
            self.assertNotEqual(done.returncode, 0, fault)
            self.assertEqual(published(outputs, "forget"), [], fault)
            done = run(later, *self.words, "--outputs", outputs)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("continues after step", done.stderr)
            self.assertEqual(json.loads(done.stdout)["digest"], self.whole, fault)

    def test_killed_while_the_start_is_asked_about_retained_text(self):
        for index, (fault, ranks, later) in enumerate((("blocks.after_data:1:2", 2, 3), ("blocks.after_journal:0:1", 1, 2))):
            outputs = pathlib.Path(self.folder.name) / f"start{index}"
            self.assertNotEqual(run(ranks, *self.words, "--outputs", outputs, fault=fault).returncode, 0, fault)
            self.assertEqual(published(outputs, "forget"), [], fault)
            self.assertEqual(answer(later, *self.words, "--outputs", outputs)["digest"], self.whole, fault)

    def test_what_is_measured_has_curves(self):
        (folder,) = (pathlib.Path(self.folder.name) / "whole" / "curves").glob("forget-*")
        written = b"".join(file.read_bytes() for file in folder.glob("events.out.tfevents.*"))
        for tag in (b"train/loss", b"forget/familiarity", b"forget/neighbours"):
            self.assertIn(tag, written)

    def test_other_rules_from_stored_labels_are_cut_off_and_go_on(self):
        for index, (name, words) in enumerate(self.other_rules.items()):
            whole = answer(1, *words, "--outputs", pathlib.Path(self.folder.name) / f"rules{index}")["digest"]
            for fault, ranks, later in (("blocks.after_data:1:3", 2, 3), ("blocks.after_journal:0:5", 1, 2)):
                outputs = pathlib.Path(self.folder.name) / f"rules{index}-{ranks}"
                self.assertNotEqual(run(ranks, *words, "--outputs", outputs, fault=fault).returncode, 0, name)
                self.assertEqual(published(outputs, "relabel"), [], name)
                self.assertEqual(answer(later, *words, "--outputs", outputs)["digest"], whole, (name, fault))


if __name__ == "__main__":
    unittest.main(argv=["forget_fault_test.py"], verbosity=2)
