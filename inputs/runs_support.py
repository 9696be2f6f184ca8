"""What scripts of runs share: calls of the binary that are not made again, and Markdown tables."""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys

CUT_OFF = (75, 130, 137, 143)  # the binary was asked to stop, or was killed: another start goes on


class Refused(Exception):
    """The binary said no: its last line."""


class Runner:
    """Calls of the binary. Answers are found again by the words, the files they name and the binary, where --slim deleted artefacts."""

    def __init__(self, options):
        self.options = options
        self.outputs = pathlib.Path(options.outputs)
        self.answers = self.outputs / "answers"
        self.answers.mkdir(parents=True, exist_ok=True)
        self.binary = hashlib.sha256(pathlib.Path(shutil.which(options.nepenthe) or options.nepenthe).read_bytes()).hexdigest()

    def __call__(self, verb, *words, values=(), before=()):
        """The answer of `nepenthe VERB WORD...`. `values`, `before`: ledgers that edit may take values and measurements from; they
        change no result."""
        words = [verb, *map(str, words)]
        kept = self._kept(words)
        if kept and kept.exists():
            return json.loads(kept.read_text())
        lent = [word for name, ledgers in (("--values", values), ("--before", before)) if ledgers
                for word in (name, ",".join(map(str, ledgers)))]
        command = ["mpirun", "-n", str(self.options.ranks), self.options.nepenthe, *words, *lent, "--outputs", str(self.outputs), "--json"]
        print(" ".join(words), file=sys.stderr, flush=True)
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace",
                              env={"NEPENTHE_THREADS": "1", **os.environ})
        if done.returncode in CUT_OFF or done.returncode < 0:
            sys.exit(done.returncode)
        if done.returncode != 0:
            said = [line for line in done.stderr.splitlines() if line.startswith("nepenthe:")] or done.stderr.splitlines()[-1:] or ["no reason given"]
            raise Refused(f"exit {done.returncode}, {said[-1].removeprefix('nepenthe: ')}")
        return json.loads(done.stdout)

    def keep(self, answer, *words):
        """With --slim: these words find the answer again, also when what they name is gone."""
        kept = self._kept([*map(str, words)])
        if kept and not kept.exists():
            kept.write_text(json.dumps(answer))

    def forget(self, answer, *words):
        """With --slim: keeps the answer of these words and the ledger, if there is one, deletes the artefact."""
        kept = self._kept([*map(str, words)])
        if kept and not kept.exists():
            ledger = pathlib.Path(answer["artefact"]) / "ledger.h5"
            if ledger.exists():
                shutil.copy(ledger, kept.with_suffix(".h5"))
            kept.write_text(json.dumps(answer))
            shutil.rmtree(answer["artefact"])

    def ledger(self, answer, *words):
        """Where the ledger of an edit lies."""
        kept = self._kept([*map(str, words)])
        return kept.with_suffix(".h5") if kept and kept.exists() else pathlib.Path(answer["artefact"]) / "ledger.h5"

    def _kept(self, words):
        if not self.options.slim:
            return None
        paths = [pathlib.Path(word) for word in words if pathlib.Path(word).is_file()]
        marks = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in paths]
        return self.answers / (hashlib.sha256(json.dumps([self.binary, words, marks]).encode()).hexdigest()[:24] + ".json")


def heading(title, *columns):
    print(f"\n### {title}\n\n| " + " | ".join(columns) + " |\n|" + "---|" * len(columns), flush=True)


def line(*cells):
    print("| " + " | ".join(map(str, cells)) + " |", flush=True)


def percent(metrics, name):
    value = metrics.get(name, {}).get("value")
    return "–" if value is None else f"{100 * value:.1f}"


def write_if_other(path, text):
    """Leaves a file's time alone where its content is the same."""
    if not path.exists() or path.read_text() != text:
        path.write_text(text)
