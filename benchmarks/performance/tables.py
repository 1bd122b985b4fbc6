"""The tables of docs/performance.md, made from what was measured."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

BASELINE = ("unet-published", 112)
STAGES = ("decode", "sector", "place", "network", "segment", "write")


def jobs(part: dict[str, Any]) -> Iterable[str]:
    """Yield a table a clip."""
    yield describe(part["machine"])
    rows = part["rows"]
    for clip in dict.fromkeys(row["clip"] for row in rows):
        these = [row for row in rows if row["clip"] == clip]
        base = next((row for row in these if (row["network"], row["grid"]) == BASELINE), None)
        head = (
            clip, "grid", "runs on", "whole job, s (range)", "frames/s", f"times {BASELINE[0]}", "processors used",
            "peak MB", "of the time, %",
        )  # fmt: skip
        yield f"\n| {' | '.join(head)} |"
        yield "| --- " * 9 + "|"
        for row in these:
            yield line(row, base)


def line(row: dict[str, Any], base: dict[str, Any] | None) -> str:
    """Return a row of the table: medians of the rounds."""
    runs, frames = row["runs"], row["clip_frames"]
    # Runs that were cut count by the frames they did.
    walls = [run["wall_s"] / run["frames"] * frames for run in runs]
    wall = statistics.median(walls)
    cut = "" if runs[0]["frames"] == frames else f", from {runs[0]['frames']} frames"
    ratio = "" if base is None else f"{rate(row) / rate(base):.1f}"
    is_other = row["network"].endswith(("published", "unet", "2d"))
    name = row["network"] if is_other else f"{row['network']} {row['width']}"
    shares = {
        stage: statistics.median(run["stages_s"].get(stage, 0) / run["wall_s"] for run in runs) for stage in STAGES
    }
    told = ", ".join(f"{stage} {100 * share:.0f}" for stage, share in shares.items() if share >= 0.005)
    if "network_alone_s" in runs[0]:
        alone = statistics.median(run["network_alone_s"] / run["wall_s"] for run in runs)
        told += f"; the network alone {100 * alone:.0f}"
    busy = statistics.median(run["cpu_s"] / run["wall_s"] for run in runs)
    peak = max(run["peak_mb"] for run in runs)
    cells = (
        name, runs[0]["grid"], f"{runs[0]['backend']}, {runs[0]['precision']}",
        f"{wall:.2f} ({min(walls):.2f} to {max(walls):.2f}{cut})", f"{frames / wall:.0f}" if frames / wall >= 10 else
        f"{frames / wall:.1f}", ratio, f"{busy:.1f}", f"{peak:.0f}", told,
    )  # fmt: skip
    return "| " + " | ".join(map(str, cells)) + " |"


def rate(row: dict[str, Any]) -> float:
    """Return frames a second of the whole job, the median of the rounds."""
    return statistics.median(run["frames"] / run["wall_s"] for run in row["runs"])


def growth(part: dict[str, Any]) -> Iterable[str]:
    """Yield the three tables of growth."""
    yield f"{describe(part['machine'])} {part['of']}."
    yield "\n| frames of 112x112 | seconds | processor, ms a frame | the clip, MB | peak MB | of these its own |"
    yield "| --- " * 6 + "|"
    for row in part["frames"]:
        yield (f"| {row['frames']:,} | {row['seconds']:.1f} | {1e3 * row['cpu_s'] / row['frames']:.1f} "
               f"| {row['clip_mb']:.0f} | {row['peak_mb']:.0f} | {row['own_mb']:.0f} |")  # fmt: skip
    yield "\n| 60 frames of | seconds | processor, ms a frame | peak MB |"
    yield "| --- " * 4 + "|"
    for row in part["sides"]:
        yield (f"| {row['side']}x{row['side']} | {row['seconds']:.1f} | {1e3 * row['cpu_s'] / 60:.1f} "
               f"| {row['peak_mb']:.0f} |")  # fmt: skip
    head = (
        "labelled frames in a study", "its file, MB", "open and list its cines, ms", "next frame to review, p95 ms",
        "frames of a cine, p95 ms", "ask for changes, p95 ms", "figures of the whole study, ms", "peak MB",
    )  # fmt: skip
    yield f"\n| {' | '.join(head)} |"
    yield "| --- " * 8 + "|"
    for row in part["labels"]:
        yield (f"| {row['labels']:,} | {row['file_mb']:.1f} | {1e3 * row['list']:.0f} | {1e3 * row['jump']:.1f} "
               f"| {1e3 * row['frames']:.1f} | {1e3 * row['poll']:.1f} | {1e3 * row['statistics']:.0f} "
               f"| {row['mb']:.0f} |")  # fmt: skip


def describe(machine: dict[str, Any]) -> str:
    """Return a sentence on the computer."""
    gpu = machine["gpu"] or "no GPU"
    return (f"{machine['date']}; {machine['processors']} processors ({machine['kind']}), {gpu}, torch "
            f"{machine['torch']}, load {machine['load']} as the run began.")  # fmt: skip
