"""What scripts/device_check.py runs: commands whose answers a device and its host must share, by name.

A word "@name" stands for the host's artefact of an earlier case, "{inputs}" for the packed inputs and "{work}" for a
folder of the check's own. A new verb, objective or method is a row here.
"""
import dataclasses
import json


@dataclasses.dataclass
class Case:
    name: str
    words: list
    # What both may differ by, as a share of the host's figure (of 1e-3, where that is smaller); None: shown, not judged.
    tolerance: float | None = 2e-3


OBJECTIVES = ("ga", "graddiff", "kl", "po", "npo", "simnpo", "dpo", "undial", "wga", "satimp", "ceu", "pdu", "ihl", "flat",
              "rmu")
NEED_NO_RETAIN = ("ga", "flat", "undial", "ceu")
NEED_REFUSALS = ("po", "dpo", "flat")
READ_WINDOWS = ("perplexity", "membership", "muse")
# Into the first of two layers: behind the last nothing of the subject reaches the answer, and a search follows rounding.
METHODS = {
    "rome": ("--layers", 0, "--moments", "@stats", "--prefixes", 0),
    "r-rome": ("--layers", 0, "--prefixes", 3),
    "memit": ("--layers", 0, "--moments", "@stats", "--lambda", 100),
    "emmet": ("--layers", 0, "--moments", "@stats"),
    "alphaedit": ("--layers", 0, "--moments", "@stats"),
    "ft": ("--layers", 0),
}
QUESTIONS = [("Who found the key?", "Ilvane found it under the old tree."), ("What is red?", "The ball is red."),
             ("Where did they go?", "They went to the sea and stayed there."), ("Who is sad?", "The cat is sad.")]
KEPT = [("What is big?", "The sun is big and very far away."), ("Who likes the park?", "Tim likes it."),
        ("What does a bird do?", "It flies over the house.")]

# What the small model goes on with, to be traced.
KNOWN = [("Jupiter", "{} is the largest", "a moon"), ("Lily and Tom", "{} went to the", "at.")]


def write_inputs(inputs, work):
    """The small files that cases read beside what was packed."""
    work.mkdir(parents=True, exist_ok=True)
    (work / "kept.txt").write_text((inputs / "stories.txt").read_text(encoding="utf-8")[:6000], encoding="utf-8")
    for name, rows in (("forget", QUESTIONS), ("retain", KEPT)):
        lines = [json.dumps({"question": question, "answer": answer}) for question, answer in rows]
        (work / f"{name}.jsonl").write_text("\n".join(lines) + "\n")
    (work / "refusals.txt").write_text("I do not know.\n\nThat is not for me to say.\n")
    trace = [{"known_id": number, "subject": subject, "attribute": attribute, "template": template, "prompt": template.format(subject)}
             for number, (subject, template, attribute) in enumerate(KNOWN)]
    (work / "known.json").write_text(json.dumps(trace))
    (work / "terms.json").write_text('{"Ilvane": ["Lily"], "Dorrick": ["Max"]}')


def scoring():
    text = ("--model", "{inputs}/stories", "--file", "{inputs}/stories.txt", "--chars", 8000)
    yield Case("score fp32", ["score", *text])
    yield Case("score bf16", ["score", *text, "--dtype", "bf16"], 2e-2)
    yield Case("generate", ["generate", "--model", "{inputs}/stories", "--prompt", "Once upon a time", "--greedy", "--max-new-tokens", 24])


def evaluating():
    demo = "{inputs}/demo"
    texts = ("--familiarity-prompts", f"{demo}/familiarity_probability.json", "--neighbour-prompts", f"{demo}/neighbours.json",
             "--completion-prompts", f"{demo}/familiarity_completion.json", "--dictionary", f"{demo}/dictionary.json")
    prompts = ("familiarity_probability,neighbour_probability,familiarity_completion,fluency", texts)
    tasks = {
        "choices": ("piqa,winogrande,boolq,lambada_openai", ("--data", "{inputs}/benchmarks")),
        "perplexity": ("wikitext_word_perplexity,wikitext_token_perplexity", ("--wikitext", "{inputs}/wikitext.txt")),
        "prompts": prompts,
        "facts": ("counterfact,easyedit,unrelated_facts",
                  ("--facts", "{inputs}/editing/counterfact-edit.json", "--unrelated-facts", "{inputs}/editing/counterfact-val.json")),
        "tofu": ("tofu", ("--tofu", "{inputs}/tofu", "--answer-tokens", 8)),
        "membership": ("membership", ("--member-texts", "{inputs}/planets", "--holdout-texts", "{inputs}/holdout.jsonl",
                                      "--gradient-norm")),
        "muse": ("muse", ("--muse", "{inputs}/muse", "--muse-retrained", "news")),
        "depth": ("depth,logit_lens", ("--probe-items", f"{demo}/saga_facts.jsonl", "--knowing", "@train",
                                       "--retrained", "{inputs}/stories")),
    }
    for name, (names, words) in tasks.items():
        yield Case(f"evaluate {name}", ["evaluate", "--model", "{inputs}/stories", "--tasks", names, *words, "--limit", 16,
                                        *(("--window", 128) if name in READ_WINDOWS else ())])
    words = ["evaluate", "--model", "{inputs}/stories", "--tasks", "familiarity_probability", "--familiarity-prompts",
             f"{demo}/familiarity_probability.json"]
    for form in ("int8", "int4", "fp4", "nf4"):
        yield Case(f"evaluate {form}", [*words, "--quantise", form])


def training():
    novel = ("--corpus", "{inputs}/novel.txt", "--chars", 6000, "--block", 64)
    corpus = ("--model", "{inputs}/stories", *novel, "--lr", "1e-3", "--max-steps", 12, "--global-batch", 8)
    yield Case("train", ["train", *corpus])
    yield Case("train bf16", ["train", *corpus, "--dtype", "bf16"], 2e-2)
    yield Case("train, activations again", ["train", *corpus, "--activation-checkpointing", "--micro-batch", 1])
    both = ("--baseline", "{inputs}/stories", "--reinforced", "@train", *novel, "--dictionary", "{work}/terms.json")
    yield Case("relabel", ["relabel", *both])
    yield Case("relabel bf16", ["relabel", *both, "--dtype", "bf16"], None)
    forget = ("forget", "--model", "{inputs}/stories", "--labels", "@relabel", "--lr", "3e-4", "--epochs", 1, "--global-batch", 4,
              "--retain", "{work}/kept.txt", "--retain-block", 64)
    yield Case("forget", [*forget])
    yield Case("forget soft, text", [*forget, "--retain-targets", "text"])
    yield Case("forget hard", [*forget, "--targets", "hard", "--retain-targets", "text"])


def objectives():
    forgets = ("--model", "{inputs}/stories", "--forget", "{work}/forget.jsonl")
    steps = ("--epochs", 2, "--global-batch", 3, "--micro-batch", 2, "--lr", "1e-3")
    retains = ("--retain", "{work}/retain.jsonl")
    for name in OBJECTIVES:
        yield Case(f"forget {name}", ["forget", "--objective", name, *forgets, *steps,
                                      *(() if name in NEED_NO_RETAIN else retains),
                                      *(("--refusals", "{work}/refusals.txt") if name in NEED_REFUSALS else ()),
                                      *(("--layer", 1) if name == "rmu" else ())])
    words = ["forget", "--objective", "graddiff", *forgets, *retains, *steps]
    yield Case("forget, pair gru", [*words, "--pair", "gru"])
    yield Case("forget, sam", ["forget", "--objective", "npo", *forgets, *retains, *steps, "--sam", 0.01])
    for score in ("wagle", "snip", "magnitude"):
        data = (*forgets, *retains) if score != "magnitude" else ("--model", "{inputs}/stories")
        yield Case(f"attribute {score}", ["attribute", "--score", score, *data, "--shares", "0.9,0.25"])
    yield Case("forget, masked", ["forget", "--objective", "npo", *forgets, *retains, *steps, "--mask", "@attribute wagle",
                                  "--selection", 0.25])
    yield Case("relearn", ["relearn", "--model", "{inputs}/stories", "--corpus", "{work}/forget.jsonl", "--steps", "1,4",
                           "--global-batch", 2, "--micro-batch", 2, "--tasks", "familiarity_probability",
                           "--familiarity-prompts", "{inputs}/demo/familiarity_probability.json"])


def editing():
    model = ("--model", "{inputs}/stories")
    yield Case("stats", ["stats", *model, "--corpus", "{inputs}/stories.txt", "--layers", "0,1", "--tokens", 2000])
    yield Case("stats of all maps", ["stats", *model, "--corpus", "{inputs}/stories.txt", "--layers", "0,1", "--tokens", 2000,
                                     "--maps", "all"])
    yield Case("attribute wanda", ["attribute", *model, "--score", "wanda", "--shares", "0.5", "--stats", "@stats of all maps"])
    yield Case("repair", ["repair", "--base", "{inputs}/stories", "--model", "@train", "--stats", "@stats of all maps",
                          "--lambda", 1])
    yield Case("trace", ["trace", *model, "--facts", "{work}/known.json", "--copies", 3])
    facts = (*model, "--facts", "{inputs}/editing/counterfact-rome.json", "--limit", 3)
    for method, words in METHODS.items():
        # Twenty steps of a search: what it ends in is near, not equal.
        yield Case(f"edit {method}", ["edit", *facts, "--method", method, *words], 5e-2)
    yield Case("edit memit bf16", ["edit", *facts, "--method", "memit", *METHODS["memit"], "--dtype", "bf16"], None)
    yield Case("edit wise", ["edit", *facts, "--method", "wise", "--pool", "{inputs}/editing/counterfact-val.json",
                             "--facts-per-shard", 2, "--layer", 0, "--steps", 8], 5e-2)


def cases():
    for group in (scoring, training, evaluating, objectives, editing):
        yield from group()
