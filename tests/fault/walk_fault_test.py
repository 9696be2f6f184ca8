"""Walks through every place where stage_program can be cut off: after each one the next start finishes, on another number of
ranks, with the digest, the file names and the bytes of an undisturbed run.

Groups: points (SIGKILL at every named point, in order), calls (SIGKILL before every system call that changes a file), full
(from each such call on the disk or the quota is full, or broken: 74, nothing torn, and the next start finishes), interrupted
(calls that are interrupted or take half of what they are given). failing_calls.cpp stands between the program and the C library.
"""

import argparse
import glob
import os
import shutil
import sys
import tempfile

import stage_fault_test
from stage_fault_test import Runner, check

BLOCKS, VALUES = 3, 64
MOST_PLACES = 400
# Errors of the disk beside ENOSPC go the same way; every so many places are enough for them.
EVERY = {"ENOSPC": 1, "EDQUOT": 5, "EIO": 5}


class Walk:
    def __init__(self, runner, library, every):
        self.runner, self.library, self.every = runner, library, every
        self.whole = os.path.join(runner.folder, "whole")
        done = self.stage(1, self.whole)
        assert done.returncode == 0, done.stderr
        self.digest, self.names = done.stdout.strip(), self.published(self.whole)

    def stage(self, ranks, output, calls=None, rank=0, fault=None):
        prefix = []
        if calls:
            prefix = ["env", f"LD_PRELOAD={self.library}", f"NEPENTHE_CALLS={calls}:{output}", f"NEPENTHE_CALLS_RANK={rank}"]
        return self.runner.run(ranks, "--outputs", output, "--blocks", BLOCKS, "--values", VALUES, fault=fault, prefix=prefix)

    def published(self, output):
        """What is published: file name -> bytes; the manifest tells its time."""
        files = {}
        for path in glob.glob(output + "/values-*/**", recursive=True, include_hidden=True):
            if os.path.isfile(path):
                name = os.path.relpath(path, output)
                files[name] = b"" if name.endswith("manifest.json") else open(path, "rb").read()
        return files

    def torn(self, output):
        """A published folder that is not the whole artefact."""
        return self.published(output) not in ({}, self.names)

    def finishes(self, ranks, output):
        """Whether the next start does what an undisturbed one does, and what it did instead."""
        done = self.stage(ranks, output)
        right = (done.returncode == 0 and done.stdout.strip() == self.digest and self.published(output) == self.names
                 and not os.path.exists(output + "/.work"))
        return right, f"code {done.returncode}, {sorted(self.published(output))}, {done.stderr.strip()}"


def each_place(walk, name, disturb, ranks_after=(1, 2), every=1):
    """Disturbs a fresh run at its 1st, 2nd … place until one is not disturbed, and starts again after each."""
    failed = []
    for place in range(1, MOST_PLACES, every * walk.every):
        output = os.path.join(walk.runner.folder, f"{name}-{place}")
        done, expected = disturb(output, place)
        if done is None:
            break
        right, found = walk.finishes(ranks_after[place % len(ranks_after)], output) if expected else (False, done)
        if not right:
            failed.append(f"{place}: {found}")
        shutil.rmtree(output, ignore_errors=True)
    check(not failed and place > 10, f"{name}: {place - 1} places, each passed by the next start" + "".join("\n  " + line for line in failed))


def cut(walk, ranks, rank, **how):
    """A run that is killed at a place; None once it was not."""
    def disturb(output, place):
        done = walk.stage(ranks, output, rank=rank, **{key: text.format(place) for key, text in how.items()})
        if done.returncode == 0:
            return None, False
        return f"code {done.returncode}, torn {walk.torn(output)}, {done.stderr}", done.returncode == 137 and not walk.torn(output)
    return disturb


def again_and_again(walk, name, **how):
    """One folder, killed at every start: each start passes what the one before left, and the last finishes."""
    output = os.path.join(walk.runner.folder, name)
    for place in range(1, MOST_PLACES):
        done = walk.stage(1 + place % 2, output, **{key: text.format(place) for key, text in how.items()})
        if done.returncode != 137:
            break
    right, found = walk.finishes(1, output)
    check(done.returncode == 0 and right, f"{name}: after {place - 1} kills in one folder: {done.stderr.strip()} {found}")


def points(walk):
    each_place(walk, "any point", cut(walk, 1, 0, fault="any:0:{}"))
    each_place(walk, "any point of rank 1", cut(walk, 2, 1, fault="any:1:{}"))
    again_and_again(walk, "points", fault="any:*:{}")
    for point in ("lock.made", "lock.taken", "work.locked", "journal.part", "journal.made", "journal.header", "file.before_rename",
                  "file.after_rename", "hdf5.created", "hdf5.in_call", "publish.before_tidy"):
        output = os.path.join(walk.runner.folder, point)
        done = walk.stage(2, output, fault=f"{point}:0")
        right, found = walk.finishes(1, output)
        check(done.returncode == 137 and right, f"killed at {point}: code {done.returncode}; {found}")


def calls(walk):
    each_place(walk, "any call", cut(walk, 1, 0, calls="kill:{}"))
    each_place(walk, "any call of rank 1", cut(walk, 2, 1, calls="kill:{}"), ranks_after=(1,))
    again_and_again(walk, "calls", calls="kill:{}")


def full(walk):
    for error, text in (("ENOSPC", "No space left on device"), ("EDQUOT", "Disk quota exceeded"), ("EIO", "Input/output error")):
        def disturb(output, place):
            done = walk.stage(1, output, calls=f"{error}:{place}")
            said = f"code {done.returncode}, torn {walk.torn(output)}, {done.stderr}"
            # After the artefact has its name only the tidying is left, which may fail in silence.
            if done.returncode == 0:
                return (None, False) if not os.path.exists(output + "/.work") else (said, True)
            named = len(done.lines) == 1 and (text in done.lines[0] or "bytes free)" in done.lines[0])
            return said, done.returncode == 74 and named and not walk.torn(output)
        each_place(walk, error, disturb, every=EVERY[error])


def interrupted(walk):
    """Every call is interrupted once, or takes half of what it is given."""
    for kind in ("EINTR", "short"):
        output = os.path.join(walk.runner.folder, kind)
        done = walk.stage(1, output, calls=f"{kind}:0")
        check(done.returncode == 0 and done.stdout.strip() == walk.digest and walk.published(output) == walk.names,
              f"{kind}: code {done.returncode}, {done.stderr.strip()}")


def main():
    parser = argparse.ArgumentParser()
    for option in ("--program", "--mpirun", "--library"):
        parser.add_argument(option, required=True)
    parser.add_argument("--group", required=True, choices=("points", "calls", "full", "interrupted"))
    parser.add_argument("--every", type=int, default=1, help="only every so many places of a walk")
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="nepenthe-walk-")
    try:
        globals()[arguments.group](Walk(Runner(arguments.program, arguments.mpirun, folder), arguments.library, arguments.every))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if stage_fault_test.failures else 0)


if __name__ == "__main__":
    main()
