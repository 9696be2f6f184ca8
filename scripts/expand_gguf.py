"""A GGUF file as a Hugging Face folder, as transformers expands it; used by make-gemma3-270m.py and make-smollm2-135m.py."""
import pathlib
import shutil


def write_folder(gguf, terms, target):
    """Writes `gguf` in bfloat16 to `target`, with the files of the folder `terms` that hold a licence or terms of use.

    The folder appears whole or not at all; one that is there already stays.
    """
    if (target / "config.json").exists():
        print(f"{target} is there already")
        return
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

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
    for path in pathlib.Path(terms).rglob("*"):
        if path.is_file() and any(word in path.name.lower() for word in ("license", "terms", "notice", "prohibited")):
            shutil.copy(path, partial / path.name)
    partial.rename(target)
    print(f"wrote {target}")
