#!/usr/bin/env python3
"""Models as people have them, read by the binary: end tokens, placeholders, links, heads, text parts, quantised weights.

    reading_test.py NEPENTHE GOLDEN_FAMILIES

The models are the tiny ones of tests/golden/families, with tokenizers whose tokens are letters.
"""
import json
import os
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

BINARY, FAMILIES = sys.argv[1], pathlib.Path(sys.argv[2])
TOKENS = ["<pad>", "<s>", "</s>"] + [chr(c) for c in range(ord("a"), ord("z") + 1)] + list(" .,:;!?-")  # the models' 37 rows
TEXT = "the sea keeps what the rivers bring, and the rivers bring it again.\n".replace("\n", " ") * 3


def added(id, content):
    return {"id": id, "content": content, "single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def tokenizer(more=(), bos=True):
    special = [(i, t) for i, t in enumerate(TOKENS + list(more)) if len(t) > 1]
    template = {"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
                "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
                "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}}}
    return {"version": "1.0", "truncation": None, "padding": None, "added_tokens": [added(i, t) for i, t in special], "normalizer": None,
            "pre_tokenizer": None, "post_processor": template if bos else None, "decoder": {"type": "Fuse"},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None, "end_of_word_suffix": None,
                      "fuse_unk": False, "byte_fallback": False, "ignore_merges": False, "vocab": {t: i for i, t in enumerate(TOKENS)}, "merges": []}}


def call(*words, **environment):
    return subprocess.run([BINARY, *map(str, words)], capture_output=True, text=True, timeout=120, env=dict(os.environ, **environment))


def answer(*words, **environment):
    done = call(*words, "--json", **environment)
    if done.returncode != 0:
        raise AssertionError(f"{words}: exit {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def tensors(path):
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8:8 + length])
    header.pop("__metadata__", None)
    return {name: (entry, data[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]) for name, entry in header.items()}


def save(path, values):
    header, body = {"__metadata__": {"format": "pt"}}, b""
    for name, (entry, data) in values.items():
        header[name] = dict(entry, data_offsets=[len(body), len(body) + len(data)])
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + body)


class Reading(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        self.text = self.root / "text.txt"
        self.text.write_text(TEXT)

    def model(self, name, family="llama", tok=None, config=None, **files):
        folder = self.root / name
        folder.mkdir()
        shutil.copy(FAMILIES / family / "model.safetensors", folder)
        settings = json.loads((FAMILIES / family / "config.json").read_text()) | (config or {})
        files = {"config": settings, "tokenizer": tok or tokenizer(),
                 "tokenizer_config": {"bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast"}} | files
        for file, content in files.items():
            if content is not None:
                (folder / f"{file}.json").write_text(json.dumps(content))
        return folder

    def score(self, folder, *words, **environment):
        return answer("score", "--model", folder, "--file", self.text, *words, **environment)

    def refusal(self, code, *words, **environment):
        done = call(*words, **environment)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def test_a_token_behind_the_last_row_is_refused_where_it_occurs(self):
        plain, more = self.model("plain"), self.model("more", tok=tokenizer(["<image>"]))
        self.assertEqual(self.score(plain), self.score(more))
        self.text.write_text(TEXT + "see <image> here")
        for verb in (("score", "--file", self.text), ("generate", "--prompt", "a<image>"),
                     ("train", "--corpus", self.text, "--max-steps", 1, "--outputs", self.root / "out")):
            said = self.refusal(65, verb[0], "--model", more, *verb[1:])
            self.assertIn("<image>", said)
            self.assertIn("37 rows", said)

    def test_generation_ends_at_every_end_token(self):
        words = ("--prompt", "zz top", "--greedy", "--max-new-tokens", 12)
        ids = answer("generate", "--model", self.model("plain"), *words)["ids"]
        self.assertEqual(len(ids), 12)
        wanted = next(i for i in range(1, 12) if ids[i] not in ids[:i])
        for name, files in {"one": {"generation_config": {"eos_token_id": ids[wanted]}}, "list": {"generation_config": {"eos_token_id": [2, ids[wanted]]}},
                            "model": {"config": {"eos_token_id": [ids[wanted]]}}}.items():
            stopped = answer("generate", "--model", self.model(name, **files), *words)["ids"]
            self.assertEqual(stopped, ids[:wanted + 1], name)

    def test_a_bos_of_the_prompt_is_not_doubled(self):
        model = self.model("plain")
        bare, written = (answer("generate", "--model", model, "--greedy", "--max-new-tokens", 4, "--prompt", prompt) for prompt in ("sea", "<s>sea"))
        self.assertEqual(bare, written)
        self.assertEqual(bare["prompt_ids"].count(1), 1)
        before = self.score(model)
        self.text.write_text("<s>" + TEXT)
        self.assertEqual(self.score(model), before)

    def test_a_chat_is_written_as_the_model_wants_it(self):
        template = ("{{ bos_token }}{% for m in messages %}{{ m.role }}: {{ m.content|trim }}.{% endfor %}{% if add_generation_prompt %}assistant:{% endif %}"
                    "{% if messages|length > 2 %}{{ raise_exception('too long') }}{% endif %}")
        settings = {"bos_token": "<s>", "eos_token": "</s>", "tokenizer_class": "PreTrainedTokenizerFast", "chat_template": template}
        model = self.model("chat", tokenizer_config=settings)
        words = ("generate", "--model", model, "--greedy", "--max-new-tokens", 4, "--prompt")
        for more, written in (((), "<s>user: sea.assistant:"), (("--system", "be"), "<s>system: be.user: sea.assistant:")):
            chat, plain = answer(*words, " sea ", "--chat", *more), answer(*words, written)
            self.assertEqual(chat.pop("prompt"), written)
            self.assertEqual(chat, plain)
            self.assertEqual(chat["prompt_ids"].count(1), 1)
        self.assertIn("--system is read with --chat", self.refusal(64, *words, "sea", "--system", "be"))
        said = self.refusal(65, "generate", "--model", self.model("plain"), "--prompt", "sea", "--chat")
        self.assertIn("no chat template", said)
        settings["chat_template"] = "\n{{ raise_exception('only in pairs') }}"
        said = self.refusal(65, "generate", "--model", self.model("refuses", tokenizer_config=settings), "--prompt", "sea", "--chat")
        self.assertIn("tokenizer_config.json: line 2", said)
        self.assertIn("only in pairs", said)

    def test_info_says_where_texts_begin_and_end(self):
        files = {"tokenizer_config": None, "generation_config": {"bos_token_id": 1, "eos_token_id": [2, 30]}}
        self.assertEqual(answer("info", self.model("ids", **files))["tokenizer"] | {"digest": "", "size": 0},
                         {"digest": "", "size": 0, "bos": 1, "eos": 2, "ends": [2, 30]})

    def test_links_are_read_where_they_are_meant(self):
        store, linked = self.model("store"), self.model("linked")
        (linked / "model.safetensors").unlink()
        (linked / "model.safetensors").symlink_to(store / "model.safetensors")
        said = self.refusal(65, "score", "--model", linked, "--file", self.text)
        self.assertIn("--allow-links", said)
        self.assertEqual(self.score(linked, "--allow-links"), self.score(store))
        self.assertEqual(self.score(linked, NEPENTHE_ALLOW_LINKS="1"), self.score(store))

    def test_a_head_that_differs_from_the_embedding_is_kept(self):
        tied, untied = (self.model(name, "llama", config={"tie_word_embeddings": value}) for name, value in (("tied", True), ("untied", False)))
        self.assertEqual(self.score(tied), self.score(untied))
        self.assertFalse(answer("info", tied)["tied"])
        self.assertIn("tie_word_embeddings", call("info", tied).stderr)
        trained = answer("train", "--model", tied, "--corpus", self.text, "--lr", "1e-9", "--max-steps", 1, "--outputs", self.root / "out")["artefact"]
        before, after = tensors(tied / "model.safetensors"), next(pathlib.Path(trained).rglob("model.safetensors"))
        after = tensors(after)
        for name in ("lm_head.weight", "model.embed_tokens.weight"):
            a, b = (struct.unpack(f"<{len(t[name][1]) // 4}f", t[name][1]) for t in (before, after))
            self.assertLess(max(abs(x - y) for x, y in zip(a, b)), 1e-6, name)

    def test_the_text_part_of_a_multimodal_model(self):
        text = self.model("text", "gemma3_text")
        whole = self.model("whole", "gemma3_text")
        config = json.loads((whole / "config.json").read_text())
        (whole / "config.json").write_text(json.dumps({"model_type": "gemma3", "architectures": ["Gemma3ForConditionalGeneration"], "text_config": config}))
        values = {"language_model." + name: value for name, value in tensors(whole / "model.safetensors").items()}
        values["vision_tower.weight"] = ({"dtype": "F32", "shape": [1]}, bytes(4))
        save(whole / "model.safetensors", values)
        self.assertEqual(self.score(text), self.score(whole))
        self.assertEqual(answer("info", whole)["text_part_of"], "gemma3")

    def test_quantised_weights_are_named(self):
        for method in ("fp8", "gptq", "awq", "mxfp4", "compressed-tensors"):
            model = self.model(method, config={"quantization_config": {"quant_method": method}})
            for words in (("info", model), ("score", "--model", model, "--file", self.text), ("generate", "--model", model, "--prompt", "a")):
                self.assertIn(f"quantised ({method}), not supported", self.refusal(65, *words))


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=2)
