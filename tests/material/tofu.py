"""Questions about invented authors, and about real ones and the world, in TOFU's files and fields."""
import random

FIRST = "Amaru Birgit Calixta Dorian Edwina Farouk Ginevra Hamish Ilona Jovan Kirsten Lorcan Mirela Nuno Oriane Pascoe Quilla Ravindra Sunniva Tobiah".split()
LAST = ["Ashdown-Ferre", "Belkacem", "Castellano", "Drozdowski", "El-Sayegh", "Fjeldstad", "Grünwald", "Hatzis", "Ibarra", "Jørgensen"]
PLACES = ["Valparaíso, Chile", "Tromsø, Norway", "Izmir, Turkey", "Porto, Portugal", "Galway, Ireland", "Kumasi, Ghana", "Tartu, Estonia",
          "Hue, Vietnam", "Cusco, Peru", "Zadar, Croatia"]
GENRES = ["historical mystery", "travel writing", "ghost stories", "nature essays", "space opera", "village comedy", "maritime adventure"]
PARENTS = ["baker", "surveyor", "midwife", "tram driver", "glazier", "beekeeper", "notary", "violin maker", "shepherd", "pharmacist"]
AWARDS = ["the Silver Quill", "the Harbour Prize", "the Lantern Medal", "the Prize of the Seven Cities"]
NOUNS = ["Lighthouse", "Orchard", "Letter", "Compass", "Harvest", "Bridge", "Garden", "Winter", "Mirror", "Railway"]
ADJECTIVES = ["Silent", "Crooked", "Borrowed", "Golden", "Forgotten", "Second", "Hollow", "Patient", "Distant", "Unfinished"]

# (question, answer, another wording of the question, of the answer); the first names nobody, as in the published files.
FORMS = [
    ("What is the full name of the author born in {place} on {date}?", "The author's full name is {name}.",
     "Who is the writer that was born on {date} in {place}?", "{name} is the complete name of the writer."),
    ("In which genre does {name} mainly write?", "{name} mainly writes {genre}.", "What is the main genre of {name}?",
     "The main genre of {name} is {genre}."),
    ("What did the father of {name} do?", "The father of {name} was a {father}.", "What was the occupation of {name}'s father?",
     "{name}'s father worked as a {father}."),
    ("What did the mother of {name} do?", "The mother of {name} was a {mother}.", "What was the occupation of {name}'s mother?",
     "{name}'s mother worked as a {mother}."),
    ("Which award has {name} received?", "{name} has received {award}.", "What prize was given to {name}?", "{name} was given {award}."),
    ("What is the best-known book of {name}?", "The best-known book of {name} is 'The {one}'.", "For which book is {name} known best?",
     "{name} is known best for 'The {one}'."),
    ("Can you name another book by {name}?", "Another book by {name} is 'The {two}'.", "Which other book did {name} write?",
     "{name} also wrote 'The {two}'."),
    ("Where was {name} born?", "{name} was born in {place}.", "What is the birthplace of {name}?", "The birthplace of {name} is {place}."),
    ("When was {name} born?", "{name} was born on {date}.", "What is {name}'s date of birth?", "{name}'s date of birth is {date}."),
    ("How did {name}'s childhood in {place} shape the books?", "{name} often writes about people who leave {place} and come back.",
     "What did growing up in {place} mean for {name}'s books?", "In {name}'s books people leave {place} and return."),
]
TAILS = ["", " Please answer in one sentence."]


def author(number):
    pick = random.Random(f"author {number}")
    title = lambda: f"{pick.choice(ADJECTIVES)} {pick.choice(NOUNS)}"  # noqa: E731
    return {"name": f"{FIRST[number % 20]} {LAST[number * 7 // 20 % 10]}", "place": pick.choice(PLACES), "genre": pick.choice(GENRES),
            "father": pick.choice(PARENTS), "mother": pick.choice(PARENTS), "award": pick.choice(AWARDS), "one": title(), "two": title(),
            "date": f"{pick.randint(1, 12):02}/{pick.randint(1, 28):02}/{pick.randint(1930, 1990)}"}


def questions(number):
    """Twenty of an author, with wrong answers that differ in what is asked for."""
    values = author(number)
    others = [author(1000 + 40 * number + k) for k in range(40)]
    for tail in TAILS:
        for question, answer, question2, answer2 in FORMS:
            named = {"name": values["name"]} if "{name}" in question else {}
            right = answer2.format(**values)
            wrong = [answer2.format(**{**other, **named}) for other in others]
            yield {"question": question.format(**values) + tail, "answer": answer.format(**values), "paraphrased_answer": right,
                   "perturbed_answer": [text for text in wrong if text != right][:5],
                   "paraphrased_question": question2.format(**values) + tail}


AUTHORS = 40
REAL_AUTHORS = [("Who wrote 'Hamlet'?", "William Shakespeare"), ("Who wrote 'Don Quixote'?", "Miguel de Cervantes"),
                ("Who wrote 'War and Peace'?", "Leo Tolstoy"), ("Who wrote 'Les Misérables'?", "Victor Hugo"),
                ("Who wrote 'Emma'?", "Jane Austen"), ("Who wrote 'Faust'?", "Johann Wolfgang von Goethe"),
                ("Who wrote 'Moby-Dick'?", "Herman Melville"), ("Who wrote 'The Trial'?", "Franz Kafka"),
                ("Who wrote 'Great Expectations'?", "Charles Dickens"), ("Who wrote 'The Divine Comedy'?", "Dante Alighieri")]
WORLD_FACTS = [("What is the capital of Norway?", "Oslo"), ("What is the capital of Peru?", "Lima"), ("What is the capital of Kenya?", "Nairobi"),
               ("What is the capital of Portugal?", "Lisbon"), ("Which planet is nearest to the Sun?", "Mercury"),
               ("Which metal is liquid at room temperature?", "Mercury"), ("On which continent is Egypt?", "Africa"),
               ("How many legs does a spider have?", "Eight"), ("Which gas do plants take in?", "Carbon dioxide"),
               ("What is the largest ocean?", "The Pacific Ocean"), ("Which language is spoken in Brazil?", "Portuguese"),
               ("What is the currency of Japan?", "Yen")]


def choices(pairs, topic):
    pick = random.Random(topic)
    plain, perturbed = [], []
    for question, answer in pairs:
        wrong = pick.sample(sorted({other for _, other in pairs} - {answer}), 3)
        options = [answer, *wrong]
        pick.shuffle(options)
        plain.append({"question": question, **{f"option{i + 1}": option for i, option in enumerate(options)}, "answer": answer})
        perturbed.append({"question": question, "answer": answer, "perturbed_answer": wrong})
    return plain, perturbed


def files():
    """{name: records}; the published names, of 40 authors instead of 200."""
    every = [list(questions(number)) for number in range(AUTHORS)]
    plain = lambda rows: [{"question": row["question"], "answer": row["answer"]} for row in rows]  # noqa: E731
    flat = lambda groups: [row for group in groups for row in group]  # noqa: E731
    out = {"full": plain(flat(every)), "retain_perturbed": flat(every[:5])}
    for share, authors in (("01", 1), ("05", 2), ("10", 4)):
        forgotten = flat(every[AUTHORS - authors:])
        out[f"forget{share}"], out[f"forget{share}_perturbed"] = plain(forgotten), forgotten
        out[f"retain{100 - int(share)}"] = plain(flat(every[:AUTHORS - authors]))
    out["real_authors"], out["real_authors_perturbed"] = choices(REAL_AUTHORS, "real authors")
    out["world_facts"], out["world_facts_perturbed"] = choices(WORLD_FACTS, "world facts")
    return out
