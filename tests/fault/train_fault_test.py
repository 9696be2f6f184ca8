"""Training that is killed: nothing published is torn, and the run goes on where it was, also on another number of ranks.

Trains a small model for a few steps with --deterministic, once undisturbed and once for each way of dying, and
compares the digests of the published models.
"""

import json
import pathlib
import resource
import signal
import subprocess
import tempfile
import time
import unittest

from jobs import MODEL, NOVEL, SMALL_STEPS, answer, command, published, run


def words(outputs, *more):
    return ("train", "--model", MODEL, "--corpus", NOVEL, "--chars", "12000", "--block", "64", *SMALL_STEPS, "--max-steps", "9",
            "--outputs", outputs, *more)


def ranks_of(mpirun):
    """The processes that it started."""
    return [pathlib.Path("/proc", child) for thread in pathlib.Path(f"/proc/{mpirun}/task").iterdir()
            for child in (thread / "children").read_text().split()]


def threads_that_take(signals, process):
    """How many threads could be handed one of the signals."""
    status = [(thread / "status").read_text() for thread in (process / "task").iterdir()]
    blocked = [int(text.split("SigBlk:")[1].split()[0], 16) for text in status]
    return sum(any(not mask >> number - 1 & 1 for number in signals) for mask in blocked)


def train(outputs, ranks, **how):
    return run(ranks, *words(outputs), **how)


class TrainFault(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.whole = answer(1, *words(pathlib.Path(cls.folder.name) / "whole"))["digest"]

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
        cases = (("train.backward:1:6", 2, 3), ("checkpoint.shard:0:2", 2, 1), ("checkpoint.before_rename:0:2", 3, 2),
                 ("checkpoint.folder:0:2", 1, 2), ("checkpoint.after_rename:0:2", 2, 1), ("checkpoint.doomed:0:1", 1, 2))
        for index, (fault, ranks, later) in enumerate(cases):
            outputs = self.outputs(f"killed{index}")
            done = train(outputs, ranks, fault=fault)
            self.assertNotEqual(done.returncode, 0, fault)
            self.assertEqual(published(outputs, "train"), [], fault)
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

    def test_a_file_size_limit_is_an_error_not_a_death(self):
        # Below the size of the model, above what Open MPI writes for itself (without mpirun, which writes more).
        limit = 7 << 20
        demo = pathlib.Path(__file__).parents[2] / "inputs/demo"
        outputs = self.outputs("limited")
        words = ("train", "--architecture", demo / "config.json", "--tokenizer", demo / "tokenizer.json", "--corpus", NOVEL,
                 "--chars", "6000", "--block", "64", "--global-batch", "4", "--max-steps", "2", "--outputs", outputs)
        done = run(0, *words, before=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        self.assertEqual(done.returncode, 74, done.stderr)
        self.assertIn("File too large", done.stderr)
        self.assertEqual(published(outputs, "train"), [])
        answer(0, *words)

    def test_a_signal_saves_and_asks_to_be_resumed(self):
        outputs = self.outputs("signal")
        process = subprocess.Popen(command(2, *words(outputs, "--max-steps", "100000")), stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        deadline = time.monotonic() + 60
        while not list(outputs.glob(".work/*/**/step-*/manifest.json")) and time.monotonic() < deadline:
            time.sleep(0.2)
        # Only the one that waits for them: a handler on a thread that computes may write into the heap (dist/signals.h).
        ranks = ranks_of(process.pid)
        self.assertEqual(len(ranks), 2)
        for rank in ranks:
            self.assertEqual(threads_that_take((signal.SIGTERM, signal.SIGINT, signal.SIGUSR1), rank), 1)
        process.send_signal(signal.SIGUSR1)
        _, errors = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 75, errors)
        self.assertIn("saved", errors)
        self.assertEqual(published(outputs, "train"), [])


if __name__ == "__main__":
    unittest.main(argv=["train_fault_test.py"], verbosity=2)
