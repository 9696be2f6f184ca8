#!/usr/bin/env python3
"""Writes special_tokens.json beside itself: model folders that name their special tokens in different files, and the BOS and
EOS that `transformers` gives each. Read by tests/text/special_tokens_test.cpp.

    make_special_tokens.py

Where transformers knows no token ("bos" or "eos" is null), the ids of generation_config.json and config.json are what its
models go by; the test says which.
"""
import json
import logging
import pathlib
import tempfile

from transformers import AutoTokenizer
from transformers.utils import logging as transformers_logging

TOKENS = ["<unk>", "<s>", "</s>", "<|endoftext|>", "<bos>", "<eos>", "<|turn|>", "a", "b"]


def added(id, content):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def tokenizer(tokens):
    return {"version": "1.0", "truncation": None, "padding": None,
            "added_tokens": [added(i, t) for i, t in enumerate(tokens) if len(t) > 1], "normalizer": None,
            "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
            "post_processor": None, "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False, "ignore_merges": False,
                      "vocab": {t: i for i, t in enumerate(tokens)}, "merges": []}}


def token(content):
    return {"__type": "AddedToken", "content": content, "lstrip": False, "rstrip": False, "normalized": False, "single_word": False}


def cases():
    fast = {"tokenizer_class": "PreTrainedTokenizerFast"}
    listed = {key: value for key, value in added(1, "<s>").items() if key != "id"}
    yield "strings", {"tokenizer_config": dict(fast, bos_token="<s>", eos_token="</s>"), "config": {"model_type": "llama"}}
    yield "objects", {"tokenizer_config": dict(fast, bos_token=token("<bos>"), eos_token=token("<eos>")), "config": {"model_type": "llama"}}
    yield "map overrides", {"tokenizer_config": dict(fast, bos_token="<s>", eos_token="</s>"), "config": {"model_type": "llama"},
                            "special_tokens_map": {"bos_token": {"content": "<bos>", "lstrip": False, "normalized": False, "rstrip": False,
                                                                 "single_word": False}, "eos_token": "<eos>"}}
    yield "map alone", {"config": {"model_type": "llama"}, "special_tokens_map": {"bos_token": "<s>", "eos_token": "</s>"}}
    yield "map is passed over", {"tokenizer_config": dict(fast, bos_token="<s>", eos_token="</s>", added_tokens_decoder={"1": listed}),
                                 "config": {"model_type": "llama"}, "special_tokens_map": {"bos_token": "<bos>", "eos_token": "<eos>"}}
    yield "explicit none", {"tokenizer_config": dict(fast, bos_token=None, eos_token="</s>"),
                            "config": {"model_type": "llama", "bos_token_id": 4, "eos_token_id": 5}}
    for family in ("gpt2", "gpt_neo", "gptj", "gpt_neox", "phi", "qwen2", "qwen3", "gemma3_text", "gemma3", "llama", "mistral", "olmo2"):
        yield f"{family} names nothing", {"tokenizer_config": {"model_max_length": 1024}, "config": {"model_type": family}}
        yield f"{family} has no settings", {"config": {"model_type": family}}
    for name in ("GPT2Tokenizer", "GPT2TokenizerFast", "GPTNeoXTokenizerFast", "LlamaTokenizer", "LlamaTokenizerFast", "GemmaTokenizer",
                 "Qwen2Tokenizer", "Qwen2TokenizerFast", "PreTrainedTokenizerFast", "TokenizersBackend"):
        yield f"class {name}", {"tokenizer_config": {"tokenizer_class": name}, "config": {"model_type": "llama"}}
    yield "class of the model's file", {"config": {"model_type": "llama", "tokenizer_class": "GPT2Tokenizer"}}


def main():
    transformers_logging.set_verbosity_error()
    logging.disable(logging.WARNING)
    written = []
    for name, files in cases():
        with tempfile.TemporaryDirectory() as folder:
            files = {"tokenizer": tokenizer(TOKENS), **files}
            for file, content in files.items():
                pathlib.Path(folder, file + ".json").write_text(json.dumps(content))
            loaded = AutoTokenizer.from_pretrained(folder)
            bos, eos = loaded.bos_token, loaded.eos_token
            written.append({"name": name, "files": {k: v for k, v in files.items() if k != "tokenizer"}, "bos": bos, "eos": eos})
            print(f"{name:30} {type(loaded).__name__:25} {bos} {eos}")
    path = pathlib.Path(__file__).with_name("special_tokens.json")
    lines = ",\n".join(json.dumps(case, ensure_ascii=False, separators=(",", ":")) for case in written)
    path.write_text(f'{{"tokenizer":{json.dumps(tokenizer(TOKENS), separators=(",", ":"))},\n"cases":[\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
