"""Facts of our own in every published form: CounterFact as ROME publishes it and in EasyEdit's form, zsRE, KnowEdit, known_1000.

The facts are common knowledge (cities, languages, trades), the sentences are ours.
"""
import random

CITIES = {
    "France": "Paris Lyon Marseille Toulouse Bordeaux Nantes Lille Strasbourg".split(),
    "Germany": "Berlin Hamburg Munich Cologne Leipzig Dresden Stuttgart Bremen".split(),
    "Italy": "Rome Milan Naples Turin Palermo Bologna Venice Genoa".split(),
    "Spain": "Madrid Barcelona Valencia Seville Bilbao Málaga Zaragoza Granada".split(),
    "Japan": "Tokyo Osaka Kyoto Nagoya Sapporo Kobe Hiroshima Fukuoka".split(),
    "Poland": "Warsaw Kraków Gdańsk Wrocław Poznań Lublin Łódź Szczecin".split(),
    "Russia": "Moscow Novosibirsk Kazan Samara Omsk Perm Tula Irkutsk".split(),
    "Canada": "Ottawa Toronto Montreal Vancouver Calgary Winnipeg Halifax Edmonton".split(),
    "Brazil": "Brasília Salvador Recife Manaus Curitiba Fortaleza Natal Belém".split(),
    "Egypt": "Cairo Alexandria Luxor Aswan Giza Suez Tanta Ismailia".split(),
    "India": "Delhi Mumbai Chennai Kolkata Bangalore Jaipur Pune Lucknow".split(),
    "Sweden": "Stockholm Uppsala Malmö Gothenburg Lund Umeå Linköping Örebro".split(),
}
CONTINENTS = {"Europe": ["Mont Blanc", "the Danube", "Lake Geneva", "the Rhine", "Mount Olympus", "the Thames"],
              "Africa": ["Kilimanjaro", "the Nile", "Lake Victoria", "the Congo", "the Sahara", "the Zambezi"],
              "Asia": ["Mount Everest", "the Ganges", "Lake Baikal", "the Mekong", "the Gobi", "Mount Fuji"],
              "South America": ["Aconcagua", "the Amazon", "Lake Titicaca", "the Orinoco", "the Atacama", "Chimborazo"],
              "Antarctica": ["Vinson Massif", "Mount Erebus", "the Ross Ice Shelf", "Lake Vostok", "the Dry Valleys", "Mount Terror"]}
TONGUES = {"French": ["Victor Hugo", "Marie Curie", "Claude Debussy", "Albert Camus", "Edith Piaf", "Jules Verne"],
           "German": ["Johann Sebastian Bach", "Immanuel Kant", "Clara Schumann", "Max Planck", "Thomas Mann", "Otto Hahn"],
           "Italian": ["Galileo Galilei", "Dante Alighieri", "Giuseppe Verdi", "Enrico Fermi", "Umberto Eco", "Sophia Loren"],
           "Spanish": ["Miguel de Cervantes", "Pablo Picasso", "Frida Kahlo", "Jorge Luis Borges", "Salvador Dalí", "Pablo Neruda"],
           "Russian": ["Leo Tolstoy", "Anton Chekhov", "Yuri Gagarin", "Igor Stravinsky", "Dmitri Mendeleev", "Anna Pavlova"]}
MAKERS = {"Apple": ["iPhone", "MacBook Pro", "iPad", "Apple Watch", "iPod", "Mac mini"],
          "Microsoft": ["Windows 10", "Xbox One", "Microsoft Excel", "Surface Pro", "Internet Explorer", "Windows Phone"],
          "Toyota": ["Toyota Corolla", "Toyota Prius", "Toyota Camry", "Lexus", "Toyota Hilux", "Toyota Supra"],
          "Google": ["Gmail", "Android", "Google Maps", "YouTube", "Chrome OS", "Google Drive"],
          "Nintendo": ["Game Boy", "Wii", "Super Mario", "Nintendo Switch", "Donkey Kong", "The Legend of Zelda"]}
TRADES = {"physicist": ["Isaac Newton", "Albert Einstein", "Niels Bohr", "Lise Meitner", "Richard Feynman", "Ernest Rutherford"],
          "painter": ["Vincent van Gogh", "Claude Monet", "Rembrandt", "Paul Cézanne", "Edvard Munch", "Johannes Vermeer"],
          "composer": ["Wolfgang Amadeus Mozart", "Ludwig van Beethoven", "Frédéric Chopin", "Joseph Haydn", "Franz Liszt", "Antonio Vivaldi"],
          "politician": ["Winston Churchill", "Abraham Lincoln", "Angela Merkel", "Nelson Mandela", "Charles de Gaulle", "Indira Gandhi"]}

# relation → (table, prompt, paraphrases, prompts about others, leads for longer texts)
RELATIONS = {
    "P17": (CITIES, "{} is a city in the country of", ["If you visit {}, you are in", "The train stopped at noon. {} lies in the state of"],
            "{} is a city in the country of", "People who live in {} like to"),
    "P30": (CONTINENTS, "{} belongs to the continent of", ["On a map, {} is found in", "He closed the atlas. {} is part of"],
            "{} belongs to the continent of", "A traveller who wants to see {} should"),
    "P103": (TONGUES, "The mother tongue of {} is", ["At home the parents of {} spoke", "It was late. {} was a native speaker of"],
             "The mother tongue of {} is", "{} is remembered today because"),
    "P176": (MAKERS, "{} is a product of", ["The company that makes {} is", "The shop was closed. {} was developed by"],
             "{} is a product of", "Everybody who has used {} knows that"),
    "P106": (TRADES, "{} worked as a", ["By profession, {} was a", "The bell rang twice. {} earned a living as a"],
             "{} worked as a", "In the life of {} the most important year was"),
}


def facts():
    """{"relation", "subject", "true", "new", "others"} in a fixed order, relations mixed."""
    pick = random.Random("facts")
    out = []
    for relation, (table, *_) in RELATIONS.items():
        for true, subjects in table.items():
            for subject in subjects:
                others = pick.sample([one for one in subjects if one != subject], 4)
                out.append({"relation": relation, "subject": subject, "true": true, "others": others,
                            "new": pick.choice([answer for answer in table if answer != true])})
    pick.shuffle(out)
    return out


def sentence(template, subject):
    text = template.replace("{}", subject)
    return text[0].upper() + text[1:] if template.startswith("{}") else text


def rome_form(records):
    out = []
    for number, fact in enumerate(records):
        _, prompt, paraphrases, other, lead = RELATIONS[fact["relation"]]
        subject = sentence("{}", fact["subject"]) if prompt.startswith("{}") else fact["subject"]
        out.append({"case_id": number, "pararel_idx": 100 + number,
                    "requested_rewrite": {"prompt": prompt, "relation_id": fact["relation"],
                                          "target_new": {"str": fact["new"], "id": f"Q{sum(map(ord, fact['new']))}"},
                                          "target_true": {"str": fact["true"], "id": f"Q{sum(map(ord, fact['true']))}"},
                                          "subject": subject},
                    "paraphrase_prompts": [sentence(one, fact["subject"]) for one in paraphrases],
                    "neighborhood_prompts": [sentence(other, one) for one in fact["others"]],
                    "attribute_prompts": [], "generation_prompts": [sentence(lead, fact["subject"])] * 2})
    return out


def easyedit_form(records, first=0):
    out = []
    for number, fact in enumerate(rome_form(records)):
        rewrite = fact["requested_rewrite"]
        out.append({"case_id": first + number, "prompt": rewrite["prompt"].replace("{}", rewrite["subject"]),
                    "target_new": rewrite["target_new"]["str"], "subject": rewrite["subject"],
                    "ground_truth": rewrite["target_true"]["str"], "rephrase_prompt": fact["paraphrase_prompts"][number % 2],
                    "locality_prompt": fact["neighborhood_prompts"][0], "locality_ground_truth": rewrite["target_true"]["str"]})
    return out


QUESTIONS = {"P17": ("Which country is {} in?", "In which country does {} lie?"), "P30": ("What continent does {} belong to?", "{} is part of which continent?"),
             "P103": ("What language did {} speak as a child?", "What was the mother tongue of {}?"),
             "P176": ("Which company makes {}?", "What is the name of the maker of {}?"), "P106": ("What was the occupation of {}?", "What did {} do for a living?")}
GENERAL = [("who paints the ceiling of the sistine chapel", "Michelangelo"), ("what is the boiling point of water in celsius", "100"),
           ("how many days does a leap year have", "366"), ("what is the largest planet", "Jupiter"),
           ("who wrote the play hamlet", "William Shakespeare"), ("when did the second world war end", "1945"),
           ("what is the chemical symbol of gold", "Au"), ("how many strings has a violin", "four")]


def zsre_form(records):
    """As MEND publishes it. Record 40 has an empty "alt", as two published ones have."""
    out = []
    for number, fact in enumerate(records):
        question, rephrased = QUESTIONS[fact["relation"]]
        src = question.replace("{}", fact["subject"])
        asked, answer = GENERAL[number % len(GENERAL)]
        alt = "" if number == 40 else fact["new"]
        out.append({"subject": fact["subject"], "src": src, "pred": fact["true"], "rephrase": rephrased.replace("{}", fact["subject"]),
                    "alt": alt, "answers": [fact["true"]], "loc": f"nq question: {asked}", "loc_ans": answer,
                    "cond": f"{fact['true']} >> {alt} || {src}"})
    return out


def knowedit_form(records):
    """As KnowEdit publishes WikiData counterfact: portability and locality by kind."""
    out = []
    for fact in rome_form(records):
        rewrite = fact["requested_rewrite"]
        subject, new = rewrite["subject"], rewrite["target_new"]["str"]
        out.append({"subject": subject, "prompt": rewrite["prompt"].replace("{}", subject), "target_new": new,
                    "ground_truth": rewrite["target_true"]["str"], "rephrase": fact["paraphrase_prompts"][0],
                    "portability": {"Subject_Aliasing": [{"prompt": fact["paraphrase_prompts"][1], "ground_truth": [[new]]}],
                                    "Reasoning": [{"prompt": f"What is said of {subject} is said of", "ground_truth": [[new, new.upper()]]}]},
                    "locality": {"Relation_Specificity": [{"prompt": prompt, "ground_truth": [[rewrite["target_true"]["str"]]]}
                                                          for prompt in fact["neighborhood_prompts"][:2]]}})
    return out


def known_form(records):
    """As ROME publishes the prompts of causal tracing."""
    out = []
    for number, fact in enumerate(records):
        prompt = RELATIONS[fact["relation"]][1]
        subject = sentence("{}", fact["subject"]) if prompt.startswith("{}") else fact["subject"]
        out.append({"known_id": number, "subject": subject, "attribute": fact["true"], "template": prompt,
                    "prediction": f" {fact['true']}, as everybody knows", "prompt": prompt.replace("{}", subject),
                    "relation_id": fact["relation"]})
    return out
