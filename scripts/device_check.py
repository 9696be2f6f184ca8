#!/usr/bin/env python3
"""The checks of scripts/device-check.sh, which calls this with its environment set.

    device_check.py FOLDER [--device cuda] [--seconds 480] [--only WORD] [--layers 8]

First the test of all model families on the device; then the cases of device_cases.py on the host and on the device,
several at a time, on a small trained model, whose answers have to agree; then a model of the shape of Llama 2 7B, as
many of its layers as fit, made on the device: steps of training, scoring, relabelling and an edit in bf16, with a plain
loop over transformers beside them where that is installed. Figures of the last kind are speeds, not judgements.
"""
import argparse
import concurrent.futures
import json
import math
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import threading
import time

import device_cases

SIDE_BY_SIDE = max(1, min(16, os.cpu_count()))
LLAMA_7B = {"model_type": "llama", "hidden_size": 4096, "intermediate_size": 11008, "num_attention_heads": 32,
            "num_key_value_heads": 32, "max_position_embeddings": 4096, "rms_norm_eps": 1e-5,
            "tie_word_embeddings": False, "vocab_size": 32000}
NOT_COMPARED = re.compile(r"\b(artefact|digest|seconds|model|models|reused|version|n_samples|journal|bytes)\b")


def figures(value, path=""):
    """Numbers and words of an answer or a summary by path, of short lists too."""
    if isinstance(value, dict):
        for key, part in sorted(value.items()):
            yield from figures(part, f"{path} {key}".strip())
    elif isinstance(value, list):
        for number, part in enumerate(value[:8]):
            yield from figures(part, f"{path} {number}")
    elif isinstance(value, (int, float, str)) and not isinstance(value, bool) and not NOT_COMPARED.search(path):
        yield path, value


def apart(host, device):
    """As a share of the host's figure; words are alike or wholly apart."""
    if isinstance(host, str) or isinstance(device, str):
        return 0.0 if host == device else 1.0
    if math.isnan(host) or math.isnan(device):
        return 0.0 if math.isnan(host) and math.isnan(device) else math.inf
    return abs(host - device) / max(abs(host), 1e-3)


class Check:
    def __init__(self, folder, device, seconds):
        self.folder, self.device, self.end = folder, device, time.monotonic() + seconds
        self.rows, self.outputs = [], folder / "outputs"
        shutil.rmtree(self.outputs, ignore_errors=True)
        self.work = self.outputs / "work"
        device_cases.write_inputs(folder / "inputs", self.work)
        self.lock = threading.Lock()
        self.environment = {}  # of our own program, beside what there is

    def left(self):
        return max(self.end - time.monotonic(), 1)

    def nepenthe(self, side, verb, *words):
        """On the "host" or the "device": the answer, and the seconds it took."""
        begun = time.monotonic()
        command = [str(self.folder / "nepenthe"), verb, *map(str, words), "--device", self.device if side == "device" else "cpu"]
        if "--threads" not in words:
            command += ["--threads", "1"]
        if verb not in ("score", "generate"):
            command += ["--outputs", str(self.outputs / side)]
        done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=self.left(),
                              env=os.environ | self.environment)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("nepenthe:")] or done.stderr.splitlines()[-6:]
            raise RuntimeError(f"{verb} on the {side}: exit code {done.returncode}: {' '.join(said)[:1500]}")
        answer = json.loads(done.stdout)
        if "artefact" in answer:
            answer["summary"] = json.loads((pathlib.Path(answer["artefact"]) / "manifest.json").read_text())["summary"]
        return answer, time.monotonic() - begun

    def say(self, row, text):
        with self.lock:
            self.rows.append(row)
            print(text, flush=True)


def families(check):
    """Logits, gradients and caches of every family against transformers' figures, on the device."""
    program = check.folder / "model_families_test"
    if not program.exists():
        return
    done = subprocess.run([str(program), "--gtest_brief=1"], capture_output=True, text=True, timeout=check.left(),
                          cwd=check.folder, env=dict(os.environ, NEPENTHE_TEST_DEVICE=check.device))
    (check.folder / "families.log").write_text(done.stdout + done.stderr)
    failed = sorted(set(re.findall(r"FAILED.*?\] *(\S+/\S+?),? ", done.stdout)))
    passed = re.search(r"PASSED.*?(\d+) tests", done.stdout)
    check.say({"what": "families", "fine": done.returncode == 0, "failed": failed},
              f"families: exit code {done.returncode}, {passed.group(1) if passed else 'no'} tests passed, {len(failed)} failed"
              + "".join(f"\n    {name}" for name in failed[:20])
              + ("" if done.returncode in (0, 1) else "\n" + (done.stdout + done.stderr)[-1500:]))


class Cases:
    """Runs each case on both sides; a word "@name" waits for the host's side of that case."""

    def __init__(self, check, only):
        self.check = check
        every = {case.name: case for case in device_cases.cases()}
        chosen = [name for name in every if only in name]
        for name in chosen:  # what they stand on, too
            chosen += [word[1:] for word in every[name].words if str(word).startswith("@") and word[1:] not in chosen]
        self.cases = [case for case in every.values() if case.name in chosen]
        self.host = {}

    def words(self, case):
        put = {"inputs": str(self.check.folder / "inputs"), "work": str(self.check.work)}
        return [self.host[word[1:]].result()[0]["artefact"] if str(word).startswith("@") else str(word).format_map(put)
                for word in case.words]

    def run(self):
        with concurrent.futures.ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
            there = {}
            for case in self.cases:
                self.host[case.name] = pool.submit(lambda case=case: self.check.nepenthe("host", *self.words(case)))
                there[case.name] = pool.submit(lambda case=case: self.check.nepenthe("device", *self.words(case)))
            for case in self.cases:
                self.judge(case, self.host[case.name], there[case.name])

    def judge(self, case, host, device):
        try:
            (on_host, host_seconds), (on_device, device_seconds) = host.result(), device.result()
        except (RuntimeError, subprocess.TimeoutExpired, KeyError, ValueError) as error:
            self.check.say({"what": case.name, "fine": False, "error": str(error)}, f"{case.name:28} FAILED: {error}")
            return
        here, there = dict(figures(on_host)), dict(figures(on_device))
        rows = {path: (value, there.get(path, "nothing")) for path, value in here.items()}
        far = sorted(((apart(*pair), path) for path, pair in rows.items()), reverse=True)
        wrong = [path for much, path in far if case.tolerance is not None and much > case.tolerance]
        missing = set(there) - set(here)
        self.check.say({"what": case.name, "fine": not wrong and not missing and bool(rows), "wrong": wrong, "figures": rows},
                       f"{case.name:28} {len(rows):4} figures, apart {far[0][0] if far else 0:.1e} ({host_seconds:.1f} s, "
                       f"{device_seconds:.1f} s)"
                       + "".join(f"\n    {path}: {rows[path][0]} against {rows[path][1]}" for path in wrong[:5])
                       + "".join(f"\n    {path}: on the device alone" for path in sorted(missing)[:5]))


class Memory:
    """The most memory that the card had in use while something ran, GiB."""

    def __enter__(self):
        self.most, self.over = 0, threading.Event()
        if shutil.which("nvidia-smi") is None:
            self.over.set()
        self.thread = threading.Thread(target=self.look)
        self.thread.start()
        return self

    def look(self):
        while not self.over.wait(0.1):
            done = subprocess.run(["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits"], capture_output=True,
                                  text=True)
            if done.returncode == 0:
                self.most = max(self.most, int(done.stdout.split()[0]) / 1024)

    def __exit__(self, *_):
        self.over.set()
        self.thread.join()


class Speed:
    """A model of the shape of Llama 2 7B with fewer layers."""

    TOKENS, MICRO, GLOBAL, STEPS = 1024, 4, 8, 6

    def __init__(self, check, layers):
        self.check, self.layers, self.model = check, layers, None
        self.shape = LLAMA_7B | {"num_hidden_layers": layers}
        if check.device == "cpu":  # a rehearsal
            self.shape |= {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 4}
            self.TOKENS = 64
        width, inner, words = (self.shape[name] for name in ("hidden_size", "intermediate_size", "vocab_size"))
        self.parameters = layers * (4 * width**2 + 3 * width * inner) + 2 * words * width
        (check.folder / "shape.json").write_text(json.dumps(self.shape))

    def run(self):
        for part in (self.products, self.train, self.peer, self.score, self.edit, self.relabel, self.train_again,
                     self.profile):
            if self.check.left() <= 5:
                self.check.say({"what": part.__name__, "fine": True, "left_out": True}, f"{part.__name__}: left out, the time is over")
                continue
            try:
                part()
            except (RuntimeError, subprocess.TimeoutExpired, KeyError, ValueError, IndexError) as error:
                self.check.say({"what": part.__name__, "fine": False, "error": str(error)}, f"{part.__name__}: FAILED: {error}")

    def figure(self, what, value):
        self.check.say({"what": what, "fine": True, "device": value}, f"{what:70} {value:10.4g}")

    def products(self):
        if self.check.device != "cuda":
            return
        import torch
        a = torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16)
        for _ in range(3):
            a @ a
        torch.cuda.synchronize()
        begun = time.monotonic()
        for _ in range(20):
            a @ a
        torch.cuda.synchronize()
        self.figure("the card's own bf16 products, TFLOP/s", 20 * 2 * 8192**3 / (time.monotonic() - begun) / 1e12)
        del a
        torch.cuda.empty_cache()

    def rate(self, artefact):
        """Tokens a second of the median step, from its curves; the first step warms up."""
        artefact = pathlib.Path(artefact)
        data = b"".join(path.read_bytes() for path in (artefact.parent / "curves" / artefact.name).iterdir())
        found = [struct.unpack("<f", part)[0] for part in re.findall(rb"train/tokens_per_second\x15(.{4})", data, re.S)]
        return sorted(found[1:])[len(found[1:]) // 2]

    def ours(self, verb, *words):
        return self.check.nepenthe("device", verb, *words, "--dtype", "bf16", "--threads", os.cpu_count())

    def train(self, *words, name=""):
        with Memory() as memory:
            answer, took = self.ours("train", "--architecture", self.check.folder / "shape.json", "--tokenizer",
                                     self.check.folder / "inputs/stories/tokenizer.json", "--corpus",
                                     self.check.folder / "inputs/novel.txt", "--block", self.TOKENS, "--global-batch", self.GLOBAL,
                                     "--micro-batch", self.MICRO, "--checkpoint-minutes", 0, "--max-steps", self.STEPS, *words)
        self.model = answer["artefact"]
        rate = self.rate(self.model)
        self.figure(f"train, {self.layers} layers of Llama 2 7B, bf16{name}: tokens a second", rate)
        self.figure("   TFLOP/s of model arithmetic (6 a parameter and token)", 6 * self.parameters * rate / 1e12)
        self.figure("   memory of the card, GiB", memory.most)
        self.figure("   all of it, drawing and saving the model included: seconds", took)

    def train_again(self):
        self.train("--activation-checkpointing", "--seed", 1, name=", activations computed again")

    def profile(self):
        library, trace = self.check.folder / "libprofiler.so", self.check.outputs / "trace.json"
        if not library.exists() or self.check.device != "cuda":
            return
        self.check.environment = {"LD_PRELOAD": str(library), "PROFILE_OUT": str(trace)}
        try:
            Speed(self.check, 3).train("--seed", 2, name=", profiled")
        finally:
            self.check.environment = {}
        subprocess.run([sys.executable, str(self.check.folder / "kernel_times.py"), str(trace)], timeout=self.check.left())

    def score(self):
        scored, took = self.ours("score", "--model", self.model, "--file", self.check.folder / "inputs/novel.txt", "--window",
                                 2 * self.TOKENS, "--stride", 2 * self.TOKENS)
        self.figure("score: tokens a second, loading included", scored["tokens"] / took)

    def relabel(self):
        with Memory() as memory:
            _, took = self.ours("relabel", "--baseline", self.model, "--reinforced", self.model, "--corpus",
                                     self.check.folder / "inputs/novel.txt", "--chars", 50 * self.TOKENS, "--block", self.TOKENS // 2,
                                     "--dictionary", self.check.work / "terms.json")
        self.figure(f"relabel, {50 * self.TOKENS} characters, loading included: seconds", took)
        self.figure("   memory of the card, GiB", memory.most)

    def edit(self):
        for steps in (1, 21):
            _, took = self.ours("edit", "--model", self.model, "--facts", self.check.folder / "inputs/editing/counterfact-rome.json",
                                "--limit", 4, "--method", "memit", "--layers", "1,2", "--lambda", 100, "--steps", steps, "--stop-loss", 0,
                                "--skip-evaluation", "--mode", "one-at-a-time")
            self.figure(f"edit, four values of MEMIT, {steps} passes: seconds", took)

    def peer(self):
        if self.check.device != "cuda":
            return
        done = subprocess.run([sys.executable, __file__, "--peer", json.dumps(self.shape), str(self.MICRO), str(self.GLOBAL),
                               str(self.TOKENS), str(self.STEPS)], capture_output=True, text=True, timeout=self.check.left())
        if done.returncode != 0:
            raise RuntimeError(done.stderr[-500:])
        answer = json.loads(done.stdout.splitlines()[-1])
        self.figure("transformers, autocast, fused AdamW: tokens a second", answer["tokens"])
        self.figure("   memory of its tensors, GiB", answer["gib"])


def peer(shape, micro, batch, length, steps):
    """The same steps as a plain loop over transformers."""
    import torch
    import transformers
    shape = dict(shape)
    shape.pop("model_type")
    with torch.device("cuda"):
        model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**shape))
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    ids = torch.randint(10, 1000, (batch, length), device="cuda")
    seconds = []
    for _ in range(steps):
        torch.cuda.synchronize()
        begun = time.monotonic()
        for part in ids.split(micro):
            with torch.autocast("cuda", torch.bfloat16):
                loss = model(part, labels=part, use_cache=False).loss / (batch // micro)
            loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        seconds.append(time.monotonic() - begun)
    middle = sorted(seconds[1:])[len(seconds[1:]) // 2]
    print(json.dumps({"tokens": ids.numel() / middle, "gib": torch.cuda.max_memory_allocated() / 2**30}))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--seconds", type=float, default=480)
    parser.add_argument("--only", default="", help="cases whose name holds this, and what they stand on")
    parser.add_argument("--layers", type=int, default=8, help="of the large shape; 0 = leave it out")
    words = parser.parse_args()
    name = "host"
    if words.device == "cuda":
        import torch
        name = torch.cuda.get_device_name(0)
    print(f"host against {name}", flush=True)
    check = Check(words.folder.resolve(), words.device, words.seconds)
    with concurrent.futures.ThreadPoolExecutor(1) as beside:
        tested = beside.submit(families, check) if words.only in "families" else None
        Cases(check, words.only).run()
        if tested is not None:
            tested.result()
    if words.layers > 0:
        Speed(check, words.layers).run()
    (words.folder / "results.json").write_text(json.dumps({"device": name, "rows": check.rows}, indent=1) + "\n")
    wrong = [row["what"] for row in check.rows if not row["fine"]]
    print(f"{len(check.rows)} rows, {len(wrong)} wrong" + "".join(f"\n  {what}" for what in wrong))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        peer(json.loads(sys.argv[2]), *map(int, sys.argv[3:]))
    else:
        main()
