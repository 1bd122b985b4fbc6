"""A second connection to the study, for long work in a worker.

There are two roads to a study. What the screen shows and what a person does goes through the request queue
(`link.connection.requests`), in order, on the one connection that lives as long as the study is open. Work that reads
for seconds or minutes (counting, planning and writing an export or import, comparing models, retraining, forgetting a
patient, measuring another cine) would keep the strokes waiting there, and a `matae.store.Study` belongs to the thread
that opened it: such work opens the study once more by this one function, and the database keeps both apart.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from matae.store import Study

__all__ = ["own_connection"]


@contextmanager
def own_connection(target: str, rater: str = "", *, as_reader: bool = False) -> Iterator[Study]:
    """Open a study that exists for a piece of work, and close it at its end.

    Parameters
    ----------
    target
        Path or URL, as `StudyConnection.opened_target` gives it.
    rater
        Who works, where the work writes.
    as_reader
        See and change this rater's reading only, where the study is blind.

    Raises
    ------
    StoreError
        If it cannot be opened.
    """
    from matae.store import Study

    with Study.open(target, rater=rater, as_reader=as_reader) as study:
        yield study
