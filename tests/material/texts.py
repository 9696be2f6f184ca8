"""Texts of our own: a novel, stories, articles on the planets, the same articles in WikiText's tokenised form.

All of them are drawn from the demo's rules (inputs/demo/texts/*.rules) with seeds of their own. The same bytes everywhere.
"""
import pathlib
import random
import re
import sys
import textwrap

DEMO = pathlib.Path(__file__).resolve().parents[2] / "inputs/demo"
sys.path.insert(0, str(DEMO))
sys.dont_write_bytecode = True

import make_texts  # noqa: E402

CHAPTERS = ["The Lamp in the Window", "A Crooked Bargain", "The Road to Aldermarch", "What the Sailor Saw", "Under the Wenwood",
            "The Glass Tower", "A Night without Stars", "The Hollow King", "The Drowned Bell", "Brindle Cakes",
            "The Starling Chart", "Winterthorn", "A Letter from Sarnhollow", "The Salted Crow", "Two Brothers", "The Pale Sound",
            "The Game of Skarrow", "How Quillo Lied", "The Siege", "The Blind King", "Nan Sallowby's Secret", "Home", "The Feast",
            "The Last of the Tale"]
PASSAGES_A_CHAPTER = 16
ASIDES = ["“A naïve man,” wrote Brother Fennimar, “sees a façade and calls it a château”—and he said no more about it.",
          "In the inn at Saint-Élan one ate _pâté_, drank _crème de cassis_ and paid £3 10s. for it; nobody’s purse was full.",
          "The clock struck twelve . . . then thirteen. “That’s odd!” said the cook. ‘It isn’t,’ thought the boy.",
          "Señor Muñoz, Frau Grüße and the Abbé Lœwe—three strangers—came on the 21st of June, at half-past six.",
          "“‘Tis the old story,” she sighed; “’twas told in Παλαιόπολις and in Москва, in 東京 and in القاهرة.”",
          "He had 1,024 sheep, 37½ acres and a debt of €99.95 (so he said), i.e. nothing—or next to nothing."]


def curled(text):
    """Quotation marks as they are printed, and dashes for hyphens between words with blanks."""
    text = re.sub(r'(^|[\s(—])"', r"\1“", text).replace('"', "”")
    text = re.sub(r"(^|[\s(—“])'", r"\1‘", text).replace("'", "’")
    return text.replace(" - ", "—")


def paragraphs_of(passage, pick):
    for paragraph in passage.split("\n"):
        paragraph = curled(paragraph)
        if pick.random() < 0.15:
            paragraph = re.sub(r"\b(Ember Lamp|Starling Chart|Merry Widgeon)\b", r"_\1_", paragraph, count=1)
        if pick.random() < 0.2:
            paragraph = paragraph.replace(", and ", "—and ", 1)
        yield paragraph


def novel():
    """About 300 kB: front matter, contents, chapters, lines of at most 72 characters, curly quotes, dashes, italics."""
    pick = random.Random("novel typography")
    saga = make_texts.Saga(random.Random("novel"))
    lines = ["The Keeper of the Ember Lamp", "", "by the authors of this program", "", "", "CONTENTS", ""]
    lines += [f"  {number:>2}. {title}" for number, title in enumerate(map(curled, CHAPTERS), 1)]
    seen, number = set(), 0
    for chapter, title in enumerate(CHAPTERS, 1):
        lines += ["", "", "", f"CHAPTER {chapter}", "", curled(title).upper() if chapter % 3 == 0 else curled(title), ""]
        told = 0
        while told < PASSAGES_A_CHAPTER:
            passage = saga.passage(number)
            number += 1
            if passage in seen:
                continue
            seen.add(passage)
            told += 1
            for paragraph in paragraphs_of(passage, pick):
                lines += ["", *textwrap.wrap(paragraph, 72, break_long_words=False, break_on_hyphens=False)]
        lines += ["", *textwrap.wrap(ASIDES[chapter % len(ASIDES)], 72, break_on_hyphens=False)]
    return "\n".join([*lines, "", "", "THE END", ""])


def stories():
    """(read by the model of tests/material/stories, held out): short stories, most of which begin as such stories do."""
    pick = random.Random("openings")

    def told(text):
        text = text.replace("Anna", "Lily").replace("Leo", "Max")
        hero = re.search(r"\b(Lily|Sara|Emma|Ben|Tom|Max|Clara|Peter)\b", text)
        if hero and pick.random() < 0.7:
            kind = "boy" if hero[0] in ("Ben", "Tom", "Max", "Peter") else "girl"
            text = f"{pick.choice(['Once upon a time', 'One day'])}, there was a little {kind} named {hero[0]}. {text}"
        return text

    return tuple([told(text) for text in part] for part in make_texts.make("stories", "material"))


def planets():
    """{name: article}: some paragraphs about each body."""
    source = make_texts.Planets(random.Random("planets"))
    articles = {body: [] for body in make_texts.BODIES}
    for number in range(20 * len(make_texts.BODIES)):
        articles[make_texts.BODIES[number % len(make_texts.BODIES)]].append(source.passage(number))
    return {body[0].upper() + body[1:]: "\n\n".join(parts) + "\n" for body, parts in articles.items()}


def tokenised(sentence):
    """As WikiText writes a sentence: blanks around every mark, @-@ and @,@ inside words and numbers."""
    sentence = re.sub(r"(?<=\w)-(?=\w)", " @-@ ", sentence)
    sentence = re.sub(r"(?<=\d),(?=\d)", " @,@ ", sentence)
    sentence = re.sub(r"(?<=\d)\.(?=\d)", " @.@ ", sentence)
    sentence = re.sub(r"([,;:!?()]|\.(?=\s|$))", r" \1", sentence).replace("'s", " 's")
    return " ".join(sentence.split())


def wikitext():
    """Articles in WikiText-2's form, some names replaced by <unk>."""
    out = []
    for title, article in planets().items():
        sections = article.strip().split("\n\n")
        out += ["", f"= {title} =", ""]
        for number, section in enumerate(sections):
            if number and number % 3 == 0:
                out += ["", f"= = {['Orbit', 'Surface', 'Exploration', 'Air', 'Moons', 'History'][number // 3 % 6]} = =", ""]
            out.append(re.sub(r"\b(Messenger|Viking|Galileo|Cassini|Voyager)\b", "<unk>", tokenised(section)))
    return "".join(f" {line} \n" if line else " \n" for line in [*out, ""])
