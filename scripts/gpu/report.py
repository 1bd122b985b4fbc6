"""The reports of all stages as tables to read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["write_markdown"]

_TABLES = ("tests", "rows", "published", "networks", "whole_path", "validations")


def write_markdown(path: Path, report: dict[str, Any]) -> None:
    """Write every table of every stage."""
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
        if ratios := found.get("times_unet_published"):
            lines += ["Times unet-published, frame by frame: " + ", ".join(f"{w}: {r}" for w, r in ratios.items()), ""]
        if left := found.get("left_out"):
            lines += ["Left out: " + "; ".join(f"{one['what']} ({one['why']})" for one in left), ""]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _table(rows: list[dict[str, Any]]) -> list[str]:
    keys = list(dict.fromkeys(key for row in rows for key in row))
    body = ["| " + " | ".join(_cell(row.get(key)) for key in keys) + " |" for row in rows]
    return ["| " + " | ".join(keys) + " |", "|" + " --- |" * len(keys), *body]


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
