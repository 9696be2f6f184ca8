#!/usr/bin/env python3
"""repair as a user calls it: a model trained on another text, repaired by moments of the first, held against NumPy.

    repair_verb_test.py NEPENTHE MATERIAL
"""
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

import h5py
import numpy as np

BINARY, MATERIAL = sys.argv[1], pathlib.Path(sys.argv[2])
BASE = MATERIAL / "models/stories"


def call(*words, ranks=1):
    command = [BINARY, *map(str, words)]
    if ranks > 1:
        command = ["mpirun", "--oversubscribe", "-n", str(ranks), *command]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def answer(*words, ranks=1):
    done = call(*words, "--threads", 1, "--json", ranks=ranks)
    if done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def weights(folder):
    data = (pathlib.Path(folder) / "model.safetensors").read_bytes()
    size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + size])
    header.pop("__metadata__", None)
    cut = lambda about: data[8 + size + about["data_offsets"][0]:8 + size + about["data_offsets"][1]]
    return {name: np.frombuffer(cut(about), np.float32).reshape(about["shape"]) for name, about in header.items()}


def moment(folder, dataset, n):
    with h5py.File(pathlib.Path(folder) / "moments.h5") as file:
        full = np.zeros((n, n))
        full[np.triu_indices(n)] = file[dataset][:]
        return (full + np.triu(full, 1).T) / int(file.attrs["tokens"])


class RepairVerb(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.place = pathlib.Path(cls.folder.name)
        novel = (MATERIAL / "text/novel.txt").read_text(encoding="utf-8")
        cls.book, cls.kept, cls.held = (cls.place / name for name in ("book.txt", "kept.txt", "held.txt"))
        cls.book.write_text(novel[5000:9000], encoding="utf-8")
        cls.kept.write_text((MATERIAL / "text/stories.txt").read_text(encoding="utf-8")[:12000], encoding="utf-8")
        cls.held.write_text((MATERIAL / "text/stories-heldout.txt").read_text(encoding="utf-8")[:4000], encoding="utf-8")
        out = ("--outputs", cls.place / "made")
        cls.after = answer("train", "--model", BASE, "--corpus", cls.book, "--block", 64, "--lr", "3e-3", "--epochs", 2, "--global-batch", 4,
                           "--micro-batch", 4, *out)["artefact"]
        moments = lambda text, *more: answer("stats", "--model", BASE, "--corpus", text, "--layers", "0,1", "--window", 64, *more, *out)["artefact"]
        cls.stats, cls.forget_stats, cls.keys = moments(cls.kept, "--maps", "all"), moments(cls.book, "--maps", "all"), moments(cls.kept)
        cls.words = ("repair", "--base", BASE, "--model", cls.after, "--stats", cls.stats)
        cls.search = ("--holdout", cls.held, "--window", 64, "--lambdas", "0.1,1,10,100")

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def made(self, name, *words, ranks=1):
        return answer(*self.words, *words, "--outputs", self.place / name, ranks=ranks)

    def refused(self, code, *words):
        done = call(*words, "--outputs", self.place / "refused")
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_it_is_what_numpy_solves(self):
        before, after = weights(BASE), weights(self.after)
        for more in ((), ("--forget-stats", self.forget_stats, "--ridge", "0.05")):
            repaired = weights(self.made("numpy", "--lambda", "0.5", *more)["artefact"])
            for name, dataset in (("model.layers.1.self_attn.v_proj.weight", "moment_qkv/1"), ("model.layers.0.self_attn.o_proj.weight", "moment_o/0"),
                                  ("model.layers.1.mlp.gate_proj.weight", "moment_up/1"), ("model.layers.0.mlp.down_proj.weight", "moment/0")):
                update = after[name].astype(np.float64) - before[name]
                n = update.shape[1]
                scaled = lambda folder: (lambda c: c / np.mean(np.diag(c)))(moment(folder, dataset, n))
                keep = scaled(self.forget_stats) + 0.05 * np.eye(n) if more else np.eye(n)
                expected = update @ keep @ np.linalg.inv(keep + 0.5 * scaled(self.stats))
                found = repaired[name].astype(np.float64) - before[name]
                self.assertLess(np.linalg.norm(found - expected), 1e-4 * np.linalg.norm(expected), name)
                self.assertLess(np.linalg.norm(found), 0.99 * np.linalg.norm(update), name)

    def test_the_search_is_the_same_on_any_number_of_ranks_and_keeps_its_budget(self):
        all = self.made("all", *self.search, "--perplexity-budget", "100")["summary"]
        perplexities = [point["perplexity"] for point in all["curve"]]
        self.assertEqual(sorted(perplexities[:3], reverse=True), perplexities[:3])
        base = all["base"]["perplexity"]
        self.assertLess(perplexities[-1] - base, 0.5 * (perplexities[0] - base))
        budget = 0.5 * (perplexities[1] + perplexities[2]) / all["base"]["perplexity"] - 1
        alone = self.made("one", *self.search, "--perplexity-budget", budget)
        for ranks in (2, 3):
            self.assertEqual(self.made(f"on{ranks}", *self.search, "--perplexity-budget", budget, ranks=ranks)["digest"], alone["digest"])
        curve, base = alone["summary"]["curve"], alone["summary"]["base"]["perplexity"]
        self.assertEqual([point["lambda"] for point in curve], [0, 0.1, 1, 10, 100])
        self.assertEqual(sorted((point["kept"] for point in curve), reverse=True), [point["kept"] for point in curve])
        within = [point["lambda"] for point in curve if point["perplexity"] <= (1 + budget) * base]
        self.assertEqual(alone["summary"]["lambda"], within[0])
        self.assertEqual(within[0], 1)
        # What it says is what evaluate measures of the folder.
        told = answer("evaluate", "--model", "it=" + alone["artefact"], "--texts", f"held={self.held}", "--window", 64, "--outputs", self.place / "evaluated")
        self.assertAlmostEqual(told["results"]["perplexity:held"]["perplexity"]["value"],
                               next(point["perplexity"] for point in curve if point["lambda"] == within[0]), places=4)
        self.assertIn("no λ up to", self.refused(76, *self.words, *self.search[:-1], "0.001", "--perplexity-budget", "0"))

    def test_no_strength_is_the_model_as_it_came(self):
        came, same = weights(self.after), weights(self.made("none", "--lambda", 0, "--others", "model")["artefact"])
        for name, tensor in came.items():
            self.assertEqual(tensor.tobytes(), same[name].tobytes(), name)
        base, others = weights(BASE), weights(self.made("others", "--lambda", 0)["artefact"])
        self.assertEqual(others["model.embed_tokens.weight"].tobytes(), base["model.embed_tokens.weight"].tobytes())
        self.assertEqual(others["model.norm.weight"].tobytes(), base["model.norm.weight"].tobytes())
        self.assertEqual(others["model.layers.0.mlp.up_proj.weight"].tobytes(), came["model.layers.0.mlp.up_proj.weight"].tobytes())

    def test_a_task_vector_needs_no_moments(self):
        words = ("repair", "--base", BASE, "--model", self.after, "--lambda", 0, "--scale", "-0.5", "--outputs", self.place / "task")
        base, came, whole = weights(BASE), weights(self.after), weights(answer(*words, "--others", "model", ranks=2)["artefact"])
        for name, tensor in base.items():
            expected = tensor - 0.5 * (came[name] - tensor)
            self.assertLessEqual(np.abs(whole[name] - expected).max(), 1e-6 * np.abs(expected).max(), name)
            self.assertGreater(np.abs(whole[name] - tensor).max(), 0, name)
        self.assertEqual(weights(answer(*words)["artefact"])["model.norm.weight"].tobytes(), base["model.norm.weight"].tobytes())
        self.assertIn("--stats is missing", self.refused(64, *words[:6], 1, *words[7:9]))
        self.assertIn("scale 0", self.refused(64, *self.words, "--lambda", 1, "--scale", 0))

    def test_layers_may_lie_in_several_files(self):
        parts = [answer("stats", "--model", BASE, "--corpus", self.kept, "--layers", layer, "--maps", "all", "--window", 64, "--outputs",
                        self.place / "parts")["artefact"] for layer in (1, 0)]
        words = ("repair", "--base", BASE, "--model", self.after, "--lambda", 1, "--outputs", self.place / "parts")
        split = answer(*words, "--stats", ",".join(parts))
        self.assertEqual(weights(split["artefact"])["model.layers.1.mlp.up_proj.weight"].tobytes(),
                         weights(self.made("whole", "--lambda", 1)["artefact"])["model.layers.1.mlp.up_proj.weight"].tobytes())
        self.assertIn("layer 1 as well", self.refused(65, *words[:-2], "--stats", f"{parts[0]},{self.stats}"))

    def test_what_is_wrong_is_named(self):
        lacking = self.refused(65, "repair", "--base", BASE, "--model", self.after, "--stats", self.keys, "--lambda", 1)
        for part in ("layer 0, input of qkv", "layer 1, input of o", "model.layers.1.mlp.gate_proj.weight", "--maps all"):
            self.assertIn(part, lacking)
        self.assertNotIn("input of down", lacking)
        foreign = self.refused(65, "repair", "--base", self.after, "--model", BASE, "--stats", self.stats, "--lambda", 1)
        self.assertIn("model digest", foreign)
        self.assertIn("nothing to repair", self.refused(65, "repair", "--base", BASE, "--model", BASE, "--stats", self.stats, "--lambda", 1))
        self.assertIn("λ -1", self.refused(64, *self.words, "--lambda", "-1"))
        self.assertIn("which λ", self.refused(64, *self.words))
        self.assertIn("needs --neighbour-prompts", self.refused(64, *self.words, "--utility-budget", 0.1))
        both = self.refused(64, *self.words, "--lambda", 1, "--perplexity-budget", 0.1, "--ridge", 0.1)
        for part in ("one of them", "--perplexity-budget needs --holdout", "--ridge is read with --forget-stats"):
            self.assertIn(part, both)
        other = self.place / "narrow"
        if not other.exists():
            shutil.copytree(BASE, other)
            config = json.loads((other / "config.json").read_text())
            config["num_hidden_layers"] = 1
            tensors = {name: tensor for name, tensor in weights(BASE).items() if ".layers.1." not in name}
            header, data = {}, b""
            for name, tensor in tensors.items():
                header[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [len(data), len(data) + tensor.nbytes]}
                data += tensor.tobytes()
            text = json.dumps(header).encode()
            (other / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)
            (other / "config.json").write_text(json.dumps(config))
        shapes = self.refused(65, "repair", "--base", BASE, "--model", other, "--stats", self.stats, "--lambda", 1)
        self.assertIn("2 layers, the model 1", shapes)
        self.assertIn("model.layers.1.mlp.up_proj.weight", shapes)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
