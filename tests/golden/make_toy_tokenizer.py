#!/usr/bin/env python3
"""Writes the folder tests/golden/toy_tokenizer: a Llama-style tokenizer whose few words are one token each.

Usage: make_toy_tokenizer.py [folder]
Every listed word is a token with the word-start mark and one without it; everything else falls back to characters.
Merges build a word from left to right, so a longer word that begins with a listed one begins with its token.
"""
import json
import pathlib
import sys

WORDS = ["Harry", "Potter", "Ron", "Jon", "Tom", "Mystic", "Academy", "went", "to", "saw", "and", "the", "Dark",
         "Lord", "Hog"]
MARK = "\u2581"
CHARACTERS = [MARK] + [chr(c) for c in range(33, 127)]


def main():
    output = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).with_name("toy_tokenizer"))
    output.mkdir(exist_ok=True)
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    for character in CHARACTERS:
        vocabulary.setdefault(character, len(vocabulary))
    merges = []
    for word in [MARK + word for word in WORDS] + WORDS:
        for end in range(2, len(word) + 1):
            left, right = word[:end - 1], word[end - 1]
            if word[:end] not in vocabulary:
                vocabulary[word[:end]] = len(vocabulary)
                merges.append([left, right])
    special = [{"id": i, "content": name, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
                "special": True} for name, i in list(vocabulary.items())[:3]]
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": special,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": MARK},
            {"type": "Replace", "pattern": {"String": " "}, "content": MARK}]},
        "pre_tokenizer": None,
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                     {"SpecialToken": {"id": "<s>", "type_id": 1}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": MARK}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "ignore_merges": False,
                  "vocab": vocabulary, "merges": merges},
    }
    (output / "tokenizer_config.json").write_text(json.dumps({"bos_token": "<s>", "eos_token": "</s>"}) + "\n")
    (output / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False, separators=(",", ":")) + "\n",
                                           encoding="utf-8")


if __name__ == "__main__":
    main()
