"""Which two clips are an apical four-chamber and an apical two-chamber view of one person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import MeasureError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matae.cine import Cine

__all__ = ["check_pair", "find_pair"]

_MOST_CLIPS = 40
"""Clips of a folder that are opened to see which views they show."""


def find_pair(inputs: Sequence[Path], *, third_axis_is_time: bool = False) -> tuple[Cine, Cine]:
    """Open the four-chamber and the two-chamber view of one person.

    Parameters
    ----------
    inputs
        Two clips, or one folder that holds one clip of each view and maybe others. Of two clips that state no view the
        first is the four-chamber view.
    third_axis_is_time
        As for `matae.read.open_cine`.

    Returns
    -------
    Cine, Cine
        A4C, A2C.

    Raises
    ------
    MeasureError
        If it is not plain which clips they are, or they are of different people.
    ReadError
        If a clip cannot be read.
    """
    from matae.read import open_cine

    if len(inputs) == 2:
        return check_pair(*(open_cine(path, third_axis_is_time=third_axis_is_time) for path in inputs))
    return check_pair(*_of_folder(inputs[0], third_axis_is_time=third_axis_is_time))


def check_pair(first: Cine, second: Cine) -> tuple[Cine, Cine]:
    """Return two clips as A4C and A2C.

    Raises
    ------
    MeasureError
        If they are the same clip, the same view, or of different people.
    """
    if first.content_id == second.content_id:
        raise MeasureError(
            f"{second.source.name} shows the same pixels as {first.source.name}; name an A4C and an A2C."
        )
    if first.patient is not None and second.patient is not None:
        one, other = ((c.patient.identifier, c.patient.issuer) for c in (first, second) if c.patient is not None)
        if one != other:
            raise MeasureError(
                f"{first.source.name} and {second.source.name} are of different patients, as their files say; "
                "name two clips of one."
            )
    if second.view == "A4C" or first.view == "A2C":
        first, second = second, first
    for cine, view in ((first, "A4C"), (second, "A2C")):
        if cine.view is not None and cine.view != view:
            raise MeasureError(f"{cine.source.name} is stated to be {cine.view}; name an A4C and an A2C clip.")
    return first, second


def _of_folder(path: Path, *, third_axis_is_time: bool) -> tuple[Cine, Cine]:
    from matae.errors import ReadError
    from matae.read import list_cines

    listed = list_cines(path)
    refs = [ref for ref in listed if not ref.info.get("still") and ref.info.get("phase", "sequence") == "sequence"]
    if len(refs) > _MOST_CLIPS:
        raise MeasureError(f"{path.name} holds {len(refs)} clips; name the A4C and the A2C clip of one person.")
    found: dict[str, list[Cine]] = {"A4C": [], "A2C": []}
    for ref in refs:
        if ref.info.get("view", "A4C") not in found:
            continue
        try:
            cine = ref.open(third_axis_is_time=third_axis_is_time)
        except ReadError:
            continue  # another of the folder may do; what is missing is said below
        if cine.view in found and cine.n_frames > 1:
            found[cine.view].append(cine)
    if any(len(cines) != 1 for cines in found.values()):
        counts = " and ".join(f"{len(cines)} {view}" for view, cines in found.items())
        raise MeasureError(
            f"{path.name} holds {counts} clips that state their view; name the two to measure: measure A4C A2C."
        )
    return found["A4C"][0], found["A2C"][0]
