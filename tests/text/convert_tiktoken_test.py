#!/usr/bin/env python3
"""A tokenizer.json made of a rank file merges as tiktoken does: the pair of lowest rank first.

    convert_tiktoken_test.py MATERIAL
"""
import base64
import pathlib
import sys
import unittest

from tokenizers import Tokenizer

MATERIAL = pathlib.Path(sys.argv[1])


def read_ranks(path):
    fields = (line.split() for line in path.read_bytes().splitlines())
    return {base64.b64decode(token): int(rank) for token, rank in fields}


def merged(word, ranks, whole_words):
    """Ids of the bytes of a word, by ranks alone."""
    if whole_words and word in ranks:
        return [ranks[word]]
    parts = [word[i:i + 1] for i in range(len(word))]
    while len(parts) > 1:
        rank, at = min((ranks.get(parts[i] + parts[i + 1], len(ranks)), i) for i in range(len(parts) - 1))
        if rank == len(ranks):
            break
        parts[at:at + 2] = [parts[at] + parts[at + 1]]
    return [ranks[part] for part in parts]


class Converted(unittest.TestCase):
    def check(self, family, whole_words):
        folder = MATERIAL / "tokenizers" / family
        ranks = read_ranks(folder / "ranks.tiktoken")
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        words = sorted(set((MATERIAL / "text/novel.txt").read_text(encoding="utf-8").split()))
        words = [" " + word for word in words if word.isalpha()] + ["été", "한국어", "日本", "zzqxjk", "Donaudampfschiff"]
        self.assertGreater(len(words), 1000)
        for word in words:
            self.assertEqual(tokenizer.encode(word, add_special_tokens=False).ids, merged(word.encode(), ranks, whole_words), word)

    def test_llama3(self):
        self.check("llama3", True)

    def test_qwen2(self):
        self.check("qwen2", False)

    def test_special_tokens_follow_the_ranks(self):
        folder = MATERIAL / "tokenizers/llama3"
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        first = len(read_ranks(folder / "ranks.tiktoken"))
        self.assertEqual(tokenizer.token_to_id("<|begin_of_text|>"), first)
        self.assertEqual(tokenizer.encode("a").ids[0], first)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
