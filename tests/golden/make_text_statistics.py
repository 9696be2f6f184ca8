#!/usr/bin/env python3
"""N-gram entropies by NLTK and TF-IDF cosines by scikit-learn, for tests/evaluate/text_statistics_test.cpp.

    make_text_statistics.py > tests/golden/text_statistics.json

Texts are lists of sentences, since NLTK's word tokenizer takes one at a time (its model of sentence ends is a download). Where a text is
set in typography that this tokenizer does not take apart (curly marks, dashes, marks of other scripts), NLTK gets it as plain(); the
program gets it as it stands.
"""
import json
import math
import sys
import unicodedata
from collections import Counter

from nltk import ngrams
from nltk.tokenize import NLTKWordTokenizer
from sklearn.feature_extraction.text import TfidfVectorizer

TEXTS = [
    ["The tower stands in Berlin, near the old river, and the tower is high."],
    ["A dog and a dog and a dog and a dog and a dog"],
    ["Rain fell on the roof; the cat slept, the clock ticked, nobody came."],
    ["one"],
    ["The river runs through Berlin (a city with 12 bridges) and on to the sea."],
    ["“It’s late,” said the keeper, “and we’re tired.”", "“You aren’t going, then?”", "She didn’t answer; the lamp – the old lamp – went out…"],
    ["\"It's late,\" said the keeper, \"and we're tired.\"", "\"You aren't going, then?\"", "She didn't answer."],
    ["The café’s owner—a naïve, señorial man—cannot stand crème brûlée.", "He’s gonna sell 1,250 of them at 3.50 € by 10:30!"],
    ["Zoë’s co-operative re‑opened; the well-known façade (restored in 1987) hadn’t changed.", "Who’d have thought it?"],
    ["Cafe\u0301 and cafe\u0301 and nai\u0308ve are spelled with combining marks.", "The cafe\u0301 is open."],
    ["東京は日本の首都です。", "京都は古い首都です。", "東京は大きい。"],
    ["Ὁ Σωκράτης ἔφη· οὐκ οἶδα.", "ΟΔΟΣ καὶ ὁδός εἰσιν."],
    ["İstanbul’da yağmur yağıyor, İzmir’de hava açık.", "ISPARTA sıcak."],
    ["नमस्ते दुनिया, दुनिया सुंदर है।", "यह दुनिया है।"],
    ["Москва — столица России, а Волга — великая река.", "Река течёт к морю."],
    ["Don't — I can't, won't, shouldn't... and y'all know I'd've said so."],
]


def plain(sentence):
    for typographic, ascii in (("’", "'"), ("“", '"'), ("”", '"'), ("…", "..."), ("—", " -- "), ("\u2011", "-")):
        sentence = sentence.replace(typographic, ascii)
    apart = lambda c: ord(c) > 127 and unicodedata.category(c)[0] in "PS"
    return "".join(f" {c} " if apart(c) else c for c in sentence)


def words(text):
    tokenizer = NLTKWordTokenizer()
    return [word for sentence in text for word in tokenizer.tokenize(plain(sentence))]


def entropy(tokens, n):
    counts = Counter(ngrams(tokens, n))
    total = sum(counts.values())
    return -sum(c / total * math.log2(c / total) for c in counts.values()) if total else 0.0


def main():
    texts = [" ".join(text) for text in TEXTS]
    tokens = [words(text) for text in TEXTS]
    entropies = [[text, some, 0.5 * (2 / 3 * entropy(some, 2) + 4 / 3 * entropy(some, 3))] for text, some in zip(texts, tokens)]
    vectors = TfidfVectorizer().fit(texts)
    rows = vectors.transform(texts)
    cosines = [[a, b, float((rows[i] @ rows[j].T).toarray()[0, 0])] for i, a in enumerate(texts) for j, b in enumerate(texts) if i < j]
    # Of words that differ from a document's in case, marks or length alone.
    for query in ("CAFÉ naïve İZMİR ΟΔΟΣ", "cafe\u0301 nai\u0308ve दुनिया", "東京は日本の首都です 大きい a I", "it’s it's we’re"):
        row = vectors.transform([query])
        cosines += [[query, text, float((row @ rows[i].T).toarray()[0, 0])] for i, text in enumerate(texts)]
    lower = [[text, text.lower()] for text in texts + ["ΣΑΣ ΣΊΣΥΦΟΣ Σ ΟΔΟΣ'", "İİ Iı ẞß ǅ Å"]]
    json.dump({"entropies": entropies, "documents": texts, "cosines": cosines, "lower": lower}, sys.stdout, indent=1, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
