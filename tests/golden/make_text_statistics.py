#!/usr/bin/env python3
"""N-gram entropies by NLTK and TF-IDF cosines by scikit-learn, for tests/evaluate/text_statistics_test.cpp.

    make_text_statistics.py > tests/golden/text_statistics.json
"""
import json
import math
from collections import Counter

from nltk import ngrams
from nltk.tokenize import TreebankWordTokenizer
from sklearn.feature_extraction.text import TfidfVectorizer

SENTENCES = ["The tower stands in Berlin, near the old river, and the tower is high.",
             "A dog and a dog and a dog and a dog and a dog",
             "Rain fell on the roof; the cat slept, the clock ticked, nobody came.",
             "one",
             "The river runs through Berlin (a city with 12 bridges) and on to the sea."]


def entropy(words, n):
    counts = Counter(ngrams(words, n))
    total = sum(counts.values())
    return -sum(c / total * math.log2(c / total) for c in counts.values()) if total else 0.0


def main():
    tokenizer = TreebankWordTokenizer()
    entropies = []
    for sentence in SENTENCES:
        words = tokenizer.tokenize(sentence)
        entropies.append([sentence, 0.5 * (2 / 3 * entropy(words, 2) + 4 / 3 * entropy(words, 3))])
    vectors = TfidfVectorizer().fit(SENTENCES)
    rows = vectors.transform(SENTENCES)
    cosines = [[a, b, float((rows[i] @ rows[j].T).toarray()[0, 0])] for i, a in enumerate(SENTENCES) for j, b in enumerate(SENTENCES) if i < j]
    print(json.dumps({"entropies": entropies, "documents": SENTENCES, "cosines": cosines}, indent=1))


if __name__ == "__main__":
    main()
