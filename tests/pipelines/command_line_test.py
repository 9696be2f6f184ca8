#!/usr/bin/env python3
"""The binary as a user calls it: answers, exit codes, one line of error on stderr.

    command_line_test.py NEPENTHE MATERIAL
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

BINARY, MATERIAL = sys.argv[1], pathlib.Path(sys.argv[2])
MODEL = MATERIAL / "models/stories"
NOVEL = MATERIAL / "text/novel.txt"


def call(*words, ranks=1):
    command = [BINARY, *map(str, words)]
    if ranks > 1:
        command = ["mpirun", "-n", str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def answer(*words, ranks=1):
    done = call(*words, "--json", ranks=ranks)
    if done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


class CommandLine(unittest.TestCase):
    def test_help_and_usage(self):
        self.assertEqual(call("--help").returncode, 0)
        self.assertEqual(call().returncode, 64)
        for verb in ("info", "tokenize", "score", "generate", "train", "anchors", "relabel", "forget", "attribute", "mask", "stats", "repair", "trace", "edit",
                     "evaluate", "report", "verify", "run"):
            done = call(verb, "--help")
            self.assertEqual(done.returncode, 0, verb)
            self.assertIn("Example:", done.stdout)
            self.assertLessEqual(len(done.stdout.splitlines()), 50, f"{verb} --help does not fit a screen")
        self.assertIn("--relative-lr", call("edit", "--help").stdout)
        self.assertNotIn("  --relative-lr ", call("edit", "--help").stdout)
        self.assertIn("  --relative-lr ", call("edit", "--help-all").stdout)

    def test_mistakes_have_their_exit_code_and_a_hint(self):
        done = call("scroe")
        self.assertEqual(done.returncode, 64)
        self.assertIn('did you mean "score"', done.stderr)
        done = call("score", "--modle", "x")
        self.assertEqual(done.returncode, 64)
        self.assertIn('did you mean "model"', done.stderr)
        self.assertIn("--file is missing", done.stderr)
        done = call("score", "--model", MODEL, "--file", "no-such-file.txt")
        self.assertEqual(done.returncode, 74)
        self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)

    def test_devices_that_are_not_there_are_refused(self):
        hidden = os.environ | {"CUDA_VISIBLE_DEVICES": ""}
        words = [BINARY, "score", "--model", str(MODEL), "--file", str(NOVEL), "--device", "cuda"]
        done = subprocess.run(words, capture_output=True, text=True, timeout=120, env=hidden)
        self.assertEqual(done.returncode, 64, done.stderr)
        self.assertIn("rank 0 sees no device", done.stderr)
        done = call("train", "--model", MODEL, "--corpus", NOVEL, "--deterministic", "--device", "cuda")
        self.assertEqual(done.returncode, 64)
        self.assertIn("--deterministic holds on CPUs", done.stderr)

    def test_bad_text_is_refused_with_its_place(self):
        with tempfile.TemporaryDirectory() as folder:
            for name, content, hint in (("empty.txt", b"", "empty"), ("binary.txt", b"a\0b", "binary"),
                                        ("latin1.txt", b"ok\ncaf\xe9\n", "line 2")):
                path = pathlib.Path(folder) / name
                path.write_bytes(content)
                done = call("score", "--model", MODEL, "--file", path)
                self.assertEqual(done.returncode, 65, name)
                self.assertIn(hint, done.stderr, name)

    def test_info(self):
        info = answer("info", MODEL)
        self.assertEqual(info["family"], "llama")
        self.assertEqual(info["vocabulary"], 2048)

    def test_tokenize_gives_ids_and_offsets(self):
        text = NOVEL.read_bytes()
        tokens = answer("tokenize", "--model", MODEL, "--file", NOVEL)
        self.assertEqual(len(tokens["ids"]), len(tokens["offsets"]))
        self.assertLessEqual(tokens["offsets"][-1][1], len(text))

    def test_score_is_the_same_bytes_on_any_number_of_ranks(self):
        words = ("score", "--model", MODEL, "--file", NOVEL, "--chars", 6000, "--window", 256, "--threads", 1)
        alone = answer(*words)
        self.assertGreater(alone["tokens"], 500)
        for ranks in (2, 3):
            self.assertEqual(answer(*words, ranks=ranks), alone)

    def test_the_main_path_on_two_ranks(self):
        demo = pathlib.Path(__file__).resolve().parents[2] / "inputs/demo"
        prompts = ("--familiarity-prompts", demo / "familiarity_probability.json", "--neighbour-prompts", demo / "neighbours.json")
        with tempfile.TemporaryDirectory() as outputs:
            common = ("--outputs", outputs, "--threads", 1)
            text = ("--corpus", NOVEL, "--chars", 12000, "--block", 64)
            steps = ("--max-steps", 4, "--lr", "1e-3", "--global-batch", 4, "--micro-batch", 2)
            reinforced = answer("train", "--model", MODEL, *text, *steps, *common, ranks=2)["artefact"]
            labels = answer("relabel", "--baseline", MODEL, "--reinforced", reinforced, *text, "--dictionary",
                            demo / "dictionary.json", *common, ranks=2)["artefact"]
            # Other rules from the same logits, without a model; and what the words must be where there is no artefact.
            other = answer("relabel", "--from", labels, "--combine", "logprobs", "--alpha", 2, *common, ranks=3)
            self.assertEqual(other["digest"], answer("relabel", "--from", labels, "--combine", "logprobs", "--alpha", 2,
                                                     *common)["digest"])
            self.assertEqual(set(other["summary"]["alpha"]), {"2"})
            self.assertIn("--corpus is missing (or --from)", call("relabel", "--baseline", MODEL).stderr)
            self.assertIn("--block is read without --from", call("relabel", "--from", labels, "--block", 64).stderr)
            forget = ("forget", "--model", MODEL, "--labels", labels, *steps, "--measure-steps", 2, *prompts,
                      "--completion-prompts", demo / "familiarity_completion.json", *common)
            forgot = answer(*forget, ranks=2)
            self.assertFalse(forgot["reused"])
            manifest = json.loads((pathlib.Path(forgot["artefact"]) / "manifest.json").read_text())
            for look in manifest["summary"]["checkpoints"]:
                self.assertTrue(0 <= look["repetition"] <= 1, look)
            # A block of retained text that the model has no room for is wrong only where there is such text.
            self.assertIn("--retain-block is read with --retain", call(*forget, "--retain-block", 4096).stderr)
            long = call(*forget, "--retain", NOVEL, "--retain-block", 4096)
            self.assertEqual(long.returncode, 64, long.stderr)
            self.assertIn("--retain-block 4096", long.stderr)
            self.assertTrue(answer(*forget)["reused"])
            self.assertEqual(answer("verify", forgot["artefact"])["digest"], forgot["digest"])
            results = answer("evaluate", "--model", f"base={MODEL},forgot={forgot['artefact']}", "--tasks",
                             "familiarity_probability,neighbour_probability", *prompts, *common, ranks=2)
            metric = results["results"]["familiarity_probability"]["content_mass"]
            self.assertEqual(set(metric), {"value", "numerator", "denominator", "ci95"})
            self.assertEqual(metric["denominator"], 40)

    def test_generate_repeats_itself(self):
        words = ("generate", "--model", MODEL, "--prompt", "Once upon a time", "--max-new-tokens", 16)
        self.assertEqual(answer(*words, "--seed", 3)["ids"], answer(*words, "--seed", 3)["ids"])
        greedy = answer(*words, "--greedy")
        self.assertEqual(len(greedy["ids"]), 16)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
