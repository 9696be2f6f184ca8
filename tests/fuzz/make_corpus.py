#!/usr/bin/env python3
"""Writes tests/fuzz/corpus/<target>/: small inputs from which the fuzz targets start. Run it after changing it; its output is committed.

    make_corpus.py
"""
import hashlib
import json
import pathlib
import struct

HERE = pathlib.Path(__file__).resolve().parent
CORPUS = HERE / "corpus"


def put(target, name, content):
    folder = CORPUS / target
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))


def safetensors(header, data=b""):
    text = header if isinstance(header, bytes) else json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def make_safetensors():
    tensor = lambda dtype, shape, begin, end: {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}
    put("safetensors", "empty", safetensors({}))
    put("safetensors", "one", safetensors({"w": tensor("F32", [2], 0, 8)}, b"12345678"))
    put("safetensors", "many", safetensors(
        {"__metadata__": {"format": "pt"}, "a": tensor("BF16", [2, 3], 0, 12), "b": tensor("I64", [], 12, 20),
         "none": tensor("F64", [0, 7], 20, 20), "c": tensor("BOOL", [3], 20, 23)}, bytes(23)))
    put("safetensors", "padded", safetensors(b'{"w":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}   ', b"x"))
    put("safetensors", "overflow", safetensors({"w": tensor("F32", [1 << 62, 4], 0, 0)}))
    put("safetensors", "length", struct.pack("<Q", (1 << 64) - 1) + b"{}")


def make_shard_index():
    put("shard_index", "two", json.dumps({"metadata": {"total_size": 12}, "weight_map": {
        "a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}))
    put("shard_index", "escape", json.dumps({"weight_map": {"a": "../x", "b": "/etc/passwd", "c": "..", "d": "a\0b"}}))
    put("shard_index", "empty", '{"weight_map":{}}')


def make_json():
    put("json", "values", '{"a":[1,-2,3.5e-7,true,false,null],"b":{"c":"\\u00e9\\ud83d\\ude00\\n"},"":""}')
    put("json", "numbers", "[0,-0,-0.0,18446744073709551615,-9223372036854775808,18446744073709551616,1e308,5e-324,0.1]")
    put("json", "deep", "[" * 60 + "]" * 60)
    put("json", "string", '"\u6f22"')


def make_facts():
    own = {"id": 1, "subject": "Ada", "prompt": "{} lives in", "target_new": "Rome", "target_true": "London",
           "paraphrases": ["Ada's home is"], "neighbourhood": ["Eve lives in", {"prompt": "Lyon is in", "answer": "France"}]}
    put("facts", "lines", "\n".join(json.dumps(f) for f in (own, {"prompt": "Who wrote 'Emma'?", "target_new": "Bell"})))
    rewrite = {"prompt": "{} speaks", "subject": "Ada", "relation_id": "P1", "target_new": {"str": "Latin"}, "target_true": {"str": "Greek"}}
    put("facts", "counterfact", json.dumps([{"case_id": 3, "requested_rewrite": rewrite, "paraphrase_prompts": ["Ada talks"],
                                             "neighborhood_prompts": ["Eve speaks"]}], indent=1))
    put("facts", "easyedit", json.dumps([{"case_id": 3, "prompt": "Ada is in", "subject": "Ada", "target_new": "Rome", "ground_truth": "Bonn",
                                          "rephrase_prompt": "Ada?", "locality_prompt": "Eve is in", "locality_ground_truth": "Bonn"}]))
    put("facts", "zsre", json.dumps([{"subject": "Ada", "src": "Where is Ada?", "answers": ["Rome"], "alt": "Bonn", "rephrase": "Ada's place?",
                                      "loc": "nq question: who", "loc_ans": "Eve"}]))
    put("facts", "tofu", "\n".join(json.dumps({"question": f"What did Ada Byron write in {y}?", "answer": "Notes.",
                                               "perturbed_answer": ["Novels."]}) for y in range(1840, 1862)))


def make_text():
    put("text", "windows", b"\xef\xbb\xbfone\r\ntwo\r\r\nthree\r")
    put("text", "utf8", "a\u00e9\u20ac\U0001F600\U0010FFFF\uFFFD" * 3)
    put("text", "utf16", "text".encode("utf-16"))
    put("text", "lines", '{"text":"one"}\r\n\n{"text":"two","id":2}\n[1]\n')
    put("text", "surrogate", b"x\xed\xa0\x80y")


def added(tokens):
    return [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False,
             "special": True} for i, t in tokens]


def make_tokenizer():
    # GPT-2's way: every byte has a visible letter.
    visible = [c for c in range(256) if 33 <= c <= 126 or 161 <= c <= 172 or 174 <= c <= 255]
    letters = {c: chr(c) for c in visible}
    letters.update({c: chr(256 + i) for i, c in enumerate(c for c in range(256) if c not in letters)})
    vocabulary = {letters[c]: c for c in range(256)}
    merges = ["l l", "h e", "he ll", "hell o", "\u0120 w", "o r"]
    for merge in merges:
        vocabulary[merge.replace(" ", "")] = len(vocabulary)
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "",
             "end_of_word_suffix": "", "fuse_unk": False, "byte_fallback": False, "vocab": vocabulary, "merges": merges}
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    base = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": added([(len(vocabulary), "</s>")]),
            "normalizer": None, "pre_tokenizer": byte_level, "post_processor": byte_level, "decoder": byte_level, "model": model}
    put("tokenizer", "byte_level.json", json.dumps(base, ensure_ascii=False))
    pattern = r"(?i:'s|'t)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s+(?!\S)|\s+"
    split = {"type": "Sequence", "pretokenizers": [
        {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False},
        dict(byte_level, use_regex=False)]}
    put("tokenizer", "split.json", json.dumps(
        dict(base, pre_tokenizer=split, normalizer={"type": "NFC"},
             model=dict(model, ignore_merges=True, merges=[m.split(" ") for m in merges])), ensure_ascii=False))

    # Rules that make much of little, classes within classes, what is listed twice.
    doubling = {"type": "Sequence", "normalizers": [{"type": "Replace", "pattern": {"String": "o"}, "content": "oo"}] * 31}
    put("tokenizer", "doubling.json", json.dumps(dict(base, normalizer=doubling), ensure_ascii=False))
    for name, pattern in {"every_way": r"(\p{L}|\p{L})*\d", "classes": r"[a-z&&[^b]]|[^\P{L}x]+|[[:digit:]]|[\S&&[^a[bc]]]"}.items():
        tries = {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}
        put("tokenizer", f"{name}.json", json.dumps(dict(base, pre_tokenizer=tries), ensure_ascii=False))
    small = {"type": "BPE", "vocab": {"e": 0, "l": 1, "el": 2, "": 3}, "merges": [["e", "l"], ["", "e"]]}
    twice = json.dumps(dict(base, model=small, added_tokens=added([(4, "</s>"), (9, "</s>"), (4, "<s>"), (5, "")])), ensure_ascii=False)
    put("tokenizer", "twice.json", twice.replace('"el": 2', '"el": 2, "l": 7, "o": 2').replace('"merges"', '"vocab": {"l": 0}, "merges"'))
    put("tokenizer", "nul.json", twice + "\0{}")

    # SentencePiece's way: spaces as U+2581, unknown characters as bytes.
    vocabulary = {"<unk>": 0, "<s>": 1, "</s>": 2}
    for byte in range(256):
        vocabulary[f"<0x{byte:02X}>"] = len(vocabulary)
    for piece in ["\u2581", "H", "e", "l", "o", "w", "r", "d", "el", "elo", "\u2581w"]:
        vocabulary[piece] = len(vocabulary)
    post = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
            "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
            "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    put("tokenizer", "byte_fallback.json", json.dumps({
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": added([(0, "<unk>"), (1, "<s>"), (2, "</s>")]),
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "\u2581"}, {"type": "Replace", "pattern": {"String": " "}, "content": "\u2581"}]},
        "pre_tokenizer": None, "post_processor": post,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "}, {"type": "ByteFallback"},
            {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]},
        "model": {"type": "BPE", "dropout": None, "unk_token": "<unk>", "continuing_subword_prefix": None,
                  "end_of_word_suffix": None, "fuse_unk": True, "byte_fallback": True, "vocab": vocabulary,
                  "merges": ["e l", "el o", "\u2581 w"]}}, ensure_ascii=False))


def make_config():
    # The configurations of the golden tests, one a family.
    for path in sorted((HERE.parent / "golden" / "families").glob("*/config.json")):
        put("config", f"{path.parent.name}.json", path.read_bytes())
    put("config", "text_part.json", json.dumps({"model_type": "gemma3", "torch_dtype": "bfloat16", "text_config": {
        "model_type": "gemma3_text", "hidden_size": 32, "num_hidden_layers": 2, "sliding_window": 64}}))
    put("config", "nothing_but_the_type.json", '{"model_type":"qwen2","rope_parameters":{"full_attention":{"rope_theta":5e5}}}')
    put("config", "quantised.json", '{"model_type":"llama","quantization_config":{"quant_method":"gptq","bits":4}}')
    put("config", "twice_and_nul.json", '{"model_type":"llama","model_type":"gpt2"}\0')


def make_manifest():
    def canonical(value):
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    digest = lambda value: hashlib.sha256(canonical(value).encode()).hexdigest()
    files = {"labels.h5": {"bytes": 10, "sha256": "00" * 32, "content": "11" * 32}, "sub/a.json": {"bytes": 0, "sha256": "22" * 32}}
    manifest = {"format": "nepenthe-artefact", "format_version": 1, "stage": "relabel", "files": files,
                "digest": digest({name: file.get("content", file["sha256"]) for name, file in files.items()})}
    manifest["manifest_digest"] = digest(manifest)
    put("manifest", "two", canonical(manifest))
    put("manifest", "escape", canonical(dict(manifest, files={"../x": files["labels.h5"], "/a": files["labels.h5"]})))


def make_journal():
    # First byte 1: the target puts checksums in. Block, offset, bytes, checksum of the payload, own checksum.
    record = lambda block, offset, size: struct.pack("<5Q", block, offset, size, 0, 0)
    put("journal", "three", b"\1" + record(3, 0, 20) + record(0, 20, 0) + record(7, 5, 10))
    put("journal", "beyond", b"\1" + record(3, 2**64 - 1, 2) + record(2**63, 0, 1) + record(1, 0, 2**64 - 1))
    put("journal", "twice", b"\1" + record(3, 0, 20) + record(3, 1, 19) + b"torn")
    put("journal", "unsealed", b"\0" + record(3, 0, 20))


for make in (make_safetensors, make_shard_index, make_json, make_facts, make_text, make_tokenizer, make_config, make_manifest, make_journal):
    make()
