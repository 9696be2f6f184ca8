#!/usr/bin/env python3
"""Whether every source is as clang-format leaves it (.clang-format), with the version that the set-up installs.

    check_format.py CLANG_FORMAT ROOT

Another version formats differently; scripts/lint.sh --fix formats with this one.
"""
import pathlib
import subprocess
import sys

FOLDERS = ("src", "pipelines", "tests", "benchmarks")


def sources(root):
    for folder in FOLDERS:
        for suffix in ("*.h", "*.cpp"):
            yield from sorted((root / folder).rglob(suffix))


def main():
    tool, root = sys.argv[1], pathlib.Path(sys.argv[2])
    files = [str(file) for file in sources(root)]
    if len(files) < 100:
        sys.exit(f"{len(files)} sources below {root}: is this the checkout?")
    done = subprocess.run([tool, "--dry-run", "--ferror-limit=1", "-Werror", *files], capture_output=True, text=True)
    wrong = sorted({line.split(":")[0] for line in done.stderr.splitlines() if "[-Wclang-format-violations]" in line})
    for file in wrong:
        print(f"{file}: clang-format would change it")
    if done.returncode != 0 and not wrong:
        print(done.stderr)
    print(f"{len(files)} sources, {len(wrong)} to be formatted (scripts/lint.sh --fix)")
    sys.exit(done.returncode != 0)


if __name__ == "__main__":
    main()
