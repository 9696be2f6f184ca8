#!/usr/bin/env python3
"""The checks of scripts/device-check.sh, which calls this with its environment set.

    device_check.py FOLDER [--device cuda] [--seconds 480] [--layers 8]

First the same commands on the host and on the device, on a small trained model, whose answers have to agree; then a
model of the shape of Llama 2 7B, as many of its layers as fit, made on the device: a step of training, and scoring, in
bf16. Numbers of the second kind are speeds, not judgements.
"""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import time

# What host and device may differ by, as a share of the host's figure; fp32 on both.
TOLERANCE = 2e-3
FACT_LIMIT = 3
LLAMA_7B = {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
            "num_key_value_heads": 32, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
            "tie_word_embeddings": False}


def summary(answer):
    """The numbers of an artefact's summary by path; lists are left out."""
    def leaves(value, path):
        if isinstance(value, dict):
            for key, part in sorted(value.items()):
                yield from leaves(part, f"{path} {key}".strip())
        elif isinstance(value, (int, float)) and not isinstance(value, bool):
            yield path, value
    manifest = json.loads((pathlib.Path(answer["artefact"]) / "manifest.json").read_text())
    return dict(leaves(manifest["summary"], ""))


class Check:
    def __init__(self, folder, device, seconds):
        self.folder, self.device, self.end = folder, device, time.monotonic() + seconds
        self.rows, self.outputs = [], folder / "outputs"
        shutil.rmtree(self.outputs, ignore_errors=True)

    def nepenthe(self, device, verb, *words):
        """The answer, and the seconds it took."""
        begun = time.monotonic()
        command = [str(self.folder / "nepenthe"), verb, *map(str, words), "--device", device, "--outputs",
                   str(self.outputs / device), "--json"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=max(self.end - time.monotonic(), 1))
        if done.returncode != 0:
            raise RuntimeError(f"{verb} on {device}: exit code {done.returncode}: {done.stderr.strip()[-600:]}")
        return json.loads(done.stdout), time.monotonic() - begun

    def row(self, what, host, device, judged=True):
        apart = abs(host - device) / max(abs(host), 1e-12) if host is not None else None
        fine = not judged or apart <= TOLERANCE
        self.rows.append({"what": what, "host": host, "device": device, "apart": apart, "fine": fine, "judged": judged})
        shown = "" if apart is None else f"   apart {apart:.1e}{'' if fine else '   TOO FAR'}"
        print(f"{what:58} {'' if host is None else f'{host:14.6g}'} {device:14.6g}{shown}", flush=True)

    def attempt(self, what, run):
        """One group of checks; what it stumbles over is a row, and the next group runs."""
        if time.monotonic() > self.end:
            print(f"{what}: left out, the time is over", flush=True)
            self.rows.append({"what": what, "fine": True, "left_out": True})
            return
        try:
            run()
        except (RuntimeError, subprocess.TimeoutExpired, KeyError, ValueError) as error:
            print(f"{what}: FAILED: {error}", flush=True)
            self.rows.append({"what": what, "fine": False, "error": str(error)})

    def summaries(self, verb, host, device, judged=True):
        """A row for every number of two artefacts' summaries."""
        on_host, on_device = summary(host), summary(device)
        for key, value in on_host.items():
            self.row(f"{verb}: {key}", value, on_device.get(key, float("nan")), judged)

    def both(self, verb, *words):
        return self.nepenthe("cpu", verb, *words)[0], self.nepenthe(self.device, verb, *words)[0]


def parity(check):
    inputs = check.folder / "inputs"
    model, stories, novel = inputs / "stories", inputs / "stories.txt", inputs / "novel.txt"

    def score():
        for dtype in ("fp32", "bf16"):
            host, device = check.both("score", "--model", model, "--file", stories, "--chars", 20000, "--dtype", dtype)
            check.row(f"score, {dtype}: nats a token", host["nll_sum"] / host["tokens"],
                      device["nll_sum"] / device["tokens"], judged=dtype == "fp32")

    trained = {}

    def train():
        host, device = check.both("train", "--model", model, "--corpus", novel, "--chars", 30000, "--block", 64, "--lr",
                                  "1e-3", "--max-steps", 20)
        trained["cpu"] = host["artefact"]
        check.summaries("train, 20 steps", host, device)

    def relabel():
        words = ("--baseline", model, "--reinforced", trained["cpu"], "--corpus", novel, "--chars", 30000, "--block", 64,
                 "--dictionary", check.folder / "dictionary.json")
        (check.folder / "dictionary.json").write_text('{"Ilvane": ["Lily"], "Dorrick": ["Max"]}')
        host, device = check.both("relabel", *words)
        check.summaries("relabel", host, device)
        forget = ("forget", "--model", model, "--labels", host["artefact"], "--lr", "3e-4", "--epochs", 1,
                  "--global-batch", 4, "--retain", stories, "--retain-block", 64)
        a, b = check.both(*forget)
        check.summaries("forget", a, b)

    moments = {}

    def stats():
        host, device = check.both("stats", "--model", model, "--corpus", stories, "--layers", "1", "--tokens", 5000)
        moments["cpu"] = host["artefact"]
        check.summaries("stats", host, device)

    def edit():
        host, device = check.both("edit", "--model", model, "--facts", inputs / "counterfact-rome.json", "--limit",
                                  FACT_LIMIT, "--method", "rome", "--layers", "1", "--moments", moments["cpu"],
                                  "--prefixes", "0")
        check.summaries("edit", host, device, judged=False)

    for group in (score, train, relabel, stats, edit):
        check.attempt(group.__name__, group)


def speed(check, layers):
    inputs = check.folder / "inputs"
    shape = LLAMA_7B | {"num_hidden_layers": layers, "vocab_size": 32000}
    (check.folder / "shape.json").write_text(json.dumps(shape))
    parameters = layers * (4 * 4096**2 + 3 * 4096 * 11008) + 2 * 32000 * 4096

    def step():
        common = ("--architecture", check.folder / "shape.json", "--tokenizer", inputs / "stories/tokenizer.json",
                  "--corpus", inputs / "novel.txt", "--block", 1024, "--dtype", "bf16", "--global-batch", 2,
                  "--micro-batch", 1, "--checkpoint-minutes", 0, "--activation-checkpointing")
        answers = {steps: check.nepenthe(check.device, "train", *common, "--max-steps", steps) for steps in (1, 4)}
        seconds = (answers[4][1] - answers[1][1]) / 3
        tokens = 2 * 1024
        check.row(f"{layers} layers of Llama 2 7B, bf16: seconds a step of {tokens} tokens", None, seconds, judged=False)
        check.row("   tokens a second", None, tokens / seconds, judged=False)
        check.row("   TFLOP/s of model arithmetic (8 a parameter and token)", None,
                  8 * parameters * tokens / seconds / 1e12, judged=False)
        model = answers[4][0]["artefact"]
        scored, took = check.nepenthe(check.device, "score", "--model", model, "--file", inputs / "novel.txt", "--window",
                                      2048, "--stride", 2048, "--dtype", "bf16")
        check.row("   score: tokens a second, loading included", None, scored["tokens"] / took, judged=False)

    def multiply():
        import torch
        if check.device != "cuda":
            return
        a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
        for _ in range(3):
            a @ a
        torch.cuda.synchronize()
        begun = time.monotonic()
        for _ in range(20):
            a @ a
        torch.cuda.synchronize()
        check.row("the card's own bf16 products, TFLOP/s", None, 20 * 2 * 8192**3 / (time.monotonic() - begun) / 1e12,
                  judged=False)

    check.attempt("shape of 7B", step)
    check.attempt("products", multiply)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--layers", type=int, default=8, help="of the large shape; 0 = leave it out")
    words = parser.parse_args()
    name = "host"
    if words.device == "cuda":
        import torch
        name = torch.cuda.get_device_name(0)
    print(f"host against {name}", flush=True)
    check = Check(words.folder, words.device, words.seconds)
    parity(check)
    if words.layers > 0:
        speed(check, words.layers)
    (words.folder / "results.json").write_text(json.dumps({"device": name, "rows": check.rows}, indent=1) + "\n")
    wrong = [row["what"] for row in check.rows if not row["fine"]]
    print(f"{len(check.rows)} rows, {len(wrong)} wrong" + "".join(f"\n  {what}" for what in wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
