"""Training that is killed: nothing published is torn, and the run goes on where it was, also on another number of ranks.

Trains the TinyStories model for a few steps with --deterministic, once undisturbed and once for each way of dying, and
compares the digests of the published models.
"""

import argparse
import json
import os
import pathlib
import signal
import subprocess
import tempfile
import time
import unittest

PARSER = argparse.ArgumentParser(description=__doc__)
for option in ("--nepenthe", "--mpirun", "--data"):
    PARSER.add_argument(option, required=True)
ARGUMENTS = PARSER.parse_args()
MODEL = pathlib.Path(ARGUMENTS.data) / "models/tinystories-656k"
NOVEL = pathlib.Path(ARGUMENTS.data) / "text/gutenberg/alice.txt"


def command(outputs, ranks, *more):
    return [ARGUMENTS.mpirun, "--quiet", "-n", str(ranks), ARGUMENTS.nepenthe, "train", "--model", str(MODEL),
            "--corpus", str(NOVEL), "--chars", "12000", "--block", "64", "--global-batch", "6", "--micro-batch", "2",
            "--max-steps", "9", "--checkpoint-steps", "2", "--deterministic", "--lr", "1e-3", "--threads", "1",
            "--outputs", str(outputs), "--json", *more]


def train(outputs, ranks, fault=None, more=()):
    environment = dict(os.environ)
    if fault:
        environment["NEPENTHE_FAULT"] = fault
    return subprocess.run(command(outputs, ranks, *more), env=environment, capture_output=True, text=True, timeout=120)


def published(outputs):
    return [path for path in pathlib.Path(outputs).glob("train-*")]


class TrainFault(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        done = train(pathlib.Path(cls.folder.name) / "whole", 1)
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.whole = json.loads(done.stdout)["digest"]

    @classmethod
    def tearDownClass(cls):
        cls.folder.cleanup()

    def outputs(self, name):
        return pathlib.Path(self.folder.name) / name

    def finish(self, outputs, ranks):
        done = train(outputs, ranks)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("continues after step", done.stderr)
        self.assertEqual(json.loads(done.stdout)["digest"], self.whole)

    def test_the_same_bits_on_any_number_of_ranks(self):
        for ranks in (2, 3, 4):
            done = train(self.outputs(f"ranks{ranks}"), ranks)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(json.loads(done.stdout)["digest"], self.whole, f"{ranks} ranks")

    def test_killed_at_named_points_and_continued_on_other_ranks(self):
        cases = (("train.backward:1:6", 2, 3), ("checkpoint.shard:0:2", 2, 1), ("checkpoint.before_rename:0:2", 3, 2))
        for index, (fault, ranks, later) in enumerate(cases):
            outputs = self.outputs(f"killed{index}")
            done = train(outputs, ranks, fault=fault)
            self.assertNotEqual(done.returncode, 0, fault)
            self.assertEqual(published(outputs), [], fault)
            self.finish(outputs, later)

    def test_a_damaged_checkpoint_is_passed_over(self):
        outputs = self.outputs("damaged")
        train(outputs, 1, fault="train.backward:0:8")
        steps = sorted(outputs.glob(".work/*/**/step-*"))
        self.assertEqual(len(steps), 2)
        shard = next(steps[-1].glob("shard-*"))
        shard.write_bytes(shard.read_bytes()[:-4096])
        done = train(outputs, 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("passed over", done.stderr)
        self.assertEqual(json.loads(done.stdout)["digest"], self.whole)

    def test_a_signal_saves_and_asks_to_be_resumed(self):
        outputs = self.outputs("signal")
        process = subprocess.Popen(command(outputs, 2, "--max-steps", "100000"), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not list(outputs.glob(".work/*/**/step-*/manifest.json")) and time.monotonic() < deadline:
            time.sleep(0.2)
        process.send_signal(signal.SIGUSR1)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75, errors)
        self.assertIn("saved", errors)
        self.assertEqual(published(outputs), [])


if __name__ == "__main__":
    unittest.main(argv=["train_fault_test.py"], verbosity=2)
