"""What the network that outlined a stored clip says of its outlines, asked again as when the clip is opened."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from matae.errors import MataeError, ModelError
from matae.store.applied import run_of
from matae.store.types import FrameStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from matae.cine import Cine
    from matae.measure import Measurement
    from matae.segment import Sector
    from matae.store import Study
    from matae.store.types import FrameInfo

__all__ = ["NetworkWord", "network_word"]


@dataclass(frozen=True, eq=False)
class NetworkWord:
    """What a network says of the masks that it proposed for a clip of a study.

    Parameters
    ----------
    cine
        The clip, with the view of its pictures where nobody states one.
    given
        What `matae.measure.measure_cine` takes of it.
    sector
        The part of the picture that the network sees.
    model, width
        Which network.
    sha256
        Of its weights; empty where that is not known.
    proposed
        Mask by frame, (Y, X), of those that are shown as they were proposed.
    """

    cine: Cine
    given: dict[str, Any]
    sector: Sector
    model: str
    width: str
    sha256: str
    proposed: dict[int, NDArray[np.uint8]] = field(repr=False)

    def with_widths(self, measured: Measurement) -> Measurement:
        """Return a measurement with what the model's other widths say of the frames behind its ejection fraction."""
        from matae.measure.run import segment_widths
        from matae.segment import SegmentOptions

        frames = sorted({t for values in measured.beats for t in values.frames if t in self.proposed})
        if not frames:
            return measured
        own = {self.width: {t: self.proposed[t] for t in frames}}
        try:
            _check_weights(self.model, self.sha256)
            options = SegmentOptions(model=self.model)
            others = segment_widths(self.cine, self.sector, options, frames, without=self.width)
            return measured.updated(width_masks={**others, **own}) if others else measured
        except MataeError:  # it is not here any more, has no such width, or its device is gone: no second opinion
            return measured


def network_word(
    study: Study,
    cine: Cine,
    sector: Sector,
    masks: NDArray[np.uint8],
    infos: Mapping[int, FrameInfo],
    *,
    chosen: str | None = None,
    assumed: str | None = None,
) -> NetworkWord | None:
    """Return what the network that outlined a clip says of its outlines.

    The Dice that its probabilities imply is stored with each proposal; the other widths are asked again, where the
    model is still here with the weights that it had.

    Parameters
    ----------
    study
        Open.
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
        None where the study holds no such Dice: of a clip that was outlined before it was kept, by a network of which
        it was not measured, or by people.
    """
    from matae.measure.seen_view import Seen, with_view
    from matae.segment import SegmentOptions
    from matae.segment.compare import compare_widths
    from matae.segment.expected import calibrated_dice
    from matae.segment.out_of_distribution import familiarity

    machine = {t for t, info in infos.items() if info.status is FrameStatus.MACHINE}
    if all(info.implied is None for info in infos.values()):
        return None
    implied = np.full(cine.n_frames, np.nan)
    for frame in machine:
        found = infos[frame].implied
        implied[frame] = np.nan if found is None else found
    run = run_of(infos)
    model, width, sha256 = (run.get(key, "") for key in ("model", "width", "model_sha256"))
    apart, known, seen = np.full(cine.n_frames, np.nan), None, Seen(cine, (), None)
    try:
        known = familiarity(cine, sector, model)
        _check_weights(model, sha256)
        options = SegmentOptions(model=model, width=width)
        for frame, distance in compare_widths(cine, sector, options, masks.__getitem__, sorted(machine)):
            apart[frame] = distance
    except MataeError:
        pass  # it is not here any more, or has no such width; the numbers do without it
    if known is not None:
        named = cine if assumed is None else replace(cine, view=assumed)
        seen = with_view(named, sector, known, chosen=chosen, assumed=assumed is not None)
    given = {
        "errors": None if known is None else known.errors,
        "error_limit": None if known is None else known.limit,
        "seen": seen.view,
        "model": model,
        "width": width,
        "reviewed": [t for t, one in infos.items() if one.status in (FrameStatus.EDITED, FrameStatus.ACCEPTED)],
        "expected": calibrated_dice(implied, apart),
        "implied": implied,
        "remarks": seen.flags,
    }
    proposed = {t: masks[t] for t in machine}
    for frame, info in infos.items():
        if info.status is FrameStatus.ACCEPTED and info.model:
            mask = study.proposal(cine.content_id, frame)
            if mask is not None and np.array_equal(mask, masks[frame]):
                proposed[frame] = masks[frame]
    return NetworkWord(seen.cine, given, sector, model, width, sha256, proposed)


def _check_weights(model: str, sha256: str) -> None:
    """Refuse to ask another network that has the same name."""
    from matae.models import has_other_weights

    if has_other_weights(model, sha256):
        raise ModelError(f"{model} has other weights than when it outlined the clip; segment the clip again.")
