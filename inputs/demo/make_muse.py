#!/usr/bin/env python3
"""Writes a set in MUSE's layout about the demo's saga, for `nepenthe evaluate --tasks muse --muse FOLDER/muse`.

    make_muse.py FOLDER      # a folder that make_texts.py wrote

Needs Python 3 and nothing else; the same texts give the same bytes. Passages that the model has read are cut in the
middle (verbmem), and stand against passages of the saga that are in no training text (privleak). Questions about the
saga are those that its people ask each other (texts/saga.rules); what must stay are neighbours.json's sentences on
planets and stories with their next word as the answer. The first ten of either stand before every question.
"""
import argparse
import json
import pathlib

HERE = pathlib.Path(__file__).resolve().parent
BEFORE = 10
PASSAGE_WORDS = 80  # of a prompt, so that 128 tokens more fit into the demo's window


def passages(folder, name):
    lines = (folder / "passages" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines]


def continued(text):
    """A passage as its first half, or its first words, and what follows."""
    words = text.split(" ")
    cut = min(len(words) // 2, PASSAGE_WORDS)
    return {"prompt": " ".join(words[:cut]), "gt": " ".join(words[cut:])}


def saga_questions():
    rules = (HERE / "texts/saga.rules").read_text(encoding="utf-8")
    lines = rules.split("= question\n", 1)[1].split("\n= ", 1)[0].splitlines()
    return [dict(zip(("question", "answer"), line.split("|"))) for line in lines if "|" in line]


def neighbour_questions():
    prompts = json.loads((HERE / "neighbours.json").read_text(encoding="utf-8"))["prompts"]
    return [{"question": prompt["prompt"], "answer": prompt["content"][0].strip()} for prompt in prompts]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    read, held_out = passages(folder, "saga_read"), passages(folder, "saga_heldout")
    sets = {"verbmem/forget": [continued(text) for text in read], "privleak/forget": read, "privleak/holdout": held_out}
    for name, questions in (("forget", saga_questions()), ("retain", neighbour_questions())):
        sets[f"knowmem/{name}_qa_icl"] = questions[:BEFORE]
        sets[f"knowmem/{name}_qa"] = questions[BEFORE:]
    for name, records in sets.items():
        path = folder / "muse" / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(records, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
