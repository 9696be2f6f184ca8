#!/usr/bin/env python3
"""Trains the demo's tokenizer: byte-level BPE, on the texts without the saga (as a published model's tokenizer has
not been made for the one book that it is to forget).

    make_texts.py FOLDER && make_tokenizer.py FOLDER

Writes tokenizer.json and tokenizer_config.json beside this file. Needs the PyPI package `tokenizers`; the result is
committed, so that nobody who runs the demo does.
"""
import json
import pathlib
import sys

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers

HERE = pathlib.Path(__file__).resolve().parent
VOCABULARY = 3072
SPECIAL = ["<bos>", "<eos>"]


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    files = [str(pathlib.Path(sys.argv[1]) / name) for name in ("planets.txt", "stories.txt")]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train(files, trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False,
                                               initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=False),
        processors.TemplateProcessing(single="<bos> $A", pair="<bos> $A <bos> $B",
                                      special_tokens=[(name, tokenizer.token_to_id(name)) for name in SPECIAL])])
    tokenizer.save(str(HERE / "tokenizer.json"))
    config = {"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<bos>", "eos_token": "<eos>",
              "add_bos_token": True, "clean_up_tokenization_spaces": False, "model_max_length": 512}
    (HERE / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
