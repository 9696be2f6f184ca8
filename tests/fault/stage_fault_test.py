"""Kills, starves and restarts stage_program and checks what is promised: one line, one exit code, nothing torn, equal digests.

Groups: errors (exit codes, one line, no hang), kills (SIGKILL at named points, resume on other rank counts), storage (full
disk, read-only folder, output that is a file, two jobs on one output). The storage group mounts a small tmpfs in a mount
namespace of its own, which needs root or user namespaces.
"""

import argparse
import glob
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

BLOCKS = 23
failures = []


def check(condition, text):
    print(("ok    " if condition else "FAIL  ") + text, flush=True)
    if not condition:
        failures.append(text)


class Runner:
    def __init__(self, program, mpirun, folder):
        self.program, self.mpirun, self.folder = program, mpirun, folder

    def command(self, ranks, *arguments):
        return [self.mpirun, "-n", str(ranks), self.program, *map(str, arguments)]

    def run(self, ranks, *arguments, fault=None, timeout=60, prefix=()):
        environment = dict(os.environ, SOURCE_DATE_EPOCH="1000000000")
        if fault:
            environment["NEPENTHE_FAULT"] = fault
        start = time.monotonic()
        done = subprocess.run([*prefix, *self.command(ranks, *arguments)], env=environment, capture_output=True, text=True,
                              timeout=timeout)
        done.seconds = time.monotonic() - start
        done.lines = [line for line in done.stderr.splitlines() if line.startswith("nepenthe:")]
        return done

    def stage(self, ranks, output, values=512, **more):
        return self.run(ranks, "--outputs", output, "--blocks", BLOCKS, "--values", values, **more)


def published(output):
    return [path for path in glob.glob(os.path.join(output, "*")) if os.path.basename(path) != ".work"]


def errors(runner):
    for ranks in (1, 2, 3, 4):
        done = runner.run(ranks, "--mode", "throw-agreed")
        check(done.returncode == 65 and len(done.lines) == 1 and done.seconds < 5,
              f"an agreed error on {ranks} ranks: code {done.returncode}, {done.lines}, {done.seconds:.1f} s")
    for ranks in (2, 3):
        done = runner.run(ranks, "--mode", "throw-alone")
        check(done.returncode == 65 and len(done.lines) == 1 and f"rank {ranks - 1}, rehearsal" in done.lines[0] and done.seconds < 5,
              f"one rank throws, the others wait in a barrier: code {done.returncode}, {done.lines}, {done.seconds:.1f} s")
    done = runner.run(3, "--mode", "hang", "--hang-timeout", 2)
    check(done.returncode == 70 and any("the barrier nobody leaves" in line for line in done.lines) and done.seconds < 7,
          f"a rank that never comes: code {done.returncode}, {done.lines}, {done.seconds:.1f} s")
    done = runner.run(2, "--mode", "hang-on-device", "--hang-timeout", 2)
    check(done.returncode == 70 and any('"a collective that hangs" (number 4) on the device' in line for line in done.lines)
          and done.seconds > 4.5,
          f"a collective that never ends on a device: code {done.returncode}, {done.lines}, {done.seconds:.1f} s")
    done = runner.run(2, "--mode", "exit-code")
    check(done.returncode == 76 and not done.lines, f"a verdict without an exception: code {done.returncode}")

    output = os.path.join(runner.folder, "errors")
    done = runner.stage(3, output, fault="throw@blocks.before:1:2")
    check(done.returncode == 70 and len(done.lines) == 1 and "rank 1" in done.lines[0] and "values" in done.lines[0] and done.seconds < 5,
          f"a throwing block: code {done.returncode}, {done.lines}, {done.seconds:.1f} s")
    check(not published(output), "nothing is published after it")
    done = runner.run(2, "--outputs", output, "--blocks", BLOCKS, "--hang-timeout", 1, fault="hang@publish.before_manifest:1")
    check(done.returncode == 70 and done.seconds < 10, f"a rank that hangs while publishing: code {done.returncode}, {done.seconds:.1f} s")
    done = runner.run(3, "--outputs", output + "-hang", "--blocks", BLOCKS, "--hang-timeout", 1, fault="hang@blocks.before:2")
    check(done.returncode == 70 and "rank 2" in done.lines[0] and "values block" in done.lines[0] and done.seconds < 8,
          f"a rank that hangs in a block: code {done.returncode}, {done.lines}, {done.seconds:.1f} s")
    for nth in (1, 2, 4, 6):
        done = runner.stage(2, output, fault=f"throw@hdf5.in_call:1:{nth}")
        check(done.returncode == 70 and len(done.lines) == 1 and "hdf5.in_call" in done.lines[0] and done.seconds < 20 and not published(output),
              f"a rank that fails before collective HDF5 call {nth}, the other waits in it: code {done.returncode}, {done.lines}, {done.seconds:.1f} s")
    done = runner.stage(2, output, fault="starve@blocks.before:1", values=16 << 20)
    check(done.returncode == 69 and len(done.lines) == 1 and "out of memory" in done.lines[0] and done.seconds < 30,
          f"a rank whose memory is used up: code {done.returncode}, {done.lines}")
    for point in ("hdf5.before_write", "hdf5.before_close", "publish.before_manifest", "publish.before_rename"):
        done = runner.stage(2, output, fault=f"throw@{point}:1")
        check(done.returncode == 70 and len(done.lines) == 1 and done.seconds < 5 and not published(output),
              f"a rank that throws at {point}: code {done.returncode}, {done.lines}")
    done = runner.stage(1, output)
    check(done.returncode == 0 and len(published(output)) == 1, "and then it still finishes")


def kills(runner):
    whole = os.path.join(runner.folder, "whole")
    digest = runner.stage(1, whole).stdout.strip()
    file_bytes = open(glob.glob(whole + "/*/values.h5")[0], "rb").read()
    check(re.fullmatch("[0-9a-f]{64}", digest) is not None, "the undisturbed run")
    cases = [("blocks.before", 2, 0, 1, 3), ("blocks.before", 3, 1, 4, 2), ("blocks.after_data", 3, 2, 3, 1),
             ("blocks.after_data", 1, 0, 9, 4), ("blocks.after_journal", 4, 3, 2, 2), ("blocks.after_journal", 2, 1, 5, 1),
             ("blocks.before_agreement", 2, 0, 1, 3), ("hdf5.before_write", 2, 1, 1, 1), ("hdf5.before_close", 3, 0, 1, 2),
             ("publish.before_manifest", 2, 0, 1, 3), ("publish.before_rename", 2, 0, 1, 1), ("publish.after_rename", 2, 0, 1, 2)]
    for point, ranks, rank, nth, ranks_after in cases:
        output = os.path.join(runner.folder, f"kill-{point}-{ranks}")
        killed = runner.stage(ranks, output, fault=f"{point}:{rank}:{nth}")
        was_published = bool(published(output))
        after = runner.stage(ranks_after, output)
        same_bytes = [open(path, "rb").read() == file_bytes for path in glob.glob(output + "/*/values.h5")]
        check(killed.returncode == 137 and was_published == (point == "publish.after_rename"),
              f"SIGKILL of rank {rank} of {ranks} at {point}: code {killed.returncode}, published {was_published}")
        check(after.returncode == 0 and after.stdout.strip() == digest and same_bytes == [True] and not os.path.exists(output + "/.work/"),
              f"  then {ranks_after} ranks finish with the same digest and the same bytes {after.stderr.strip()}")
    stop_and_resume(runner, digest)
    terminate_and_freeze(runner, digest)
    kill_at_random(runner, digest)


def start_slow(runner, ranks, output, milliseconds, *arguments):
    return subprocess.Popen(runner.command(ranks, "--outputs", output, "--blocks", BLOCKS, "--milliseconds", milliseconds, *arguments),
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)


def stop_and_resume(runner, digest):
    output = os.path.join(runner.folder, "stop")
    process = start_slow(runner, 2, output, 400)
    time.sleep(1.5)
    process.send_signal(signal.SIGUSR1)
    _, stderr = process.communicate(timeout=30)
    lines = [line for line in stderr.splitlines() if line.startswith("nepenthe:")]
    check(process.returncode == 75 and len(lines) == 1 and "start the same command again" in lines[0], f"SIGUSR1: code {process.returncode}, {lines}")
    done = runner.stage(3, output)
    check(done.returncode == 0 and done.stdout.strip() == digest, "  and resumed on 3 ranks with the same digest")


def terminate_and_freeze(runner, digest):
    output = os.path.join(runner.folder, "terminate")
    process = start_slow(runner, 2, output, 400)
    time.sleep(1.2)
    process.terminate()
    process.communicate(timeout=30)
    check(process.returncode != 0 and not published(output), f"SIGTERM: code {process.returncode}, nothing published")
    frozen = start_slow(runner, 2, output, 400, "--hang-timeout", 60)
    time.sleep(1.0)
    child = int(children_of(frozen)[0])
    os.kill(child, signal.SIGSTOP)
    time.sleep(2.0)
    os.kill(child, signal.SIGCONT)
    stdout, _ = frozen.communicate(timeout=60)
    check(frozen.returncode == 0 and stdout.strip() == digest, "  continued, a rank frozen for 2 s, no false alarm, the same digest")


def children_of(process):
    return subprocess.run(["ps", "-o", "pid=", "--ppid", str(process.pid)], capture_output=True, text=True).stdout.split()


def kill_at_random(runner, digest):
    """SIGKILL of mpirun and all ranks again and again, at moments from a fixed, slowly growing sequence, until the stage is done."""
    output = os.path.join(runner.folder, "random")
    kills_done = 0
    for attempt in range(40):
        process = start_slow(runner, 1 + attempt % 3, output, 40)
        try:
            stdout, stderr = process.communicate(timeout=0.45 + 0.02 * attempt + 0.01 * (attempt * 7 % 13))
        except subprocess.TimeoutExpired:
            for pid in [process.pid, *map(int, children_of(process))]:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            process.communicate()
            kills_done += 1
            continue
        if process.returncode == 64:
            time.sleep(0.2)  # the ranks of the killed job are still going down
            continue
        break
    check(process.returncode == 0 and stdout.strip() == digest, f"{kills_done} kills of everything, then the same digest {stderr.strip()}")


def storage(runner):
    full = os.path.join(runner.folder, "full")
    os.makedirs(full)
    small = ["unshare", "-m", "sh", "-c", f'mount -t tmpfs -o size=4m none {full} && "$@"; code=$?; ls -A {full} | grep -v .work; exit $code', "sh"]
    if os.geteuid() != 0:
        small.insert(1, "-r")
    for ranks in (1, 2):
        for io in ("ompio", "romio321"):
            os.environ["OMPI_MCA_io"] = io
            # Random values do not compress: parts of 3 MiB fit, the HDF5 file beside them does not.
            for blocks, what in ((48, "the HDF5 file"), (96, "the parts")):
                done = runner.run(ranks, "--outputs", full, "--blocks", blocks, "--values", 16384, prefix=small)
                check(done.returncode == 74 and len(done.lines) == 1 and "free" in done.lines[0] and not done.stdout.strip() and done.seconds < 20,
                      f"4 MiB for {what}, {ranks} ranks, {io}: code {done.returncode}, {done.lines}, {done.seconds:.1f} s")
            del os.environ["OMPI_MCA_io"]
    file = os.path.join(runner.folder, "a-file")
    open(file, "w").close()
    done = runner.stage(2, file)
    check(done.returncode in (65, 74) and len(done.lines) == 1, f"the output is a file: code {done.returncode}, {done.lines}")
    read_only = ["unshare", *(["-r"] if os.geteuid() != 0 else []), "-m", "sh", "-c",
                 f'mount -t tmpfs -o ro none {full} && "$@"', "sh"]
    done = runner.run(2, "--outputs", full + "/below", "--blocks", 4, prefix=read_only)
    check(done.returncode == 74 and len(done.lines) == 1 and "ead-only" in done.lines[0], f"a read-only output: code {done.returncode}, {done.lines}")
    two_jobs(runner)
    gone_host(runner)
    altered(runner)


def two_jobs(runner):
    output = os.path.join(runner.folder, "two")
    first = start_slow(runner, 1, output, 100)
    time.sleep(1.2)
    second = runner.stage(2, output)
    check(second.returncode == 64 and len(second.lines) == 1 and "another job works on" in second.lines[0] and "process" in second.lines[0],
          f"a second job on the same output: code {second.returncode}, {second.lines}")
    stdout, _ = first.communicate(timeout=30)
    check(first.returncode == 0 and len(published(output)) == 1, "the first one finishes undisturbed")
    again = runner.stage(2, output)
    check(again.returncode == 0 and again.stdout == stdout, "a later run finds what is published")


def gone_host(runner):
    """A job that was killed on one host goes on on another: its lock's file is left, the lock is not."""
    output = os.path.join(runner.folder, "gone-host")
    on_host = lambda name: ["unshare", *(["-r"] if os.geteuid() != 0 else []), "--uts", "sh", "-c", f'hostname {name}; exec "$@"', "sh"]
    killed = runner.stage(1, output, fault="publish.before_manifest", prefix=on_host("node-a"))
    left = open(glob.glob(output + "/.work/*/lock")[0]).read()
    done = runner.stage(1, output, prefix=on_host("node-b"))
    check(killed.returncode == 137 and '"node-a"' in left and done.returncode == 0 and len(published(output)) == 1,
          f"a start on another host after a kill: code {done.returncode}, {left.strip()}, {done.lines}")


def altered(runner):
    output = os.path.join(runner.folder, "altered")
    runner.stage(2, output)
    manifest = glob.glob(output + "/*/manifest.json")[0]
    text = open(manifest).read()
    with open(manifest, "w") as file:
        file.write(text.replace('"blocks": 23', '"blocks": 24', 1))
    done = runner.stage(2, output)
    check(done.returncode == 65 and len(done.lines) == 1 and "altered" in done.lines[0], f"an altered manifest: code {done.returncode}, {done.lines}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--mpirun", required=True)
    parser.add_argument("--group", required=True, choices=("errors", "kills", "storage"))
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="nepenthe-fault-")
    try:
        globals()[arguments.group](Runner(arguments.program, arguments.mpirun, folder))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
