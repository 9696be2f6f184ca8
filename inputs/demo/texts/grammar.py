"""A small text grammar: alternatives, rules and slots, drawn with a seeded generator.

    {a|b|c}    one of the alternatives, nested as deep as wanted; an empty one is fine: {very |}old
    [rule]     one line of a rule, expanded in turn
    [slot]     a value of the scene: a name, an object …
    [A:he]     a pronoun of the person in slot A: he, him, his, himself (He, His … at a sentence's start)
    a/an       written "a(n)" and settled by the word that follows
"""
import re

PRONOUNS = {
    "m": {"he": "he", "him": "him", "his": "his", "himself": "himself", "boy": "boy", "man": "man", "son": "son"},
    "f": {"he": "she", "him": "her", "his": "her", "himself": "herself", "boy": "girl", "man": "woman", "son": "daughter"},
    "n": {"he": "it", "him": "it", "his": "its", "himself": "itself", "boy": "one", "man": "one", "son": "child"},
}


class Person(str):
    """A name that knows its pronouns."""

    def __new__(cls, name, gender):
        self = super().__new__(cls, name)
        self.gender = gender
        return self


class Grammar:
    def __init__(self, rules, rng):
        self.rules = rules
        self.rng = rng

    def expand(self, text, scene):
        """`text` with every choice made; `scene` maps slots to values."""
        return tidy(self._expand(text, scene))

    def phrase(self, text, scene):
        """The same for a part of a sentence, which keeps its first letter."""
        return self._expand(text, scene)

    def _expand(self, text, scene):
        out = []
        at = 0
        while at < len(text):
            char = text[at]
            if char == "{":
                end = _closing(text, at)
                out.append(self._expand(self.rng.choice(_alternatives(text[at + 1:end])), scene))
                at = end + 1
            elif char == "[":
                end = text.index("]", at)
                out.append(self._slot(text[at + 1:end], scene))
                at = end + 1
            else:
                out.append(char)
                at += 1
        return "".join(out)

    def _slot(self, name, scene):
        slot, _, form = name.partition(":")
        if form:
            word = PRONOUNS[scene[slot].gender][form.lower()]
            return word.capitalize() if form[0].isupper() else word
        if slot in scene:
            return str(scene[slot])
        if slot in self.rules:
            return self._expand(self.rng.choice(self.rules[slot]), scene)
        raise KeyError(f"neither a slot nor a rule: [{name}]")


def _closing(text, at):
    depth = 0
    for index in range(at, len(text)):
        depth += (text[index] == "{") - (text[index] == "}")
        if depth == 0:
            return index
    raise ValueError(f"a brace is not closed: {text[at:at + 60]}")


def _alternatives(text):
    parts, depth, start = [], 0, 0
    for index, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if char == "|" and depth == 0:
            parts.append(text[start:index])
            start = index + 1
    return parts + [text[start:]]


def tidy(text):
    """Articles, spaces and capitals at the start of sentences."""
    text = re.sub(r"\b([Aa])\(n\) (?=[aeiouAEIOU])", r"\1n ", text)
    text = text.replace("(n)", "")
    text = re.sub(r"[ \t]+", " ", text)
    text = re.sub(r" ([,.;:?!])", r"\1", text)
    # After ?" and !" a sentence may go on ("Where?" asked Ann), so only ." opens a new one.
    text = re.sub(r"(^|\n|[.?!] |\.\" )([a-z])", lambda match: match[1] + match[2].upper(), text.strip())
    return text


def read_rules(path):
    """Rules of a file: "= name" opens a rule, each non-empty line below is one way of saying it, "#" is a comment."""
    rules = {}
    current = None
    for line in path.read_text(encoding="utf-8").splitlines():
        line = line.rstrip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("= "):
            current = rules.setdefault(line[2:].strip(), [])
        elif current is None:
            raise ValueError(f"{path}: a line before the first rule: {line}")
        else:
            current.append(line)
    return rules
