"""What the networks that outlined a clip say of its outlines, asked again: as it is while the clip is open.

Each frame has its own network: a clip holds masks of several widths after a run that was cancelled, a frame that was
segmented again, a run that was taken back. Only the very weights are asked that a study remembers; a later version of
the package, or another computer, may hold others under that name.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import MataeError, ModelError
from matae.store.applied import network_of
from matae.store.types import FrameStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Measurement
    from matae.measure.uncertainty import QualityFlag
    from matae.segment import Sector
    from matae.segment.out_of_distribution import Familiarity
    from matae.store.types import FrameInfo, Origin

    WidthMasks = dict[str, dict[int, NDArray[np.uint8]]]

__all__ = [
    "NOT_ASKED", "NetworkWord", "apart_from_second", "by_origin", "familiar_to", "network_word", "not_asked_flag",
    "other_widths", "with_own",
]  # fmt: skip

NOT_ASKED = "network-not-asked"
"""Code of the note on a network that is not here, or not with the weights that it had."""


@dataclass(frozen=True, eq=False)
class NetworkWord:
    """What networks say of the masks that they proposed for a clip of a study.

    Parameters
    ----------
    cine
        The clip, with the view of its pictures where nobody states one.
    given
        What `matae.measure.measure_cine` takes of it.
    sector
        The part of the picture that the networks see.
    origins
        Which network proposed each frame that is shown as it was proposed.
    proposed
        Mask by frame, (Y, X), of those.
    """

    cine: Cine
    given: dict[str, Any]
    sector: Sector
    origins: dict[int, Origin] = field(repr=False)
    proposed: dict[int, NDArray[np.uint8]] = field(repr=False)

    def with_widths(self, measured: Measurement) -> Measurement:
        """Return a measurement with what the models' other widths say of the frames behind its ejection fraction."""
        behind = {t for values in measured.beats for t in values.frames}
        origins = {t: self.origins[t] for t in sorted(behind & set(self.origins))}
        others = other_widths(self.cine, self.sector, origins)
        return (
            measured.updated(width_masks=with_own(others, origins, self.proposed.__getitem__)) if others else measured
        )


def by_origin(origins: Mapping[int, Origin], frames: Iterable[int]) -> dict[Origin, list[int]]:
    """Return frames by the network that proposed them, in their order; those without one are left out."""
    found: dict[Origin, list[int]] = {}
    for frame in frames:
        if frame in origins:
            found.setdefault(origins[frame], []).append(frame)
    return found


def apart_from_second(
    cine: Cine, sector: Sector, origin: Origin, mask_of: Callable[[int], NDArray[np.uint8]], frames: Iterable[int]
) -> Iterator[tuple[int, float]]:
    """Compare the masks that a network made with those of its next narrower width, as `compare_widths`.

    Parameters
    ----------
    cine, sector, mask_of, frames
        As for `matae.segment.compare.compare_widths`.
    origin
        Model and width that made the masks of these frames.

    Raises
    ------
    MataeError
        If the model is not here, or not with these weights, or has no such width; or its device is gone.
    """
    from matae.segment import SegmentOptions
    from matae.segment.compare import compare_widths

    _check_weights(origin)
    return compare_widths(cine, sector, SegmentOptions(model=origin.model, width=origin.width), mask_of, frames)


def other_widths(cine: Cine, sector: Sector, origins: Mapping[int, Origin]) -> WidthMasks:
    """Segment a few frames with every other width of the network that proposed each of them.

    Parameters
    ----------
    cine, sector
        The clip and the part of it to look at.
    origins
        The frames, and which network proposed each.

    Returns
    -------
    dict
        Masks (Y, X) by width and frame. Frames whose network is not here, or not with its weights, are left out.
    """
    from matae.measure.run import segment_widths
    from matae.nn.widths import parse_width
    from matae.segment import SegmentOptions

    found: WidthMasks = {}
    for origin, frames in by_origin(origins, origins).items():
        try:
            _check_weights(origin)
            parse_width(origin.width)
            others = segment_widths(cine, sector, SegmentOptions(model=origin.model), frames, without=origin.width)
        except MataeError:  # it has no such width, or its device is gone: no second opinion
            continue
        for width, masks in others.items():
            found.setdefault(width, {}).update(masks)
    return found


def with_own(
    others: Mapping[str, Mapping[int, NDArray[np.uint8]]],
    origins: Mapping[int, Origin],
    mask_of: Callable[[int], NDArray[np.uint8]],
) -> WidthMasks:
    """Return masks by width and frame with those that are shown, each under the width that made it.

    Parameters
    ----------
    others
        What `other_widths` returns.
    origins
        Which network proposed each frame.
    mask_of
        Returns the mask that is shown of a frame, (Y, X).
    """
    found: WidthMasks = {width: dict(masks) for width, masks in others.items()}
    for frame in {t for masks in others.values() for t in masks}:
        found.setdefault(origins[frame].width, {})[frame] = mask_of(frame)
    return found


def familiar_to(cine: Cine, sector: Sector, origin: Origin | None) -> Familiarity | None:
    """Return how well the network that outlined a clip knows its pictures; None where it is not here to be asked."""
    from matae.segment.out_of_distribution import familiarity

    if origin is None or not origin.model:
        return None
    try:
        _check_weights(origin)
        known = familiarity(cine, sector, origin.model)
    except ModelError:
        return None
    return known


def not_asked_flag(origins: Mapping[int, Origin]) -> QualityFlag | None:
    """Return what to say of networks that cannot be asked about the masks they made; None where all can.

    Parameters
    ----------
    origins
        Which network proposed each frame.
    """
    from matae.measure.uncertainty import QualityFlag
    from matae.models import list_models

    absent: list[str] = []
    here = {entry.name for entry in list_models()} if origins else set()
    for origin in sorted(set(origins.values())):
        try:
            _check_weights(origin)
        except ModelError as error:
            absent.append(str(error))
        if origin.model not in here:
            absent.append(f"{origin.model} is not on this computer; import it, or segment the clip again.")
    if not absent:
        return None
    text = (
        f"{' '.join(dict.fromkeys(absent))} What is stored of its masks counts; whether it knows the pictures, and "
        "what its other widths outline, is not asked."
    )
    return QualityFlag(NOT_ASKED, text, level="note")


def network_word(
    cine: Cine,
    sector: Sector,
    masks: NDArray[np.uint8],
    infos: Mapping[int, FrameInfo],
    *,
    chosen: str | None = None,
    assumed: str | None = None,
) -> NetworkWord | None:
    """Return what the networks that outlined a clip say of its outlines.

    The Dice that their probabilities imply is stored with each proposal; the other widths are asked again, where the
    model is still here with the weights that it had.

    Parameters
    ----------
    cine, sector
        The clip as people set it.
    masks
        (T, Y, X), as the study shows them.
    infos
        What the study knows of its frames.
    chosen
        View that a person chose.
    assumed
        View where neither a person nor the file states one, see `matae.measure.MeasureOptions`.

    Returns
    -------
    NetworkWord or None
        None where no network outlined anything.
    """
    from matae.measure.seen_view import Seen, with_view
    from matae.segment.expected import calibrated_dice

    origins = {t: info.origin for t, info in infos.items() if info.origin is not None}
    machine = [t for t, info in infos.items() if info.status is FrameStatus.MACHINE]
    if not origins and all(infos[t].implied is None for t in machine):
        return None
    implied, apart = (np.full(cine.n_frames, np.nan) for _ in range(2))
    for frame in machine:
        found = infos[frame].implied
        implied[frame] = np.nan if found is None else found
    network = network_of(origins, {t: info.status for t, info in infos.items()})
    known = familiar_to(cine, sector, network.origin)
    seen = Seen(cine, (), None)
    if known is not None:
        named = cine if assumed is None else replace(cine, view=assumed)
        seen = with_view(named, sector, known, chosen=chosen, assumed=assumed is not None)
    # Where nothing is implied, how far the widths are apart does not count.
    for origin, frames in by_origin(origins, np.flatnonzero(np.isfinite(implied)).tolist()).items():
        try:
            for frame, distance in apart_from_second(cine, sector, origin, masks.__getitem__, frames):
                apart[frame] = distance
        except MataeError:
            continue  # it is not here any more, or has no such width; the numbers do without it
    unasked = not_asked_flag(origins)
    given = {
        "errors": None if known is None else known.errors,
        "error_limit": None if known is None else known.limit,
        "seen": seen.view,
        "model": network.model,
        "width": network.widths,
        "reviewed": [t for t, one in infos.items() if one.status in (FrameStatus.EDITED, FrameStatus.ACCEPTED)],
        "expected": calibrated_dice(implied, apart),
        "implied": implied,
        "remarks": (*seen.flags, *(() if unasked is None else (unasked,))),
    }
    as_proposed = [
        t for t in origins if t in machine or (infos[t].status is FrameStatus.ACCEPTED and not infos[t].edited)
    ]
    return NetworkWord(
        seen.cine, given, sector, {t: origins[t] for t in as_proposed}, {t: masks[t].copy() for t in as_proposed}
    )


def _check_weights(origin: Origin) -> None:
    """Refuse to ask another network that has the name of the one that is meant.

    Raises
    ------
    ModelError
        Saying which, and what to do.
    """
    from matae.models import has_other_weights

    if has_other_weights(origin.model, origin.model_sha256):
        raise ModelError(f"{origin.model} has other weights than when it outlined the clip; segment the clip again.")
