"""EchoNet-Dynamic: the two traced frames of each video, drawn as masks.

D. Ouyang et al., Nature 580:252-256, 2020.
"""

from __future__ import annotations

import csv
import math
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from matae.labelled._types import CAVITY, LabelledCine, LabelledError, LabelledRef, LabelledSet
from matae.measure import mask_of_tracing
from matae.read.echonet import echonet_clips, read_echonet

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray

__all__ = ["list_echonet"]

_TRACINGS = "VolumeTracings.csv"
_COLUMNS = ("FileName", "X1", "Y1", "X2", "Y2", "Frame")
_FEWEST_ROWS = 3  # the long axis and two chords: less encloses nothing


def list_echonet(folder: Path) -> LabelledSet:
    """List the traced videos of an EchoNet-Dynamic folder.

    As the data set's own code does, videos with fewer than two traced frames are left out.

    Raises
    ------
    LabelledError
        If there are no tracings, or the table makes no sense.
    """
    tracings = _read_tracings(folder / _TRACINGS)
    refs, without = [], 0
    for video, facts in echonet_clips(folder).items():
        found = tracings.pop(video.stem.lower(), {})
        traced = {frame: rows for frame, rows in found.items() if len(rows) >= _FEWEST_ROWS}
        if len(traced) < 2:
            without += 1
            continue
        refs.append(
            LabelledRef(
                id=video.stem,
                patient=facts["patient"],
                read=partial(_read, video, facts, traced),
                view="A4C",
                split=facts.get("split", ""),
                reference_ef=facts.get("reference_ef"),
                n_frames=len(traced),
                is_clip=True,
                files=(video, folder / _TRACINGS),
            )
        )
    if not refs:
        raise LabelledError(f"No video of {folder.resolve().name} has two traced frames; copy Videos and tables again.")
    notices: tuple[str, ...] = ()
    if without:
        notices += (f"{without} videos with fewer than two traced frames were left out.",)
    if tracings:
        notices += (f"{len(tracings)} traced videos are not there or not listed, and were left out.",)
    return LabelledSet(folder, "echonet", {1: CAVITY}, tuple(refs), notices)


def _read_tracings(path: Path) -> dict[str, dict[int, NDArray[np.float64]]]:
    """Return video name to frame to rows (x1, y1, x2, y2): the long axis, then chords from the apex on."""
    if not path.is_file():
        raise LabelledError(f"{path.parent.resolve().name} has no {path.name}, so no masks; copy it from the data set.")
    found: dict[str, dict[int, list[tuple[float, ...]]]] = {}
    number = 1
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file)
            spelt = {column.lower(): column for column in _COLUMNS}
            rows.fieldnames = [spelt.get(name.strip().lower(), name) for name in rows.fieldnames or ()]
            if missing := set(_COLUMNS) - set(rows.fieldnames):
                raise LabelledError(f"{path.name} lacks {', '.join(sorted(missing))}; copy it again from the data set.")
            for number, row in enumerate(rows, start=2):  # noqa: B007 - named in the message
                values = tuple(float(row[column]) for column in _COLUMNS[1:5])
                # int() below refuses what is no number in the last column; NaN in the others must not pass either.
                if not all(map(math.isfinite, values)):
                    raise ValueError("not a finite number")  # noqa: TRY301 - all that is wrong is said in one place
                name = row["FileName"].strip().lower().removesuffix(".avi")
                found.setdefault(name, {}).setdefault(int(float(row["Frame"])), []).append(values)
    except (OSError, ValueError, TypeError, csv.Error) as error:
        raise LabelledError(
            f"{path.name} cannot be read in line {number} ({error}); copy it again from the data set."
        ) from None
    return {
        name: {frame: np.array(values, np.float64) for frame, values in frames.items()}
        for name, frames in found.items()
    }


def _read(video: Path, facts: dict[str, Any], traced: dict[int, NDArray[np.float64]]) -> LabelledCine:
    cine = read_echonet(video, facts)
    if max(traced) >= cine.n_frames or min(traced) < 0:
        raise LabelledError(
            f"{video.name} has {cine.n_frames} frames, but frame {max(traced)} of the table (counted from 0) "
            "is traced; copy the video again."
        )
    masks = {frame: mask_of_tracing(rows, cine.shape) for frame, rows in sorted(traced.items())}
    # By area, not by the order in the table: the larger is end-diastole.
    by_area = sorted(masks, key=lambda frame: int(masks[frame].sum()))
    phases = dict.fromkeys(masks, "") | {by_area[0]: "ES", by_area[-1]: "ED"}
    return LabelledCine(cine, masks, phases)
