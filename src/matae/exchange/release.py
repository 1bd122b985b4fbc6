"""Releases: the manifest that goes with an export, checking one, and comparing two."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from matae import RESEARCH_USE, __version__
from matae.errors import ExchangeError
from matae.exchange.encodings.jsonfile import read_object
from matae.exchange.names import inner_path
from matae.files import file_sha256

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

__all__ = [
    "MANIFEST", "MANIFEST_VERSION", "Comparison", "ExportedRelease", "compare_releases", "dump_manifest",
    "read_manifest", "verify_release",
]  # fmt: skip

MANIFEST = "release.json"
MANIFEST_VERSION = 1
_MOST_SHOWN = 20


@dataclass(frozen=True)
class ExportedRelease:
    """An export that was written.

    Parameters
    ----------
    name, number
        Of the release; the same labels and options give the same number again.
    folder
        Where it is.
    manifest
        What it holds.
    is_new
        False when it holds just what the last release of that name held: then its bytes are the same too.
    """

    name: str
    number: int
    folder: Path
    manifest: Mapping[str, Any]
    is_new: bool


def dump_manifest(values: Mapping[str, Any]) -> bytes:
    """Return a manifest as text: one line a clip and a file, so that two can be read side by side."""
    lists = {"clips", "files"}
    head = json.dumps({key: value for key, value in values.items() if key not in lists}, indent=1, sort_keys=True)
    parts = [head.rstrip("}\n ")]
    for key in sorted(lists):
        lines = ",\n  ".join(json.dumps(entry, sort_keys=True) for entry in values[key])
        parts.append(f' "{key}": [\n  {lines}\n ]' if lines else f' "{key}": []')
    return (",\n".join(parts) + "\n}\n").encode()


def manifest_head(
    *, name: str, number: int, format_name: str, size: int | None, statuses: Iterable[str], splits: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what a manifest says of the whole."""
    return {
        "tool": "napari-matae",
        "tool_version": __version__,
        "manifest_version": MANIFEST_VERSION,
        "research_use": RESEARCH_USE,
        "release": {"name": name, "number": number},
        "format": format_name,
        "size": size,
        "statuses": list(statuses),
        "splits": splits,
    }


def list_files(root: Path) -> list[dict[str, Any]]:
    """Return path, size and sha256 of every file below a folder, in order of their paths."""
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return [
        {"path": path.relative_to(root).as_posix(), "bytes": path.stat().st_size, "sha256": file_sha256(path)}
        for path in files
    ]


def read_manifest(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a folder, or None where there is none of ours.

    Raises
    ------
    ExchangeError
        If it is damaged or of a newer version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        return None
    values = read_object(path)
    if values.get("tool") != "napari-matae":
        return None
    if not isinstance(values.get("manifest_version"), int) or values["manifest_version"] > MANIFEST_VERSION:
        raise ExchangeError(f"{MANIFEST} was written by a newer napari-matae; update yours, then import again.")
    return values


def verify_release(folder: Path) -> list[str]:
    """Return what is wrong with the files of an export, a sentence each; empty when every byte is as it was.

    Raises
    ------
    ExchangeError
        If the folder holds no release, or its manifest is damaged.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        raise ExchangeError(f"{folder} holds no release of napari-matae; choose the folder with {MANIFEST}.")
    problems = []
    known = {MANIFEST}
    for entry in manifest.get("files", ()):
        try:
            name, digest = str(inner_path(str(entry["path"]), MANIFEST)), str(entry["sha256"])
        except (KeyError, TypeError):
            raise ExchangeError(f"{MANIFEST} is damaged; copy the export again.") from None
        known.add(name)
        path = folder / name
        if not path.is_file():
            problems.append(f"{name} is missing.")
        elif file_sha256(path) != digest:
            problems.append(f"{name} was changed.")
    problems += [
        f"{name} was added."
        for path in sorted(folder.rglob("*"))
        if path.is_file() and (name := path.relative_to(folder).as_posix()) not in known
    ]
    return problems


@dataclass(frozen=True)
class Comparison:
    """How the second of two releases differs from the first.

    Parameters
    ----------
    added, removed, changed
        Labels, as (clip, frame): only in the second, only in the first, in both with another mask.
    moved
        Patients whose side of the split differs: must be empty.
    same
        Number of labels that are equal.
    """

    added: tuple[tuple[str, int], ...]
    removed: tuple[tuple[str, int], ...]
    changed: tuple[tuple[str, int], ...]
    moved: tuple[str, ...]
    same: int

    @property
    def is_equal(self) -> bool:
        """Whether both hold the same labels on the same sides."""
        return not (self.added or self.removed or self.changed or self.moved)

    def describe(self) -> str:
        """Return it in a few lines."""
        lines = [f"{self.same} labels are the same."]
        for what, entries in (("added", self.added), ("removed", self.removed), ("changed", self.changed)):
            if entries:
                shown = ", ".join(f"{clip} frame {frame + 1}" for clip, frame in entries[:_MOST_SHOWN])
                more = f" and {len(entries) - _MOST_SHOWN} more" if len(entries) > _MOST_SHOWN else ""
                lines.append(f"{len(entries)} {what}: {shown}{more}.")
        if self.moved:
            lines.append(f"{len(self.moved)} patients changed sides: {', '.join(self.moved[:_MOST_SHOWN])}.")
        return "\n".join(lines)


def compare_releases(first: Mapping[str, Any], second: Mapping[str, Any]) -> Comparison:
    """Say how two releases of one study differ; the formats need not be the same.

    Parameters
    ----------
    first, second
        Their manifests.

    Raises
    ------
    ExchangeError
        If one is no manifest.
    """
    before, after = _labels(first), _labels(second)
    both = before.keys() & after.keys()
    sides, now = _sides(first), _sides(second)
    return Comparison(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(key for key in both if before[key] != after[key])),
        moved=tuple(sorted(patient for patient in sides.keys() & now.keys() if sides[patient] != now[patient])),
        same=sum(before[key] == after[key] for key in both),
    )


def _labels(manifest: Mapping[str, Any]) -> dict[tuple[str, int], str]:
    try:
        return {
            (str(clip["name"]), int(frame["frame"])): str(frame["mask_sha256"])
            for clip in manifest["clips"]
            for frame in clip["frames"]
        }
    except (KeyError, TypeError, ValueError):
        raise ExchangeError("One of the two is no manifest of a release; choose two release folders.") from None


def _sides(manifest: Mapping[str, Any]) -> dict[str, str]:
    return {str(clip["patient"]): str(clip["split"]) for clip in manifest["clips"]}


def state_digest(manifest: Mapping[str, Any]) -> str:
    """Return the sha256 of what a release holds, whatever its number is."""
    values = {key: value for key, value in manifest.items() if key != "release"}
    values["release"] = manifest["release"]["name"]
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()
