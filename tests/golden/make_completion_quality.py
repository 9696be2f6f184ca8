#!/usr/bin/env python3
"""What completions read like, written a second time with Python's own Unicode tables, for tests/evaluate/completion_quality_test.cpp.

    make_completion_quality.py > tests/golden/completion_quality.json

Repetition is seq-rep-n of Welleck et al. 2019 (arXiv 1908.04319) as its code has it: 1 - len(set(ngrams)) / len(ngrams). Tokens are
made up: runs of at most four letters, and every other character by itself.
"""
import json
import re
import sys
import unicodedata

WITHOUT_BLANKS = "[\u0e00-\u0eff\u3001-\u30ff\u3400-\u9fff][\u0300-\u036f\u0e31\u0e34-\u0e3a\u0e47-\u0e4e]*"

# Text, whether it ended by itself, and what it should be called.
COMPLETIONS = [
    ("house in the country, where she lived with her uncle and aunt.", False, ""),
    ("horse to a farm in a small town", True, ""),
    ("10000000000000000000000", False, "digits loops"),
    ("to buy 100000000000000000000", False, "digits loops"),
    ("10000000", False, "digits loops"),
    ("The 25th Anniversary of the 25th Anniversary of the 25th", False, "loops"),
    ("He went to the shop and bought bread. He went to the shop and bought bread. He went to the shop and", False, "loops"),
    ("He went to the shop and bought bread. He went to the shop and bought bread.", False, ""),
    ("THE the The the THE the The", False, "loops"),
    ("no no no no no no no", False, "loops"),
    ("no no no, she said, no no no", False, ""),
    ("again and again and again", False, ""),
    ("to New York, New York", False, ""),
    ("hahahahahahahahahahahahahahahaha", False, "loops"),
    ("the the the the the the the the the the end", False, ""),
    ("<br><br>", False, "markup"),
    ("<br><br><br><br><br><br>", False, "markup loops"),
    ("the wind.</p>\n<p>&nbsp;</p>\n<a href=\"index.html\">Home</a>", False, "markup"),
    ("the <b>Great</b> Wizard of a country far away, where few people ever went", False, ""),
    ("for (int i = 0; i < n; ++i) { x[i] += 1; }", False, "markup"),
    ("def add(first, second):\n    return first + second", False, ""),
    ("a < b and b > c, says the book about the order of things", False, ""),
    ("__________ and __________", False, "markup loops"),
    ("1. 2. 3. 4. 5.", False, "markup"),
    ("1, 2, 3, 4, 15, 16, 17, 18, 19, 20", False, "digits"),
    ("a number of 02071234567 and a house", False, "digits"),
    ("a number of 0207123456 and a house", False, ""),
    ("\u0661\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660\u0660", False, "digits loops"),
    ("\U0001f642\U0001f642\U0001f642", False, "markup"),
    ("", True, "stops"),
    ("", False, "stops"),
    (" \n\n \n", True, "stops"),
    ("\n\n\n\n\n\n\n\n", False, "stops loops"),
    ("tornado.", True, "stops"),
    ("tornado.", False, ""),
    ("a tornado.", True, ""),
    ("?", True, "stops markup"),
    ("小女孩住在草原中的一座小房子里。", False, ""),
    ("我喜欢猫我喜欢猫我喜欢猫", False, "loops"),
    ("龙卷风。", True, ""),
    ("是。", True, "stops"),
    ("。。。。。。。。。", False, "markup loops"),
    ("เด็กหญิงอาศัยอยู่ในบ้านหลังเล็ก", False, ""),
    ("एक लड़की अपने घर में रहती है।", False, ""),
    ("كانت الفتاة تعيش في بيت صغير.", False, ""),
    ("Она жила в маленьком доме, в маленьком доме, в маленьком доме", False, "loops"),
    ("Cafe\u0301 cafe\u0301 cafe\u0301 cafe\u0301 cafe\u0301 cafe\u0301 cafe\u0301", False, "loops"),
]


def tokens(text):
    names = {}
    return [names.setdefault(piece, len(names)) for piece in re.findall(r"[^\W\d_]{1,4}|.", text, re.DOTALL)]


def seq_rep(ids, n):
    ngrams = [tuple(ids[i:i + n]) for i in range(len(ids) - n + 1)]
    return [len(ngrams) - len(set(ngrams)), len(ngrams)]


def loops(units):
    for period in range(1, len(units)):
        for length in range(period + 6, len(units) + 1):
            tail = units[-length:]
            if tail[period:] == tail[:-period] and length >= 2.5 * period:
                return True
    return False


def words(text):
    pieces = re.findall(rf"{WITHOUT_BLANKS}|(?:(?![\u0e00-\u0eff\u3001-\u30ff\u3400-\u9fff])\w[\u0300-\u036f\u093c-\u094d]*)+|[^\w\s]", text.lower())
    return pieces


def kind(character):
    category = unicodedata.category(character)
    return "digit" if category[0] == "N" else "letter" if category[0] in "LM" else "mark"


def kinds(text, ids, ended):
    found = set()
    units = words(text)
    if loops(ids) or loops(units):
        found.add("loops")
    blanked = re.sub(r"</?[A-Za-z!][^<>]*>|&#?[A-Za-z0-9]+;", lambda tag: "#" * len(re.sub(r"\s", "", tag[0])), text)
    counts = {"digit": 0, "letter": 0, "mark": 0}
    for character in re.sub(r"\s", "", blanked):
        counts[kind(character)] += 1
    if counts["digit"] + counts["mark"] > counts["letter"]:
        found.add("digits" if counts["digit"] > counts["mark"] else "markup")
    if re.search(r"\d{11}", text):
        found.add("digits")
    if not units or ended and sum(kind(unit[0]) != "mark" for unit in units) <= 1:
        found.add("stops")
    return found


def main():
    rows = []
    for text, ended, expected in COMPLETIONS:
        ids = tokens(text)
        found = kinds(text, ids, ended)
        if found != set(expected.split()):
            sys.exit(f"{text!r}: {sorted(found)} where {expected!r} was meant")
        rows.append({"text": text, "ended": ended, "ids": ids, "kinds": sorted(found), "repetition": [seq_rep(ids, n) for n in (2, 3, 4)]})
    print("[" + ",\n ".join(json.dumps(row, ensure_ascii=False) for row in rows) + "]")


if __name__ == "__main__":
    main()
