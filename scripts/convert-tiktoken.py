#!/usr/bin/env python3
"""Writes a tokenizer.json from a tiktoken rank file (a base64 token and its rank a line).

    convert-tiktoken.py --family llama3|qwen2 RANKS tokenizer.json

A rank file has no merges: whatever two tokens join to a third may merge, at the third's rank.
The family gives the splitting pattern, the special tokens and what is put before a text. Options replace these:
--special "<|a|>" (repeatable, ids follow the ranks) and --bos "<|a|>".
"""
import argparse
import base64
import json
import pathlib

LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")

FAMILIES = {
    "llama3": {
        "pattern": LLAMA3_PATTERN,
        "normalizer": None,
        "special": ["<|begin_of_text|>", "<|end_of_text|>", "<|reserved_special_token_0|>",
                    "<|reserved_special_token_1|>", "<|finetune_right_pad_id|>", "<|reserved_special_token_2|>",
                    "<|start_header_id|>", "<|end_header_id|>", "<|eom_id|>", "<|eot_id|>", "<|python_tag|>"]
                   + [f"<|reserved_special_token_{i}|>" for i in range(3, 248)],
        "bos": "<|begin_of_text|>",
        "ignore_merges": True,
    },
    "qwen2": {
        "pattern": QWEN2_PATTERN,
        "normalizer": {"type": "NFC"},
        "special": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
        "bos": None,
        "ignore_merges": False,
    },
}


def byte_alphabet():
    """GPT-2's printable character of every byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    return {b: chr(b) for b in printable} | {b: chr(256 + i) for i, b in enumerate(others)}


def read_ranks(path):
    ranks = {}
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        fields = line.split()
        if not fields:
            continue
        if len(fields) != 2:
            raise SystemExit(f"{path}:{number}: not a base64 token and a rank")
        ranks[base64.b64decode(fields[0], validate=True)] = int(fields[1])
    missing = [b for b in range(256) if bytes([b]) not in ranks]
    if missing:
        raise SystemExit(f"{path}: the bytes {missing} have no rank")
    return ranks


def merges_of(ranks):
    """All pairs of tokens that join to a token, in order of what they join to: a rank file lets any of them merge."""
    merges = []
    for token in sorted(ranks, key=ranks.get):
        pairs = [(token[:i], token[i:]) for i in range(1, len(token)) if token[:i] in ranks and token[i:] in ranks]
        merges += sorted(pairs, key=lambda pair: (ranks[pair[0]], ranks[pair[1]]))
    return merges


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, required=True)
    parser.add_argument("--special", action="append", help="a special token, in order of ids")
    parser.add_argument("--bos", help="the special token that is put before a text")
    parser.add_argument("ranks", type=pathlib.Path)
    parser.add_argument("output", type=pathlib.Path)
    options = parser.parse_args()

    family = FAMILIES[options.family]
    ranks = read_ranks(options.ranks)
    alphabet = byte_alphabet()
    spell = lambda raw: "".join(alphabet[b] for b in raw)
    merges = [[spell(left), spell(right)] for left, right in merges_of(ranks)]

    first = max(ranks.values()) + 1
    special = {content: first + i for i, content in enumerate(options.special or family["special"])}
    bos = options.bos or family["bos"]
    if bos and bos not in special:
        raise SystemExit(f"--bos {bos} is not a special token")
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    post_processor = dict(byte_level)
    if bos:
        text = {"Sequence": {"id": "A", "type_id": 0}}
        piece = {"SpecialToken": {"id": bos, "type_id": 0}}
        post_processor = {"type": "Sequence", "processors": [dict(byte_level, trim_offsets=True), {
            "type": "TemplateProcessing", "single": [piece, text],
            "pair": [piece, text, {"SpecialToken": {"id": bos, "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {bos: {"id": bos, "ids": [special[bos]], "tokens": [bos]}}}]}
    document = {
        "version": "1.0", "truncation": None, "padding": None,
        "added_tokens": [{"id": i, "content": content, "single_word": False, "lstrip": False, "rstrip": False,
                          "normalized": False, "special": True} for content, i in special.items()],
        "normalizer": family["normalizer"],
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": family["pattern"]}, "behavior": "Isolated", "invert": False},
            byte_level]},
        "post_processor": post_processor,
        "decoder": byte_level,
        "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                  "ignore_merges": family["ignore_merges"],
                  "vocab": {spell(token): rank for token, rank in ranks.items()}, "merges": merges},
    }
    partial = options.output.with_name(options.output.name + ".partial")
    partial.write_text(json.dumps(document, ensure_ascii=False), encoding="utf-8")
    partial.rename(options.output)
    print(f"{options.output}: {len(ranks)} tokens, {len(merges)} merges, {len(special)} special tokens")


if __name__ == "__main__":
    main()
