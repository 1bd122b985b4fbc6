"""Frames that are mixed in so that nothing is forgotten, and frames that show whether something was.

The phantom's masks are exact, and nobody can label them wrongly: what its held-out hearts lost stands in every verdict,
for information (`matae.learn.guard` has what is obeyed). They are drawn once for this user and kept; another folder of
labelled frames can take their place, whose held-out side has a say.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from matae.errors import TrainError
from matae.train.progress import StoppedError, never

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from matae.nn.network import Network
    from matae.train.data import LabelledFrames

__all__ = ["KNOWN", "Replay", "guard_dice", "knows", "load_replay", "styled_replay"]

KNOWN = 0.75
"""Mean Dice on the guard from which a base is said to know such frames: only what is known can be forgotten."""
_HEARTS, _GUARD, _FIRST = 190, 50, 700_000
# 40 hearts to replay were too few: they were learnt by heart. 20 to guard were, too: they said that a network had lost
# 0.011, 50 others that it had lost 0.006.
_AT_A_TIME = 8
_STYLED = "site-phantoms"


@dataclass(frozen=True, eq=False)
class Replay:
    """Frames of another source.

    Parameters
    ----------
    name
        What they are, for the card.
    frames
        To be mixed in, or None.
    guard
        Never trained on; they show what was forgotten. None where the source has no held-out side.
    is_packaged
        They are the phantom's, not a folder that somebody chose: what is lost on them is reported, and not obeyed.
    is_styled
        Those to be mixed in look like a site's pictures, see `styled_replay`.
    """

    name: str
    frames: LabelledFrames | None
    guard: LabelledFrames | None
    is_packaged: bool = False
    is_styled: bool = False


def load_replay(
    choice: str, size: int, *, mixed: bool = True, progress: Callable[[int, int], None] | None = None
) -> Replay:
    """Return the replay frames of a choice, see `matae.learn.options.RetrainOptions`.

    Parameters
    ----------
    choice
        ``auto``, ``site``, ``none``, or a folder. For ``site`` those to be mixed in are missing: `styled_replay`.
    size
        Side of the frames: the network's grid.
    mixed
        Whether the phantom's are to be mixed in. Otherwise only the held-out ones are there, the same as with the
        others, and no others are drawn.
    progress
        Called with (hearts drawn, in all) where the phantom's frames are made for the first time.

    Raises
    ------
    TrainError, LabelledError, ReadError, OutputError
        If the folder cannot be used, or the phantom's cannot be written.
    """
    if choice == "none":
        return Replay("none", None, None)
    if choice not in {"auto", "site"}:
        return _of_folder(Path(choice), size)
    mixed = mixed and choice == "auto"
    folder = _phantom_folder(size, progress, mixed=mixed)
    return replace(_of_folder(folder, size, "phantom", mixed=mixed), is_packaged=True)


def styled_replay(
    replay: Replay, looks: NDArray[np.uint8], run: Path, *, progress: Callable[[int, int], None] | None = None
) -> Replay:
    """Return replay frames to which phantoms in the style of a site's pictures are added, to be mixed in.

    They are drawn once a run and kept in its folder, so that a run that goes on has the same, and so that they go with
    it when a patient is forgotten.

    Parameters
    ----------
    replay
        Whose guard shows what is forgotten.
    looks
        Pictures that the run learns from, (N, size, size) uint8; their labels are not looked at.
    run
        Folder of the run.
    progress
        Called with (hearts drawn, in all).

    Raises
    ------
    OutputError, LabelledError
        If they cannot be written or read.
    PhantomError
        If all pictures are black.
    """
    from matae.phantom.frames import write_phantom_frames
    from matae.phantom.style import measure_style
    from matae.train.data import load_frames

    hearts, size = _HEARTS - _GUARD, looks.shape[-1]
    folder = run / _STYLED
    # The index is written last: with it, the folder is whole.
    if not (folder / "index.csv").is_file():
        report = None if progress is None else lambda done: progress(done, hearts)
        style = measure_style(looks)
        write_phantom_frames(folder, hearts, held_out=0, size=size, seed=_FIRST, style=style, report=report)
    frames = load_frames(folder, "train", size)
    return replace(replay, name="phantom in the site's style", frames=frames, is_styled=True)


def _of_folder(folder: Path, size: int, name: str = "", *, mixed: bool = True) -> Replay:
    from matae.labelled import LabelledError
    from matae.train.data import load_frames

    sides: list[LabelledFrames | None] = []
    for side in ("train", "val"):
        try:
            sides.append(load_frames(folder, side, size) if mixed or side == "val" else None)
        except LabelledError:
            if side == "train":
                raise
            sides.append(None)
    frames, guard = sides
    if frames is not None and guard is not None and set(frames.patients) & set(guard.patients):
        raise TrainError(f"{folder.name} has a patient on both sides; give each patient one split.")
    return Replay(name or folder.resolve().name, frames, guard)


def _phantom_folder(size: int, progress: Callable[[int, int], None] | None, *, mixed: bool) -> Path:
    """Return the folder of the phantom's frames at a size, or of the held-out ones alone, drawn when first needed."""
    from matae.models import home
    from matae.phantom.frames import write_phantom_frames

    whole = home() / "replay" / f"phantom-{_HEARTS}-{_FIRST}-{size}-placed"
    # The index is written last: with it, the folder is whole.
    if (whole / "index.csv").is_file():
        return whole
    hearts = _HEARTS if mixed else _GUARD
    first = _FIRST + _HEARTS - hearts
    folder = whole.with_name(f"phantom-{hearts}-{first}-{size}-placed")
    if not (folder / "index.csv").is_file():
        report = None if progress is None else lambda done: progress(done, hearts)
        write_phantom_frames(folder, hearts, held_out=_GUARD, size=size, seed=first, report=report)
    return folder


def knows(network: Network, guard: LabelledFrames | None, grid: int, should_stop: Callable[[], bool] = never) -> bool:
    """Return whether a network segments the guard well enough that it could forget it; may raise as `guard_dice`."""
    if guard is None or not len(guard):
        return False
    return float(guard_dice(network.eval(), guard, grid, should_stop).mean()) >= KNOWN


def guard_dice(
    network: Network,
    guard: LabelledFrames,
    grid: int,
    should_stop: Callable[[], bool] = never,
    where: NDArray[np.bool_] | None = None,
) -> NDArray[np.float64]:
    """Return the Dice of the first class on each frame of the guard, (N,), at width 1 on the guard's grid.

    Of `where`, (N, Y, X), only the pixels that it holds count; all of them if it is None.

    Raises
    ------
    StoppedError
        If `should_stop` said so between two passes.
    """
    from matae.metrics import dice
    from matae.train.validation import predict

    found = []
    for start in range(0, len(guard), _AT_A_TIME):
        if should_stop():
            raise StoppedError
        at = range(start, min(start + _AT_A_TIME, len(guard)))
        some = guard.take(at)
        ours, theirs = predict(network, some, 1.0, grid) == 1, some.masks == 1
        if where is not None:
            ours, theirs = ours & where[at.start : at.stop], theirs & where[at.start : at.stop]
        found.append(dice(ours, theirs))
    return np.concatenate(found)
