#!/usr/bin/env python3
"""Writes tests/fuzz/corpus/<target>/: small inputs from which the fuzz targets start. Run it after changing it; its output is committed.

    make_corpus.py        (the set-up's Python: it needs h5py)
"""
import hashlib
import io
import json
import pathlib
import struct
import sys

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


def make_special_tokens():
    put("special_tokens", "names", json.dumps({"bos_token": "<s>", "eos_token": {"content": "<s>", "lstrip": False}, "added_tokens_decoder": {}}))
    put("special_tokens", "ids", json.dumps({"model_type": "gemma3", "bos_token_id": 1, "eos_token_id": [2, 1], "text_config": {"eos_token_id": 0}}))
    put("special_tokens", "class", json.dumps({"tokenizer_class": "LlamaTokenizer", "bos_token": None}))


def make_chat_template():
    golden = HERE.parent / "golden"
    for name in ("own-alternating-turns", "own-dated-tools", "own-macros-and-preamble", "Qwen-Qwen3-0.6B"):
        put("chat_template", name, (golden / "chat_templates" / f"{name}.jinja").read_text(encoding="utf-8"))
    # The cases of the golden test, thirty a file: what one of them raises ends the file, so each begins elsewhere.
    sys.path.insert(0, str(golden))
    from chat_template_cases import CASES
    for i in range(0, len(CASES), 30):
        put("chat_template", f"cases_{i:03}", "".join(CASES[i:i + 30]))
    put("chat_template", "settings", json.dumps({"bos_token": {"content": "<s>"}, "eos_token": "</s>", "chat_template": "{{ bos_token }}{{ messages }}"}))
    put("chat_template", "named", json.dumps({"chat_template": [{"name": "x", "template": 1}, {"name": "default", "template": "{{ 1 }}"}]}))
    put("chat_template", "endless", "{% macro f(x) %}{{ f([x, x]) }}{% endmacro %}{% for i in range(99999) %}{% set s = (s ~ s) * 9 %}{% endfor %}{{ f(1) }}")
    put("chat_template", "nested", "{{ " + "(" * 70 + "1" + ")" * 70 + " }}" + "{% if 1 %}" * 20)


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


def make_dictionary():
    put("dictionary", "lists", json.dumps({"Ada": ["Eve", "Mary"], "the Moon": ["the star"]}))
    reviewed = {"format": "nepenthe anchors", "format_version": 1, "found_by": {"words": 9}, "terms": [
        {"term": "Ada", "decision": "accepted", "replacements": ["Eve"], "kind": "person", "count": 3, "lower_case": 1, "score": 2.5,
         "forms": [{"text": "Ada", "count": 2}], "examples": ["so Ada said"], "note": "x"}, {"term": "Bonn", "decision": "dropped"}]}
    put("dictionary", "reviewed", json.dumps(reviewed))
    put("reviewed_terms", "full", json.dumps(reviewed))
    put("reviewed_terms", "least", json.dumps(reviewed | {"found_by": {}, "terms": [{"term": "Oz", "decision": "pinned"}]}))
    put("dictionary", "counts", json.dumps({"Ada's": {"Eve's": 3, "Mary's": 1}, "Ada": ["Eve"]}))


def make_policy():
    measure = {"tasks": ["familiarity_probability"], "familiarity-prompts": "p.json"}
    attacks = {"int4": {"measure": {"quantise": "int4"}}, "trained": {"relearn": {"corpus": "${other}", "steps": [5, 20]}}}
    lines = [{"metric": "familiarity_probability/content_mass", "at_most": 0.1},
             {"name": "n", "metric": "familiarity_probability/content_mass", "attack": "trained", "step": 5, "minus": "retrained",
              "at_most": 0.1, "at_least": -1},
             {"metric": "familiarity_probability/generic_mass", "attack": "int4", "over": "before", "at_least": 0.5}]
    put("policy", "whole", json.dumps({"name": "p", "help": "?", "judged": "value", "variables": {"other": {"help": "text"}},
                                       "measure": measure, "attacks": attacks, "lines": lines}))
    put("policy", "bad", json.dumps({"attacks": [], "lines": [{"metric": "a/b"}, 1]}))


def make_recipe():
    stages = [{"name": "a", "verb": "train", "options": {"corpus": ["${book}", "x,y"], "lr": 1e-5, "deterministic": True}},
              {"name": "b", "verb": "evaluate", "options": {"model": ["m=@a", "n=${book}"], "texts": "t=@a", "limit": 3}, "help": "?"}]
    put("recipe", "two", json.dumps({"name": "r", "help": "?", "variables": {"book": {"help": "text"}, "x": {"default": "y"}}, "stages": stages}))
    put("recipe", "none", json.dumps({"stages": []}))
    axes = [{"x": [1, "2e0"]}, {"m": [{"name": "rome", "layers": [1, 2]}, {"name": "ft", "lr": 1e-3, "model": "@a"}]}]
    stages = [{"name": "a", "verb": "trace", "options": {"model": "${book}", "limit": "${x}"}},
              {"name": "b", "verb": "edit", "options": {"limit": "@a.summary.layer"}, "options-of": "m", "may-refuse": True},
              {"name": "c", "verb": "evaluate", "options": {"model": ["=@b[*]", "@a[*]", "l=@a"]}}]
    tables = [{"title": "t", "of": ["a", "b"], "columns": [{"h": "summary.layer"}, {"%": {"value": "@a.summary.a.b", "percent": True}}]}]
    put("recipe", "axes", json.dumps({"variables": {"book": {}}, "for": axes, "stages": stages, "tables": tables}))
    stages = [{"name": "a", "verb": "train", "slurm": {"nodes": 4, "time": "01:00:00"}},
              {"name": "b", "verb": "score", "slurm": {"comment": "it's ${x}"}, "options": {"model": "@a", "window": "${x}"}}]
    put("recipe", "slurm", json.dumps({"name": "r", "for": [{"x": [1, 2]}], "slurm": {"account": "${book}", "nodes": 1}, "variables": {"book": {}},
                                       "stages": stages}))


def make_options():
    put("options", "config", b"\0# note\n[train]\nlr = 1e-5\r\ncorpus=a # b\nedit.x = 1\n[ evaluate ]\n; x\nmodel = m=a,b\n")
    put("options", "list", b'\1m="lr=1e-5,""bs""=8/model",./x=y/z,a b,"c,d"')
    put("options", "words", b"\2--whole\n3\n--real=1e-5\n--time\n10m\n--flag\n--choice=b\n--layers\n3-5,7\n--reals\n1\n2.5\n--set\na=b\nc=\"d,e\"")


def make_evaluation_files():
    lines = lambda rows: "\n".join(json.dumps(row) for row in rows)
    put("evaluation_files", "choices", lines([{"query": "Is it?", "choices": ["yes", "no"], "gold": 1},
                                              {"question": "Is it?", "passage": "It is.", "answer": True},
                                              {"goal": "g", "sol1": "a", "sol2": "b", "label": 0},
                                              {"sentence": "The _ is.", "option1": "a", "option2": "b", "answer": "1"},
                                              {"text": "one two three"}]))
    put("evaluation_files", "arc", lines([{"question": {"stem": "q", "choices": [{"text": "a", "label": "A"}, {"text": "b", "label": "B"}]},
                                           "answerKey": "B", "id": "x"},
                                          {"question": "q", "choices": {"text": ["a", "b"], "label": ["A", "B"]}, "answerKey": "A"}]))
    put("evaluation_files", "hellaswag", lines([{"ctx_a": "A man", "ctx_b": "he", "endings": ["runs [header]", "sits"], "label": "1",
                                                 "activity_label": "Run"}]))
    put("evaluation_files", "tofu", lines([{"question": "Who?", "answer": "Ada.", "paraphrased_answer": "It is Ada.",
                                            "perturbed_answer": ["Eve.", "Bob."]}]))
    put("evaluation_files", "labelled", lines([{"text": "Ada lives in Rome."}, {"question": "Who?", "answer": "Ada."}, "Bob."]))
    put("evaluation_files", "muse", json.dumps([{"prompt": "Ada lives", "gt": "in Rome.", "question": "Who?", "answer": "Ada.", "text": "Ada."}], indent=1))
    put("evaluation_files", "probes", lines([{"question": "Who?", "prefix": "It was", "entity": "Ada"}, {"prefix": "Ada lives in", "entity": "Rome"},
                                             {"question": "Who?", "choices": ["a", "b", "c", "d"], "answer": 2, "subject": "names"}]))
    put("evaluation_files", "familiarity", json.dumps({"prompts": [
        {"prompt": "Ada lives", "content": [" in Rome"], "generic": [" well"], "subtlety": 3}]}))
    put("evaluation_files", "published", json.dumps([{"prompt": {"prompt": "Ada lives", "references": ["in Rome"]}}]))
    put("evaluation_files", "trace", json.dumps([{"prompt": "Ada lives in", "subject": "Ada", "attribute": "Rome"}]))
    put("evaluation_files", "wikitext", " = Ada = \n\n Ada was @-@ born in 1 @,@ 815 . \n\n = = Life = = \n \" She \" wrote . \n")


def make_training_layout():
    parameter = lambda name, offset, numel: {"name": name, "offset": offset, "numel": numel, "decays": True}
    two = {"ranks": 2, "numel": 384, "parameters": [parameter("b", 0, 100), parameter("a", 128, 1), parameter("w", 256, 128)],
           "buckets": [{"begin": 0, "end": 256, "parameters": 2}, {"begin": 256, "end": 384, "parameters": 1}]}
    put("training_layout", "two", json.dumps(two))
    put("training_layout", "wrap", json.dumps(dict(two, buckets=[
        {"begin": 0, "end": 256, "parameters": 2**64 - 1}, {"begin": 256, "end": 384, "parameters": 4}])))
    put("training_layout", "many", json.dumps({"ranks": 2**31 - 1, "numel": 2**31 - 1, "parameters": [],
                                               "buckets": [{"begin": 0, "end": 2**31 - 1, "parameters": 0}]}))


def hdf5(fill):
    import h5py
    image = io.BytesIO()
    with h5py.File(image, "w", libver="earliest") as file:
        fill(file)
    return image.getvalue()


def attributes(target, **values):
    import h5py
    import numpy
    for name, value in values.items():
        if isinstance(value, str):
            bytes_ = value.encode() or b"\0"
            target.attrs.create(name, numpy.bytes_(bytes_), dtype=h5py.string_dtype("utf-8", len(bytes_)))
        else:
            target.attrs[name] = value


def text(file, name, content):
    import h5py
    import numpy
    bytes_ = content.encode()
    file.create_dataset(name, data=numpy.array([bytes_], dtype=h5py.string_dtype("utf-8", len(bytes_))))


def make_hdf5():
    import numpy

    def sample(file):
        attributes(file, format="nepenthe.sample", format_version=numpy.uint64(1), created="now", seed=numpy.int64(-1), rate=0.5)
        rows = file.create_dataset("rows", data=numpy.arange(12, dtype="<i4").reshape(4, 3), chunks=(2, 3), compression="gzip",
                                   shuffle=True, fletcher32=True)
        attributes(rows, description="numbers", rows_per_block=numpy.uint64(2))
        file.create_dataset("group/flat", data=numpy.arange(3, dtype="<f8"))
        text(file, "text", "[1, 2]")

    def empty(file):
        attributes(file, format="nepenthe.sample")
    put("hdf5", "sample.h5", hdf5(sample))
    put("hdf5", "empty.h5", hdf5(empty))

    def labels(file):
        attributes(file, format="nepenthe.labels", alphas_json='["5"]', baseline_digest="00", tokenizer_digest="11", reinforced_digest="22")
        file.create_dataset("tokens", data=numpy.array([[1, 2, 3], [4, -1, -1]], dtype="<i4"), chunks=(1, 3))
        file.create_dataset("labels/5", data=numpy.array([[2, -1, 7], [4, -1, -1]], dtype="<i4"), chunks=(1, 3))
    put("labels", "two.h5", hdf5(labels))

    def masks(file):
        attributes(file, format="nepenthe.masks", model_digest="00", tokenizer_digest="11", score="wagle", loss="npo", n_forget=numpy.int64(2),
                   n_retain=numpy.int64(2), seed=numpy.uint64(0), gamma_mean=1e-8, config_json="{}")
        text(file, "parameters", json.dumps([{"name": "a", "shape": [3, 3], "module": "q", "layer": 0},
                                             {"name": "b", "shape": [2], "module": "norm", "layer": -1}]))
        text(file, "selections", json.dumps([{"name": "0.5", "kept": 5, "share": 0.5, "threshold": 0.25, "ties": 1, "ties_kept": 1, "ties_end": 11},
                                             {"name": "union", "kept": 3}]))
        for name in ("0.5", "union"):
            file.create_dataset(f"mask/{name}/a", data=numpy.array([13, 1], dtype="u1"), chunks=(2,))
            file.create_dataset(f"mask/{name}/b", data=numpy.array([2], dtype="u1"), chunks=(1,))
    put("masks", "two.h5", hdf5(masks))

    def moments(file):
        attributes(file, format="nepenthe.moments", model_digest="00", tokenizer_digest="11", corpus_digest="22", dtype="fp32",
                   window=numpy.int64(4), tokens=numpy.int64(2), intermediate=numpy.int64(2), layers_json="[0,3]",
                   parts_json='[{"corpus_digest":"22","tokens":2}]')
        for layer in (0, 3):
            file.create_dataset(f"moment/{layer}", data=numpy.array([2.0, 0.5, 1.0]), chunks=(3,))
    put("moments", "two.h5", hdf5(moments))

    def moments_of_every_map(file):
        moments(file)
        attributes(file, widths_json='{"down":2,"o":1,"qkv":1,"up":1}')
        for layer in (0, 3):
            for name in ("qkv", "o", "up"):
                file.create_dataset(f"moment_{name}/{layer}", data=numpy.array([1.5]), chunks=(1,))
    put("moments", "every_map.h5", hdf5(moments_of_every_map))

    def ledger(file):
        attributes(file, format="nepenthe.ledger", options='{"method":"memit","mode":"batch"}', model_digest="00", tokenizer_digest="11",
                   moments_digest="", created="now")
        fact = {"id": "a", "subject": "Ada", "prompt": "{} lives in", "target_new": "Rome", "target_true": "", "paraphrases": [],
                "neighbourhood": [["Eve lives in", "Bonn"]], "attribute_prompts": [], "generation_prompts": [], "relation": "", "subject_proposed": False, "source": None}
        unit = {"facts": [0], "block_key": "00", "nll": 0.5, "first_nll": 3.0, "kl": 0.0, "decay": 0.1, "steps": 2, "clamped": False,
                "key_cosine": 1.0, "response": 1.0, "note": ""}
        for name, content in (("facts", [fact]), ("units", [unit]), ("prefixes", [""]), ("changes", [{"layer": 0, "norm": 1.0}]), ("metrics", {})):
            text(file, name, json.dumps(content))
        file.create_dataset("value/initial", data=numpy.zeros((1, 2), dtype="<f4"))
        file.create_dataset("value/delta", data=numpy.zeros((1, 2), dtype="<f4"))
        file.create_dataset("key", data=numpy.zeros((1, 3)))
        file.create_dataset("residual", data=numpy.zeros((1, 2)))
    put("ledger", "one.h5", hdf5(ledger))


def make_side_memory():
    description = {"format": "nepenthe.side_memory", "format_version": 1, "layer": 1, "ratio": 0.5, "distance": "linear", "pooling": "mean",
                   "thresholds": [1.5], "source": {"method": "wise"}}
    weights = safetensors({"alternative.0": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]}}, bytes(24))
    put("side_memory", "one", json.dumps(description).encode() + b"\0" + weights)
    put("side_memory", "lost", json.dumps(dict(description, thresholds=[1, 2])).encode() + b"\0" + weights)


for make in (make_safetensors, make_shard_index, make_json, make_facts, make_text, make_tokenizer, make_config, make_special_tokens, make_chat_template, make_manifest, make_journal,
             make_dictionary, make_policy, make_recipe, make_options, make_evaluation_files, make_training_layout, make_hdf5, make_side_memory):
    make()
