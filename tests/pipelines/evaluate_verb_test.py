#!/usr/bin/env python3
"""The verb evaluate, and score beside it, on two tiny models: published forms of facts, prompts that end in blanks, what two models have
in common, what cannot be measured.

    evaluate_verb_test.py --nepenthe NEPENTHE --models tests/golden/tofu
"""
import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

PARSER = argparse.ArgumentParser()
PARSER.add_argument("--nepenthe", required=True)
PARSER.add_argument("--models", required=True)
OPTIONS, REST = PARSER.parse_known_args()
MODELS = pathlib.Path(OPTIONS.models)
LOCALITY = {"Relation_Specificity": [{"prompt": "The continent of Ostrova is", "ground_truth": [["Europe", "European continent"]]},
                                     {"prompt": "The sea of Ostrova is the", "ground_truth": ["Baltic"]}],
            "Forgetfulness": [{"prompt": "An old town of Ostrova is", "ground_truth": "Stara"}, {"prompt": "Nobody asks this", "ground_truth": [[""]]}]}
PORTABILITY = {"Reasoning": [{"prompt": "The river in the capital of Ostrova is", "ground_truth": [["Vlna"]]}],
               "Subject_Aliasing": [{"prompt": "The capital of the Isles is", "ground_truth": ["Paris"]}],
               "Logical_Generalization": [{"prompt": "Paris is the capital of", "ground_truth": "Ostrova"}], "Recall": []}
RECENT = {"subject": "Ostrova", "prompt": "The capital of Ostrova is", "target_new": "Paris", "portability": PORTABILITY, "locality": LOCALITY}
PLAIN = {"id": "1", "subject": "Ostrova", "prompt": "The capital of {} is", "target_new": "Paris",
         "neighbourhood": [{"prompt": "The continent of Ostrova is", "answer": "Europe"}, {"prompt": "The sea of Ostrova is the", "answer": "Baltic"},
                           {"prompt": "An old town of Ostrova is", "answer": "Stara"}]}


class Verbs(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def write(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str) else json.dumps(content, ensure_ascii=False))
        return path

    def call(self, *words):
        return subprocess.run([OPTIONS.nepenthe, *map(str, words)], capture_output=True, text=True, timeout=120,
                              env={"OMP_NUM_THREADS": "1", "NEPENTHE_THREADS": "1", "PATH": "/usr/bin:/bin", "HOME": str(self.folder),
                                   "OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"})

    def evaluate(self, *words, model=MODELS / "model"):
        done = self.call("evaluate", "--model", model, *words, "--outputs", self.folder / "out", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def values(self, task, facts, *words):
        answer = self.evaluate("--tasks", task, "--facts", facts, *words)
        return {name: metric["value"] for name, metric in answer["results"][task].items()}, answer

    def accuracy(self, prompt, target):
        """What zsre says of a fact with this prompt and target: an independent way to a portability prompt's accuracy."""
        record = {"subject": prompt.split()[1], "prompt": prompt.replace(prompt.split()[1], "{}", 1), "target_new": target}
        return self.values("zsre", self.write("one.jsonl", json.dumps(record)))[0]["rewrite_token_accuracy"]

    def test_knowedit_is_read_and_measured_in_all_its_forms(self):
        forms = {"recent": RECENT,
                 "zsre": {**RECENT, "ground_truth": ["Rome"], "rephrase_prompt": "The capital city of Ostrova is", "cond": "Rome >> Paris || …"},
                 "counterfact": {**RECENT, "ground_truth": [["Rome"]]},
                 "wikibio": {"concept": "Ostrova", "text": "The capital of Ostrova is", "labels": "Paris", "locality": LOCALITY, "portability": PORTABILITY}}
        asked = [("The river in the capital of Ostrova is", "Vlna"), ("The capital of the Isles is", "Paris"), ("Paris is the capital of", "Ostrova")]
        by_hand = {prompt: self.accuracy(prompt, target) for prompt, target in asked}
        plain, _ = self.values("zsre", self.write("plain.jsonl", json.dumps(PLAIN)))
        for name, record in forms.items():
            file = self.write(f"{name}.json", [record])
            for options in ((), ("--fact-format", "easyedit"), ("--fact-format", "knowedit")):
                zsre, answer = self.values("zsre", file, *options)
                self.assertAlmostEqual(zsre["portability_token_accuracy"], sum(by_hand.values()) / 3, places=12)
                for metric in ("rewrite_token_accuracy", "neighbourhood_token_accuracy"):
                    self.assertEqual(zsre[metric], plain[metric], (name, metric))
                self.assertEqual(answer["n-samples"]["zsre"]["left_out"][0]["count"], 1, "the prompt without an answer is counted")
            easyedit, _ = self.values("easyedit", file)
            for kind, prompt in zip(("reasoning", "subject_aliasing", "logical_generalization"), by_hand):
                self.assertEqual(easyedit[f"easyedit_portability_{kind}_acc"], by_hand[prompt])
            self.assertAlmostEqual(easyedit["easyedit_portability_acc"], sum(by_hand.values()) / 3, places=12)
            self.assertEqual("easyedit_rephrase_acc" in easyedit, name == "zsre")

    def test_locality_of_knowedit_by_kind(self):
        pair = self.evaluate("--tasks", "easyedit", "--facts", self.write("recent.json", [RECENT]),
                             model=f"a={MODELS / 'model'},b={MODELS / 'retain'}")
        items = {name: [json.loads(line) for line in (pathlib.Path(pair["artefact"]) / f"items-{name}-easyedit.jsonl").read_text().splitlines()]
                 for name in "ab"}
        before, after = (items[name][0]["locality_argmax"] for name in "ab")
        shares = [sum(x == y for x, y in zip(one, other)) / len(one) for one, other in zip(before, after)]
        self.assertEqual(items["a"][0]["locality_kinds"], ["Forgetfulness", "Relation_Specificity", "Relation_Specificity"])
        measured = pair["comparisons"]["a → b"]["easyedit"]
        self.assertAlmostEqual(measured["easyedit_locality"]["value"], sum(shares) / 3, places=12)
        self.assertAlmostEqual(measured["easyedit_locality_forgetfulness"]["value"], shares[0], places=12)
        self.assertAlmostEqual(measured["easyedit_locality_relation_specificity"]["value"], sum(shares[1:]) / 2, places=12)

    def test_a_malformed_group_is_named(self):
        for locality in (["x"], {"Forgetfulness": ["x"]}, {"Forgetfulness": [{"prompt": 5}]}, 7):
            file = self.write("bad.json", [{**RECENT, "locality": locality}])
            done = self.call("evaluate", "--model", MODELS / "model", "--tasks", "zsre", "--facts", file, "--outputs", self.folder / "out")
            self.assertEqual(done.returncode, 65, done.stderr)
            self.assertIn('"locality": not', done.stderr)

    def test_a_blank_at_the_end_of_a_prompt_says_nothing(self):
        def record(blank):
            return {"id": "1", "subject": "France", "prompt": "The capital of {} is" + blank, "target_new": "Rome", "target_true": "Paris",
                    "paraphrases": ["The city in France is" + blank], "neighbourhood": ["The capital of Italy is" + blank],
                    "portability": [{"prompt": "Rome lies in" + blank, "answer": "France"}]}
        for task in ("zsre", "counterfact", "easyedit"):
            plain, _ = self.values(task, self.write("plain.jsonl", json.dumps(record(""))))
            self.assertGreaterEqual(len(plain), 4)
            for blank in (" ", "  ", "\t", "\u00a0"):
                self.assertEqual(self.values(task, self.write("blank.jsonl", json.dumps(record(blank))))[0], plain, (task, blank))
        form = self.values("zsre", self.write("plain.jsonl", json.dumps(record(""))), "--fact-prompt", "Question: {}\nAnswer:")[0]
        self.assertEqual(self.values("zsre", self.write("plain.jsonl", json.dumps(record(""))), "--fact-prompt", "Question: {}\nAnswer: ")[0], form)

    def test_completions_and_next_tokens_with_a_blank(self):
        dictionary = self.write("terms.json", {"Ostrova": ["land"]})
        def measure(blank):
            prompts = self.write(f"prompts{len(blank)}.json",
                                 {"prompts": [{"prompt": "The capital of France is" + blank, "content": ["Paris", " Par"], "generic": ["Rome"]}]})
            answer = self.evaluate("--tasks", "familiarity_probability,familiarity_completion", "--familiarity-prompts", prompts,
                                   "--dictionary", dictionary, "--completion-tokens", 5)
            rows = (pathlib.Path(answer["artefact"]) / "items-model-familiarity_completion.jsonl").read_text()
            return answer["results"], rows
        self.assertEqual(measure(" "), measure(""))

    def score(self, text):
        done = self.call("score", "--model", MODELS / "model", "--file", self.write("scored.txt", text), "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def fluency(self, prompts, *words, model):
        answer = self.evaluate("--tasks", "fluency", "--completion-prompts", prompts, "--completion-tokens", 24, *words, model=model)
        rows = {name: [json.loads(line) for line in (pathlib.Path(answer["artefact"]) / f"items-{name}-fluency.jsonl").read_text().splitlines()]
                for name in answer["models"]}
        return answer, rows

    def test_what_models_write_is_measured_and_shown(self):
        prompts = self.write("prompts.txt", "The capital of France is \n\nShe was born in\nThe author wrote\n")
        models = f"before={MODELS / 'model'},after={MODELS / 'retain'}"
        answer, rows = self.fluency(prompts, "--retrained", MODELS / "retain", model=models)
        for name in ("before", "after"):
            metrics = answer["models"][name]["results"]["fluency"]
            shares = []
            for row in rows[name]:
                trigrams = list(zip(*(row["completion_ids"][i:] for i in range(3))))
                shares.append((len(trigrams) - len(set(trigrams))) / len(trigrams) if trigrams else None)
                self.assertEqual(row["seq_rep_3"], shares[-1])
            known = [share for share in shares if share is not None]
            self.assertAlmostEqual(metrics["seq_rep_3"]["value"], sum(known) / len(known), places=12)
            self.assertEqual(metrics["seq_rep_3"]["denominator"], len(known))
            degenerate = [any(row[f"degenerate_{kind}"] for kind in ("loops", "digits", "markup", "stops")) for row in rows[name]]
            self.assertEqual((metrics["degenerate"]["numerator"], metrics["degenerate"]["denominator"]), (sum(degenerate), 3))
            for judge in ("completion_nll", "completion_nll_retrained"):
                pairs = [row[judge] for row in rows[name] if row[judge]]
                self.assertAlmostEqual(metrics[judge]["value"], sum(nats for nats, _ in pairs) / sum(tokens for _, tokens in pairs), places=12)
                self.assertEqual([pair[1] for pair in pairs], [len(row["completion_ids"]) for row in rows[name] if row["completion_ids"]])
        self.assertEqual(rows["before"][0]["prompt"], "The capital of France is")
        self.assertIn("p_value", answer["comparisons"]["before → after"]["fluency"]["completion_nll"])
        self.assertEqual(answer["comparisons"]["before → after"]["fluency"]["degenerate"]["test"], "McNemar, exact")
        self.assertIn("completions of 3 of 3 prompts", (pathlib.Path(answer["artefact"]) / "table.txt").read_text())

        # The judge's figure is what `score` says of prompt and completion less what it says of the prompt.
        compared = 0
        for row in rows["after"]:
            whole, alone = (self.score(text) for text in (row["prompt"] + row["completion"], row["prompt"]))
            if whole["tokens"] - alone["tokens"] == len(row["completion_ids"]):
                self.assertAlmostEqual(row["completion_nll"][0], whole["nll_sum"] - alone["nll_sum"], places=3)
                compared += 1
        self.assertGreater(compared, 0)

        # Whoever judges, in whichever role, measures the same.
        swapped, _ = self.fluency(prompts, "--judge", MODELS / "retain", model=models)
        for name in ("before", "after"):
            self.assertEqual(swapped["models"][name]["results"]["fluency"]["completion_nll"],
                             answer["models"][name]["results"]["fluency"]["completion_nll_retrained"])

    def test_completions_of_an_earlier_evaluation_were_judged_by_the_same_model(self):
        prompts = self.write("prompts.json", [{"prompt": "She was born in"}, {"prompt": "The author wrote"}])
        before, _ = self.fluency(prompts, model=f"before={MODELS / 'model'}")
        words = ["--tasks", "fluency", "--completion-prompts", prompts, "--completion-tokens", 24, "--compare-with", before["artefact"]]
        refused = self.call("evaluate", "--model", f"after={MODELS / 'retain'}", *words, "--outputs", self.folder / "out")
        self.assertEqual(refused.returncode, 64, refused.stderr)
        self.assertIn("give that one as --judge", refused.stderr)
        twice, _ = self.fluency(prompts, "--retrained", MODELS / "retain", model=f"before={MODELS / 'model'}")
        refused = self.call("evaluate", "--model", f"after={MODELS / 'retain'}", *words[:-1], twice["artefact"], "--judge", MODELS / "model",
                            "--outputs", self.folder / "out")
        self.assertIn("give that one as --retrained", refused.stderr)
        later = self.evaluate(*words, "--judge", MODELS / "model", model=f"after={MODELS / 'retain'}")
        both, _ = self.fluency(prompts, model=f"before={MODELS / 'model'},after={MODELS / 'retain'}")
        self.assertEqual(later["comparisons"], both["comparisons"])

    def table(self, *words, model):
        done = self.call("evaluate", "--model", model, *words, "--outputs", self.folder / "out")
        self.assertEqual(done.returncode, 0, done.stderr)
        return [re.split(r"\s{2,}", line) for line in done.stdout.splitlines() if line.count("  ") >= 2 or line.startswith("left out")]

    def test_changes_and_p_values_stand_in_the_table(self):
        tofu = ["--tasks", "tofu", "--tofu", MODELS, "--tofu-forget", "forget01", "--answer-tokens", 4]
        both = self.table(*tofu, model=f"retain={MODELS / 'retain'},model={MODELS / 'model'}")
        self.assertEqual(both[0], ["task", "metric", "retain", "model", "change", "p"])
        rows = {row[1]: row for row in both[1:]}
        utility, probability = rows["tofu_model_utility"], rows["tofu_forget_probability"]
        self.assertEqual(len(utility), 6)
        first, second = (float(cell.split()[0]) for cell in probability[2:4])
        self.assertAlmostEqual(float(probability[4].split()[0]), second - first, places=3)
        self.assertTrue(probability[4].startswith("+"), probability)
        self.assertTrue(0 <= float(probability[5]) <= 1)
        self.assertEqual(rows["forget_quality"][2], "–")
        self.assertEqual(float(rows["forget_quality"][5]), 0.029)

        earlier = self.evaluate(*tofu, model=f"retain={MODELS / 'retain'}")["artefact"]
        later = self.table(*tofu, "--compare-with", earlier, model=f"model={MODELS / 'model'}")
        self.assertEqual(later, both)
        three = self.table(*tofu, model=f"a={MODELS / 'retain'},b={MODELS / 'model'},c={MODELS / 'retain'}")
        self.assertEqual(three[0], ["task", "metric", "a", "b", "c", "change of b", "p", "change of c", "p"])
        self.assertNotIn("change", self.table(*tofu, model=MODELS / "model")[0])

    def test_models_are_measured_quantised(self):
        text = self.write("text.txt", "The river runs past the town, and the town lies on the sea.")
        words = ["--texts", f"text={text}"]
        plain = self.evaluate(*words)
        self.assertNotIn("quantisation", plain)
        perplexity = {}
        for form in ("int8", "int4", "nf4"):
            answer = self.evaluate(*words, "--quantise", form)
            self.assertNotEqual(answer["artefact"], plain["artefact"])
            self.assertEqual(answer["quantisation"]["form"], form)
            (rounded,) = answer["quantisation"]["models"].values()
            self.assertGreater(rounded["weights"], rounded["matrices"])
            self.assertGreater(rounded["matrices"], 0)
            perplexity[form] = next(metric["value"] for metric in answer["results"]["perplexity:text"].values())
            stored = json.loads((pathlib.Path(answer["artefact"]) / "manifest.json").read_text())
            self.assertEqual(stored["key"]["options"]["quantise"], form)
            self.assertIn(f"rounded to {form}", (pathlib.Path(answer["artefact"]) / "table.txt").read_text())
        exact = next(metric["value"] for metric in plain["results"]["perplexity:text"].values())
        self.assertEqual(len({exact, *perplexity.values()}), 4, perplexity)
        self.assertLess(abs(perplexity["int8"] - exact), abs(perplexity["int4"] - exact))
        # Beside the same model as it is.
        beside = self.evaluate(*words, "--quantise", "int4", "--compare-with", plain["artefact"], model=f"int4={MODELS / 'model'}")
        self.assertEqual(list(beside["comparisons"]), ["model → int4"])

    def test_an_earlier_evaluation_by_other_definitions_is_not_compared_with(self):
        tofu = ["--tasks", "tofu", "--tofu", MODELS, "--tofu-forget", "forget01", "--answer-tokens", 4]
        answer = self.evaluate(*tofu)
        self.assertEqual(answer["metrics"]["tofu_model_utility"]["version"], 2)
        other = self.evaluate(*tofu, "--tofu-truth-ratio", "arithmetic")
        self.assertNotIn("tofu_model_utility", other["results"]["tofu"])
        self.assertNotEqual(other["results"]["tofu"]["tofu_forget_truth_ratio_arithmetic"]["value"],
                            answer["results"]["tofu"]["tofu_forget_truth_ratio"]["value"])
        self.assertNotEqual(answer["artefact"], other["artefact"])
        wrong = self.call("evaluate", "--model", f"x={MODELS / 'retain'}", *tofu, "--compare-with", other["artefact"], "--outputs", self.folder / "out")
        self.assertEqual(wrong.returncode, 65, wrong.stderr)

    def test_a_text_of_one_token_has_no_score(self):
        for text in ("\u00a0",):
            done = self.call("score", "--model", MODELS / "model", "--file", self.write("text.txt", text), "--chars", 1)
            self.assertIn(done.returncode, (0, 65), done.stderr)
        bare = self.folder / "bare"
        bare.mkdir()
        for name in ("config.json", "model.safetensors", "tokenizer_config.json"):
            (bare / name).write_bytes((MODELS / "model" / name).read_bytes())
        tokenizer = json.loads((MODELS / "model/tokenizer.json").read_text())
        tokenizer["post_processor"] = None  # no BOS: one character is one token
        (bare / "tokenizer.json").write_text(json.dumps(tokenizer))
        done = self.call("score", "--model", bare, "--file", self.write("one.txt", "a"), "--json")
        self.assertEqual((done.returncode, done.stdout), (65, ""), done.stderr)
        self.assertIn("nothing predicts a text's first token", done.stderr)

    def test_what_cannot_be_measured_is_counted_and_printed(self):
        texts = self.write("texts.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in ("She was born in Lima.", "a", "No, never.")))
        bare = self.folder / "bare"
        bare.mkdir()
        for name in ("config.json", "model.safetensors", "tokenizer_config.json"):
            (bare / name).write_bytes((MODELS / "model" / name).read_bytes())
        tokenizer = json.loads((MODELS / "model/tokenizer.json").read_text())
        tokenizer["post_processor"] = None
        (bare / "tokenizer.json").write_text(json.dumps(tokenizer))
        answer = self.evaluate("--texts", f"t={texts}", model=bare)
        left = answer["n-samples"]["perplexity:t"]
        self.assertEqual((left["effective"], left["left_out"][0]["count"]), (2, 1))
        done = self.call("evaluate", "--model", bare, "--texts", f"t={texts}", "--outputs", self.folder / "out")
        self.assertIn("left out of perplexity:t: 1 documents", done.stdout)

        long = {**PLAIN, "id": "2", "target_new": "a" * 4000}
        facts = self.write("facts.jsonl", json.dumps(PLAIN) + "\n" + json.dumps(long) + "\nno JSON\n")
        words = ["--tasks", "zsre", "--facts", facts]
        refused = self.call("evaluate", "--model", MODELS / "model", *words, "--outputs", self.folder / "out")
        self.assertEqual(refused.returncode, 65, refused.stderr)
        kept = self.evaluate(*words, "--skip-bad")["n-samples"]["zsre"]
        self.assertEqual((kept["effective"], [some["count"] for some in kept["left_out"]]), (1, [1, 1]))

    def test_no_number_of_an_answer_is_nan(self):
        answer = self.evaluate("--tasks", "zsre", "--facts", self.write("plain.jsonl", json.dumps(PLAIN)))
        accuracy = answer["results"]["zsre"]["rewrite_token_accuracy"]
        self.assertEqual(accuracy["ci95"], [None, None])  # one item gives no interval
        self.assertNotIn("not_finite", answer)


if __name__ == "__main__":
    sys.argv = [sys.argv[0], *REST]
    unittest.main(verbosity=2)
