#!/usr/bin/env python3
"""Lets TensorBoard read the event files of a run, to be run by hand where the package is installed.

    pip install tensorboard
    check_event_file.py FOLDER     prints every curve: its points, its first and its last value
"""
import sys

from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

events = EventAccumulator(sys.argv[1], size_guidance={"scalars": 0})
events.Reload()
if events.file_version != 2.0:
    sys.exit(f"file version {events.file_version}, expected 2.0")
for tag in events.Tags()["scalars"]:
    points = events.Scalars(tag)
    first, last = points[0], points[-1]
    print(f"{tag}: {len(points)} points, step {first.step}: {first.value:g} … step {last.step}: {last.value:g}")
