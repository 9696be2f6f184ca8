#!/usr/bin/env python3
"""audit and relearn as a user calls them, on two small models: what holds, what fails, what stays open; the same bytes on one rank and three.

    audit_verb_test.py --nepenthe NEPENTHE --mpirun MPIRUN --demo inputs/demo
"""
import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

PARSER = argparse.ArgumentParser()
PARSER.add_argument("--nepenthe", required=True)
PARSER.add_argument("--mpirun", required=True)
PARSER.add_argument("--demo", type=pathlib.Path, required=True)
OPTIONS, REST = PARSER.parse_known_args()

FAMILIARITY = "familiarity_probability/content_mass"


def call(*words, ranks=1, fault=None):
    mpirun = [OPTIONS.mpirun, "-n", str(ranks)] if ranks > 1 else []
    environment = dict(os.environ, **({"NEPENTHE_FAULT": fault} if fault else {}))
    return subprocess.run([*mpirun, OPTIONS.nepenthe, *map(str, words)], capture_output=True, text=True, timeout=280, env=environment)


class Audit(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        subprocess.run([sys.executable, "-B", OPTIONS.demo / "make_texts.py", cls.folder / "texts"], check=True, stdout=subprocess.DEVNULL)
        prompts = json.loads((OPTIONS.demo / "familiarity_probability.json").read_text())["prompts"][:6]
        for number, prompt in enumerate(prompts):
            prompt["document"] = f"chapter {number // 2}"
        (cls.folder / "prompts.json").write_text(json.dumps({"prompts": prompts}))
        cls.models = [cls.answer("train", "--architecture", OPTIONS.demo / "config.json", "--tokenizer", OPTIONS.demo / "tokenizer.json",
                                 "--corpus", cls.folder / "texts/saga.txt", "--block", 64, "--max-steps", 2, "--lr", lr, "--global-batch", 2,
                                 "--micro-batch", 2, "--outputs", cls.folder / "models")["artefact"] for lr in (1e-3, 3e-3)]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @staticmethod
    def answer(*words, **more):
        done = call(*words, "--json", **more)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        return json.loads(done.stdout)

    def policy(self, name, lines, **more):
        relearn = {"corpus": "texts/passages/stories_heldout.jsonl", "steps": [1, 3], "block": 32, "global-batch": 2, "micro-batch": 2,
                   "deterministic": True}
        policy = {"measure": {"tasks": "familiarity_probability", "familiarity-prompts": "prompts.json"},
                  "attacks": {"int4": {"measure": {"quantise": "int4"}}, "trained": {"relearn": relearn}}, "lines": lines, **more}
        file = self.folder / f"{name}.json"
        file.write_text(json.dumps(policy))
        return file

    def words(self, policy, *more, outputs="out"):
        return ["audit", policy, "--model", self.models[0], "--outputs", self.folder / outputs, "--threads", 1, *more]

    def test_what_holds_on_one_rank_holds_on_three(self):
        policy = self.policy("holds", [{"metric": FAMILIARITY, "at_most": 0.9}, {"metric": FAMILIARITY, "attack": "int4", "at_most": 0.9},
                                       {"metric": FAMILIARITY, "attack": "trained", "step": 3, "minus": "before", "at_most": 0.9},
                                       {"metric": FAMILIARITY, "minus": "retrained", "at_most": 0.9}])
        one = self.answer(*self.words(policy, "--before", self.models[1]))
        three = self.answer(*self.words(policy, "--before", self.models[1], outputs="three"), ranks=3)
        self.assertEqual(one["digest"], three["digest"])
        verdicts = one["verdicts"]
        self.assertEqual((verdicts["passed"], verdicts["failed"], verdicts["open"]), (3, 0, 1))
        self.assertEqual([line["sampling_units"] for line in verdicts["lines"]], [3, 3, 3, 0], "two prompts of a chapter are one unit")
        self.assertIn("--retrained", verdicts["lines"][3]["reason"])
        fluent = self.answer("evaluate", "--model", self.models[0], "--tasks", "fluency", "--completion-prompts", self.folder / "prompts.json",
                             "--completion-tokens", 2, "--outputs", self.folder / "fluent", "--threads", 1)["artefact"]
        rows = next(pathlib.Path(fluent).glob("items-*-fluency.jsonl")).read_text().splitlines()
        self.assertEqual([json.loads(row)["document"] for row in rows[:3]], ["chapter 0", "chapter 0", "chapter 1"])
        page = pathlib.Path(one["page"]).read_text()
        for part in ("What this audit cannot conclude", "no retrained model was given", "<svg", "trained, after 3 steps"):
            self.assertIn(part, page)
        self.assertNotIn("no attack relearns", page)
        # What was measured stands for another audit, in whatever role the model has there.
        names = {(part["attack"], part["subject"]): part["artefact"] for part in verdicts["parts"]}
        self.assertEqual(len(set(names.values())), 6)
        turned = self.answer("audit", policy, "--model", self.models[1], "--before", self.models[0], "--outputs", self.folder / "out",
                             "--threads", 1)
        for part in turned["verdicts"]["parts"]:
            other = "before" if part["subject"] == "audited" else "audited"
            self.assertEqual(part["artefact"], names[part["attack"], other])
        self.assertTrue(self.answer(*self.words(policy, "--before", self.models[1]))["reused"])

    def test_an_audit_that_was_killed_goes_on(self):
        policy = self.policy("killed", [{"metric": FAMILIARITY, "at_most": 0.9}, {"metric": FAMILIARITY, "attack": "trained", "at_most": 0.9}])
        whole = self.answer(*self.words(policy, outputs="whole"))
        self.assertNotEqual(call(*self.words(policy, outputs="killed"), ranks=2, fault="publish.before_rename:*:3").returncode, 0)
        self.assertEqual(sorted(path.name.split("-")[0] for path in (self.folder / "killed").glob("*-*")), ["evaluate", "evaluate"])
        self.assertEqual(self.answer(*self.words(policy, outputs="killed"))["digest"], whole["digest"])

    def test_a_line_that_fails_is_exit_76_and_leaves_the_page(self):
        policy = self.policy("fails", [{"name": "knows nothing", "metric": FAMILIARITY, "at_most": 0}, {"metric": FAMILIARITY, "at_least": 0}])
        for ranks in (1, 2):
            done = call(*self.words(policy, outputs=f"fails{ranks}"), ranks=ranks)
            self.assertEqual(done.returncode, 76, done.stderr)
            self.assertIn("fail  knows nothing", done.stderr)
            self.assertIn("1 of 2 lines hold, 1 fail, 0 are open", done.stderr)
            self.assertEqual(len(list((self.folder / f"fails{ranks}").glob("audit-*/report.html"))), 1)
        again = call(*self.words(policy, outputs="fails1"))
        self.assertEqual(again.returncode, 76, "found again, it fails again")

    def test_mistakes_are_told_before_anything_is_measured(self):
        policy = self.policy("bad", [{"metric": "familiarity_probability/content_mas", "at_most": 0.1}])
        done = call(*self.words(policy, outputs="bad"))
        self.assertEqual(done.returncode, 65, done.stderr)
        self.assertIn('did you mean "content_mass"?', done.stderr)
        policy = self.policy("options", [{"metric": FAMILIARITY, "at_most": 0.1}])
        told = json.loads(policy.read_text())
        told["attacks"]["int4"]["measure"]["quantise"] = "int3"
        told["attacks"]["trained"]["relearn"]["steps"] = [3, 1]
        told["measure"]["model"] = "x"
        policy.write_text(json.dumps(told))
        done = call(*self.words(policy, outputs="bad"))
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn('"model" is the audit\'s to say', done.stderr)
        del told["measure"]["model"]
        policy.write_text(json.dumps(told))
        done = call(*self.words(policy, outputs="bad"))
        for part in ('attack "int4"', '"int3" is none of', 'attack "trained"', "--steps must rise"):
            self.assertIn(part, done.stderr)
        self.assertFalse((self.folder / "bad").exists())

    def test_relearning_by_itself(self):
        words = ["relearn", "--model", self.models[0], "--corpus", self.folder / "texts/passages/saga_heldout.jsonl", "--block", 32,
                 "--global-batch", 2, "--micro-batch", 2, "--deterministic", "--tasks", "familiarity_probability", "--familiarity-prompts",
                 self.folder / "prompts.json", "--threads", 1]
        one = self.answer(*words, "--steps", "1,2", "--outputs", self.folder / "relearn")
        two = self.answer(*words, "--steps", "1,2", "--outputs", self.folder / "relearn2", ranks=2)
        self.assertEqual([point["step"] for point in one["points"]], [0, 1, 2])
        # Killed before its second step on two ranks, it goes on on one, and ends in the same bytes.
        cut = [*words, "--steps", "1,2", "--checkpoint-steps", 1, "--outputs", self.folder / "cut"]
        self.assertNotEqual(call(*cut, ranks=2, fault="train.before_step:*:2").returncode, 0)
        done = call(*cut, "--json")
        self.assertEqual(json.loads(done.stdout)["digest"], one["digest"], done.stderr)
        self.assertNotIn("step 1 measured", done.stderr, "the first point was there")
        self.assertEqual(one["digest"], two["digest"])
        values = [point["results"]["familiarity_probability"]["content_mass"]["value"] for point in one["points"]]
        self.assertEqual(len(set(values)), 3, values)
        for more, part in ((("--steps", "2,1"), "--steps must rise"), (("--steps", "1", "--epochs", 2), "the last of --steps decides"),
                           (("--steps", "1", "--tasks", "depth", "--probe-items", OPTIONS.demo / "saga_facts.jsonl"), "ask evaluate for it"),
                           ((), "--steps is missing")):
            done = call(*words, *more, "--outputs", self.folder / "refused")
            self.assertEqual(done.returncode, 64, done.stderr)
            self.assertIn(part, done.stderr)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *REST], verbosity=2)
