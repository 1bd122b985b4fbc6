"""Which labelled frames of a clip a format has room for, and which of them are end-diastole and end-systole."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["LabelledPhases", "labelled_phases", "select_frames"]

_SMALLEST_TRACED = 20  # pixels of a cavity that EchoNet's lines can be drawn through


class LabelledPhases(NamedTuple):
    """End-diastole and end-systole among the labelled frames.

    Parameters
    ----------
    ed, es
        0-based frames, or None where none is labelled.
    marked
        Whether a person or the file named them.
    """

    ed: int | None
    es: int | None
    marked: bool


def labelled_phases(areas: Mapping[int, int], ed: int | None, es: int | None, n_frames: int) -> LabelledPhases:
    """Return ED and ES as marked, or else as the largest and the smallest labelled cavity.

    Parameters
    ----------
    areas
        Area of the cavity in pixels, by labelled frame.
    ed, es
        As a person or the file marked them; they need not be labelled.
    n_frames
        Of the clip: a single picture is not compared with itself.
    """
    known_ed, known_es = (t if t in areas else None for t in (ed, es))
    if n_frames == 1 or (known_ed is not None and known_es is not None and known_ed != known_es):
        return LabelledPhases(known_ed, known_es, marked=True)
    labelled = [t for t, area in areas.items() if area]
    if len(labelled) >= 2:
        if ed is None and es is None:
            largest, smallest = max(labelled, key=lambda t: areas[t]), min(labelled, key=lambda t: areas[t])
            differ = areas[largest] > areas[smallest]
            return LabelledPhases(largest if differ else None, smallest if differ else None, marked=False)
        # One is marked: the other is found among the rest. One that is marked but not labelled is not replaced.
        others = [t for t in labelled if t not in (known_ed, known_es)]
        if ed is None and others:
            return LabelledPhases(max(others, key=lambda t: areas[t]), known_es, marked=False)
        if es is None and others:
            return LabelledPhases(known_ed, min(others, key=lambda t: areas[t]), marked=False)
    return LabelledPhases(known_ed, known_es, marked=True)


def select_frames(
    format_name: str, areas: Mapping[int, int], phases: LabelledPhases, view: str | None, *, is_dicom: bool
) -> tuple[list[int], str]:
    """Return the frames a format has room for, and a clause on those it has not.

    Parameters
    ----------
    format_name
        Name of the format.
    areas
        Area of the cavity in pixels, by labelled frame.
    phases
        As `find_phases` returned them.
    view
        What the clip shows, if that is known.
    is_dicom
        Whether its file is DICOM.
    """
    frames = sorted(areas)
    match format_name:
        case "dicom-seg" if not is_dicom:
            return [], "it is left out, since it does not come from a DICOM file."
        case "echonet":
            return _traced(frames, areas, view)
        case "camus":
            return _at_the_phases(frames, phases, view)
        case _:
            return frames, ""


def _traced(frames: list[int], areas: Mapping[int, int], view: str | None) -> tuple[list[int], str]:
    if view not in (None, "A4C"):
        return [], f"it is left out, since it shows {view} and EchoNet-Dynamic holds apical four-chamber views."
    traced = [t for t in frames if areas[t] > _SMALLEST_TRACED]
    left = len(frames) - len(traced)
    return traced, f"{_frames(left)} without a cavity to trace {_are(left)} left out." if left else ""


def _at_the_phases(frames: list[int], phases: LabelledPhases, view: str | None) -> tuple[list[int], str]:
    from matae.exchange.layouts.camus import camus_view, leaving

    if camus_view(view) is None:
        shown = f"it shows {view}" if view else "its view is not known"
        return [], f"it is left out, since {shown}; CAMUS holds A2C and A4C. Say which with --view, if it is one."
    room = leaving(frames, phases.ed, phases.es)
    left = len(frames) - len(room)
    if not left:
        return room, ""
    return room, f"{_frames(left)} that {_are(left)} neither ED nor ES {_are(left)} left out: CAMUS has no place."


def _frames(count: int) -> str:
    return f"{count} frame{'' if count == 1 else 's'}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"
