#!/usr/bin/env python3
"""Golden numbers of src/kernels/quantise.h from NumPy and SciPy: make_quantise.py OUTPUT.json

Weights are made by a small generator that the test repeats. FP4's book is that of bitsandbytes, NF4's that of QLoRA,
which is held against the quantiles that define it; nearest values are found in fp64.
"""

import json
import sys

import numpy as np
from scipy import stats

ROWS, COLUMNS = 2, 150


def weights(seed):
    """Linear congruential numbers in [-1, 1), cubed: many small ones, as in a model; the first group of 64 is zero."""
    state, values = seed, []
    for _ in range(ROWS * COLUMNS):
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        values.append(np.float32((state >> 40) / 2**23 - 1) ** np.float32(3))
    values[:64] = [np.float32(0)] * 64
    return np.array(values, np.float32).reshape(ROWS, COLUMNS)


def to_bfloat16_bits(values):
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint32)


def from_bfloat16_bits(bits):
    return (bits << 16).astype(np.uint32).view(np.float32)


def nf4_book():
    """As published; it was computed in another precision from these quantiles, which it meets within 1e-6."""
    published = np.array([
        -1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635, -0.18477343022823334,
        -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224,
        0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0], np.float32)
    offset = 0.9677083
    negative = -stats.norm.ppf(np.linspace(offset, 0.5, 8)[:-1])
    positive = stats.norm.ppf(np.linspace(offset, 0.5, 9)[:-1])
    book = np.sort(np.concatenate([negative, [0.0], positive]))
    assert np.abs(book / book.max() - published).max() < 1e-6
    return published


def fp4_book():
    positive = [0, 0.0625, 8, 12, 4, 6, 2, 3]
    return np.unique(np.array(positive + [-x for x in positive], np.float32) / np.float32(12))


def by_integers(group, largest):
    scale = np.abs(group).max() / np.float32(largest)
    return group if scale == 0 else np.rint(group / scale) * scale


def by_book(group, book):
    most = np.abs(group).max()
    if most == 0:
        return group
    x = (group / most).astype(np.float64)
    return book[np.abs(x[:, None] - book.astype(np.float64)[None, :]).argmin(1)] * most


CODES = {
    "int8": (COLUMNS, lambda group: by_integers(group, 127)),
    "int4": (128, lambda group: by_integers(group, 7)),
    "fp4": (64, lambda group: by_book(group, fp4_book())),
    "nf4": (64, lambda group: by_book(group, nf4_book())),
}


def quantise(matrix, code):
    width, of_group = CODES[code]
    return np.stack([np.concatenate([of_group(row[begin:begin + width]) for begin in range(0, COLUMNS, width)])
                     for row in matrix]).astype(np.float32)


def main():
    golden = {"numpy": np.__version__, "rows": ROWS, "columns": COLUMNS,
              "books": {"fp4": [float(x) for x in fp4_book()], "nf4": [float(x) for x in nf4_book()]},
              "fp32": {}, "bf16": {}}
    single = weights(1)
    half = from_bfloat16_bits(to_bfloat16_bits(single))
    for code in CODES:
        golden["fp32"][code] = [float(x) for x in quantise(single, code).ravel() + np.float32(0)]
        golden["bf16"][code] = [int(x) for x in to_bfloat16_bits(quantise(half, code) + np.float32(0)).ravel()]
    with open(sys.argv[1], "w") as file:
        json.dump(golden, file)
        file.write("\n")


if __name__ == "__main__":
    main()
