"""Encoding a novel with offsets against the `tokenizers` package, on one thread each, in turns.

    python benchmarks/tokenizing.py BUILD_FOLDER --file NOVEL [--rounds 15] TOKENIZER_JSON…

"first" is the first text after loading, when neither side has met a word; "median" the rounds after it, when both
remember words. A ratio above 1 means that ours is faster.
"""

import argparse
import os
import pathlib
import statistics
import subprocess
import time

os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
from tokenizers import Tokenizer


def timed(work):
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def compare(program, path, novel, rounds):
    text = novel.read_bytes().decode()
    load, package = timed(lambda: Tokenizer.from_file(str(path)))
    server = subprocess.Popen([program, path, novel], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    load_ours = float(server.stdout.readline())
    theirs, ours = [], []
    for _ in range(rounds + 1):
        seconds, encoding = timed(lambda: package.encode(text))
        theirs.append(seconds)
        server.stdin.write("\n")
        server.stdin.flush()
        seconds, tokens = server.stdout.readline().split()
        ours.append(float(seconds))
        if int(tokens) != len(encoding.ids):
            raise SystemExit(f"{path}: {tokens} tokens, the package has {len(encoding.ids)}")
    server.stdin.close()
    server.wait()
    pairs = {"load": (load, load_ours), "first": (theirs[0], ours[0]),
             "median": (statistics.median(theirs[1:]), statistics.median(ours[1:]))}
    name = path.parent.name if path.name == "tokenizer.json" else path.stem
    rate = len(text.encode()) / pairs["median"][1] / 1e6
    cells = "".join(f" | {1e3 * a:8.1f} {1e3 * b:8.1f} {a / b:6.2f}x" for a, b in pairs.values())
    print(f"{name:>20}{cells} | {rate:6.1f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=pathlib.Path)
    parser.add_argument("--file", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("tokenizers", type=pathlib.Path, nargs="+")
    options = parser.parse_args()
    program = options.build / "benchmarks" / "benchmark_tokenizing"
    print(f"{'milliseconds':>20}" + "".join(f" | {'theirs':>8} {what:>8} {'ratio':>7}" for what in ("load", "first", "median"))
          + " |   MB/s")
    for path in options.tokenizers:
        compare(program, path, options.file, options.rounds)


if __name__ == "__main__":
    main()
