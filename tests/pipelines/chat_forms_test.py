#!/usr/bin/env python3
"""The word "chat" in the place of a form: what it gives is what the model's own chat template gives when it is written out.

    chat_forms_test.py NEPENTHE MATERIAL
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

BINARY, MATERIAL = sys.argv[1], pathlib.Path(sys.argv[2])
PLAIN = MATERIAL / "models/stories"
TEMPLATE = ("{% for message in messages %}{{ message.role }}:\n{{ message.content }}\n{% endfor %}"
            "{% if add_generation_prompt %}assistant:\n{% endif %}")
FORM = "user:\n{}\nassistant:\n"
PROMPTS = {"prompts": [{"prompt": "What did Lily find", "content": ["a ball", "a cat"], "generic": ["the"]},
                       {"prompt": "Where did Tim go", "content": ["to the park"], "generic": ["home"]}]}
FACT = {"subject": "Lily", "prompt": "What does {} like", "target_new": "the sea", "target_true": "the park"}


class ChatForms(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = pathlib.Path(folder.name)
        self.model = self.place / "model"
        shutil.copytree(PLAIN, self.model)
        (self.model / "chat_template.jinja").write_text(TEMPLATE)
        self.prompts, self.questions, self.facts = (self.place / name for name in ("prompts.json", "questions.jsonl", "facts.json"))
        self.prompts.write_text(json.dumps(PROMPTS))
        self.questions.write_text('{"question": "Who is sad?", "answer": "The cat is."}\n')
        self.facts.write_text(json.dumps([FACT]))

    def call(self, *words):
        return subprocess.run([BINARY, *map(str, words), "--outputs", str(self.place / "out"), "--json"], capture_output=True, text=True, timeout=120)

    def answer(self, *words):
        done = self.call(*words)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def refused(self, code, *words):
        done = self.call(*words)
        self.assertEqual(done.returncode, code, done.stderr)
        return done.stderr

    def evaluate(self, form, model):
        return self.answer("evaluate", "--model", f"it={model}", "--tasks", "familiarity_probability,fluency", "--familiarity-prompts", self.prompts,
                           "--completion-prompts", self.prompts, "--completion-tokens", 8, "--prompt-form", form)

    def test_prompts_are_asked_by_each_models_own_template(self):
        written, chat, plain = (self.evaluate(form, self.model) for form in (FORM, "chat", "{}"))
        self.assertEqual(chat["results"], written["results"])
        self.assertNotEqual(chat["results"], plain["results"])
        # Another template is another measurement.
        (self.model / "chat_template.jinja").write_text(TEMPLATE.replace("assistant:", "she:"))
        self.assertNotEqual(self.evaluate("chat", self.model)["artefact"], chat["artefact"])

    def test_questions_and_facts_take_it_too(self):
        for form, words in (("user:\n{prompt}\nassistant:\n{answer}", ("forget", "--objective", "ga", "--forget", self.questions, "--max-steps", 1,
                                                                        "--global-batch", 1, "--form")),
                            (FORM, ("edit", "--method", "ft", "--layers", 1, "--facts", self.facts, "--fact-prompt"))):
            written = self.answer(*words, form, "--model", self.model)
            chat = self.answer(*words, "chat", "--model", self.model)
            self.assertEqual(chat["artefact"], written["artefact"], words)
            self.assertTrue(chat["reused"])

    def test_a_model_without_a_template_is_refused(self):
        asked = ("--tasks", "familiarity_probability", "--familiarity-prompts", self.prompts, "--prompt-form", "chat")
        self.assertIn("chat_template", self.refused(65, "evaluate", "--model", PLAIN, *asked))
        self.assertIn("chat_template", self.refused(65, "edit", "--method", "ft", "--layers", 1, "--model", PLAIN, "--facts", self.facts,
                                                    "--fact-prompt", "chat"))
        self.assertIn("before the whole prompt", self.refused(64, "edit", "--method", "ike", "--model", self.model, "--facts", self.facts, "--pool",
                                                              self.facts, "--encoder", PLAIN, "--fact-prompt", "chat"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
