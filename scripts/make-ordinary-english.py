#!/usr/bin/env python3
"""Writes src/text/ordinary_english.txt: how often ordinary English uses its words, and what its nouns name.

    make-ordinary-english.py [FILE]     needs apt-get and dpkg (Debian 12), installs nothing

Counted are three Debian packages: Jane Austen's six novels (r-cran-janeaustenr) and Moby Dick (r-cran-tokenizers), which
are in the public domain, and the glosses and examples of WordNet 3.0 (wordnet-base), whose licence allows what is made of
it to be distributed with its notice; the table begins with that notice. The kind of a noun is that of its commonest sense
in WordNet.
"""
import collections
import math
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zlib

FILE = pathlib.Path(__file__).resolve().parents[1] / "src/text/ordinary_english.txt"
PACKAGES = ("r-cran-janeaustenr", "r-cran-tokenizers", "wordnet-base")
DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
TITLES = {"mr", "mrs", "ms", "dr", "st", "capt", "col", "esq", "messrs", "vol", "etc"}
LEAST = 2  # occurrences of a word that is listed; WordNet's own words need one
RARE = 7  # a form of a listed word (text/ordinary_english.cpp knows how they are made) is listed from here on
ENDINGS = (("ies", "y"), ("es", ""), ("s", ""), ("ied", "y"), ("ed", ""), ("ed", "e"), ("ing", ""), ("ing", "e"), ("ily", "y"),
           ("ly", ""), ("iness", "y"), ("ness", ""))

# Places among what WordNet calls artifacts, groups and objects: everything below these synsets.
PLACES = ("structure.n", "way.n", "location.n", "geological_formation.n", "body_of_water.n", "land.n", "island.n", "forest.n",
          "celestial_body.n", "country.n")
KINDS = {5: "a", 18: "p", 15: "l", 6: "t", 8: "t", 13: "t", 17: "t", 20: "t", 27: "t"}  # lexicographer files; others: "x"


def unpack(work):
    for package in PACKAGES:
        subprocess.run(["apt-get", "download", package], cwd=work, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for archive in sorted(work.glob("*.deb")):
        subprocess.run(["dpkg", "-x", archive, work / "files"], check=True)
    return work / "files"


class Serialized:
    """As much of R's serialization format as character vectors need; `strings` holds one list a vector."""

    def __init__(self, data):
        self.data, self.at, self.strings = data, 14, []
        if data[5] == 3:
            self.at = 18 + struct.unpack_from(">I", data, 14)[0]
        self.item()

    def whole(self):
        self.at += 4
        return struct.unpack_from(">i", self.data, self.at - 4)[0]

    def item(self):
        flags = self.whole()
        kind = flags & 255
        text = None
        if kind in (1, 254, 255):  # a symbol, nothing, a reference
            return self.item() if kind == 1 else None
        if kind == 2:  # attributes: their own attributes, a tag, a value, the rest
            for present in (flags & 0x200, flags & 0x400, 1, 1):
                if present:
                    self.item()
            return None
        if kind == 9:
            size = self.whole()
            if size >= 0:
                text = self.data[self.at:self.at + size].decode("utf-8")
                self.at += size
        elif kind == 16:
            self.strings.append([self.item() or "" for _ in range(self.whole())])
        else:
            raise SystemExit(f"R object of kind {kind} is not expected here")
        if kind != 9 and flags & 0x200:
            self.item()
        return text


def r_texts(path):
    """The texts of a lazy-load database: zlib streams behind their sizes, one an object."""
    data, at = path.read_bytes(), 0
    while at < len(data):
        stream = zlib.decompressobj()
        strings = Serialized(stream.decompress(data[at + 4:])).strings
        at = len(data) - len(stream.unused_data)
        if strings and sum(map(len, strings[0])) > 1000:
            yield "\n".join(strings[0]).replace("\r", "")


def without_licence(text):
    begin, end = text.find("*** START OF"), text.find("*** END OF")
    return text[text.find("\n", begin):end if end > 0 else None] if begin >= 0 else text


def count(text, counts):
    """Adds to counts[word] = [in lower case, capitalised inside a sentence, capitalised where a sentence may begin]."""
    text = text.replace("\u2019", "'").replace("\u2018", "'").replace("_", "")
    for paragraph in re.split(r"\n\s*\n", text):
        begins = True
        at, before = 0, ""
        for match in WORD.finditer(paragraph):
            between = paragraph[at:match.start()]
            at = match.end()
            word = match.group()
            if before in TITLES and between.startswith("."):
                between = between[1:]
            begins = begins or re.search(r"[.!?:;\"(\[]|--|^\s*'", between) is not None
            plain = re.sub(r"'s?$", "", word).lower()
            if word.isupper() and len(word) > 1:
                pass  # headings and emphasis say nothing of case
            elif word[0].islower():
                counts[plain][0] += 1
            elif not begins:
                counts[plain][1] += 1
            else:
                counts[plain][2] += 1
            begins, before = False, plain


def read_synsets(folder):
    """(offset → [lexicographer file, lemmas, offsets of hypernyms], glosses) of nouns, and all glosses."""
    nouns, glosses = {}, []
    for part in ("noun", "verb", "adj", "adv"):
        for line in (folder / f"data.{part}").read_text(encoding="utf-8").splitlines():
            if line.startswith("  "):
                continue
            head, gloss = line.split(" | ", 1)
            glosses.append(gloss)
            if part != "noun":
                continue
            fields = head.split()
            words = int(fields[3], 16)
            lemmas = [fields[4 + 2 * i] for i in range(words)]
            pointers = fields[5 + 2 * words:]
            above = [pointers[i + 1] for i in range(0, len(pointers) - 3, 4) if pointers[i] in ("@", "@i")]
            nouns[fields[0]] = [int(fields[1]), lemmas, above]
    return nouns, glosses


def noun_kinds(folder, nouns):
    """word → kind of its first sense."""
    senses = {}
    for line in (folder / "index.noun").read_text(encoding="utf-8").splitlines():
        if not line.startswith("  "):
            fields = line.split()
            senses[fields[0]] = fields[-int(fields[2]):]
    roots = {senses[name.split(".")[0]][0] for name in PLACES}
    places = {}

    def is_place(offset):
        if offset not in places:
            places[offset] = offset in roots or any(is_place(above) for above in nouns[offset][2])
        return places[offset]

    return {word: "l" if is_place(offsets[0]) else KINDS.get(nouns[offsets[0]][0], "x")
            for word, offsets in senses.items() if word.isalpha()}


def all_lemmas(folder):
    return {line.split(" ", 1)[0] for part in ("noun", "verb", "adj", "adv")
            for line in (folder / f"index.{part}").read_text(encoding="utf-8").splitlines() if not line.startswith(" ")}


def is_derived(word, words):
    for ending, base in ENDINGS:
        stem = word.removesuffix(ending) + base
        if word.endswith(ending) and len(stem) > 3 and words.get(stem, (0, 1.0))[1] <= 0.5:
            return True
    return False


def table(files):
    r_library = files / "usr/lib/R/site-library"
    folder = files / "usr/share/wordnet"
    texts = list(r_texts(r_library / "janeaustenr/data/Rdata.rdb")) + list(r_texts(r_library / "tokenizers/data/Rdata.rdb"))
    nouns, glosses = read_synsets(folder)
    kinds, lemmas = noun_kinds(folder, nouns), all_lemmas(folder)
    sources = []
    for text in [without_licence(text) for text in texts] + ["\n\n".join(glosses)]:
        sources.append(collections.defaultdict(lambda: [0, 0, 0]))
        count(text, sources[-1])
    words = {}
    for word in set().union(*sources):
        lower, upper, first = (sum(source[word][i] for source in sources if word in source) for i in range(3))
        total = lower + upper + first
        share = upper / (lower + upper) if lower + upper else 1.0
        if share > 0.5 and word not in ("i", "i'm", "i'll", "i've", "i'd"):
            # A name: what two novels are about is not ordinary yet.
            total -= sum(sorted(sum(source[word]) for source in sources[:-1] if word in source)[-2:])
        if total >= (1 if word in lemmas and share <= 0.5 else LEAST):
            words[word] = (total, share, kinds.get(word, "-"))
    for word in [word for word in words if words[word][0] < RARE and words[word][2] == "-" and is_derived(word, words)]:
        del words[word]
    return words, sum(total for total, _, _ in words.values())


def main():
    target = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    with tempfile.TemporaryDirectory() as work:
        files = unpack(pathlib.Path(work))
        words, total = table(files)
        notice = re.search(r"^License: WordNet3\.0\n(.*?)\n\n", (files / "usr/share/doc/wordnet-base/copyright").read_text(),
                           re.S | re.M).group(1)
    groups = collections.defaultdict(list)
    for word, (count_, share, kind) in words.items():
        groups[f"{DIGITS[round(2 * math.log2(count_))]}{min(9, int(share * 10))}{kind}"].append(word)
    lines = ["# Ordinary English, made by scripts/make-ordinary-english.py, which says what of and what the columns are.",
             "# A line: n, c, k and words that occur 2^(n/2) times (n in base 36), capitalised inside sentences in c tenths of",
             "# that, naming (k) a person, an animal, a place (l), a thing, something else (x) or nothing (-).",
             "# The glosses are counted under WordNet's licence:"]
    lines += ["# " + line.strip().lstrip(".").strip() for line in notice.splitlines()]
    lines.append(f"total {total}")
    for code in sorted(groups, reverse=True):
        line = code
        for word in sorted(groups[code]):
            if len(line) + 1 + len(word) > 118:
                lines.append(line)
                line = code
            line += " " + word
        lines.append(line)
    target.write_text("\n".join(line.rstrip() for line in lines) + "\n", encoding="utf-8")
    print(f"{target.name}: {len(words)} words of {total} occurrences, {target.stat().st_size} bytes")


if __name__ == "__main__":
    main()
