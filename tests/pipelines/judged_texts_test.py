#!/usr/bin/env python3
"""evaluate's tasks membership, muse, depth and logit_lens as a user calls them, on the demo's saga: the set that inputs/demo/make_muse.py
writes and the demo's facts, the same bytes on one rank and two, and what is said of files and models that cannot be used.

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

    def depth_words(self, *more, models=None, tasks="depth,logit_lens", outputs="out"):
        models = models or f"a={self.models[0]},b={self.models[1]}"
        return ["evaluate", "--model", models, "--tasks", tasks, "--limit", 5, "--probe-items", OPTIONS.demo / "saga_facts.jsonl",
                "--outputs", self.folder / outputs, *more]

    def test_depth_lies_between_the_model_that_knows_and_the_retrained_one(self):
        words = ["--knowing", self.models[1], "--retrained", self.models[0]]
        one = answer_of(*self.depth_words(*words))
        self.assertEqual(one["digest"], answer_of(*self.depth_words(*words, outputs="two"), ranks=2)["digest"])
        known = one["results"]["depth"]["knowledge_items"]
        self.assertGreater(known["numerator"], 0)
        self.assertEqual(known["denominator"], 5)
        depth = {name: model["results"]["depth"]["unlearning_depth"] for name, model in one["models"].items()}
        self.assertEqual(depth["a"]["value"], 1)
        self.assertAlmostEqual(depth["b"]["value"], 0, places=4)
        self.assertEqual(depth["a"]["denominator"], known["numerator"])
        self.assertEqual(sorted(one["by_layer"]["depth"]), ["depth_drop", "depth_drop_retrained", "depth_gone"])
        layers = json.loads((OPTIONS.demo / "config.json").read_text())["num_hidden_layers"]
        for task in one["by_layer"].values():
            for by_layer in task.values():
                self.assertEqual(len(by_layer), layers)
        table = (pathlib.Path(one["artefact"]) / "table.txt").read_text()
        for line in ("depth, depth_gone by layer\nlayer  a", "depth, depth_drop_retrained by layer\nlayer  all models\n",
                     "logit_lens, lens_accuracy by layer\nlayer  a"):
            self.assertIn(line, table)

    def test_an_earlier_depth_serves_only_against_the_same_models(self):
        against = ["--knowing", self.models[1], "--retrained", self.models[0]]
        earlier = answer_of(*self.depth_words(*against, models=f"a={self.models[0]}", tasks="depth"))["artefact"]
        later = answer_of(*self.depth_words(*against, "--compare-with", earlier, models=f"b={self.models[1]}", tasks="depth"))
        self.assertAlmostEqual(later["comparisons"]["a → b"]["depth"]["unlearning_depth"]["difference"], -1, places=4)
        self.assertIn("depth, depth_gone by layer\nlayer  a", (pathlib.Path(later["artefact"]) / "table.txt").read_text())
        said = self.refused(64, *self.depth_words("--retrained", self.models[0], "--knowing", self.models[0], "--compare-with", earlier,
                                                  models=f"b={self.models[1]}", tasks="depth"))
        self.assertIn("the depth of a was measured against other models", said)

    def test_depth_asks_for_its_models_and_items(self):
        self.assertIn("depth needs --retrained", self.refused(64, *self.depth_words()))
        self.assertIn("--retrained is read by fluency, depth",
                      self.refused(64, *self.depth_words("--retrained", self.models[0], tasks="logit_lens")))
        said = self.refused(64, "evaluate", "--model", self.models[0], "--tasks", "logit_lens", "--question-prompt", "Question:", "--outputs",
                            self.folder / "out")
        self.assertIn("logit_lens needs probe_items", said)
        self.assertIn("it must hold \"{}\" once", said)
        bad = self.write("bad_items.jsonl", '{"entity": "Ada"}\n{"prefix": "Ada lives in", "entity": "Rome"}\n{"prefix": "x"}\n')
        said = self.refused(65, "evaluate", "--model", self.models[0], "--tasks", "logit_lens", "--probe-items", bad, "--outputs", self.folder / "out")
        self.assertIn("line 1:", said)
        self.assertIn("line 3:", said)

    def test_choices_are_read_behind_the_last_block_as_the_benchmark_has_them(self):
        data = self.folder / "data/mmlu"
        data.mkdir(parents=True)
        rows = [{"question": f"Which is {word}?", "choices": ["Venus", "Mars", "Earth", "Pluto"], "answer": i % 4, "subject": "astronomy"}
                for i, word in enumerate(("red", "far", "hot", "near", "big", "cold"))]
        (data / "all.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        found = answer_of("evaluate", "--model", self.models[1], "--tasks", "mmlu,logit_lens", "--data", self.folder / "data", "--probe-items",
                          data / "all.jsonl", "--outputs", self.folder / "out")
        self.assertEqual(found["results"]["logit_lens"]["answer_accuracy"]["value"], found["results"]["mmlu"]["acc"]["value"])
        lines = [[json.loads(line) for line in next(pathlib.Path(found["artefact"]).glob(f"items-*-{task}.jsonl")).read_text().splitlines()]
                 for task in ("mmlu", "logit_lens")]
        for asked, lens in zip(*lines):
            self.assertAlmostEqual(asked["log_likelihoods"][asked["gold"]], lens["answer_log_probability"], places=4)

    def test_gradient_norms_are_asked_for(self):
        found = answer_of(*self.words("--gradient-norm"))
        for model in found["models"].values():
            self.assertEqual(model["results"]["membership"]["gradient_norm_auc"]["denominator"], 9)

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
