"""What a study would not take, in files of their own: changes as a study, or the masks on screen as NIfTI."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Any

    from matae.cine import Cine
    from matae.store import Study
    from napari_matae.session.open_cine import OpenCine

__all__ = ["RescueStudy", "rescue", "rescue_folder"]


def rescue_folder() -> Path:
    """Return the folder of all rescue files, among the user's data."""
    from matae.models.registry import home

    return home() / "rescued"


def rescue(current: OpenCine) -> Path | None:
    """Write a cine's masks on screen to a file; return which, or None where no person has changed or judged any."""
    from matae.output import write_mask

    if current.labels is None or not current.edited_frames():
        return None
    name = f"{current.cine.source.name.split('.')[0]}-{current.cine.content_id[:8]}-{int(time.time())}.nii.gz"
    target = rescue_folder() / name
    target.parent.mkdir(parents=True, exist_ok=True)
    write_mask(target, np.asarray(current.labels.data), current.cine)
    return target


class RescueStudy:
    """A study for changes that another study refused; it is made when the first one comes.

    It can be opened like any other. With the clip on screen, opening the study that refused brings the changes into it,
    if it takes them by then.

    Parameters
    ----------
    target
        Path or URL of the study that refused.
    rater
        Who works.
    """

    def __init__(self, target: str, rater: str) -> None:
        name = target.rpartition("/")[2].partition("?")[0] if "://" in target else os.path.basename(target)  # noqa: PTH119
        self._stem = name.partition(".")[0] or "study"
        self._rater = rater
        self.path: Path | None = None
        """The file; None while nothing had to be kept."""
        self.count = 0
        """How many changes it holds."""

    def new_path(self, what: str = "refused") -> Path:
        """Return a name in the rescue folder that is not taken."""
        stamp = f"{self._stem}-{what}-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        target = rescue_folder() / f"{stamp}.sqlite"
        number = 1
        while target.exists():
            number += 1
            target = rescue_folder() / f"{stamp}-{number}.sqlite"
        return target

    def keep(self, about: Cine, change: Callable[[Study], Any]) -> Path:
        """Make a change in the rescue study; return its file.

        Parameters
        ----------
        about
            The cine that is changed.
        change
            Makes the change in a study that holds the cine.

        Raises
        ------
        StoreError, OutputError
            If that is refused too.
        """
        from matae.store import Study

        if self.path is None:
            path = self.new_path()
            Study.create(path, rater=self._rater).close()
            self.path = path
        with Study.open(self.path, rater=self._rater) as study:
            study.add_cine(about, changed=True)
            change(study)
        self.count += 1
        return self.path
