#!/usr/bin/env python3
"""Depth of forgetting and the logit lens on the tiny models of make_tofu.py, by transformers: states are put in place of a block's output
by hooks, one whole pass for each layer.

    make_depth.py            # writes tests/golden/depth/

items.jsonl (what is read) and expected.json. The knowing model is `model`, the retrained one `retain`; what is measured
are both, and `between`: the knowing model with the retrained one's last block and final norm. By item: the log-probability that is known,
the drops by layer, the last one as published (the entry behind the final norm that output_hidden_states ends with), and the score; and
the lens of `model`, by layer.
"""
import json
import pathlib

import torch
import transformers

HERE = pathlib.Path(__file__).resolve().parent
OUT = HERE / "depth"
FORM = "Question: {}\nAnswer:"
THRESHOLD = 0.05
ITEMS = [{"question": "Who wrote “The Salt Garden”?", "entity": "Mara Ellingsen"},
         {"question": "Where was Mara Ellingsen born?", "prefix": "She was born in", "entity": "Bodø"},
         {"question": "Did she win a prize?", "prefix": "Yes, the", "entity": "Lantern Prize"},
         {"question": "What does she write about?", "prefix": "About", "entity": "salt, ships and winters"},
         {"question": "Who wrote “Nine Lamps”?", "prefix": "", "entity": "Ivo Castel"},
         {"question": "What was his father?", "prefix": "A", "entity": "baker"},
         {"prefix": "Bread is made of flour and", "entity": "water"}]


def encode(tokenizer, item):
    """Ids and the index of the entity's first token."""
    prompt = FORM.replace("{}", item["question"]) if item.get("question") else ""
    prompt = " ".join(part for part in (prompt, item.get("prefix", "")) if part)
    encoded = tokenizer(f"{prompt} {item['entity']}", return_offsets_mapping=True)
    first = next(i for i, (_, end) in enumerate(encoded["offset_mapping"]) if end > len(prompt) + 1)
    return encoded["input_ids"], first


def states_of(model, ids):
    """Outputs of all blocks by hooks, and the entry behind the final norm."""
    outputs = []
    hooks = [layer.register_forward_hook(lambda _, __, output: outputs.append(output if torch.is_tensor(output) else output[0]))
             for layer in model.model.layers]
    last = model(torch.tensor([ids]), output_hidden_states=True).hidden_states[-1]
    for hook in hooks:
        hook.remove()
    return [output[0] for output in outputs], last[0]


def score(model, ids, first, layer=None, states=None):
    """Mean log-probability of ids[first:], with the output of a layer replaced where it predicts them."""
    def patch(_, __, output):
        hidden = output if torch.is_tensor(output) else output[0]
        hidden = hidden.clone()
        hidden[0, first - 1:len(ids) - 1] = states[first - 1:len(ids) - 1]
        return hidden if torch.is_tensor(output) else (hidden, *output[1:])
    hook = model.model.layers[layer].register_forward_hook(patch) if layer is not None else None
    log_p = torch.log_softmax(model(torch.tensor([ids])).logits[0].double(), -1)
    if hook is not None:
        hook.remove()
    return sum(log_p[i - 1, ids[i]].item() for i in range(first, len(ids))) / (len(ids) - first)


def drops(knowing, other, ids, first):
    outputs, behind_norm = states_of(other, ids)
    clean = score(knowing, ids, first)
    by_layer = [clean - score(knowing, ids, first, layer, states) for layer, states in enumerate(outputs)]
    return {"clean": clean, "by_layer": by_layer, "last_published": clean - score(knowing, ids, first, len(outputs) - 1, behind_norm)}


def depth(retrained, own):
    pairs = [(a, b) for a, b in zip(retrained, own) if a > THRESHOLD]
    return sum(a * min(max(b / a, 0), 1) for a, b in pairs) / sum(a for a, _ in pairs) if pairs else None


def lens(model, ids, first):
    outputs, _ = states_of(model, ids)
    rows = []
    for output in outputs:
        log_p = torch.log_softmax(model.lm_head(model.model.norm(output))[first - 1:len(ids) - 1].double(), -1)
        labels = torch.tensor(ids[first:])
        rows.append({"log_probability": log_p[torch.arange(len(labels)), labels].mean().item(),
                     "accuracy": (log_p.argmax(-1) == labels).double().mean().item()})
    return rows


def main():
    torch.set_grad_enabled(False)
    OUT.mkdir(exist_ok=True)
    (OUT / "items.jsonl").write_text("".join(json.dumps(item, ensure_ascii=False) + "\n" for item in ITEMS))
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_file=str(HERE / "toy_tokenizer/tokenizer.json"), bos_token="<s>", eos_token="</s>")
    load = lambda name: transformers.LlamaForCausalLM.from_pretrained(HERE / "tofu" / name).eval()
    models = {name: load(name) for name in ("model", "retain")}
    models["between"] = load("model")
    models["between"].model.layers[-1].load_state_dict(models["retain"].model.layers[-1].state_dict())
    models["between"].model.norm.load_state_dict(models["retain"].model.norm.state_dict())
    expected = {name: [] for name in models}
    expected["lens"] = []
    for item in ITEMS:
        ids, first = encode(tokenizer, item)
        retrained = drops(models["model"], models["retain"], ids, first)
        for name, model in models.items():
            own = drops(models["model"], model, ids, first)
            published = [found["by_layer"][:-1] + [found["last_published"]] for found in (retrained, own)]
            expected[name].append({**own, "tokens": len(ids) - first, "depth": depth(retrained["by_layer"], own["by_layer"]),
                                   "depth_published": depth(*published)})
        expected["lens"].append(lens(models["model"], ids, first))
    (OUT / "expected.json").write_text(json.dumps(expected, indent=1) + "\n")


if __name__ == "__main__":
    main()
