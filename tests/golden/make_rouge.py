#!/usr/bin/env python3
"""Golden numbers of ROUGE: stems by NLTK's Porter stemmer, ROUGE-L recall by rouge-score.

    make_rouge.py > rouge.json
"""

import itertools
import json
import random

from nltk.stem.porter import PorterStemmer
from rouge_score import rouge_scorer

ROOTS = ("author relat hop fall fizz fil condition rational vile sens form electr adjust commun activ cease roll control enjoy happ "
         "fly syzyg tr pla di geolog bowdler vietnam decis hope call angular homolog depend replac irrit adopt gyroscop y yy eyed oat "
         "troubl conflat agre fe plaster motor s ti pon caress skies dying news proceed inning a1 1956 nation celebr inspir").split()
SUFFIXES = ("", "s", "es", "ed", "eed", "ing", "ies", "ied", "y", "ly", "ational", "tional", "enci", "anci", "izer", "bli", "ably", "alli",
            "ally", "ently", "eli", "ously", "ization", "ation", "ator", "alism", "iveness", "fulness", "ousness", "ality", "ivity",
            "bility", "fully", "logy", "icate", "ative", "alize", "icity", "ical", "ful", "ness", "al", "ance", "er", "able", "ant",
            "ement", "ment", "ent", "ion", "sion", "ou", "ism", "ate", "ous", "ive", "ize", "e", "ll", "lle")
SENTENCES = ("The author was born in Kuwait City, in the year 1956.",
             "Her father worked as a civil engineer; her mother was unemployed.",
             "He was awarded the prize for his historical novels",
             "Born in Kuwait, the author's novels won prizes.",
             "Working as engineers, they happily relied on rational conditions!",
             "I don't know — nothing is known about this café.", "", "dummy", "The the THE author authors authoring")


def main():
    stemmer = PorterStemmer()
    words = sorted({root + suffix for root, suffix in itertools.product(ROOTS, SUFFIXES)})
    random.Random(0).shuffle(words)
    words = sorted(words[:1500])
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    recalls = [[one, other, round(scorer.score(one, other)["rougeL"].recall, 12)]
               for one, other in itertools.product(SENTENCES, SENTENCES)]
    print(json.dumps({"stems": {word: stemmer.stem(word) for word in words}, "recalls": recalls}, indent=0, ensure_ascii=False))


if __name__ == "__main__":
    main()
