"""The cines of a study, whom they show, and where each rater left off."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote_to_bytes

import numpy as np
from sqlalchemy import and_, func, insert, literal, select, update

from matae.cine import Spacing
from matae.errors import StoreError
from matae.store.base import StudyBase, as_note, as_pseudonym, new_code, parse_time
from matae.store.label_rows import check_frames
from matae.store.schema import Cine as CineRow
from matae.store.schema import Label, Position, Split, Subject
from matae.store.splits import draw_for
from matae.store.types import CineEntry, CineSummary, FrameStatus

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

    from matae.cine import Cine
    from matae.store.base import Writing

__all__ = ["CinesPart"]


class CinesPart(StudyBase):
    """What a study says about cines."""

    def add_cine(self, cine: Cine, *, subject: str | None = None, changed: bool = False) -> CineEntry:
        """Add a cine, or find it again by its pixels.

        Parameters
        ----------
        cine
            Its facts are stored, its pixels are not.
        subject
            Pseudonym of the person it shows, never a name. Splits are drawn by it. Left out, it can be given later.
        changed
            Add it though its file was labelled with other pixels before; those labels stay with the old pixels.

        Returns
        -------
        CineEntry
            `is_new` says which of the two happened.

        Raises
        ------
        StoreError
            If the file held other pixels when it was labelled, or `subject` is on another side of the splits than the
            subject it was added with.
        """
        path = _as_text(cine.source)
        pseudonym = as_pseudonym(subject) if subject is not None else None
        with self._writing() as writing:
            connection = writing.connection
            row = _entry_row(connection, cine.content_id)
            if row is not None:
                if pseudonym is not None and pseudonym != row.pseudonym:
                    self._give_subject(writing, row, pseudonym)
                    row = _entry_row(connection, cine.content_id)
                if row is not None and row.path != path:
                    connection.execute(
                        update(CineRow).where(CineRow.id == row.id).values(path=path, stem=_stem(cine.source))
                    )
                    row = _entry_row(connection, cine.content_id)
                return _entry(row)
            if not changed:
                self._refuse_changed(connection, cine.source, path)
            subject_id, subject_code = (None, "") if pseudonym is None else self._subject(writing, pseudonym)
            code = new_code()
            quality = cine.info.get("image_quality")
            connection.execute(
                insert(CineRow).values(
                    code=code,
                    content_id=cine.content_id,
                    subject_id=subject_id,
                    stem=_stem(cine.source),
                    path=path,
                    n_frames=cine.n_frames,
                    height=cine.shape[0],
                    width=cine.shape[1],
                    spacing_y=None if cine.spacing is None else float(cine.spacing.y),
                    spacing_x=None if cine.spacing is None else float(cine.spacing.x),
                    frame_times=None if cine.frame_times is None else cine.frame_times.astype("<f8").tobytes(),
                    view=None if cine.view is None else as_note(cine.view, 40),
                    heart_rate=None if cine.heart_rate is None else float(cine.heart_rate),
                    quality=None if quality is None else as_note(str(quality), 40),
                    ed_frame=None if cine.ed_frame is None else int(cine.ed_frame),
                    es_frame=None if cine.es_frame is None else int(cine.es_frame),
                    added_at=writing.at,
                    sequence=writing.sequence,
                    session=self._session,
                )
            )
            writing.audit("cine added", cine=code, subject=subject_code, details={"frames": cine.n_frames})
            return _entry(_entry_row(connection, cine.content_id), is_new=True)

    def _refuse_changed(self, connection: Connection, source: Path, path: str) -> None:
        labelled = connection.execute(
            select(func.count())
            .select_from(Label)
            .join(CineRow, CineRow.id == Label.cine_id)
            .where(CineRow.path == path, Label.mask_id.is_not(None))
        ).scalar_one()
        if labelled:
            frames = "one frame" if labelled == 1 else f"{labelled} frames"
            raise StoreError(
                f"{source.name} shows other pixels than when {frames} of it were labelled; the labels stay with the "
                "pixels they were drawn on: bring the old file back, or add the new one as a cine of its own."
            )

    def set_subject(self, content_id: str, subject: str) -> CineEntry:
        """Say whom a cine shows.

        Raises
        ------
        StoreError
            If the cine would change from one side of the splits to another.
        """
        pseudonym = as_pseudonym(subject)
        with self._writing() as writing:
            self._cine(writing.connection, content_id)
            row = _entry_row(writing.connection, content_id)
            if row is not None and row.pseudonym != pseudonym:
                self._give_subject(writing, row, pseudonym)
            return _entry(_entry_row(writing.connection, content_id))

    def _give_subject(self, writing: Writing, row: Any, pseudonym: str) -> None:
        subject_id, code = self._subject(writing, pseudonym)
        sides = select(Split.part).where(Split.subject_id == literal(subject_id))
        after = writing.connection.execute(sides).scalar()
        before = None
        if row.subject_id is not None:
            before = writing.connection.execute(select(Split.part).where(Split.subject_id == row.subject_id)).scalar()
        if before is not None and before != after:
            raise StoreError(
                f"{row.stem} belongs to the {before} side of the splits, and the subject it is given to belongs to "
                f"{'none' if after is None else 'the ' + after + ' side'}; a label never changes side: keep the "
                "subject it has."
            )
        writing.connection.execute(update(CineRow).where(CineRow.id == row.id).values(subject_id=subject_id))
        writing.audit("subject given", cine=row.code, subject=code, details={})

    def _subject(self, writing: Writing, pseudonym: str) -> tuple[int, str]:
        connection = writing.connection
        row = connection.execute(select(Subject.id, Subject.code).where(Subject.pseudonym == pseudonym)).one_or_none()
        if row is not None:
            return row.id, row.code
        code = new_code()
        connection.execute(insert(Subject).values(code=code, pseudonym=pseudonym, added_at=writing.at))
        subject_id = int(connection.execute(select(Subject.id).where(Subject.code == code)).scalar_one())
        writing.audit("subject added", subject=code, details={})
        draw_for(writing, [(subject_id, code, pseudonym)])
        return subject_id, code

    def cine(self, content_id: str) -> CineEntry:
        """Return what is known about a cine.

        Raises
        ------
        StoreError
            If it is not in the study.
        """
        with self._reading() as connection:
            self._cine(connection, content_id)
            return _entry(_entry_row(connection, content_id))

    def has_cine(self, content_id: str) -> bool:
        """Say whether a cine with these pixels is in the study."""
        with self._reading() as connection:
            return _entry_row(connection, content_id) is not None

    def path_of(self, content_id: str) -> Path:
        """Return where the cine was last opened from on this machine; it never belongs into an export."""
        with self._reading() as connection:
            self._cine(connection, content_id)
            row = _entry_row(connection, content_id)
            return _as_path(row.path if row is not None else "")

    def cines(self) -> list[CineSummary]:
        """Return every cine in the order they were added, counted but without any pixels."""
        counts = (
            select(Label.cine_id, Label.status, func.count().label("n"), func.sum(Label.seconds).label("seconds"))
            .where(Label.mask_id.is_not(None))
            .group_by(Label.cine_id, Label.status)
        )
        places = select(Position.cine_id, Position.rater, Position.frame).order_by(Position.at)
        with self._reading() as connection:
            found: dict[int, tuple[dict[FrameStatus, int], float]] = {}
            for cine_id, status, n, seconds in connection.execute(counts):
                by_status, spent = found.setdefault(cine_id, ({}, 0.0))
                by_status[FrameStatus(status)] = n
                found[cine_id] = (by_status, spent + float(seconds))
            own: dict[int, int] = {}
            anybodys: dict[int, int] = {}
            for cine_id, rater, frame in connection.execute(places):
                anybodys[cine_id] = frame
                if rater == self._rater:
                    own[cine_id] = frame
            rows = connection.execute(
                select(
                    CineRow.id,
                    CineRow.content_id,
                    Subject.pseudonym,
                    CineRow.stem,
                    CineRow.view,
                    CineRow.n_frames,
                    Split.part,
                    CineRow.added_at,
                )
                .outerjoin(Subject, Subject.id == CineRow.subject_id)
                .outerjoin(Split, Split.subject_id == CineRow.subject_id)
                .order_by(CineRow.id)
            )
            return [
                CineSummary(
                    content_id,
                    subject,
                    stem,
                    view,
                    n_frames,
                    part,
                    *found.get(cine_id, ({}, 0.0)),
                    last_frame=own.get(cine_id, anybodys.get(cine_id)),
                    added=parse_time(added),
                )
                for cine_id, content_id, subject, stem, view, n_frames, part, added in rows
            ]

    def last_frame(self, content_id: str) -> int | None:
        """Return the frame this rater saw last, else the one anybody saw last, else None."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            rows = connection.execute(
                select(Position.rater, Position.frame).where(Position.cine_id == cine.id).order_by(Position.at.desc())
            ).all()
        own = [frame for rater, frame in rows if rater == self._rater]
        return own[0] if own else rows[0].frame if rows else None

    def set_last_frame(self, content_id: str, frame: int) -> None:
        """Remember the frame this rater is at."""
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            check_frames(cine, [frame])
            place = and_(Position.cine_id == cine.id, Position.rater == self._rater)
            values = {"frame": int(frame), "at": writing.at}
            done = writing.connection.execute(update(Position).where(place).values(**values))
            if not done.rowcount:
                writing.connection.execute(insert(Position).values(cine_id=cine.id, rater=self._rater, **values))

    def last_cine(self) -> str | None:
        """Return the content id of the cine this rater saw last, or None."""
        with self._reading() as connection:
            return connection.execute(
                select(CineRow.content_id)
                .join(Position, Position.cine_id == CineRow.id)
                .where(Position.rater == self._rater)
                .order_by(Position.at.desc())
                .limit(1)
            ).scalar()


def _stem(source: Path) -> str:
    from matae.read import file_stem

    return as_note(file_stem(source), 1000)


def _as_text(source: Path) -> str:
    """Return a path as text, one for each file; one whose bytes are no text as a URL: no other path looks like that."""
    path = os.path.abspath(source)  # noqa: PTH100 (unlike Path.absolute it takes ".." away)
    try:
        path.encode()
    except UnicodeEncodeError:
        return Path(path).as_uri()
    return path


def _as_path(text: str) -> Path:
    if text.startswith("file:"):
        return Path(os.fsdecode(unquote_to_bytes(text.removeprefix("file://"))))
    return Path(text)


def _entry_row(connection: Connection, content_id: str) -> Any:
    return connection.execute(
        select(CineRow, Subject.pseudonym)
        .outerjoin(Subject, Subject.id == CineRow.subject_id)
        .where(CineRow.content_id == content_id)
    ).one_or_none()


def _entry(row: Any, *, is_new: bool = False) -> CineEntry:
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
    )
