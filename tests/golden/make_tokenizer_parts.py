#!/usr/bin/env python3
"""Writes tokenizer_parts.json beside itself: small tokenizers, each around one component, with the ids, byte offsets and
decoded text that the `tokenizers` package gives. Read by tests/text/tokenizer_parts_test.cpp.

    make_tokenizer_parts.py

Pre-tokenizers: the vocabulary knows nothing and unknown characters are fused, so that every word is one token.
Normalizers: every character that comes out is a token of its own.
"""
import json
import pathlib

from tokenizers import Tokenizer, normalizers

TEXTS = [
    "", " ", "Hello  world", " lead and trail \n", "don't I'LL we're", "a1b22 ½ ٣", "x-y--z, (w)!", "é e\u0301 \u1e9b\u0323",
    "tab\tline\r\nend\r", "日本 語\u3000テスト", "👩\u200d🚀 e\u0301\u0323", "▁meta▁ space", "ﬁ ² Å ㎏", "a\u180eb\u200bc\u0085d",
    "각 가\u11a8", "İI ẞß ΑΣ", "<s>hi</s>", "  <b> x <b>y<b> ", "NEW new New", "\u0344a \u0f73\u0f71b \u0345\u0316c", "a\u0898\u0316b",
]


def document(model=None, **parts):
    base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": None,
            "pre_tokenizer": None, "post_processor": None, "decoder": None,
            "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": False, "ignore_merges": False,
                      "vocab": {"<unk>": 0}, "merges": []}}
    base.update(parts)
    base["model"].update(model or {})
    return base


def added(id, content, **flags):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
            "special": True, **flags}


def alphabet(texts):
    characters = sorted(set("".join(texts)))
    return {"<unk>": 0} | {c: i + 1 for i, c in enumerate(characters)}


def normalizer_cases():
    string = lambda s: {"String": s}
    for name, normalizer in {
        "NFC": {"type": "NFC"}, "NFD": {"type": "NFD"}, "NFKC": {"type": "NFKC"}, "NFKD": {"type": "NFKD"},
        "Lowercase": {"type": "Lowercase"}, "Strip": {"type": "Strip", "strip_left": True, "strip_right": True},
        "Bert": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True, "strip_accents": None,
                 "lowercase": True},
        "Bert cased": {"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": False, "strip_accents": None,
                       "lowercase": False},
        "Bert accents": {"type": "BertNormalizer", "clean_text": False, "handle_chinese_chars": True, "strip_accents": True,
                         "lowercase": False},
        "Strip left": {"type": "Strip", "strip_left": True, "strip_right": False},
        "Prepend": {"type": "Prepend", "prepend": "▁▁"},
        "Replace": {"type": "Replace", "pattern": string(" "), "content": "▁"},
        "Replace longer": {"type": "Replace", "pattern": string("--"), "content": "—"},
        "Replace by nothing": {"type": "Replace", "pattern": string("l"), "content": ""},
        "Replace regex": {"type": "Replace", "pattern": {"Regex": r"\s+"}, "content": " "},
        "Sequence": {"type": "Sequence", "normalizers": [
            {"type": "NFKD"}, {"type": "Lowercase"}, {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": string(" "), "content": "▁"}]},
    }.items():
        probe = Tokenizer.from_str(json.dumps(document(normalizer=normalizer))).normalizer
        vocab = alphabet([probe.normalize_str(t) for t in TEXTS])
        yield name, document({"vocab": vocab, "fuse_unk": False}, normalizer=normalizer)


def pre_tokenizer_cases():
    for behavior in ("Removed", "Isolated", "MergedWithPrevious", "MergedWithNext", "Contiguous"):
        for invert in (False, True):
            yield f"Split {behavior} {invert}", {"type": "Split", "pattern": {"String": "-"}, "behavior": behavior, "invert": invert}
            yield f"Split regex {behavior} {invert}", {"type": "Split", "pattern": {"Regex": r"\s|\p{P}"}, "behavior": behavior, "invert": invert}
    yield "Split words", {"type": "Split", "pattern": {"Regex": r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{M}]+|\p{N}{1,3}|[^\S\n]"}, "behavior": "Isolated", "invert": False}
    for pattern in (r"[a-z&&[^b]]", r"[\p{L}&&[^\p{Lu}]]", r"[^a[bc]]", r"[a-z[A-Z]]+", r"[[a-e][x-z]&&[b-y]]", r"[^ab&&bc]", r"[a-d&&b-e&&c-f]",
                    r"[\P{L}]", r"[^\P{L}e]", r"[\P{L}\P{N}]", r"[\p{^L}]", r"[\D&&[^ ]]+", r"[\S&&[^a]]+", r"[\s&&[^\n]]", r"[^[^a-z]]",
                    r"[^[^a-z]e]", r"[]a]", r"[^]a]", r"[a-]", r"[-a]", r"[a-e--b]", r"[+--]", r"[a&&]", r"[a&b]", r"[a-z&&^b]", r"[a^]",
                    r"[[:digit:]]", r"[[:^digit:]x]", r"[^[:space:]]+", r"\h+", r"[\h&&\D]", r"(?i)[a-f&&[^d]]", r"(?i:[^l])",
                    r"[\x{61}-\x65]", r"[\u0061-\u0065]", r"[a\-c\]\[]", r"[^\r\n\p{L}\p{N}]?[\p{L}\p{M}&&[^\p{Lu}]]+"):
        yield f"Split class {pattern}", {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
    yield "Split empty", {"type": "Split", "pattern": {"Regex": "x*"}, "behavior": "Isolated", "invert": False}
    for individual in (False, True):
        yield f"Digits {individual}", {"type": "Digits", "individual_digits": individual}
    for scheme in ("always", "first", "never"):
        for split in (False, True):
            yield f"Metaspace {scheme} {split}", {"type": "Metaspace", "replacement": "▁", "prepend_scheme": scheme, "split": split}
    yield "Bert", {"type": "BertPreTokenizer"}
    yield "Whitespace", {"type": "Whitespace"}
    yield "WhitespaceSplit", {"type": "WhitespaceSplit"}
    for behavior in ("Isolated", "Contiguous"):
        yield f"Punctuation {behavior}", {"type": "Punctuation", "behavior": behavior}
    yield "ByteLevel", {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    yield "ByteLevel prefix", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    yield "ByteLevel whole", {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": False}
    yield "Sequence", {"type": "Sequence", "pretokenizers": [
        {"type": "Digits", "individual_digits": True}, {"type": "Punctuation", "behavior": "Isolated"},
        {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}]}


def post_processor_cases():
    prefix = {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True}
    template = {"type": "TemplateProcessing",
                "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}},
                           {"SpecialToken": {"id": "</s>", "type_id": 0}}], "pair": [{"Sequence": {"id": "A", "type_id": 0}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [7], "tokens": ["<s>"]},
                                   "</s>": {"id": "</s>", "ids": [8], "tokens": ["</s>"]}}}
    # Words whose text is known, so that offsets are trimmed.
    from tokenizers.pre_tokenizers import ByteLevel
    vocab = {c: i for i, c in enumerate(sorted(ByteLevel.alphabet()))}
    merges = []
    for left, right in [("Ġ", "Ġ"), ("Ġ", "a"), ("Ġa", "n"), ("Ġan", "d"), ("Ġ", "t"), ("l", "d"), ("d", "Ġ")]:
        vocab[left + right] = len(vocab)
        merges.append([left, right])
    tokens = [added(len(vocab), "<b>", lstrip=True, rstrip=True), added(len(vocab) + 1, "   ", special=False, normalized=True)]
    for add_prefix_space in (False, True):
        part = {"type": "ByteLevel", "add_prefix_space": add_prefix_space, "trim_offsets": True, "use_regex": True}
        for name, processor in {"ByteLevel": part, "Template": template,
                                "Sequence": {"type": "Sequence", "processors": [part, template]}}.items():
            yield f"{name} {add_prefix_space}", document(
                {"vocab": vocab, "merges": merges, "unk_token": None}, added_tokens=tokens,
                pre_tokenizer=dict(prefix, add_prefix_space=add_prefix_space), post_processor=processor,
                decoder=prefix)


def added_token_cases():
    lower = {"type": "Lowercase"}
    vocab = alphabet(TEXTS + [normalizers.Lowercase().normalize_str(t) for t in TEXTS])
    first = len(vocab)
    for name, flags in {"plain": {}, "lstrip": {"lstrip": True}, "rstrip": {"rstrip": True},
                        "both": {"lstrip": True, "rstrip": True}, "single word": {"single_word": True},
                        "normalized": {"normalized": True}, "normalized, not special": {"normalized": True, "special": False},
                        "normalized strip": {"normalized": True, "lstrip": True, "rstrip": True}}.items():
        contents = ["<b>", "b", "<s>", "</s>", "New", "we", "日本", "  "]
        tokens = [added(first + i, content, **flags) for i, content in enumerate(c for c in contents if c not in vocab)]
        yield name, document({"vocab": vocab}, added_tokens=tokens, normalizer=lower)
        yield name + ", words", document({"vocab": vocab}, added_tokens=tokens, pre_tokenizer={
            "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True})


def model_cases():
    texts = TEXTS + ["▁"]
    vocab = alphabet(texts)
    for c in "語é½":
        del vocab[c]
    vocab = {token: i for i, token in enumerate(vocab)}
    merges = []
    for left, right in [("l", "l"), ("e", "ll"), ("h", "ell"), ("l", "o"), ("o", "r"), ("▁", "▁"), ("H", "ell"), ("▁", "w")]:
        vocab.setdefault(left + right, len(vocab))
        merges.append([left, right])
    space = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    for fuse in (False, True):
        for fallback in ("none", "some", "all"):
            bytes_there = {"none": [], "some": [0xE8, 0xAA, 0x9E], "all": range(256)}[fallback]
            full = vocab | {f"<0x{b:02X}>": len(vocab) + i for i, b in enumerate(bytes_there)}
            yield f"unknown {fuse} {fallback}", document(
                {"vocab": full, "merges": merges, "fuse_unk": fuse, "byte_fallback": fallback != "none"}, normalizer=space,
                decoder={"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
                                                          {"type": "ByteFallback"}, {"type": "Fuse"}]})
    yield "no unknown token", document({"vocab": vocab, "merges": merges, "unk_token": None}, normalizer=space)
    spaced = [" ".join(merge) for merge in merges]
    whole = vocab | {"world": len(vocab), "don't": len(vocab) + 1}
    yield "ignore merges", document({"vocab": whole, "merges": spaced, "ignore_merges": True},
                                    pre_tokenizer={"type": "WhitespaceSplit"})


def word_piece_cases():
    pieces = ["[UNK]", "he", "hello", "##l", "##lo", "##o", "wor", "##ld", "!", "don", "'", "t", "é", "##é", "日", "x", "##y", "-"]
    for name, options in {"plain": {}, "short words": {"max_input_chars_per_word": 4},
                          "other prefix": {"continuing_subword_prefix": "@"}}.items():
        vocab = {piece: i for i, piece in enumerate(pieces)}
        if "continuing_subword_prefix" in options:
            vocab = {piece.replace("##", "@"): i for piece, i in vocab.items()}
        whole = document(pre_tokenizer={"type": "BertPreTokenizer"},
                         normalizer={"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                                     "strip_accents": False, "lowercase": True},
                         decoder={"type": "WordPiece", "prefix": options.get("continuing_subword_prefix", "##"),
                                  "cleanup": name == "plain"})
        whole["model"] = {"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                          "max_input_chars_per_word": 100, "vocab": vocab, **options}
        yield name, whole


def decoder_cases():
    spellings = ["<unk>", "▁Hello", "▁▁wor", "ld▁", "<0xE2>", "<0x96>", "<0x81>", "<0xC3>", "<0x28>", "Ġthe", "Ċ", "ðŁ", "ĳ©", "é",
                 "x-y", "日本", "<0xZZ>", "  a ", "âĢ"]
    vocab = {token: i for i, token in enumerate(spellings)}
    sequences = [[1, 2, 3], [4, 5, 6, 1], [4, 5, 1, 7, 8], [9, 10, 11, 12], [11, 13, 9], [2, 2, 14, 15], [16, 17, 17], [],
                 [18, 9, 11, 18], [1], [17, 1]]
    for name, decoder in {
        "none": None, "ByteLevel": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "ByteFallback": {"type": "ByteFallback"}, "Fuse": {"type": "Fuse"},
        "Strip": {"type": "Strip", "content": " ", "start": 1, "stop": 1},
        "Replace": {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        "Replace regex": {"type": "Replace", "pattern": {"Regex": r"\p{L}"}, "content": "L"},
        "Metaspace": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always", "split": True},
        "Metaspace never": {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "never", "split": True},
        "Sequence": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
    }.items():
        yield name, document({"vocab": vocab}, decoder=decoder), sequences


def byte_offsets(text, offsets):
    positions = [0]
    for character in text:
        positions.append(positions[-1] + len(character.encode()))
    return [[positions[begin], positions[end]] for begin, end in offsets]


def encodings(name, tokenizer_json):
    """`tokenizer_json` is an object, or a text that no object stands for."""
    text = tokenizer_json if isinstance(tokenizer_json, str) else json.dumps(tokenizer_json)
    tokenizer = Tokenizer.from_str(text)
    case = {"name": name, "raw" if isinstance(tokenizer_json, str) else "tokenizer": tokenizer_json, "encodings": []}
    for text in TEXTS:
        encoding = tokenizer.encode(text)
        case["encodings"].append({"text": text, "ids": encoding.ids, "offsets": byte_offsets(text, encoding.offsets),
                                  "decoded": tokenizer.decode(encoding.ids)})
    return case


def raw_cases():
    """What is listed twice, or is empty; as text, which alone can hold a key twice."""
    def raw(vocab='{"<unk>":0,"a":1,"b":2,"ab":3,"c":4}', merges='[["a","b"]]', tokens=(), extra="", **model):
        text = json.dumps(document({"unk_token": None, **model}, added_tokens=list(tokens)))
        return text.replace('"vocab": {"<unk>": 0}', '"vocab": ' + vocab).replace('"merges": []', '"merges": ' + merges + extra)
    x, y = "<s>", "<b>"
    yield "token twice", raw('{"<unk>":0,"a":1,"b":2,"ab":3,"c":4,"a":6}')
    yield "token twice alike", raw('{"<unk>":0,"a":1,"b":2,"ab":3,"c":4,"a":1}')
    yield "token twice and back", raw('{"<unk>":0,"a":1,"b":2,"ab":3,"c":4,"a":6,"e":1,"a":7,"d":6}')
    yield "vocabulary twice", raw(extra=',"vocab":{"a":0,"b":1,"ab":2,"e":3}')
    yield "merges twice", raw('{"a":1,"b":2,"ab":3,"e":4,"be":5}', extra=',"merges":[["b","e"]]')
    yield "merge twice", raw('{"a":1,"b":2,"ab":3,"e":4,"be":5}', '[["a","b"],["b","e"],["a","b"]]')
    yield "model twice", '{"model":{"type":"BPE","vocab":{"z":0,"y":1},"merges":[]},' + raw()[1:]
    yield "added twice", raw(tokens=[added(5, x), added(5, x)])
    yield "added twice with other ids", raw(tokens=[added(5, x), added(6, x), added(9, y)])
    yield "added with ids that are not next", raw(tokens=[added(9, x), added(7, y)])
    yield "added two with one id", raw(tokens=[added(5, x), added(5, y)])
    yield "added with the id of another", raw(tokens=[added(4, x)])
    yield "added with a token's content and another id", raw(tokens=[added(9, "ab"), added(5, x)])
    yield "added twice, then not special", raw(tokens=[added(5, x), added(5, x, special=False, lstrip=True)])
    yield "added twice, then special", raw(tokens=[added(5, x, special=False, lstrip=True), added(5, x)])
    yield "added twice, then in normalised text", raw(tokens=[added(5, x), added(5, x, normalized=True, rstrip=True), added(6, y)])
    yield "added empty", raw(tokens=[added(5, ""), added(6, x), added(7, "", special=False)])
    yield "ids with holes", raw('{"a":10,"b":20,"ab":30}', tokens=[added(31, x), added(32, y)])
    yield "empty token", raw('{"":0,"a":1,"b":2,"ab":3,"c":4}')
    yield "empty token in merges", raw('{"":0,"a":1,"b":2,"ab":3,"c":4}', '[["a","b"],["","a"]]')
    yield "empty unknown token that is one", raw('{"":0,"a":1,"b":2,"ab":3,"c":4}', unk_token="")
    yield "NUL", raw('{"\\u0000":0,"a":1,"b":2,"ab":3,"c":4}')


def main():
    cases = [encodings("normalizer " + name, d) for name, d in normalizer_cases()]
    cases += [encodings("pre-tokenizer " + name, document(pre_tokenizer=p)) for name, p in pre_tokenizer_cases()]
    cases += [encodings("post-processor " + name, d) for name, d in post_processor_cases()]
    cases += [encodings("added tokens " + name, d) for name, d in added_token_cases()]
    cases += [encodings("model " + name, d) for name, d in model_cases()]
    cases += [encodings("WordPiece " + name, d) for name, d in word_piece_cases()]
    cases += [encodings("listed " + name, text) for name, text in raw_cases()]
    for name, tokenizer_json, sequences in decoder_cases():
        tokenizer = Tokenizer.from_str(json.dumps(tokenizer_json))
        cases.append({"name": "decoder " + name, "tokenizer": tokenizer_json, "decodings": [
            {"ids": ids, "decoded": tokenizer.decode(ids)} for ids in sequences]})
    lines = ",\n".join(json.dumps(case, ensure_ascii=True, separators=(",", ":")) for case in cases)
    path = pathlib.Path(__file__).with_name("tokenizer_parts.json")
    path.write_text("[\n" + lines + "\n]\n")
    print(f"{path.name}: {len(cases)} cases, {path.stat().st_size} bytes")


if __name__ == "__main__":
    main()
