"""Publishing under a user whom file permissions bind, from sources that may not be written, on hosts that go away, to disks and
pipes that say no; and what a model made from scratch takes along. Everything starts from inputs/demo, trained for one step."""

import ctypes
import json
import os
import pathlib
import re
import subprocess
import tempfile
import time
import unittest

from jobs import answer, command, published, run

DEMO = pathlib.Path(__file__).parents[2] / "inputs/demo"
TEXT = "The garden of the old house was quiet, and the lake below it was quiet too. " * 40
ONE_STEP = ("--block", "32", "--global-batch", "2", "--max-steps", "1", "--threads", "1", "--lr", "1e-4")


def bound_by_permissions():
    """Takes the rights over file modes from a child that root starts."""
    prctl = ctypes.CDLL(None).prctl
    for capability in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
        prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP; fails for other users, who have none


def run_bound(*words, fault=None):
    return run(0, *words, fault=fault, before=bound_by_permissions)


class PublishFault(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.folder.name)
        cls.text = cls.work / "text.txt"
        cls.text.write_text(TEXT)
        tokenizer = cls.work / "tokenizer"
        tokenizer.mkdir()
        cls.tokenizer = tokenizer / "vocabulary.json"  # a name that is not what it is called in a model's folder
        cls.tokenizer.write_bytes((DEMO / "tokenizer.json").read_bytes())
        cls.beside = {"tokenizer_config.json": (DEMO / "tokenizer_config.json").read_text(),
                      "special_tokens_map.json": '{"eos_token": "</s>"}', "generation_config.json": '{"eos_token_id": [1]}',
                      "chat_template.jinja": "{{ messages }}", "merges.txt": "#version: 0.2\n"}
        for name, text in cls.beside.items():
            (tokenizer / name).write_text(text)
        cls.scratch = ("train", "--architecture", DEMO / "config.json", "--tokenizer", cls.tokenizer, "--corpus", cls.text, *ONE_STEP)
        cls.model = pathlib.Path(answer(0, *cls.scratch, "--outputs", cls.work / "model")["artefact"])
        cls.further = ("train", "--model", cls.model, "--corpus", cls.text, *ONE_STEP)

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def test_a_model_from_scratch_takes_its_tokenizer_along_and_nothing_of_its_own_is_lost(self):
        config = json.loads((self.model / "config.json").read_text())
        self.assertEqual(config["hidden_size"], 256)
        self.assertEqual((self.model / "tokenizer.json").read_bytes(), self.tokenizer.read_bytes())
        for name, text in self.beside.items():
            self.assertEqual((self.model / name).read_text(), text, name)

    def test_a_read_only_source_does_not_hinder_the_second_start(self):
        source = self.work / "read-only"
        source.mkdir()
        for file in self.model.iterdir():
            (source / file.name).write_bytes(file.read_bytes())
            (source / file.name).chmod(0o444)
        source.chmod(0o555)
        words = ("train", "--model", source, "--corpus", self.text, *ONE_STEP, "--outputs", self.work / "from-read-only")
        for fault in ("publish.before_manifest", "tensors.header", "file.before_rename:0:2", "publish.before_rename"):
            self.assertEqual(run_bound(*words, fault=fault).returncode, -9, fault)
        done = run_bound(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(json.loads(done.stdout)["artefact"])
        self.assertEqual(json.loads(done.stdout)["digest"], answer(0, *self.further, "--outputs", self.work / "plain")["digest"])

    def test_a_read_only_output_folder_is_said_at_once(self):
        closed = self.work / "closed"
        closed.mkdir(mode=0o555)
        for outputs in (closed, closed / "below"):
            done = run_bound(*self.further, "--outputs", outputs)
            self.assertEqual(done.returncode, 74, done.stderr)
            self.assertRegex(done.stderr, r"nothing can be written to .*closed.*: choose another folder|closed.*choose another folder")
            self.assertNotIn("step", done.stderr)  # before any training
        # What is published there is found all the same.
        outputs = self.work / "to-be-closed"
        first = answer(0, *self.further, "--outputs", outputs)
        outputs.chmod(0o555)
        done = run_bound(*self.further, "--outputs", outputs)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["digest"], first["digest"])

    def test_a_job_goes_on_on_another_host(self):
        outputs = self.work / "hosts"

        def on(host, fault=None):
            environment = dict(os.environ, **({"NEPENTHE_FAULT": fault} if fault else {}))
            user = [] if os.geteuid() == 0 else ["-r"]
            return subprocess.run(["unshare", *user, "--uts", "sh", "-c", f'hostname {host}; exec "$@"', "sh",
                                   *command(0, *self.further, "--outputs", outputs)],
                                  env=environment, capture_output=True, text=True, timeout=120)
        self.assertEqual(on("node-a", "publish.before_manifest").returncode, -9)
        self.assertIn('"node-a"', next(outputs.glob(".work/*/lock")).read_text())
        done = on("node-b")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(published(outputs, "train")), 1)

    def test_an_answer_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run(command(0, "info", "--model", self.model), stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn("standard output", done.stderr)

    def test_memory_that_runs_out_is_said_on_all_ranks(self):
        for fault in ("starve@train.before_step:1", "starve@train.before_step:0"):
            outputs = self.work / "starved"
            started = time.monotonic()
            done = run(2, "train", "--model", self.model, "--corpus", self.text, "--block", "512", "--global-batch", "64",
                       "--micro-batch", "32", "--max-steps", "1", "--threads", "1", "--outputs", outputs, fault=fault)
            self.assertEqual(done.returncode, 69, done.stderr)
            self.assertEqual(len(re.findall("^nepenthe: .*out of memory", done.stderr, re.M)), 1, done.stderr)
            self.assertLess(time.monotonic() - started, 60)
            self.assertEqual(published(outputs, "train"), [])


if __name__ == "__main__":
    unittest.main(argv=["publish_fault_test.py"], verbosity=2)
