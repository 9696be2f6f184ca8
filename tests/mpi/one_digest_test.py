#!/usr/bin/env python3
"""The same stage on 1 to 4 ranks, and killed and resumed on another number of ranks, gives one digest.

The program's test --filter makes an artefact below $NEPENTHE_TEST_OUTPUTS and prints "digest <64 hexadecimal digits>".
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time


def command(args, ranks):
    return [args.mpirun, "-n", str(ranks), args.program, f"--gtest_filter={args.filter}"]


def environment(outputs):
    # A killed test cannot remove its temporary folders; they go with this test's.
    return {**os.environ, "NEPENTHE_TEST_OUTPUTS": str(outputs), "TMPDIR": str(outputs.parent)}


def digest_of(args, ranks, outputs):
    done = subprocess.run(command(args, ranks), env=environment(outputs), capture_output=True, text=True, timeout=200)
    found = re.search(r"^digest ([0-9a-f]{64})", done.stdout, re.M)
    if done.returncode != 0 or not found:
        sys.exit(f"{ranks} ranks: exit {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return found.group(1)


def journal_bytes(outputs):
    return sum(path.stat().st_size for path in pathlib.Path(outputs).glob(".work/**/*") if path.is_file())


def kill_after(args, ranks, outputs, wanted_bytes):
    """Starts the job and kills every process of it once that much was journalled. False when it ended before."""
    job = subprocess.Popen(command(args, ranks), env=environment(outputs), start_new_session=True,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while job.poll() is None and journal_bytes(outputs) < wanted_bytes:
        time.sleep(0.01)
    killed = job.poll() is None
    if killed:
        os.killpg(job.pid, signal.SIGKILL)
    job.wait()
    time.sleep(1)  # orphaned ranks notice that mpirun is gone
    return killed


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--program", required=True)
    parser.add_argument("--mpirun", required=True)
    parser.add_argument("--filter", required=True)
    parser.add_argument("--journal-bytes", type=int, nargs="*", default=[],
                        help="kill three jobs once they journalled that much, each; none: no job is killed")
    args = parser.parse_args()
    root = pathlib.Path(tempfile.mkdtemp(prefix="nepenthe-one-digest-"))
    try:
        digests = {f"{ranks} ranks": digest_of(args, ranks, root / f"ranks{ranks}") for ranks in (1, 2, 3, 4)}
        kills = 0
        for (before, after), wanted in zip(((2, 2), (2, 3), (3, 1)), args.journal_bytes):
            outputs = root / f"killed{before}-{after}"
            kills += kill_after(args, before, outputs, wanted)
            digests[f"killed on {before}, resumed on {after}"] = digest_of(args, after, outputs)
        for name, digest in digests.items():
            print(f"{name:32} {digest}")
        if len(set(digests.values())) != 1:
            sys.exit("the digests differ")
        if args.journal_bytes and kills == 0:
            sys.exit("no job was killed in time: this test shows nothing")
    finally:
        shutil.rmtree(root)


if __name__ == "__main__":
    main()
