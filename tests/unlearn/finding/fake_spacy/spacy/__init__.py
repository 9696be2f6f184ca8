"""What entities.py needs of spaCy, for tests: every "Zorbo" is a person, every "Velmora" a place, "Monday" a date.

NEPENTHE_TEST_SPACY says how it misbehaves: "no model"; "dies": once at every passage, while the file that it names next can still be made;
"always dies"; "nonsense": prints what is no JSON.
"""
import os
import re
import sys
import types

__version__ = "0 (made for tests)"
HOW = os.environ.get("NEPENTHE_TEST_SPACY", "").split(":")
LABELS = {"Zorbo": "PERSON", "Velmora": "GPE", "Monday": "DATE"}

util = types.SimpleNamespace(is_package=lambda name: HOW[0] != "no model" and name == "en_core_web_sm")


class Entity:
    def __init__(self, text, label):
        self.text, self.label_ = text, label


def load(name, exclude=()):
    def model(text):
        if HOW[0] == "always dies":
            print("out of luck", file=sys.stderr)
            os._exit(3)
        if HOW[0] == "dies" and not os.path.exists(HOW[1]):
            open(HOW[1], "w").close()
            os._exit(3)
        if HOW[0] == "nonsense":
            print("no JSON", flush=True)
        words = re.findall(r"\w+", text)
        return types.SimpleNamespace(ents=[Entity("the " + word if word == "Velmora" else word + "'s", LABELS[word]) for word in words if word in LABELS])
    return model
