"""The optimisation of ROME's and MEMIT's value vectors as a careful PyTorch program does it, on transformers' modules.

    python -P benchmarks/edit_values_lean.py MODEL ROWS.json [--threads 2] [--kind rome] [--layer 5] …

ROWS.json is what benchmark_edit_values wrote: token ids, the subject's last token, targets. All rows of a fact are one
right-padded batch; blocks up to the edited layer run once; each step runs the blocks above it on all positions and the
unembedding at supervised positions only. Weights are frozen. Prints {"seconds", "values"} as one JSON object.
"""

import argparse
import json
import time

import torch
from transformers import AutoModelForCausalLM




def optimise(model, fact, options):
    layers, norm = model.model.layers, model.model.norm
    rows = fact["rows"] + [fact["kl_row"]]
    longest = max(len(row["ids"]) for row in rows)
    ids = torch.tensor([row["ids"] + [0] * (longest - len(row["ids"])) for row in rows])
    mask = torch.tensor([[1] * len(row["ids"]) + [0] * (longest - len(row["ids"])) for row in rows])
    last = torch.tensor([row["subject_last"] for row in rows])
    each = torch.arange(len(rows))

    # Once: the inputs of every block's call, and what the edited block computes.
    calls, recorded = {}, {}

    def record(index):
        def hook(module, args, kwargs):
            calls[index] = (args[1:], {key: value for key, value in kwargs.items() if key != "hidden_states"})
            recorded.setdefault("input", {})[index] = args[0] if args else kwargs["hidden_states"]
        return hook

    edited = layers[options.layer]
    handles = [layer.register_forward_pre_hook(record(i), with_kwargs=True) for i, layer in enumerate(layers)]
    keep = lambda name: lambda module, args, output: recorded.__setitem__(name, output)
    handles.append(edited.mlp.register_forward_hook(keep("mlp")))
    handles.append(edited.register_forward_hook(keep("block")))
    handles.append(edited.pre_feedforward_layernorm.register_forward_pre_hook(
        lambda module, args: recorded.__setitem__("stream", args[0])))
    with torch.no_grad():
        model.model(input_ids=ids, attention_mask=mask, use_cache=False)
    for handle in handles:
        handle.remove()
    block = recorded["block"][0] if isinstance(recorded["block"], tuple) else recorded["block"]
    site = recorded["mlp"] if options.kind == "rome" else block
    start = site[0, last[0]].clone()
    radius = start.norm().item()
    rate = options.relative_lr * radius / start.numel() ** 0.5

    places = torch.tensor([[row, len(rows[row]["ids"]) - len(rows[row]["targets"]) + i]
                           for row in range(len(fact["rows"])) for i in range(len(rows[row]["targets"]))])
    targets = torch.tensor([token for row in fact["rows"] for token in row["targets"]])
    weight = torch.tensor([1 / len(row["targets"]) / len(fact["rows"]) for row in fact["rows"] for _ in row["targets"]])

    delta = torch.zeros_like(start, requires_grad=True)
    adam = torch.optim.Adam([delta], lr=rate)
    first = None
    for step in range(options.steps):
        adam.zero_grad()
        changed = site.index_put((each, last), site[each, last] + delta)
        hidden = changed
        if options.kind == "rome":
            hidden = recorded["stream"] + edited.post_feedforward_layernorm(changed)
        for i in range(options.layer + 1, len(layers)):
            args, kwargs = calls[i]
            hidden = layers[i](hidden, *args, **kwargs)
            hidden = hidden[0] if isinstance(hidden, tuple) else hidden
        hidden = norm(hidden)
        log_p = model.lm_head(hidden[places[:, 0], places[:, 1]]).log_softmax(-1)
        nll = -(weight * log_p.gather(1, targets[:, None])[:, 0]).sum()
        held = model.lm_head(hidden[-1, last[-1]]).log_softmax(-1)
        first = held.detach().clone() if first is None else first
        kl = options.kl * torch.nn.functional.kl_div(first, held, log_target=True, reduction="sum")
        decay = options.decay * delta.norm() / radius ** 2
        loss = nll + kl + decay
        if loss < options.stop_loss or step == options.steps - 1:
            break
        loss.backward()
        adam.step()
        with torch.no_grad():
            length = delta.norm().item()
            if length > options.clamp * radius:
                delta.mul_(options.clamp * radius / length)
    return {"nll": nll.item(), "kl": kl.item(), "decay": decay.item(), "steps": step + 1, "norm": delta.norm().item(),
            "initial": radius}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("rows")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--kind", choices=["rome", "memit"], default="rome")
    parser.add_argument("--layer", type=int, default=5)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--clamp", type=float, default=1.0)
    parser.add_argument("--relative-lr", type=float, default=0.1)
    parser.add_argument("--decay", type=float, default=0.5)
    parser.add_argument("--kl", type=float, default=0.0625)
    parser.add_argument("--stop-loss", type=float, default=0.05)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    model = AutoModelForCausalLM.from_pretrained(options.model, dtype=torch.float32).eval().requires_grad_(False)
    values, start = [], time.perf_counter()
    for fact in json.load(open(options.rows))["facts"]:
        before = time.perf_counter()
        values.append(optimise(model, fact, options))
        values[-1]["seconds"] = time.perf_counter() - before
    print(json.dumps({"seconds": time.perf_counter() - start, "values": values}))


if __name__ == "__main__":
    main()
