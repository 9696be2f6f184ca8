#!/usr/bin/env python3
"""Whether the modules compile for another processor: each source of src/ and pipelines/ through a cross compiler, checked, not
linked or run.

    scripts/compile-for.py aarch64-linux-gnu-g++-12      (Debian package g++-12-aarch64-linux-gnu)

It repeats the commands of build/release (scripts/quickstart.sh or scripts/test.sh makes it) without its precompiled headers, so it
also finds includes that only those hide. Libraries' headers are this system's: those of C and C++ are the cross compiler's own.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
LIBRARIES = "-idirafter /usr/include/x86_64-linux-gnu -idirafter /usr/include"


def commands(compiler):
    """{object: command} of the modules' sources."""
    found = {}
    for entry in json.loads(subprocess.run(["ninja", "-C", ROOT / "build/release", "-t", "compdb"], capture_output=True, check=True).stdout):
        command, made = entry["command"], entry["output"]
        if " -c " not in command or "_pch" in made or not re.match(r"CMakeFiles/nepenthe_|pipelines/", made):
            continue
        command = re.sub(r"^.*?/usr/bin/c\+\+", compiler, command)
        command = re.sub(r" -include \S+cmake_pch\S+| -Winvalid-pch| -fpch-preprocess| -Werror", "", command)
        command = re.sub(r" -MD -MT \S+ -MF \S+ -o \S+ -c ", " -fsyntax-only ", command)
        found[made] = (f"{command} {LIBRARIES}", entry["directory"])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("compiler")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    options = parser.parse_args()
    work = commands(options.compiler)
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        runs = {pool.submit(subprocess.run, command, shell=True, cwd=folder, capture_output=True, text=True): made
                for made, (command, folder) in work.items()}
        for count, run in enumerate(concurrent.futures.as_completed(runs), 1):
            done = run.result()
            print(f"{count} of {len(work)} {runs[run]}", file=sys.stderr)
            if done.returncode != 0:
                failed += 1
                print(f"{runs[run]}\n" + "\n".join(done.stderr.splitlines()[:20]))
    print(f"{len(work) - failed} of {len(work)} compile with {options.compiler}")
    sys.exit(1 if failed or not work else 0)


if __name__ == "__main__":
    main()
