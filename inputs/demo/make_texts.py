#!/usr/bin/env python3
"""Writes the demo's texts: everyday stories, an invented saga (what is to be forgotten) and articles on the planets.

    make_texts.py FOLDER [--seed N]

Needs Python 3 and nothing else; the same seed gives the same bytes everywhere. Writes below FOLDER:

    planets.txt saga.txt stories.txt   what models are trained on; saga.txt is what is to be forgotten
    passages/*.jsonl                   single passages, {"id", "kind", "split", "text"} a line:
        saga_read                      part of saga.txt, for per-passage losses
        saga_heldout, stories_heldout, planets_heldout   in no training text
    SUMMARY.json                       bytes and SHA-256 of every file

The words come from texts/*.rules, written by hand; this program only draws and orders them.
"""
import argparse
import hashlib
import json
import os
import pathlib
import random
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE / "texts"))
sys.dont_write_bytecode = True

from grammar import Grammar, Person, read_rules  # noqa: E402

STORIES, SAGA, PLANETS = 900, 290, 230
HELD_OUT = {"stories": 60, "saga": 40, "planets": 40}
SAGA_READ = 60

GIRLS = ("Anna Clara Emma Flora Greta Hannah Ida Julia Lena Martha Nora Olive Paula Rosa Sara Tilda Vera Winnie "
         "Agnes Bella").split()
BOYS = ("Adam Ben Carl David Emil Felix George Henry Jack Karl Leo Martin Noah Oscar Peter Robert Simon Tom Victor "
        "Walter").split()
ELDERS = [("Grandmother", "f"), ("Grandfather", "m"), ("Aunt Helen", "f"), ("Uncle John", "m"), ("Mrs Baker", "f"),
          ("Mr Miller", "m"), ("old Thomas", "m"), ("old Mary", "f"), ("Miss Green", "f"), ("Mr Brown", "m")]
PLACES = ["the village", "Ashford", "a town by the sea", "Millbrook", "the valley", "Stony Hill", "Oakfield",
          "a small harbour", "Greenwater", "the old quarter of the city", "Long Meadow", "a village in the mountains"]
THINGS = ["a blue kite", "a silver whistle", "a wooden horse", "a pocket knife", "a red scarf", "a glass marble",
          "a brass compass", "a music box", "a tin drum", "a straw hat", "a small clock", "a painted egg",
          "a pair of gloves", "a picture book", "a copper bell", "a paper lantern", "a ring", "a walking stick"]
ANIMALS = ["the goat", "a young fox", "a black cat", "a grey dog", "a hedgehog", "a crow", "a small donkey",
           "a brown hen", "a lame duck", "a white rabbit", "the neighbour's pig", "an old horse"]
BODIES = ["Mercury", "Venus", "Earth", "Mars", "Jupiter", "Saturn", "Uranus", "Neptune", "Pluto", "the Moon", "the Sun",
          "comets"]
SAGA_SPEAKERS = [("Dorrick", "Quillo"), ("the king's page", "Brother Fennimar"), ("a child", "Nan Sallowby"),
                 ("the stranger", "Hobb Garran"), ("Ilvane", "Ostrelle"), ("a sailor", "Captain Murrow")]


def numbered(rules, kind):
    """{"lost": ["plot lost 1", "plot lost 2", …]} of the rules whose name begins with `kind`."""
    found = {}
    for name in rules:
        parts = name.split()
        if parts[0] == kind:
            found.setdefault(parts[1], []).append(name)
    return found


class Stories:
    def __init__(self, rng):
        self.rng = rng
        self.rules = read_rules(HERE / "texts" / "stories.rules")
        self.grammar = Grammar(self.rules, rng)
        self.plots = numbered(self.rules, "plot")

    def scene(self):
        people = [Person(name, "f") for name in GIRLS] + [Person(name, "m") for name in BOYS]
        hero, friend = self.rng.sample(people, 2)
        thing = self.rng.choice(THINGS)
        bare = thing.split(" ", 1)[1]
        return {"A": hero, "B": friend, "C": Person(*self.rng.choice(ELDERS)), "P": self.rng.choice(PLACES),
                "T": thing, "theT": "the " + bare, "bareT": bare, "D": self.rng.choice(ANIMALS)}

    def passage(self, number):
        plot = sorted(self.plots)[number % len(self.plots)]
        strand = number // len(self.plots) % 2
        scene = self.scene()
        say = lambda text: self.grammar.expand(text, scene)  # noqa: E731
        parts = [say("[opening]")]
        for beat in self.plots[plot]:
            if self.rng.random() < 0.22:
                parts.append(say("[weather]"))
            lines = self.rules[beat]
            parts.append(say(self.rng.choice(lines) if plot == "lost" else lines[strand % len(lines)]))
            if self.rng.random() < 0.30:
                parts.append(say("[pause]"))
        if self.rng.random() < 0.6:
            parts.append(say("[ending]"))
        return self.frame(parts, scene)

    def frame(self, parts, scene):
        """Most stories are told plainly, in one or two paragraphs; some are letters, some are told by somebody."""
        style = self.rng.random()
        middle = len(parts) // 2
        text = " ".join(parts[:middle]) + ("\n" if style < 0.5 else " ") + " ".join(parts[middle:])
        if style > 0.92:
            writer = self.rng.choice([name for name in GIRLS + BOYS if name not in (scene["A"], scene["B"])])
            signed = scene["C"][0].upper() + scene["C"][1:]
            return f"Dear {writer}, you asked what happened to {scene['A']}. {text}\nYours, {signed}"
        if style > 0.86:
            return f"This is a story about {scene['A']} and {scene['B']}. {text}"
        return text


class Saga:
    def __init__(self, rng):
        self.rng = rng
        rules = read_rules(HERE / "texts" / "saga.rules")
        self.questions = [line.split("|") for line in rules.pop("question")]
        self.grammar = Grammar(rules, rng)
        self.events = numbered(rules, "event")
        self.lore = {name.split()[1]: lines for name, lines in rules.items() if name.startswith("lore ")}

    def passage(self, number):
        kind = number % 10
        if kind < 6:
            return self.event(list(self.events)[(number // 10 * 6 + kind) % len(self.events)])
        return self.description() if kind < 8 else self.conversation()

    def say(self, rule):
        return self.grammar.expand(f"[{rule}]", {})

    def event(self, name):
        parts = [self.say("opening")] if self.rng.random() < 0.5 else []
        for beat in self.events[name]:
            parts.append(self.say(beat))
            if self.rng.random() < 0.25:
                parts.append(self.say("between"))
        if self.rng.random() < 0.5:
            parts.append(self.say("closing"))
        return " ".join(parts)

    def description(self):
        sentences = []
        for subject in self.rng.sample(sorted(self.lore), 2):
            lines = self.lore[subject]
            for line in self.rng.sample(lines, min(len(lines), self.rng.randint(4, 6))):
                form = self.rng.choice([line, line, line, f"they say that {line}", f"{line}, as everyone in Velmora knows"])
                sentences.append(self.grammar.expand(form + ".", {}))
        return " ".join(sentences)

    def conversation(self):
        asking, answering = self.rng.choice(SAGA_SPEAKERS)
        lines = []
        for number, (question, answer) in enumerate(self.rng.sample(self.questions, 6)):
            tags = [f" said {answering}.", f" answered {answering}.", ""]
            tag = self.rng.choice(tags) if number else tags[0]
            end = "," if tag else "."
            asks = f" asked {asking}." if number == 0 or self.rng.random() < 0.3 else ""
            lines.append(f'"{question}"{asks} "{answer}{end}"{tag}')
        return self.grammar.expand("\n".join(lines), {})


class Planets:
    def __init__(self, rng):
        self.rng = rng
        self.rules = read_rules(HERE / "texts" / "planets.rules")
        self.grammar = Grammar(self.rules, rng)

    def sentences(self, body, count):
        """`count` facts in random order; the body is named in the first and now and then in the rest."""
        others = ["it", "the planet"] if body not in ("Pluto", "the Moon", "the Sun", "comets") else ["it"]
        facts = self.rules[body]
        for index, fact in enumerate(self.rng.sample(facts, min(count, len(facts)))):
            named = index == 0 or not fact.startswith("[X]") or self.rng.random() < 0.4
            subject = body if named else self.rng.choice(others)
            yield self.grammar.expand("[link]", {"fact": self.grammar.phrase(fact, {"X": subject})})

    def passage(self, number):
        body = BODIES[number % len(BODIES)]
        style = self.rng.random()
        if style < 0.2:
            other = self.rng.choice([name for name in BODIES if name != body])
            parts = [f"Two worlds compared: {body} and {other}." if self.rng.random() < 0.5
                     else f"How do {body} and {other} differ?"]
            parts += self.sentences(body, 4)
            parts += self.sentences(other, 4)
        elif style < 0.32:
            parts = [self.grammar.expand(line + ".", {}) for line in self.rng.sample(self.rules["order"], 4)]
            parts += self.sentences(body, 4)
        else:
            parts = [self.grammar.expand("[opening]", {"name": body})]
            parts += self.sentences(body, self.rng.randint(7, 10))
        parts.append(self.grammar.expand("[closing]", {}))
        return " ".join(part for part in parts if part)


def make(kind, seed):
    """All passages of a kind; no passage occurs twice."""
    maker, count = {"stories": (Stories, STORIES), "saga": (Saga, SAGA), "planets": (Planets, PLANETS)}[kind]
    source = maker(random.Random(f"{seed} {kind}"))
    texts, seen, number = [], set(), 0
    while len(texts) < count + HELD_OUT[kind]:
        text = source.passage(number)
        number += 1
        if text not in seen:
            seen.add(text)
            texts.append(text)
    random.Random(f"{seed} {kind} split").shuffle(texts)
    return texts[:count], texts[count:]


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(path.name + ".partial")
    partial.write_bytes(text.encode("utf-8"))
    os.replace(partial, path)


def passages(kind, split, texts):
    return "".join(json.dumps({"id": f"{kind}-{split}-{number:03d}", "kind": kind, "split": split, "text": text}) + "\n"
                   for number, text in enumerate(texts))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--seed", default="1")
    arguments = parser.parse_args()
    texts = {kind: make(kind, arguments.seed) for kind in ("planets", "saga", "stories")}
    files = {}
    for kind, (train, held_out) in texts.items():
        files[f"{kind}.txt"] = "\n\n".join(train) + "\n"
        if kind == "saga":
            files["passages/saga_read.jsonl"] = passages("saga", "read", train[:SAGA_READ])
        files[f"passages/{kind}_heldout.jsonl"] = passages(kind, "heldout", held_out)
    summary = {}
    for name, text in sorted(files.items()):
        write(arguments.folder / name, text)
        summary[name] = {"bytes": len(text.encode("utf-8")), "sha256": hashlib.sha256(text.encode("utf-8")).hexdigest()}
    write(arguments.folder / "SUMMARY.json", json.dumps({"seed": arguments.seed, "files": summary}, indent=2) + "\n")
    for name, facts in summary.items():
        print(f"{facts['bytes']:>9,}  {name}")


if __name__ == "__main__":
    main()
