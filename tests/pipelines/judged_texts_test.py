#!/usr/bin/env python3
"""evaluate's tasks membership and muse as a user calls them, on the demo's saga: the set that inputs/demo/make_muse.py writes, the same
bytes on one rank and two, and what is said of files that cannot be used.

    judged_texts_test.py --nepenthe NEPENTHE --mpirun MPIRUN --demo inputs/demo
"""
import argparse
import json
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


def call(*words, ranks=1):
    mpirun = [OPTIONS.mpirun, "-n", str(ranks)] if ranks > 1 else []
    return subprocess.run([*mpirun, OPTIONS.nepenthe, *map(str, words)], capture_output=True, text=True, timeout=200)


def answer_of(*words, **more):
    done = call(*words, "--json", **more)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    return json.loads(done.stdout)


class JudgedTexts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.temporary.name)
        for script in ("make_texts.py", "make_muse.py"):
            subprocess.run([sys.executable, "-B", OPTIONS.demo / script, cls.folder / "texts"], check=True, stdout=subprocess.DEVNULL)
        cls.muse = cls.folder / "texts/muse"
        cls.models = [answer_of("train", "--architecture", OPTIONS.demo / "config.json", "--tokenizer", OPTIONS.demo / "tokenizer.json",
                                "--corpus", cls.folder / "texts/saga.txt", "--block", 64, "--max-steps", steps, "--lr", 3e-3, "--global-batch", 2,
                                "--micro-batch", 2, "--outputs", cls.folder / "models")["artefact"] for steps in (1, 6)]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def words(self, *more, outputs="out"):
        passages = self.folder / "texts/passages"
        return ["evaluate", "--model", f"a={self.models[0]},b={self.models[1]}", "--tasks", "membership,muse", "--limit", 3,
                "--member-texts", passages / "saga_read.jsonl", "--holdout-texts", passages / "saga_heldout.jsonl",
                "--muse", self.muse, "--muse-retrained", "news", "--outputs", self.folder / outputs, *more]

    def test_the_same_bytes_on_one_rank_and_two(self):
        one, two = answer_of(*self.words()), answer_of(*self.words(outputs="two"), ranks=2)
        self.assertEqual(one["digest"], two["digest"])
        self.assertEqual(one["n-samples"]["muse"]["effective"], 15)
        self.assertEqual(one["n-samples"]["membership"]["effective"], 6)
        for task, names in {"membership": ("extraction_strength", "exact_memorization", "loss_auc", "zlib_auc", "min_k_auc", "min_k_plus_plus_auc"),
                            "muse": ("muse_verbmem_forget", "muse_knowmem_forget", "muse_knowmem_retain", "min_k_auc", "muse_privleak")}.items():
            self.assertEqual(sorted(one["results"][task]), sorted(names))
            self.assertIn("privleak", one["comparisons"]["a → b"][task])
            self.assertEqual(one["metrics"][names[0]]["version"], 1)
        self.assertNotIn("not_finite", one)

    def test_an_earlier_evaluation_of_a_retrained_model_serves(self):
        retrained = [word if word != f"a={self.models[0]},b={self.models[1]}" else f"retrained={self.models[0]}" for word in self.words()]
        earlier = answer_of(*retrained)["artefact"]
        later = [word if word != f"a={self.models[0]},b={self.models[1]}" else f"after={self.models[1]}" for word in self.words()]
        pair = answer_of(*later, "--compare-with", earlier)["comparisons"]["retrained → after"]
        both = answer_of(*self.words())["comparisons"]["a → b"]
        for task in ("membership", "muse"):
            self.assertEqual(pair[task]["privleak"], both[task]["privleak"])

    def test_every_file_of_the_set_fits_the_demos_window(self):
        tokens = answer_of("tokenize", "--model", self.models[0], "--file", self.write("prompt.txt", self.longest_prompt()))["ids"]
        self.assertLessEqual(len(tokens) + 32, json.loads((OPTIONS.demo / "config.json").read_text())["max_position_embeddings"])

    def longest_prompt(self):
        prompts = []
        for name in ("forget", "retain"):
            before, asked = (json.loads((self.muse / f"knowmem/{name}_qa{end}.json").read_text()) for end in ("_icl", ""))
            head = "".join(f"Question: {pair['question']}\nAnswer: {pair['answer']}\n\n" for pair in before)
            prompts += [head + f"Question: {pair['question']}\nAnswer: " for pair in asked]
        return max(prompts, key=len)

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def refused(self, code, *words):
        done = call(*words, "--json")
        self.assertEqual((done.returncode, done.stdout), (code, ""), done.stderr)
        return done.stderr

    def test_bad_lines_of_records_are_all_named(self):
        bad = self.write("bad.jsonl", '{"text": "One is told."}\n{"question": "Who?"}\nno JSON\n{"text": ""}\n')
        said = self.refused(65, "evaluate", "--model", self.models[0], "--tasks", "membership", "--member-texts", bad,
                            "--holdout-texts", self.folder / "texts/passages/saga_heldout.jsonl", "--outputs", self.folder / "out")
        for line in ("line 2:", "line 3:", "line 4:"):
            self.assertIn(line, said)
        empty = self.write("empty.jsonl", "")
        said = self.refused(65, "evaluate", "--model", self.models[0], "--tasks", "membership", "--member-texts",
                            self.folder / "texts/passages/saga_read.jsonl", "--holdout-texts", empty, "--outputs", self.folder / "out")
        self.assertIn("empty.jsonl", said)

    def test_options_without_their_task_and_missing_ones(self):
        said = self.refused(64, "evaluate", "--model", self.models[0], "--tasks", "muse", "--outputs", self.folder / "out")
        self.assertIn("muse needs muse", said)
        said = self.refused(64, "evaluate", "--model", self.models[0], "--tasks", "muse", "--muse", self.muse, "--holdout-texts", "x",
                            "--outputs", self.folder / "out")
        self.assertIn("holdout-texts", said)
        said = self.refused(64, "evaluate", "--model", self.models[0], "--tasks", "muse", "--muse", self.folder, "--muse-retrained", "wiki",
                            "--outputs", self.folder / "out")
        self.assertIn("verbmem/forget.json", said)
        self.assertIn("privleak/holdout.json", said)
        self.assertIn("news, books or a number", said)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], *REST]
    unittest.main(verbosity=2)
