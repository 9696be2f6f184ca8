#!/usr/bin/env python3
"""Where the time of a training step goes on a device, from a trace of benchmarks/profiler.cpp.

    python3 benchmarks/kernel_times.py TRACE [--rows 25]

A step is told by its products: a pause between two of them of more than an eightieth of the whole is the optimiser's.
Printed are, for the middle step, the kernels from its first product to its last and those from there to the next step,
with milliseconds, launches and names.
"""
import argparse
import collections
import json

DEVICE = ("kernel", "gpu_memcpy", "gpu_memset")


def end(event):
    return event["ts"] + event["dur"]


def table(events, begin, finish, title, rows):
    time, launches = collections.Counter(), collections.Counter()
    for event in events:
        if begin <= event["ts"] < finish:
            time[event["name"]] += event["dur"]
            launches[event["name"]] += 1
    busy = sum(time.values())
    print(f"{title}: {(finish - begin) / 1e3:.1f} ms, {busy / 1e3:.1f} of them busy")
    for name, microseconds in time.most_common(rows):
        print(f"  {microseconds / 1e3:8.2f} ms {launches[name]:5} {name[:140]}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace")
    parser.add_argument("--rows", type=int, default=25)
    words = parser.parse_args()
    with open(words.trace) as file:
        events = sorted((event for event in json.load(file)["traceEvents"] if event.get("ph") == "X" and event.get("cat") in DEVICE),
                        key=lambda event: event["ts"])
    products = [event for event in events if "nvjet" in event["name"] or "gemm" in event["name"].lower()]
    if not products:
        raise SystemExit(f"{words.trace} holds no product of matrices on a device")
    pause = (end(products[-1]) - products[0]["ts"]) / 80
    steps = [[products[0]]]
    for before, product in zip(products, products[1:]):
        if product["ts"] - end(before) > pause:
            steps.append([])
        steps[-1].append(product)
    most = max(map(len, steps))
    steps = [step for step in steps if 2 * len(step) > most]  # what is short is no step
    middle = min(len(steps) // 2, max(len(steps) - 2, 0))
    table(events, steps[middle][0]["ts"], end(steps[middle][-1]), "forward and backward", words.rows)
    if middle + 1 < len(steps):
        table(events, end(steps[middle][-1]), steps[middle + 1][0]["ts"], "from there to the next step", words.rows)


if __name__ == "__main__":
    main()
