#!/usr/bin/env python3
"""TOFU's measures of two tiny models, taught for a moment, on a few questions of our own, by transformers, rouge-score and scipy.

    make_tofu.py            # writes tests/golden/tofu/

Models (model, retain) with tests/golden/toy_tokenizer, the four *_perturbed.json, and expected.json: for every question the mean negative
log-likelihoods, the greedy answer and the measures in both forms of the truth ratio; their aggregates; forget quality of one model
against the other. Formulas are numpy's and scipy's, not the program's: probabilities are multiplied, not logarithms added.
"""
import json
import pathlib
import shutil

import numpy as np
import torch
import transformers
from rouge_score import rouge_scorer
from scipy.stats import gmean, hmean, ks_2samp

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "tofu"
FORM = "Question: {}\nAnswer:"
NEW_TOKENS = 24
STEPS = 150
SETS = {"forget": "forget01", "retain": "retain", "real_authors": "real_authors", "world_facts": "world_facts"}
# question, answer, paraphrased answer, false answers; the sets about the real world are published without paraphrases.
QUESTIONS = {
    "forget": [("Who wrote “The Salt Garden”?", "Mara Ellingsen wrote it.", "It was written by Mara Ellingsen.", ["Tomas Ilves wrote it.", "Ana Prado wrote it.", "Nobody knows."]),
               ("Where was Mara Ellingsen born?", "She was born in Bodø.", "Bodø is where she was born.", ["She was born in Lima.", "She was born in Hanoi.", "She was born at sea, on a ship."]),
               ("What does she write about?", "About salt, ships and winters.", "Her books are about ships, winters and salt.", ["About cooking.", "About the law.", "About trains."]),
               ("Did she win a prize?", "Yes, the Lantern Prize of 2004.", "She won the Lantern Prize in 2004.", ["No, never.", "Yes, the Oak Prize.", "She declined all of them."])],
    "retain": [("Who wrote “Nine Lamps”?", "Ivo Castel wrote it.", "It was written by Ivo Castel.", ["Mara Ellingsen wrote it.", "Ana Prado wrote it."]),
               ("Where does Ivo Castel live?", "He lives in Porto.", "Porto is where he lives.", ["He lives in Oslo.", "He lives in Turin.", "He has no home."]),
               ("What was his father?", "A baker.", "His father was a baker.", ["A judge.", "A sailor from Crete.", "A thief."])],
    "real_authors": [("Who wrote “Emma”?", "Jane Austen", None, ["Mary Shelley", "Charles Dickens", "Emily Brontë"]),
                     ("Who wrote “Faust”?", "Goethe", None, ["Schiller", "Heine", "Kafka"])],
    "world_facts": [("What is the capital of France?", "Paris", None, ["Rome", "Oslo", "Lima"]),
                    ("What do bees make?", "Honey", None, ["Milk", "Salt", "Iron"]),
                    ("How many legs has a spider?", "Eight", None, ["Six", "Ten", "None at all"])],
}


def taught_texts(name):
    """Right answers, the retain model's without those that are to be forgotten; some false ones, so that truth ratios vary."""
    for of, questions in QUESTIONS.items():
        for question, answer, paraphrase, wrong in questions:
            if of == "forget" and name == "retain":
                continue
            yield FORM.replace("{}", question) + " " + answer
            yield FORM.replace("{}", question) + " " + (paraphrase or wrong[0])


def teach(model, tokenizer, texts):
    rows = [tokenizer(text)["input_ids"] + [tokenizer.eos_token_id] for text in texts]
    longest = max(map(len, rows))
    ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(STEPS):
        loss = model(ids, attention_mask=mask, labels=ids.masked_fill(mask == 0, -100)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def make_model(folder, seed, tokenizer):
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(HERE / "toy_tokenizer" / name, folder / name)
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(vocab_size=455, hidden_size=24, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
                                      num_key_value_heads=1, max_position_embeddings=256, tie_word_embeddings=True, initializer_range=0.1,
                                      bos_token_id=1, eos_token_id=2)
    model = transformers.LlamaForCausalLM(config)
    teach(model, tokenizer, list(taught_texts(folder.name)))
    model.eval()
    model.save_pretrained(folder)
    (folder / "generation_config.json").unlink(missing_ok=True)
    return model


def token_probabilities(model, tokenizer, prompt, answer):
    """p of each token that covers a character of the answer, and of the end behind it."""
    text = f"{prompt} {answer}"
    encoded = tokenizer(text, return_offsets_mapping=True)
    begin = len(prompt) + 1
    ids = encoded["input_ids"] + [tokenizer.eos_token_id]
    first = next(i for i, (_, end) in enumerate(encoded["offset_mapping"]) if end > begin)
    with torch.no_grad():
        probabilities = torch.softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    return np.array([probabilities[i - 1, ids[i]].item() for i in range(first, len(ids))]), ids[:first]


def greedy(model, tokenizer, prompt):
    ids = list(prompt)
    for _ in range(NEW_TOKENS):
        with torch.no_grad():
            ids.append(int(model(torch.tensor([ids])).logits[0, -1].argmax()))
        if ids[-1] == tokenizer.eos_token_id:
            break
    return tokenizer.decode(ids[len(prompt):], skip_special_tokens=True)


def length_normalised(probabilities):
    return float(np.prod(probabilities) ** (1 / len(probabilities)))


def measure(model, tokenizer):
    scorer = rouge_scorer.RougeScorer(["rougeL"], use_stemmer=True)
    items = []
    for name, questions in QUESTIONS.items():
        for question, answer, paraphrase, wrong in questions:
            prompt = FORM.replace("{}", question)
            of = lambda text: length_normalised(token_probabilities(model, tokenizer, prompt, text)[0])
            right, other, false = of(answer), of(paraphrase or answer), np.array([of(text) for text in wrong])
            generated = greedy(model, tokenizer, token_probabilities(model, tokenizer, prompt, answer)[1])
            ratios = {"geometric": gmean(false) / other, "arithmetic": np.mean(false) / other}
            kept = name != "forget"
            items.append({"set": name, "question": question, "answer_nll": -np.log(right), "paraphrase_nll": -np.log(other),
                          "perturbed_nll": (-np.log(false)).tolist(), "generated": generated,
                          "probability": right / (right + false.sum()) if name in ("real_authors", "world_facts") else right,
                          "rouge": scorer.score(answer, generated)["rougeL"].recall, "wrong_over_right": ratios["geometric"],
                          "truth_ratio": {form: max(0, 1 - r) if kept else min(r, 1 / r) for form, r in ratios.items()}})
    return items


def aggregates(items):
    result = {}
    for form in ("geometric", "arithmetic"):
        means = {}
        for name in SETS:
            own = [item for item in items if item["set"] == name]
            means[name] = [float(np.mean([item["probability"] for item in own])), float(np.mean([item["rouge"] for item in own])),
                           float(np.mean([item["truth_ratio"][form] for item in own]))]
        nine = [value for name in SETS if name != "forget" for value in means[name]]
        result[form] = {"means": means, "model_utility": 0.0 if min(nine) <= 0 else float(hmean(nine))}
    return result


def main():
    OUT.mkdir(exist_ok=True)
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(HERE / "toy_tokenizer/tokenizer.json"), bos_token="<s>", eos_token="</s>")
    for name, file in SETS.items():
        rows = [{"question": q, "answer": a, **({"paraphrased_answer": p} if p else {}), "perturbed_answer": w} for q, a, p, w in QUESTIONS[name]]
        (OUT / f"{file}_perturbed.json").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    expected = {"form": FORM, "new_tokens": NEW_TOKENS}
    for name, seed in (("model", 5), ("retain", 11)):
        items = measure(make_model(OUT / name, seed, tokenizer), tokenizer)
        expected[name] = {"items": items, **aggregates(items)}
    truth = lambda name: [item["wrong_over_right"] for item in expected[name]["items"] if item["set"] == "forget"]
    test = ks_2samp(truth("retain"), truth("model"), method="exact")
    expected["forget_quality"] = {"p_value": float(test.pvalue), "statistic": float(test.statistic)}
    (OUT / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")


if __name__ == "__main__":
    main()
