#!/usr/bin/env python3
"""Opens a file of moments with h5py alone and checks what it promises: symmetric matrices with traces, and its count."""
import json
import sys

import h5py
import numpy as np

with h5py.File(sys.argv[1]) as file:
    n, tokens = int(file.attrs["intermediate"]), int(file.attrs["tokens"])
    layers = json.loads(file.attrs["layers_json"])
    assert tokens == sum(part["tokens"] for part in json.loads(file.attrs["parts_json"])) > 0
    for name in ("model_digest", "tokenizer_digest", "corpus_digest", "dtype", "format", "creator"):
        assert file.attrs[name], name
    for layer in layers:
        triangle = file[f"moment/{layer}"]
        assert triangle.dtype == np.float64 and triangle.shape == (n * (n + 1) // 2,)
        moment = np.zeros((n, n))
        moment[np.triu_indices(n)] = triangle[:]
        moment = (moment + np.triu(moment, 1).T) / tokens
        values = np.linalg.eigvalsh(moment)
        assert values[0] > -1e-6 * values[-1] and values[-1] > 0, (layer, values[0], values[-1])
