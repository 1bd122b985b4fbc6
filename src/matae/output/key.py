"""What a result depends on, as one short text: equal keys, equal results."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from matae import __version__

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from matae.cine import Cine

__all__ = ["result_key", "settings_key"]


def settings_key(settings: Mapping[str, Any], model_sha256: str) -> str:
    """Return a digest of how files are worked on: the settings, the weights and the version of this program.

    Parameters
    ----------
    settings
        JSON values.
    model_sha256
        Of the weights; "" where none are needed.
    """
    said = {"settings": dict(settings), "model": model_sha256, "version": __version__}
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def result_key(cine: Cine, settings: str) -> str:
    """Return a digest of a cine and of how it is worked on.

    Of the cine count the pixels, the frame times, the calibration, the view and the beats its file states: whatever a
    result is computed from.

    Parameters
    ----------
    cine
        As it is opened, with the frame rate and the region that were asked for.
    settings
        As `settings_key` returns it.
    """
    times = None if cine.frame_times is None else [round(float(t), 6) for t in cine.frame_times]
    said = [
        cine.content_id, times, None if cine.spacing is None else list(cine.spacing), cine.view, cine.heart_rate,
        cine.ed_frame, cine.es_frame, None if cine.region is None else list(cine.region), settings,
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()
