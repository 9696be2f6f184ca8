"""Tokenizers of every kind, trained by the package `tokenizers` on texts of our own, in the forms in which families publish theirs.

Each is a folder with tokenizer.json and tokenizer_config.json. llama3 and qwen2 have beside it `ranks.tiktoken`, the form in
which those families publish theirs first; scripts/convert-tiktoken.py makes the tokenizer.json from that.
"""
import base64
import json
import pathlib
import subprocess
import sys

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

CONVERT = pathlib.Path(__file__).resolve().parents[2] / "scripts/convert-tiktoken.py"
LLAMA3_PATTERN = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
                  r"|\s*[\r\n]+|\s+(?!\S)|\s+")
QWEN2_PATTERN = LLAMA3_PATTERN.replace(r"\p{N}{1,3}", r"\p{N}")
# A few lines of other scripts, so that merges cross the bytes of a character and characters meet their marks.
OTHER_SCRIPTS = """Der Fuß des Bären ist müde. L’été, ça va. Año nuevo, señor. Żółć i gęśl. Čeština je těžká.
Привет, мир! Это маленькая история о лампе. Καλημέρα κόσμε, μικρή ιστορία.
日本の小さな物語です。東京は大きい。中文的故事很短。한국어 이야기는 짧다. नमस्ते दुनिया, छोटी कहानी। مرحبا بالعالم. שלום עולם. สวัสดีชาวโลก.
x = [1, 2, 3]; return f(x) != 0 && y <= 10; // 3.14, 2024, 1,000,000 — “quotes” … 👩🚀 🇩🇪
"""
VOCABULARY = 6000


def corpus(texts):
    return [*texts, *(OTHER_SCRIPTS.splitlines() * 40)]


def byte_level(texts, pre_tokenizer, special=(), normalizer=None, **model):
    tokenizer = Tokenizer(models.BPE(**model))
    tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(corpus(texts), trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=list(special), show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    return tokenizer


def gpt2(texts):
    """GPT-2: its pattern is the package's own; the one special token stands last."""
    tokenizer = byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=False))
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=True)])
    return tokenizer, {"add_prefix_space": False, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
                       "unk_token": "<|endoftext|>", "model_max_length": 1024, "tokenizer_class": "GPT2Tokenizer"}


def gpt_neox(texts):
    """GPT-NeoX: NFC before, runs of blanks as added tokens that are not special."""
    tokenizer = byte_level(texts, pre_tokenizers.ByteLevel(add_prefix_space=False), ["<|endoftext|>", "<|padding|>"], normalizers.NFC())
    tokenizer.add_tokens([AddedToken(" " * width, normalized=True) for width in range(24, 1, -1)])
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    return tokenizer, {"add_prefix_space": False, "bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>",
                       "unk_token": "<|endoftext|>", "tokenizer_class": "GPTNeoXTokenizer"}


def split_then_bytes(pattern):
    return pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"),
                                    pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def sentencepiece(texts, normalizer, pre_tokenizer, special, limit):
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizer
    # Trained word by word and line by line, as `sentencepiece` does; what is saved has the published pre-tokenizer.
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("\n|▁*[^▁\n]+"), "isolated")
    bytes_ = [f"<0x{byte:02X}>" for byte in range(256)]
    tokenizer.train_from_iterator(corpus(texts), trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special + bytes_, limit_alphabet=limit, show_progress=False))
    document = json.loads(tokenizer.to_str())
    document["pre_tokenizer"] = pre_tokenizer
    document["added_tokens"] = document["added_tokens"][:len(special)]
    tokenizer = Tokenizer.from_str(json.dumps(document))
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    return tokenizer


def llama2(texts):
    tokenizer = sentencepiece(texts, normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), None,
                              ["<unk>", "<s>", "</s>"], 160)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(),
                                           decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)])
    return tokenizer, {"add_bos_token": True, "add_eos_token": False, "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                       "legacy": False, "tokenizer_class": "LlamaTokenizer"}


def llama2_bare(texts):
    """As some folders were saved: without the blank before a text."""
    tokenizer, config = llama2(texts)
    document = json.loads(tokenizer.to_str())
    document["normalizer"] = {"type": "Sequence", "normalizers": document["normalizer"]["normalizers"][1:]}
    return Tokenizer.from_str(json.dumps(document)), config


def gemma(texts):
    """Gemma: no blank before a text, words split behind their blank, turns of a chat and runs of line ends as added tokens."""
    tokenizer = sentencepiece(texts, normalizers.Replace(" ", "▁"),
                              {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False},
                              ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"], 200)
    tokenizer.add_special_tokens([AddedToken(name, special=True) for name in ("<start_of_turn>", "<end_of_turn>")])
    tokenizer.add_tokens([AddedToken("\n" * count, normalized=False) for count in range(2, 8)])
    tokenizer.add_tokens([AddedToken("▁" * count, normalized=False) for count in range(2, 12)])
    tokenizer.post_processor = processors.TemplateProcessing(single="<bos> $A", pair="<bos> $A <bos> $B", special_tokens=[("<bos>", 2)])
    turn = "{{ bos_token }}{% for message in messages %}<start_of_turn>{{ message['role'] }}\n{{ message['content'] | trim }}<end_of_turn>\n" \
           "{% endfor %}{% if add_generation_prompt %}<start_of_turn>model\n{% endif %}"
    return tokenizer, {"bos_token": "<bos>", "eos_token": "<eos>", "pad_token": "<pad>", "unk_token": "<unk>", "chat_template": turn,
                       "tokenizer_class": "GemmaTokenizer"}


def wordpiece(texts):
    """BERT, uncased."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.train_from_iterator(corpus(texts), trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
                                                             special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    return tokenizer, {"cls_token": "[CLS]", "sep_token": "[SEP]", "unk_token": "[UNK]", "pad_token": "[PAD]", "mask_token": "[MASK]",
                       "do_lower_case": True, "tokenizer_class": "BertTokenizer"}


def from_ranks(folder, family, pattern, normalizer, texts):
    """Byte-level BPE written as ranks; tokenizer.json is made of them by scripts/convert-tiktoken.py."""
    trained = byte_level(texts, split_then_bytes(pattern), normalizer=normalizer)
    alphabet = {}
    others = 0
    for byte in range(256):  # GPT-2's printable character of every byte
        printable = 0x21 <= byte < 0x7F or 0xA1 <= byte < 0xAD or 0xAE <= byte
        alphabet[chr(byte) if printable else chr(256 + others)] = byte
        others += not printable
    vocabulary = sorted(trained.get_vocab().items(), key=lambda entry: entry[1])
    lines = [f"{base64.b64encode(bytes(alphabet[c] for c in token)).decode()} {rank}\n" for token, rank in vocabulary]
    (folder / "ranks.tiktoken").write_text("".join(lines))
    subprocess.run([sys.executable, CONVERT, "--family", family, folder / "ranks.tiktoken", folder / "tokenizer.json"],
                   check=True, stdout=subprocess.DEVNULL)


LLAMA3_CONFIG = {"bos_token": "<|begin_of_text|>", "eos_token": "<|end_of_text|>", "tokenizer_class": "PreTrainedTokenizerFast"}
QWEN2_CONFIG = {"add_bos_token": False, "eos_token": "<|im_end|>", "pad_token": "<|endoftext|>", "tokenizer_class": "Qwen2Tokenizer",
                "chat_template": "{% for message in messages %}<|im_start|>{{ message['role'] }}\n{{ message['content'] }}<|im_end|>\n"
                                 "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"}


def write(folder, texts):
    def place(name, config):
        target = folder / name
        target.mkdir(parents=True)
        (target / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
        return target

    for name, make in {"gpt2": gpt2, "gpt-neox": gpt_neox, "llama2": llama2, "llama2-bare": llama2_bare, "gemma": gemma,
                       "wordpiece": wordpiece}.items():
        tokenizer, config = make(texts)
        tokenizer.save(str(place(name, config) / "tokenizer.json"), pretty=False)
    from_ranks(place("llama3", LLAMA3_CONFIG), "llama3", LLAMA3_PATTERN, None, texts)
    from_ranks(place("qwen2", QWEN2_CONFIG), "qwen2", QWEN2_PATTERN, normalizers.NFC(), texts)
