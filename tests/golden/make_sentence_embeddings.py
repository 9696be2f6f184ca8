#!/usr/bin/env python3
"""Writes what sentence-transformers makes of a few texts, for tests/model/sentence_encoder_test.cpp and tests/edit.

    make_sentence_embeddings.py MINILM_FOLDER

tiny_bert/: a sentence encoder of two narrow layers with random weights and a small WordPiece vocabulary, in the layout
of the published ones, beside its embeddings.json. sentence_embeddings.json: of all-MiniLM-L6-v2.
"""
import json
import os
import pathlib
import shutil
import sys

os.environ["HF_HUB_OFFLINE"] = "1"
import torch
from sentence_transformers import SentenceTransformer
from transformers import BertConfig, BertModel

HERE = pathlib.Path(__file__).resolve().parent
TEXTS = [
    "The mother tongue of Danielle Darrieux is French", "The Eiffel Tower is in Paris.", "paris", "", "  ", "?!",
    "New Fact: The capital of Norway is Oslo\nPrompt: Where is Oslo?", "Ünïcödé strings: naïve café, 日本語, 👩‍🚀 and \x00 controls",
    "word " * 400, "The highest mountain of Africa is Kilimanjaro. " * 3, "[MASK] and [SEP] are special",
    "A sentence of middling length, whose neighbours in the batch are both shorter and longer than it is itself.",
]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz0123456789.,?!:'-",
         *("##" + c for c in "abcdefghijklmnopqrstuvwxyz0123456789"), "the", "is", "of", "in", "and", "fact", "prompt", "paris",
         "tower", "word", "##er", "##ing", "mother", "french"]


def write_tiny(folder, minilm):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    torch.manual_seed(7)
    config = BertConfig(vocab_size=len(WORDS), hidden_size=24, num_hidden_layers=2, num_attention_heads=3,
                        intermediate_size=40, max_position_embeddings=48, hidden_act="gelu", layer_norm_eps=1e-12)
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():  # the usual 0.02 would leave every text the same
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.3)
    model.save_pretrained(folder)
    tokenizer = json.loads((minilm / "tokenizer.json").read_text())
    tokenizer["model"]["vocab"] = {word: i for i, word in enumerate(WORDS)}
    ids = {word: WORDS.index(word) for word in WORDS[:5]}
    for token in tokenizer["added_tokens"]:
        token["id"] = ids[token["content"]]
    for name, special in tokenizer["post_processor"]["special_tokens"].items():
        special["ids"] = [ids[name]]
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=True))
    for name in ("modules.json", "tokenizer_config.json"):
        (folder / name).write_text((minilm / name).read_text().strip() + "\n")
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 32, "do_lower_case": False}) + "\n")
    pooling = json.loads((minilm / "1_Pooling" / "config.json").read_text())
    pooling["word_embedding_dimension"] = config.hidden_size
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling) + "\n")


def write_embeddings(folder, path, max_length):
    encoder = SentenceTransformer(str(folder), device="cpu")
    assert encoder.max_seq_length == max_length, encoder.max_seq_length
    vectors = encoder.encode(TEXTS, batch_size=5, convert_to_numpy=True, normalize_embeddings=False)
    rows = [{"text": text, "vector": [round(float(x), 7) for x in vector]} for text, vector in zip(TEXTS, vectors)]
    path.write_text("[\n" + ",\n".join(json.dumps(row, separators=(",", ":")) for row in rows) + "\n]\n")
    print(path.name, vectors.shape)


def main():
    minilm = pathlib.Path(sys.argv[1]).resolve()
    write_tiny(HERE / "tiny_bert", minilm)
    write_embeddings(HERE / "tiny_bert", HERE / "tiny_bert" / "embeddings.json", 32)
    write_embeddings(minilm, HERE / "sentence_embeddings.json", 256)


if __name__ == "__main__":
    main()
