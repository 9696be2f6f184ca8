#!/usr/bin/env python3
"""Golden numbers of src/unlearn/repair/solve_repair.h from NumPy: make_repair.py OUTPUT.json

Not by the closed form: each row of the repaired update is the solution of a least-squares problem whose residuals are
F^(1/2) (x - d) and λ^(1/2) C^(1/2) x, with the square roots from eigenvalues.
"""

import json
import sys

import numpy as np


def square_root(matrix):
    values, vectors = np.linalg.eigh(matrix)
    return (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T


def repaired(update, retained, forgotten, strength, ridge):
    n = update.shape[1]
    penalty = retained / np.mean(np.diag(retained))
    keep = np.eye(n) if forgotten is None else forgotten / np.mean(np.diag(forgotten)) + ridge * np.eye(n)
    keep, penalty = square_root(keep), np.sqrt(strength) * square_root(penalty)
    left = np.vstack([keep, penalty])
    right = np.vstack([keep @ update.T, np.zeros_like(update.T)])
    return np.linalg.lstsq(left, right, rcond=None)[0].T


def main():
    draw = np.random.default_rng(15)
    rows, n = 3, 5
    update = draw.normal(size=(rows, n)) * 0.01
    texts = {name: draw.normal(size=(tokens, n)) * draw.uniform(0.1, 3, size=n) for name, tokens in (("retained", 40), ("forgotten", 3))}
    moments = {name: text.T @ text / len(text) for name, text in texts.items()}
    golden = {"numpy": np.__version__, "update": update.tolist(), **{name: moment.tolist() for name, moment in moments.items()}, "cases": []}
    for strength, ridge, both in [(0.05, 0.01, False), (1, 0.01, False), (100, 0.01, False), (0.05, 0.01, True), (1, 0.2, True), (100, 0.01, True)]:
        result = repaired(update, moments["retained"], moments["forgotten"] if both else None, strength, ridge)
        golden["cases"].append({"lambda": strength, "ridge": ridge, "both": both, "repaired": result.tolist()})
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump(golden, file, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
