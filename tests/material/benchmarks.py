"""Items of our own for each benchmark, in the fields of the files that are read as published."""
import random

import facts

KINDS = {"a bird": ["sparrow", "crow", "eagle", "swallow", "robin"], "a fish": ["salmon", "trout", "herring", "cod", "pike"],
         "a tree": ["oak", "birch", "willow", "maple", "pine"], "a metal": ["iron", "copper", "silver", "tin", "lead"],
         "a tool": ["hammer", "chisel", "wrench", "spade", "plane"], "a fruit": ["apple", "pear", "plum", "cherry", "fig"]}
CAUSES = [("a puddle disappears on a sunny day", "evaporation"), ("a magnet pulls a nail", "magnetism"), ("an apple falls from a tree", "gravity"),
          ("a spoon in hot tea gets hot", "heat conduction"), ("iron left in the rain turns brown", "rusting"),
          ("a plant turns towards a window", "growth towards light"), ("water in a bottle bursts it in winter", "freezing"),
          ("thunder is heard after lightning", "the speed of sound"), ("a shadow is long in the evening", "the low Sun"),
          ("bread dough rises", "yeast making gas"), ("sugar vanishes in warm water", "dissolving"), ("a sock clings to a shirt", "static electricity")]
GOALS = [("keep cut flowers fresh", "Put them into a vase of cool water.", "Put them into a vase of warm sand."),
         ("sharpen a pencil", "Turn it in a sharpener.", "Turn it in a glass of milk."),
         ("clean a muddy boot", "Let the mud dry and brush it off.", "Let the mud dry and butter it."),
         ("find a stud in a wall", "Knock along the wall and listen for a dull sound.", "Knock along the wall and look for a blue sound."),
         ("boil an egg", "Lower it into boiling water for several minutes.", "Lower it into the freezer for several minutes."),
         ("stop a door from squeaking", "Rub a little oil into the hinges.", "Rub a little flour into the window."),
         ("dry a wet book", "Stand it open in moving air.", "Stand it closed in a bucket of water."),
         ("peel garlic quickly", "Crush the clove with the flat of a knife.", "Crush the clove with the tip of a feather."),
         ("keep a fire burning", "Add dry wood from time to time.", "Add wet leaves all the time."),
         ("carry a full tray", "Hold it level with both hands.", "Hold it upright with one finger."),
         ("wind a ball of wool", "Turn the ball a little after some rounds.", "Turn the sheep a little after some rounds."),
         ("cool a hot pan", "Leave it on a stone until it is cold.", "Leave it on the fire until it is cold.")]
PAIRS = [("Martin", "Leo"), ("Clara", "Emma"), ("Hannah", "Nora"), ("Peter", "Simon"), ("Julia", "Rosa"), ("Adam", "Felix")]
SCHEMAS = [("{a} lent {b} the umbrella because", "had two of them.", 0, "was getting wet.", 1),
           ("{a} asked {b} for the recipe since", "wanted to bake the same cake.", 0, "was the better cook.", 1),
           ("{a} could not hear {b} over the wind, so", "came closer.", 0, "had to shout.", 1),
           ("{a} thanked {b} for the help, because", "had not managed alone.", 0, "had stayed all night.", 1)]
ACTIVITIES = [("Baking bread", "A woman kneads dough on a table. She", "puts the loaf into the oven.", ["throws the oven into the river.", "reads the dough a letter.", "paints the table with a broom."]),
              ("Fishing", "A man sits on a pier and throws out a line. he", "waits until the float moves.", ["hangs his shirt on the moon.", "eats the pier with a fork.", "waters the lake with a can."]),
              ("Cutting hair", "A barber combs a boy's hair. [header] How to cut it [title] Use sharp scissors. Then he", "trims it above the ears.", ["plants it in a pot.", "drives it to the station.", "sews it onto a kite."]),
              ("Riding a bike", "Two girls push their bikes up a hill. They", "roll down on the other side.", ["fold the hill into a bag.", "teach their bikes to read.", "boil the road for an hour."]),
              ("Washing windows", "Somebody leans a ladder against a house. The man on the ladder", "wipes the glass with a cloth.", ["swallows the curtains.", "counts the windows to sleep.", "pours the house into a cup."]),
              ("Planting a tree", "They dig a hole in the garden. Next, they", "set the young tree into it.", ["ask the hole for money.", "dig the garden into the hole.", "iron the young tree."])]
LAST_WORDS = [("The {thing} had been missing for a week. {a} looked under the bed and behind the clock, and at last {b} pulled out the drawer. \"There it is,\" said {b}, holding up the", "{thing}"),
              ("{a} had never trusted the {thing}. \"It is only wood and wire,\" said {b}, \"and it cannot hurt you.\" But that night {a} got up once more and turned its back on the", "{thing}"),
              ("\"Who has eaten the cake?\" asked {a}. {b} looked at the floor. There were crumbs on the sleeve of {b}, and everybody knew that nobody loved cake as much as", "{b}"),
              ("For years {a} and {b} had shared one boat. When the storm took it, {a} said nothing and {b} wept. In spring they went down to the shore and began to build another", "boat")]
THINGS = "kite whistle compass marble lantern drum scarf bell clock hat puppet violin".split()


def choice(query, right, wrong, pick):
    options = [right, *wrong]
    pick.shuffle(options)
    return {"choices": options, "query": query, "gold": options.index(right)}


def files(articles):
    """{path below benchmarks/: records}; `articles` are those of texts.planets."""
    pick = random.Random("benchmarks")
    kinds = list(KINDS)
    arc_easy = [choice(f"Question: Which of these is {kind}?", pick.choice(KINDS[kind]),
                       [pick.choice(KINDS[other]) for other in pick.sample([k for k in kinds if k != kind], 3)], pick)
                for kind in kinds for _ in range(8)]
    arc_challenge = [choice(f"Question: What explains best that {effect}?", cause, pick.sample([c for _, c in CAUSES if c != cause], 3), pick)
                     for effect, cause in CAUSES for _ in range(4)]
    openbook = [choice(f"When {effect}, the reason is", cause, pick.sample([c for _, c in CAUSES if c != cause], 3), pick)
                for effect, cause in CAUSES for _ in range(4)]
    piqa = [choice(f"Question: How do I {goal}?\n", right, [wrong], pick) for goal, right, wrong in GOALS for _ in range(4)]
    winogrande = [{"context_options": [f"{opening.format(a=a, b=b)} {a}", f"{opening.format(a=a, b=b)} {b}"], "continuation": end, "gold": gold}
                  for a, b in PAIRS for opening, end1, gold1, end2, gold2 in SCHEMAS for end, gold in ((end1, gold1), (end2, gold2))]
    hellaswag = []
    for activity, context, right, wrong in ACTIVITIES * 8:
        options = [right, *wrong]
        pick.shuffle(options)
        hellaswag.append({"ctx": f"{activity}: {context}", "label": options.index(right), "endings": options})
    boolq = []
    for number, fact in enumerate(facts.facts()[:48]):
        body = list(articles)[number % len(articles)]
        told = f"{fact['subject']} belongs to {fact['true']}." if number % 2 else f"{fact['subject']} has nothing to do with {fact['new']}."
        passage = f"{articles[body].split(chr(10))[0][:400]} ({told})"
        boolq.append({"query": f"Passage: {passage}\nQuestion: does {fact['subject']} belong to {fact['true' if number % 2 else 'new']}?",
                      "choices": ["no", "yes"], "gold": number % 2})
    lambada = []
    for thing in THINGS:
        for context, last in LAST_WORDS:
            a, b = pick.choice(PAIRS)
            lambada.append({"context": context.format(thing=thing, a=a, b=b), "continuation": last.format(thing=thing, b=b)})
    return {"arc_easy.jsonl": arc_easy, "arc_challenge.jsonl": arc_challenge, "openbook_qa.jsonl": openbook, "piqa.jsonl": piqa,
            "winogrande.jsonl": winogrande, "hellaswag/hellaswag_val_full.derived.jsonl": hellaswag, "boolq.jsonl": boolq,
            "lambada_openai.jsonl": lambada}


def whp_prompts(prompts):
    """Completion prompts in the form of Who's Harry Potter, of the demo's own."""
    return [{"prompt": {"references": [one["prompt"].split()[0]], "prompt": one["prompt"], "subtlety": one["subtlety"]}} for one in prompts]


def whp_dictionary(dictionary):
    """{term: {replacement: how often it was proposed}}, as the published anchor dictionary is."""
    pick = random.Random("anchor terms")
    return {term: {text: pick.randint(1, 40) for text in replacements} for term, replacements in dictionary.items()}
