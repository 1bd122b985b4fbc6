"""A cine as people set it: what they stored replaces what its file states and what is found in its picture.

And the network that outlined it.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from matae.store.types import FrameStatus

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

    from matae.cine import Cine
    from matae.segment import Sector
    from matae.store.types import FrameInfo, Origin, Overrides, UnsureSector

__all__ = ["SPACING_NOTE", "Network", "cine_with", "network_of", "run_of", "sector_from", "sector_with"]

SPACING_NOTE = "Set by hand over the depth scale."
"""Where a pixel size that a person set comes from."""
_KEPT = 512
"""Sectors that are remembered: a retraining opens the same clips again and again."""
_found: dict[Hashable, Sector] = {}


class Network(NamedTuple):
    """The network of a clip, each frame of which may have another one.

    Parameters
    ----------
    origin
        The one that proposed most of the masks, of as many the one of the earliest frame; None where none did.
    widths
        All widths of it that did, that of most masks first, such as "1, 1/2"; empty where none did.
    """

    origin: Origin | None
    widths: str

    @property
    def model(self) -> str:
        """Its name; empty where there is none."""
        return "" if self.origin is None else self.origin.model


def network_of(origins: Mapping[int, Origin], status: Mapping[int, FrameStatus]) -> Network:
    """Return the network that stands for a clip.

    Parameters
    ----------
    origins
        Which network proposed what is known of each frame.
    status
        Of the frames. Those that are predicted or accepted count; where there are none, all do.
    """
    shown = {t for t in origins if status.get(t) in (FrameStatus.MACHINE, FrameStatus.ACCEPTED)}
    made = [origins[t] for t in sorted(shown or origins)]
    if not made:
        return Network(None, "")
    (main, _), *_ = Counter(made).most_common(1)  # of as many, the one that came first
    widths = Counter(one.width for one in made if one._replace(width=main.width) == main)
    return Network(main, ", ".join(width for width, _ in widths.most_common()))


def run_of(infos: Mapping[int, FrameInfo]) -> dict[str, str]:
    """Return model, width and model_sha256 of the network that stands for a cine (`network_of`); nothing of none."""
    origins = {t: info.origin for t, info in infos.items() if info.origin is not None}
    main = network_of(origins, {t: info.status for t, info in infos.items()}).origin
    return {} if main is None else main._asdict()


def cine_with(cine: Cine, overrides: Overrides) -> Cine:
    """Return a cine with the pixel size, view, frame rate and body size that people set, of the same pixels."""
    if overrides.spacing is not None and overrides.spacing != cine.spacing:
        cine = replace(cine, spacing=overrides.spacing, spacing_note=SPACING_NOTE)
    if overrides.view is not None and overrides.view != cine.view:
        cine = replace(cine, view=overrides.view)
    wanted, stated = overrides.frame_rate, cine.frame_rate
    if wanted is not None and cine.n_frames > 1 and (stated is None or abs(stated - wanted) > 1e-6):
        cine = cine.with_frame_rate(wanted)
    body = {"height_cm": overrides.height_cm, "weight_kg": overrides.weight_kg}
    said = {key: value for key, value in body.items() if value is not None and cine.info.get(key) != value}
    return replace(cine, info={**cine.info, **said}) if said else cine


def sector_with(cine: Cine, overrides: Overrides) -> Sector:
    """Return the sector that people set for a cine; what they did not set of it is found in the picture.

    Raises
    ------
    SegmentError
        If the stored outline is no outline of this picture.
    """
    if overrides.sector is not None and overrides.apex_down is not None:
        return sector_from(overrides.sector, apex_down=overrides.apex_down)
    found = _look_once(cine)
    down = found.apex_down if overrides.apex_down is None else overrides.apex_down
    if overrides.sector is not None:
        return sector_from(overrides.sector, apex_down=down)
    return replace(found, apex_down=down)


def _look_once(cine: Cine) -> Sector:
    """Return the sector that is found in the picture, looked for once a process for the same pixels and regions."""
    from matae.segment import find_sector

    key = cine.content_id, cine.region, cine.regions  # a strip beside the picture is cut off, whatever it shows
    found = _found.get(key)
    if found is None:
        found = find_sector(cine)
        while len(_found) >= _KEPT:
            _found.pop(next(iter(_found)), None)  # another thread may have taken it
        _found[key] = found
    return replace(found, polygon=found.polygon.copy())


def sector_from(stored: tuple[tuple[float, float], ...] | UnsureSector, *, apex_down: bool) -> Sector:
    """Return the sector that a person drew, or the unsure one of the picture that a person chose.

    Raises
    ------
    SegmentError
        If the outline is none of this picture.
    """
    from matae.segment import sector_from_polygon
    from matae.store.types import UnsureSector

    if isinstance(stored, UnsureSector):
        sector = sector_from_polygon(stored.outline, apex_down=apex_down)
        return replace(sector, source=stored.source, confidence=0.0)
    return sector_from_polygon(stored, apex_down=apex_down)
