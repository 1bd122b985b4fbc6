"""The reports of all stages as tables to read, and as a record that figures of the documents are tied to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["as_record", "write_markdown"]

_TABLES = ("tests", "published", "structures", "whole_path", "validations")
_NAMES = {
    "frames_per_second": "frames/s", "steps_per_second": "steps/s", "ms_a_frame": "ms a frame", "peak_mb": "peak MB",
    "network_alone": "network alone, frames/s", "dice_mean": "Dice", "dice_least": "least Dice",
    "largest_difference": "largest difference", "mean_difference": "mean difference", "not_finite": "not finite",
    "training_s": "s", "decided_on_the_device": "decided on the device", "ms_a_frame_on_one_core": "on one core, ms",
}  # fmt: skip


def write_markdown(path: Path, report: dict[str, Any]) -> None:
    """Write every table of every stage."""
    path.write_text("\n".join(markdown(report)) + "\n", encoding="utf-8")


def as_record(report: dict[str, Any], command: str) -> dict[str, Any]:
    """Return a report as a run of a record in docs/figures (`scripts/record_run.py`)."""
    machine = report["machine"]
    return {
        "command": command,
        "commit": (machine["commit"] or "")[:7],
        "date": machine["when"],
        "machine": f"{machine['gpu']}, {machine['cores']} CPU cores ({machine['processor']})",
        "packages": machine["packages"] | {"cuda": machine["cuda"]},
        "output": markdown(report),
    }


def markdown(report: dict[str, Any]) -> list[str]:
    """Return the tables of every stage, a line each."""
    machine = report["machine"]
    what = machine["gpu"] or f"{machine['processor']} CPU, no GPU"
    about = (
        f"torch {machine['packages'].get('torch')}, CUDA {machine['cuda']}, {machine['cores']} cores; napari-matae "
        f"{machine['napari-matae']}, commit {machine['commit']}, {machine['when']}"
    )
    lines = [f"# {what}", "", about + ("; a dry run: these figures mean nothing" if report["dry"] else ""), ""]
    for name, found in report["stages"].items():
        lines += [f"## {name}", "", f"{found.get('state')}, {found.get('seconds', 0)} s"]
        if found.get("error"):
            lines.append(f"\n{found['error']}")
        lines.append("")
        for table in _TABLES:
            if rows := found.get(table):
                lines += [*_table(rows), ""]
        if rows := found.get("rows"):
            lines += [*_table(rows), ""]
        if rows := found.get("networks"):
            lines += [*_table(_by_network(rows)), ""]
        if ratios := found.get("times_unet_published"):
            lines += ["Times unet-published, frame by frame: " + ", ".join(f"{w}: {r}" for w, r in ratios.items()), ""]
        if left := found.get("left_out"):
            lines += ["Left out: " + "; ".join(f"{one['what']} ({one['why']})" for one in left), ""]
    return lines


def _by_network(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a row for each network: one frame at a time and a batch beside each other."""
    found: dict[tuple[str, ...], dict[str, Any]] = {}
    for row in rows:
        key = (row["width"], row["mode"], row["precision"])
        kept = found.setdefault(key, dict(zip(("width", "mode", "precision"), key, strict=True)))
        if row["batch"] == 1:
            kept["one frame, ms"] = row["ms_a_pass"]
        else:
            kept[f"frames/s, {row['batch']} a pass"] = row["frames_per_second"]
            kept["peak MB"] = row["peak_mb"]
        kept["first pass, s"] = max(kept.get("first pass, s", 0.0), row["first_pass_s"])
    return list(found.values())


def _table(rows: list[dict[str, Any]]) -> list[str]:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    body = ["| " + " | ".join(_cell(row.get(key)) for key in keys) + " |" for row in rows]
    return ["| " + " | ".join(_NAMES.get(key, key) for key in keys) + " |", "|" + " --- |" * len(keys), *body]


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value).replace("|", "\\|")
