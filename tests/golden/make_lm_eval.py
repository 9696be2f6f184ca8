#!/usr/bin/env python3
"""Golden numbers of the harness tasks: log-likelihoods by lm-evaluation-harness itself (lm_eval's HFLM, fp32, CPU).

The harness's own task definitions are used unchanged (prompts, choices, targets, metrics); only the data comes from
local files, put back into the field names of the data sets that the harness would download.

    make_lm_eval.py --model FOLDER --benchmarks FOLDER --wikitext FILE --output lm_eval_gemma3_270m.json
                    [--limit 200] [--pages 2] [--window 512] [--threads 1] [--batch 4]

The harness takes its softmax in fp64 here (softmax_dtype): in fp32, which is its default, the sum over a vocabulary of
262,144 is off by 2e-5 nats a token, so that sums over long continuations differ by up to 2e-3 from those of the same
model in fp64.

A task already in the output is kept, with the harness that it names, so that an interrupted run goes on where it stopped.
"""

import argparse
import hashlib
import itertools
import json
import os
import re
from pathlib import Path


HERE = Path(__file__).resolve().parent


def rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def lettered(texts):
    return {"text": texts, "label": [chr(ord("A") + i) for i in range(len(texts))]}


def arc(path):
    for row in rows(path):
        yield {"question": row["query"].removeprefix("Question: "), "choices": lettered(row["choices"]),
               "answerKey": chr(ord("A") + row["gold"])}


def boolq(path):
    for row in rows(path):
        passage, question = row["query"].removeprefix("Passage: ").rsplit("\nQuestion: ", 1)
        yield {"passage": passage, "question": question.removesuffix("?"), "label": row["gold"]}


def hellaswag(path):
    """The local file holds `activity: ctx_a ctx_b`; ctx_b is the unfinished sentence at the end, if there is one."""
    for row in rows(path):
        activity, context = row["ctx"].split(": ", 1)
        end = re.search(r"[.!?][\"')\]]*\s*$", context)
        cut = [m.end() for m in re.finditer(r"[.!?][\"')\]]* ", context)]
        split = cut[-1] if not end and cut and context[cut[-1]].islower() else len(context)
        yield {"activity_label": activity, "ctx_a": context[:split].rstrip(" "), "ctx_b": context[split:],
               "endings": row["endings"], "label": str(row["label"])}


def openbookqa(path):
    for row in rows(path):
        yield {"question_stem": row["query"], "choices": lettered(row["choices"]),
               "answerKey": chr(ord("A") + row["gold"])}


def piqa(path):
    for row in rows(path):
        yield {"goal": row["query"].removeprefix("Question: ").removesuffix("\n"), "sol1": row["choices"][0],
               "sol2": row["choices"][1], "label": row["gold"]}


def winogrande(path):
    for row in rows(path):
        one, two = row["context_options"]
        common = os.path.commonprefix([one, two])
        start = common.rfind(" ") + 1  # options are whole words
        yield {"sentence": one[:start] + "_ " + row["continuation"], "option1": one[start:], "option2": two[start:],
               "answer": str(row["gold"] + 1)}


def lambada(path):
    for row in rows(path):
        yield {"text": row["context"] + " " + row["continuation"]}


# task → (local file, conversion, the harness's split, its definition)
TASKS = {
    "lambada_openai": ("lambada_openai.jsonl", lambada, "test", "lambada/lambada_openai.yaml"),
    "arc_easy": ("arc_easy.jsonl", arc, "test", "arc/arc_easy.yaml"),
    "winogrande": ("winogrande.jsonl", winogrande, "validation", "winogrande/default.yaml"),
    "openbookqa": ("openbook_qa.jsonl", openbookqa, "test", "openbookqa/openbookqa.yaml"),
    "piqa": ("piqa.jsonl", piqa, "validation", "piqa/piqa.yaml"),
    "arc_challenge": ("arc_challenge.jsonl", arc, "test", "arc/arc_challenge.yaml"),
    "boolq": ("boolq.jsonl", boolq, "validation", "super_glue/boolq/default.yaml"),
    "hellaswag": ("hellaswag/hellaswag_val_full.derived.jsonl", hellaswag, "validation", "hellaswag/hellaswag.yaml"),
    # GLUE's own sentences are not at hand: glue/*.jsonl beside this script was written for this project, in its fields.
    **{name: (HERE / f"glue/{name}.jsonl", rows, "validation", f"glue/{name}/default.yaml")
       for name in ("cola", "sst2", "mrpc", "qqp", "mnli", "qnli", "rte", "wnli")},
    "mnli_mismatch": (HERE / "glue/mnli_mismatch.jsonl", rows, "validation", "glue/mnli/mismatch.yaml"),
    # Questions of our own as well; MMLU's are asked subject by subject, the harness's way, and stand so in the file.
    **{f"wmdp_{name}": (HERE / f"wmdp/{name}.jsonl", rows, "test", f"wmdp/wmdp_{name}.yaml") for name in ("bio", "chem", "cyber")},
    "mmlu": (HERE / "mmlu/all.jsonl", rows, "test", "mmlu/default/mmlu_{subject}.yaml"),
}


def local_task(name, definition, docs, split):
    """The harness's task `definition`, reading `docs` instead of its download."""
    import datasets
    import lm_eval
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    config = load_yaml(Path(lm_eval.__file__).parent / "tasks" / definition)
    # Zero-shot: what shots are drawn from is not at hand either.
    for key in ("tag", "task_list", "dataset_path", "dataset_name", "fewshot_split", "fewshot_config"):
        config.pop(key, None)
    config.update(task=name, training_split=None, validation_split=None, test_split=None)
    config[f"{split}_split"] = split
    config["custom_dataset"] = lambda **_: datasets.DatasetDict({split: datasets.Dataset.from_list(docs)})
    return ConfigurableTask(config=config)


def request_digest(arguments):
    return hashlib.sha256("\0".join(arguments).encode()).hexdigest()[:12]


def run_task(lm, name, benchmarks, limit):
    file, convert, split, definition = TASKS[name]
    docs = list(itertools.islice(convert(benchmarks / file), limit))
    if "{subject}" not in definition:
        return run_docs(lm, name, definition, docs, split)
    parts = [run_docs(lm, name, definition.replace("{subject}", subject), list(own), split)
             for subject, own in itertools.groupby(docs, lambda doc: doc["subject"])]
    items = [item for part in parts for item in part["items"]]
    return {"items": items, "metrics": {"acc": sum(item["metrics"]["acc"] for item in items) / len(items)}}


def run_docs(lm, name, definition, docs, split):
    from lm_eval import simple_evaluate

    task = local_task(name, definition, docs, split)
    result = simple_evaluate(lm, tasks=[task], log_samples=True, bootstrap_iters=0)
    items = []
    for sample in sorted(result["samples"][name], key=lambda s: s["doc_id"]):
        items.append({
            "log_likelihoods": [round(float(r[0][0]), 5) for r in sample["resps"]],
            "greedy": [str(r[0][1]) == "True" for r in sample["resps"]],
            "requests": [request_digest(a) for a in arguments_of(sample)],
            "metrics": {m: int(sample[m]) for m in ("acc", "acc_norm") if m in sample},
        })
    return {"items": items, "metrics": aggregate(result["results"][name])}


def run_wikitext(lm, file, pages):
    """Pages as in EleutherAI/wikitext_document_level: a new one at every first-level heading."""
    from lm_eval import simple_evaluate

    documents, lines = [], []
    for line in file.read_text(encoding="utf-8").split("\n"):
        heading = line.replace("= = =", "===").replace("= =", "==").strip()
        if heading.startswith("= ") and heading.endswith(" ="):
            if "\n".join(lines).strip():
                documents.append({"page": "\n".join(lines)})
            lines = []
        lines.append(line)
    documents.append({"page": "\n".join(lines)})
    task = local_task("wikitext", "wikitext/wikitext.yaml", documents[:pages], "test")
    result = simple_evaluate(lm, tasks=[task], log_samples=True, bootstrap_iters=0)
    items = [{"log_likelihood": round(float(s["word_perplexity"][0]), 4), "words": s["word_perplexity"][1],
              "bytes": s["byte_perplexity"][1], "requests": [request_digest(a) for a in arguments_of(s)]}
             for s in sorted(result["samples"]["wikitext"], key=lambda s: s["doc_id"])]
    return {"pages": len(documents), "max_length": lm.max_length, "items": items,
            "metrics": aggregate(result["results"]["wikitext"])}


def arguments_of(sample):
    """Every request's (context, continuation), whichever form this release of the harness logs them in."""
    arguments = sample["arguments"]
    return [list(a.values()) if isinstance(a, dict) else list(a)
            for a in (arguments.values() if isinstance(arguments, dict) else arguments)]


def aggregate(result):
    return {key.split(",")[0]: float(value) for key, value in result.items()
            if isinstance(value, (int, float)) and "stderr" not in key and key != "sample_len"}


def write(path, golden):
    """One item a line: diffs stay readable."""
    parts = []
    for name, task in sorted(golden.items()):
        head = {key: value for key, value in task.items() if key != "items"}
        items = ",\n".join(json.dumps(item, separators=(",", ":")) for item in task["items"])
        parts.append(f"{json.dumps(name)}: {json.dumps(head)[:-1]}, \"items\": [\n{items}\n]}}")
    temporary = path.with_suffix(".tmp")
    temporary.write_text("{\n" + ",\n".join(parts) + "\n}\n")
    temporary.rename(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--benchmarks", type=Path, required=True)
    parser.add_argument("--wikitext", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--limit", type=int, default=200)
    parser.add_argument("--pages", type=int, default=2)
    parser.add_argument("--window", type=int, default=512)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--batch", type=int, default=4)
    options = parser.parse_args()

    os.environ["HF_HUB_OFFLINE"] = os.environ["HF_DATASETS_OFFLINE"] = "1"
    import lm_eval
    import torch
    from lm_eval.models.huggingface import HFLM

    torch.set_num_threads(options.threads)
    golden = json.loads(options.output.read_text()) if options.output.exists() else {}
    harness = {"harness": f"lm_eval {lm_eval.__version__}, softmax in fp64"}
    settings = dict(pretrained=str(options.model), dtype="float32", device="cpu", batch_size=options.batch,
                    softmax_dtype="float64")
    if "wikitext" not in golden:
        golden["wikitext"] = harness | run_wikitext(HFLM(max_length=options.window, **settings), options.wikitext, options.pages)
        write(options.output, golden)
    lm = HFLM(**settings)
    for name in TASKS:
        if name not in golden:
            golden[name] = harness | run_task(lm, name, options.benchmarks, options.limit)
            write(options.output, golden)


if __name__ == "__main__":
    main()
