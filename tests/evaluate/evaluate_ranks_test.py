#!/usr/bin/env python3
"""One digest of all results on 1, 2, 3 and 4 ranks: evaluate_ranks_test.py --program P --mpirun M"""

import argparse
import os
import subprocess
import sys
import tempfile


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--program", required=True)
    parser.add_argument("--mpirun", required=True)
    options = parser.parse_args()
    digests = {}
    with tempfile.TemporaryDirectory() as folder:
        for ranks in (1, 2, 3, 4):
            file = os.path.join(folder, str(ranks))
            command = [options.mpirun, "-n", str(ranks), options.program,
                       "--gtest_filter=EvaluateMpi.EveryRankHasTheSameBytes"]
            subprocess.run(command, check=True, env={**os.environ, "NEPENTHE_DIGEST_FILE": file}, timeout=240)
            with open(file) as text:
                digests[ranks] = text.read().strip()
    print(digests)
    return 0 if len(set(digests.values())) == 1 else 1


if __name__ == "__main__":
    sys.exit(main())
