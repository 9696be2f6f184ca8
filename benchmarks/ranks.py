"""Two ranks of one thread against one rank of one thread, verb by verb.

    python -P benchmarks/ranks.py NEPENTHE MODEL --corpus NOVEL --dictionary DICTIONARY --facts FACTS --known KNOWN --data BENCHMARKS
                                  [--verbs train relabel stats trace edit evaluate] [--rounds 1]

Every verb runs a small and a large piece of the same work. What it costs to start, to load the model and to save it is the
same for both; so the seconds of the large one less those of the small one are the work's, and their ratio over the ranks is
printed. Both are several blocks, or an odd one would decide. Rank counts take turns; each of the four is the fastest of the
rounds.
"""

import argparse
import os
import pathlib
import subprocess
import tempfile
import time


def workloads(options):
    """Words of every verb, with {} where the amount stands, and the two amounts."""
    relabel = ["relabel", "--baseline", options.model, "--reinforced", options.model, "--corpus", options.corpus,
               "--dictionary", options.dictionary, "--block", "256", "--chars", "{}"]
    train = ["train", "--model", options.model, "--corpus", options.corpus, "--dtype", "bf16", "--block", "256",
             "--global-batch", "8", "--micro-batch", "4", "--max-steps", "{}"]
    return {
        "train": (train, 2, 6),
        "relabel": (relabel, 8000, 32000),
        "stats": (["stats", "--model", options.model, "--corpus", options.corpus, "--layers", "3,4,5,6,7", "--tokens", "{}",
                   "--batch-tokens", "1024"], 8192, 65536),
        "trace": (["trace", "--model", options.model, "--facts", options.known, "--figures", "0", "--limit", "{}"], 4, 12),
        "edit": (["edit", "--model", options.model, "--facts", options.facts, "--method", "memit", "--layers", "5",
                  "--shared-subjects", "keep", "--skip-evaluation", "--prefixes", "2", "--limit", "{}"], 16, 112),
        "evaluate": (["evaluate", "--model", options.model, "--tasks", "hellaswag", "--data", options.data, "--limit", "{}"],
                     64, 256),
    }


def seconds(options, words, ranks):
    with tempfile.TemporaryDirectory(prefix="nepenthe-ranks-") as outputs:
        start = time.perf_counter()
        subprocess.run(["mpirun", "-n", str(ranks), options.nepenthe, *words, "--threads", "1", "--outputs", outputs],
                       check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("nepenthe")
    parser.add_argument("model")
    for name in ("corpus", "dictionary", "facts", "known", "data"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--verbs", nargs="+", default=["train", "relabel", "stats", "trace", "edit", "evaluate"])
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    options.nepenthe = str(pathlib.Path(options.nepenthe).resolve())
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    every = workloads(options)
    print("| verb | 1 rank, s | 2 ranks, s | ratio |\n|---|---|---|---|")
    for verb in options.verbs:
        words, small, large = every[verb]
        fastest = {(ranks, amount): float("inf") for ranks in (1, 2) for amount in (small, large)}
        for _ in range(options.rounds):
            for ranks, amount in fastest:
                spent = seconds(options, [word.format(amount) for word in words], ranks)
                fastest[ranks, amount] = min(fastest[ranks, amount], spent)
        work = {ranks: fastest[ranks, large] - fastest[ranks, small] for ranks in (1, 2)}
        print(f"| {verb} | {work[1]:.1f} | {work[2]:.1f} | {work[1] / work[2]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
