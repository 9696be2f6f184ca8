#!/usr/bin/env python3
"""Writes what the `tokenizers` package makes of real and random text, for tests/text/tokenizations_test.cpp.

    make_tokenizations.py OUTPUT_FOLDER --text FILE… --tokenizer NAME=FILE… [--ranks NAME=FAMILY:FILE…]
                          [--prepend NAME=FILE…]

--ranks: a tokenizer.json is first made of a rank file (scripts/convert-tiktoken.py); --prepend: the tokenizer.json with the
blank before a text that Llama 2's published ids have. Then NAME.expected for each, little-endian: u32 length and path of the
tokenizer.json, u32 number of texts; for each text u32 length and UTF-8 bytes, u32 number of tokens, i32 ids, u32 begins, u32
ends (byte offsets; all ones where the package's cannot be relied on), u32 length and bytes of the decoded text. Texts: the
files, 10,000 random strings, every code point in use. random-merges.expected has several hundred small tokenizers with random
vocabularies and merges, one behind the other, each with texts of its own alphabet.
"""
import argparse
import json
import os
import pathlib
import random
import subprocess
import sys
import unicodedata

os.environ.update(RAYON_NUM_THREADS="1", TOKENIZERS_PARALLELISM="false")
import numpy as np
from tokenizers import Tokenizer

HERE = pathlib.Path(__file__).resolve().parent


def random_strings(count, seed):
    """Strings of all planes, of marks, emoji sequences, controls, line ends, all kinds of space, words and contractions."""
    pick = random.Random(seed)
    spaces = [" ", "  ", "   ", "\t", "\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\xa0", "\u1680", "\u180e", "\u2003",
              "\u200b", "\u2028", "\u2029", "\u202f", "\u205f", "\u3000", "\ufeff", "\n\n\n", " \n ", "        "]
    words = ["the", "Hello", "don't", "I'LL", "we'Ve", "it\u2019s", "'s", "'RE", "2024", "3.14", "x", "ſ", "K", "İstanbul",
             "Straße", "naïve", "e\u0301", "한국어", "각", "漢字", "ひらがな", "नमस्ते", "العربية", "ไทย", "₁²Ⅷ½", "▁", "▁▁", "Ġ", "<0x0A>",
             "<s>", "</s>", "<unk>", "<bos>", "<|endoftext|>", "<|end_of_text|>", "<table>", "#", "...", "—", "“", "$%^",
             "\\n", "http://a.b/c?d=e", "aaaaaaaaaaaaaaaaaaaaaaaa", "=====", "fooBar_baz"]
    emoji = ["👩\u200d🚀", "👨\u200d👩\u200d👧\u200d👦", "🏳\ufe0f\u200d🌈", "👍🏽", "🇩🇪", "1\ufe0f\u20e3", "❤\ufe0f", "🫠"]
    marks = [chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) in ("Mn", "Mc", "Me")]
    planes = [(0x0, 0x7F), (0x80, 0x24F), (0x250, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x2FFF), (0x3000, 0xD7FF),
              (0xE000, 0xFFFF), (0x10000, 0x1FFFF), (0x20000, 0x3FFFF), (0x40000, 0xEFFFF), (0xF0000, 0x10FFFF)]
    kinds = [lambda: pick.choice(spaces), lambda: pick.choice(words), lambda: pick.choice(emoji),
             lambda: "".join(pick.choices(marks, k=pick.randint(1, 3))), lambda: chr(pick.randint(0, 0x1F)),
             lambda: chr(pick.randint(*pick.choice(planes))), lambda: pick.choice(words) + pick.choice(spaces),
             lambda: chr(pick.randint(0x20, 0x7E))]
    strings = ["", " ", "\n", "\0"]
    while len(strings) < count:
        strings.append("".join(pick.choice(kinds)() for _ in range(pick.randint(1, 24))))
    return strings


def byte_positions(text):
    """Byte position of every code point and of the end."""
    codes = np.frombuffer(text.encode("utf-32-le"), dtype=np.uint32)
    widths = 1 + (codes >= 0x80).astype(np.uint32) + (codes >= 0x800) + (codes >= 0x10000)
    return np.concatenate([[0], np.cumsum(widths)]).astype(np.uint32)


def write_bytes(out, data):
    out.write(np.uint32(len(data)).tobytes() + data)


def bytes_without_token(path, tokenizer):
    """Of a byte-level vocabulary without an unknown token: bytes that the package drops. It counts the offsets behind one
    from the tokens that it kept, so that they are too small by one."""
    document = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    pre = document["pre_tokenizer"] or {}
    steps = pre.get("pretokenizers", [pre])
    if not any(step.get("type") == "ByteLevel" for step in steps) or document["model"].get("unk_token"):
        return set()
    plain = [b for b in range(256) if 0x21 <= b <= 0x7E or 0xA1 <= b <= 0xAC or 0xAE <= b]
    others = [b for b in range(256) if b not in plain]  # GPT-2's alphabet writes these from U+0100 on
    character = {**{b: chr(b) for b in plain}, **{b: chr(256 + i) for i, b in enumerate(others)}}
    return {b for b in range(256) if tokenizer.token_to_id(character[b]) is None}


def write_tokenizer(out, path, texts):
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    dropped = bytes_without_token(path, tokenizer)
    write_bytes(out, str(path).encode())
    out.write(np.uint32(len(texts)).tobytes())
    for text in texts:
        encoding = tokenizer.encode(text)
        offsets = np.array(encoding.offsets, dtype=np.int64).reshape(-1, 2)
        positions = byte_positions(text)
        if dropped.intersection(text.encode()):
            positions[:] = 0xFFFFFFFF
        write_bytes(out, text.encode())
        out.write(np.uint32(len(encoding.ids)).tobytes())
        out.write(np.array(encoding.ids, dtype=np.int32).tobytes())
        out.write(positions[offsets[:, 0]].tobytes() + positions[offsets[:, 1]].tobytes())
        write_bytes(out, tokenizer.decode(encoding.ids, skip_special_tokens=True).encode())


def write_expected(name, tokenizers, folder):
    """`tokenizers`: pairs of a path and the texts to encode."""
    partial = folder / (name + ".partial")
    with open(partial, "wb") as out:
        for path, texts in tokenizers:
            write_tokenizer(out, path, texts)
    partial.rename(folder / (name + ".expected"))


def random_models(count, seed, folder):
    """Byte-pair models over few characters, so that merges compete, cross words and meet unknown characters."""
    pick = random.Random(seed)
    folder.mkdir(exist_ok=True)
    for i in range(count):
        alphabet = pick.choice(["ab▁", "abc▁", "aé▁日", "ab"])
        known = [c for c in alphabet if pick.random() < 0.9] or ["a"]
        vocab = ["<unk>", *known]
        if pick.random() < 0.6:
            everything = [f"<0x{b:02X}>" for b in range(256)]
            vocab += everything if pick.random() < 0.7 else pick.sample(everything, 200)
        merges = []
        parts = list(known) + (["<0xE6>", "<0x97>"] if pick.random() < 0.1 and "<0x97>" in vocab and "<0xE6>" in vocab else [])
        for _ in range(pick.randint(0, 25)):
            left, right = pick.choice(parts), pick.choice(parts)
            if len(left + right) < 14:
                merges.append([left, right])
                if left + right not in vocab:
                    vocab.append(left + right)
                    parts.append(left + right)
        normalizers = [{"type": "Prepend", "prepend": "▁"}] * pick.randint(0, 1)
        normalizers += [{"type": "Replace", "pattern": {"String": " "}, "content": "▁"}] * pick.randint(0, 1)
        split = pick.choice([None, None, {"type": "Split", "pattern": {"String": "▁"}, "behavior": "MergedWithNext", "invert": False}])
        model = {"type": "BPE", "dropout": None, "unk_token": pick.choice(["<unk>", "<unk>", None]),
                 "continuing_subword_prefix": None, "end_of_word_suffix": None, "fuse_unk": pick.random() < 0.5,
                 "byte_fallback": pick.random() < 0.7, "ignore_merges": pick.random() < 0.2,
                 "vocab": {token: id for id, token in enumerate(vocab)}, "merges": merges}
        path = folder / f"{i}.json"
        path.write_text(json.dumps({"version": "1.0", "added_tokens": [], "model": model, "pre_tokenizer": split,
                                    "normalizer": {"type": "Sequence", "normalizers": normalizers}}))
        yield path, ["".join(pick.choices(alphabet + " x", k=pick.randint(0, 40))) for _ in range(30)]


def pairs(options):
    return dict(option.split("=", 1) for option in options)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--text", type=pathlib.Path, nargs="+", required=True)
    for option in ("--tokenizer", "--ranks", "--prepend"):
        parser.add_argument(option, nargs="+", default=[])
    options = parser.parse_args()
    folder = options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    files = {name: pathlib.Path(file).resolve() for name, file in pairs(options.tokenizer).items()}

    def own(name):
        files[name] = folder / name / "tokenizer.json"
        files[name].parent.mkdir(exist_ok=True)
        return files[name]

    for name, ranks in pairs(options.ranks).items():
        family, file = ranks.split(":", 1)
        convert = HERE.parents[1] / "scripts" / "convert-tiktoken.py"
        subprocess.run([sys.executable, convert, "--family", family, file, own(name)], check=True)
    for name, file in pairs(options.prepend).items():
        document = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
        document["normalizer"]["normalizers"].insert(0, {"type": "Prepend", "prepend": "▁"})
        own(name).write_text(json.dumps(document), encoding="utf-8")
    texts = [path.read_bytes().decode() for path in options.text]
    texts += random_strings(10_000, seed=20260521)
    # Every code point of the planes in use, each beside a letter.
    used = [c for c in [*range(0x32400), *range(0xE0000, 0xE0200)] if not 0xD800 <= c < 0xE000]
    texts += ["".join("a" + chr(c) for c in used[i:i + 4096]) for i in range(0, len(used), 4096)]
    for name, path in files.items():
        write_expected(name, [(path, texts)], folder)
    write_expected("random-merges", random_models(400, 7, folder / "random-merges"), folder)


if __name__ == "__main__":
    main()
