#!/usr/bin/env python3
"""Makes what the tests stand on: texts, tokenizers, a small model, records in every published form. Nothing is downloaded.

    make.py FOLDER     writes FOLDER/material-VERSION unless it is there (scripts/setup.sh --tests does this)
    make.py --name     prints material-VERSION
    make.py --check FOLDER   fails where FOLDER/material-VERSION is not there

VERSION is a digest of everything that determines the content, so that clones of different age share one FOLDER. The folder
appears whole or not at all. Its layout is that of published data (docs/testing.md), so that a test may be given either.
"""
import hashlib
import json
import os
import pathlib
import shutil
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
DEMO = ROOT / "inputs/demo"


def sources():
    return sorted([*HERE.glob("*.py"), *(HERE / "stories").iterdir(), *DEMO.glob("make_texts.py"), *DEMO.glob("texts/*.*"),
                   DEMO / "familiarity_completion.json", DEMO / "dictionary.json",
                   ROOT / "scripts/convert-tiktoken.py", ROOT / "scripts/test-packages.txt"])


def name():
    digest = hashlib.sha256()
    for path in sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + hashlib.sha256(path.read_bytes()).digest())
    return f"material-{digest.hexdigest()[:12]}"


def write_text(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8", newline="\n")


def write_json(path, records):
    write_text(path, json.dumps(records, indent=1, ensure_ascii=False) + "\n")


def write_lines(path, records):
    write_text(path, "".join(json.dumps(record) + "\n" for record in records))


def write_texts(folder):
    import texts

    write_text(folder / "novel.txt", "\ufeff" + texts.novel())  # many published texts begin with this mark
    told, held_out = texts.stories()
    write_text(folder / "stories.txt", "\n\n".join(told) + "\n")
    write_text(folder / "stories-heldout.txt", "\n\n".join(held_out) + "\n")
    write_text(folder / "wikitext.txt", texts.wikitext())
    for title, article in texts.planets().items():
        write_text(folder / "planets" / f"{title}.txt", article)


def write_model(folder):
    """The committed weights in fp32, in which tests change and compare them."""
    from safetensors.torch import load_file, save_file

    folder.mkdir(parents=True)
    for file in (HERE / "stories").iterdir():
        if file.suffix == ".json":
            shutil.copy(file, folder / file.name)
    config = json.loads((folder / "config.json").read_text())
    write_text(folder / "config.json", json.dumps(config | {"torch_dtype": "float32"}, indent=2) + "\n")
    weights = {key: tensor.float() for key, tensor in load_file(HERE / "stories/model.safetensors").items()}
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def write_tokenizers(folder):
    import texts
    import train_tokenizers

    train_tokenizers.write(folder, [texts.novel(), *texts.stories()[0][:300], *texts.planets().values()])


def write_editing(folder):
    import facts

    records = facts.facts()
    edit, others = records[:140], records[140:]
    write_json(folder / "counterfact-edit.json", facts.easyedit_form(edit))
    write_json(folder / "counterfact-val.json", facts.easyedit_form(others, first=len(edit)))
    write_json(folder / "counterfact-rome.json", facts.rome_form(edit))
    write_json(folder / "zsre-1k.json", facts.zsre_form(edit[:60]))
    write_json(folder / "knowedit.json", facts.knowedit_form(edit[:20]))
    write_json(folder / "known_1000.json", facts.known_form(records))


def write_unlearning(folder):
    import benchmarks
    import tofu

    for file, records in tofu.files().items():
        write_lines(folder / "tofu" / f"{file}.json", records)
    prompts = json.loads((DEMO / "familiarity_completion.json").read_text())["prompts"]
    write_json(folder / "whp/evaluation_prompts.json", benchmarks.whp_prompts(prompts))
    write_json(folder / "whp/probability_prompts.json", [{"prompt": one["prompt"]} for one in prompts])
    write_json(folder / "whp/anchor_terms.json", benchmarks.whp_dictionary(json.loads((DEMO / "dictionary.json").read_text())))


def write_benchmarks(folder):
    import benchmarks
    import texts

    for file, records in benchmarks.files(texts.planets()).items():
        write_lines(folder / file, records)


def main():
    if sys.argv[1:2] == ["--check"] and len(sys.argv) == 3:
        if not (pathlib.Path(sys.argv[2]) / name()).is_dir():
            raise SystemExit(f"{sys.argv[2]}/{name()} is not there; scripts/setup.sh --tests makes it")
        return
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    if sys.argv[1] == "--name":
        print(name())
        return
    target = pathlib.Path(sys.argv[1]) / name()
    if target.exists():
        return
    sys.dont_write_bytecode = True
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    write_texts(partial / "text")
    write_model(partial / "models/stories")
    write_tokenizers(partial / "tokenizers")
    write_editing(partial / "editing")
    write_unlearning(partial / "unlearning")
    write_benchmarks(partial / "benchmarks")
    partial.rename(target)
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
