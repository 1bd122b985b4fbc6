"""Rows of the cines table as values, and paths as text."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import numpy as np
from sqlalchemy import select

from matae.cine import Spacing
from matae.errors import StoreError
from matae.store.base import as_note
from matae.store.schema import Cine as CineRow
from matae.store.schema import Subject
from matae.store.types import CineEntry, SubjectSource

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

__all__ = ["entry_of", "entry_row", "path_as_text", "path_of_text", "stem_of"]


def stem_of(source: Path) -> str:
    """Return the name of a file without folder and suffix, for the screen."""
    from matae.read import file_stem

    return as_note(file_stem(source), 1000)


def path_as_text(source: Path) -> str:
    """Return a path as text, one for each file; one whose bytes are no text as a URL: no other path looks like that."""
    path = os.path.abspath(source)  # noqa: PTH100 (unlike Path.absolute it takes ".." away)
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()
    return path


def path_of_text(text: str) -> Path:
    """Return the path that `path_as_text` wrote."""
    if text.startswith("file:"):
        return Path(os.fsdecode(unquote_to_bytes(text.removeprefix("file://"))))
    return Path(text)


def entry_row(connection: Connection, content_id: str) -> Any:
    """Return the row of a cine with its subject's pseudonym, or None."""
    return connection.execute(
        select(CineRow, Subject.pseudonym)
        .outerjoin(Subject, Subject.id == CineRow.subject_id)
        .where(CineRow.content_id == content_id)
    ).one_or_none()


def entry_of(row: Any, *, is_new: bool = False) -> CineEntry:
    """Return a row of `entry_row` as a value.

    Raises
    ------
    StoreError
        If there is none.
    """
    if row is None:
        raise StoreError("This cine has just been taken out of the study; open another one.")
    times = None if row.frame_times is None else tuple(np.frombuffer(row.frame_times, "<f8").tolist())
    return CineEntry(
        content_id=row.content_id,
        subject=row.pseudonym,
        stem=row.stem,
        n_frames=row.n_frames,
        height=row.height,
        width=row.width,
        spacing=None if row.spacing_y is None else Spacing(row.spacing_y, row.spacing_x),
        frame_times=times,
        view=row.view,
        heart_rate=row.heart_rate,
        quality=row.quality,
        is_new=is_new,
        subject_source=None if row.subject_source is None else SubjectSource(row.subject_source),
        is_stated=row.stated_subject is not None,
    )
