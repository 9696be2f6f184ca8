#!/usr/bin/env python3
"""Golden numbers of src/evaluate/statistics.h from SciPy: make_statistics.py OUTPUT.json

The samples are made by a small generator that the test repeats, so that only results are stored.
"""

import json
import sys

import numpy as np
import scipy
from scipy import stats


def sample(seed, count, shift=0.0, levels=0):
    """Linear congruential numbers in [0, 1), shifted; `levels` > 0 rounds them down to that many values (ties)."""
    state, values = seed, []
    for _ in range(count):
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        value = (state >> 11) / 2**53
        values.append((int(value * levels) / levels if levels else value) + shift)
    return np.array(values)


def main():
    golden = {"scipy": scipy.__version__, "wilson": [], "mcnemar": [], "paired_t": [], "mean": [], "ks": []}
    for k, n in [(0, 10), (10, 10), (1, 10), (5, 10), (437, 500), (81, 263), (9999, 10042), (1, 100000)]:
        interval = stats.binomtest(k, n).proportion_ci(0.95, method="wilson")
        golden["wilson"].append([k, n, interval.low, interval.high])
    for b, c in [(0, 0), (0, 1), (3, 9), (9, 3), (10, 10), (17, 41), (250, 310), (4000, 4400), (0, 60)]:
        p = stats.binomtest(min(b, c), b + c, 0.5).pvalue if b + c else 1.0
        golden["mcnemar"].append([b, c, p])
    for n, shift in [(2, 0.3), (5, 0.0), (30, 0.05), (400, 0.02), (400, 0.2), (5000, 0.001)]:
        a, b = sample(n, n), sample(n + 1, n, shift)
        golden["paired_t"].append([n, shift, stats.ttest_rel(a, b).pvalue])
        sem = stats.sem(a)
        golden["mean"].append([n, a.mean() - stats.norm.ppf(0.975) * sem, a.mean() + stats.norm.ppf(0.975) * sem])
    for n, m, shift, levels in [(1, 1, 0, 0), (5, 5, 0.1, 0), (7, 12, 0.0, 0), (40, 40, 2.0, 0), (40, 40, 0.2, 0),
                                (100, 73, 0.1, 0), (100, 73, 0.1, 8), (300, 300, 0.25, 0), (400, 400, 2.0, 0),
                                (1000, 1500, 0.03, 0), (1000, 1500, 0.0, 20), (10001, 3000, 0.0, 0),
                                (10001, 3000, 0.02, 0), (12000, 12000, 0.012, 0), (12000, 12000, 0.1, 0)]:
        result = stats.ks_2samp(sample(n, n), sample(m + 7, m, shift, levels))
        golden["ks"].append([n, m, shift, levels, result.statistic, result.pvalue])
    with open(sys.argv[1], "w") as file:
        rows = ",\n".join(f'"{key}": ' + (json.dumps(value) if isinstance(value, str) else
                          "[\n" + ",\n".join(json.dumps([x.item() if hasattr(x, "item") else x for x in row])
                                             for row in value) + "]") for key, value in golden.items())
        file.write("{\n" + rows + "\n}\n")


if __name__ == "__main__":
    main()
