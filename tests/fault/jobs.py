"""Calls of the binary on ranks, for the scripts that kill it."""

import argparse
import json
import os
import pathlib
import subprocess

PARSER = argparse.ArgumentParser()
for option in ("--nepenthe", "--mpirun", "--material"):
    PARSER.add_argument(option, required=True)
ARGUMENTS = PARSER.parse_args()
MODEL = pathlib.Path(ARGUMENTS.material) / "models/stories"
NOVEL = pathlib.Path(ARGUMENTS.material) / "text/novel.txt"
# Training in steps of well under a second, with a checkpoint every other step.
SMALL_STEPS = ("--global-batch", "6", "--micro-batch", "2", "--checkpoint-steps", "2",
               "--deterministic", "--lr", "1e-3", "--threads", "1")


def command(ranks, *words):
    """On `ranks` ranks; 0 is one rank without mpirun."""
    launcher = [ARGUMENTS.mpirun, "-n", str(ranks)] if ranks else []
    return [*launcher, ARGUMENTS.nepenthe, *map(str, words), "--json"]


def run(ranks, *words, fault=None, before=None):
    """Runs to the end; `fault` names a point to die at, `before` is called in the child."""
    environment = dict(os.environ)
    if fault:
        environment["NEPENTHE_FAULT"] = fault
    return subprocess.run(command(ranks, *words), env=environment, capture_output=True, text=True, timeout=120,
                          preexec_fn=before)


def answer(ranks, *words):
    done = run(ranks, *words)
    if done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def published(outputs, stage):
    return list(pathlib.Path(outputs).glob(f"{stage}-*"))
