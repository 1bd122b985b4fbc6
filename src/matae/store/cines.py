"""The cines of a study, whom they show, and where each rater left off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import and_, func, insert, select, update

from matae.errors import FixedSubjectError, StoreError
from matae.store.base import as_note, as_pseudonym, new_code, parse_time
from matae.store.cine_rows import entry_of, entry_row, path_as_text, path_of_text, stem_of
from matae.store.label_rows import check_frames
from matae.store.schema import Cine as CineRow
from matae.store.schema import Label, Position, Split, Subject
from matae.store.stated import stated_by
from matae.store.subjects import SubjectsPart
from matae.store.types import CineEntry, CineSummary, FrameStatus, SubjectSource

if TYPE_CHECKING:
    from typing import Any

    from sqlalchemy import Connection

    from matae.cine import Cine

__all__ = ["CinesPart"]

_SHORTEST_ID = 6


class CinesPart(SubjectsPart):
    """What a study says about cines."""

    def add_cine(
        self,
        cine: Cine,
        *,
        subject: str | None = None,
        source: SubjectSource = SubjectSource.PERSON,
        changed: bool = False,
    ) -> CineEntry:
        """Add a cine, or find it again by its pixels.

        Parameters
        ----------
        cine
            Its facts are stored, its pixels are not.
        subject
            Pseudonym of the person it shows, never a name. Splits are drawn by it. Left out, it can be given later.
        source
            Who says that it is this subject.
        changed
            Add it though its file was labelled with other pixels before; those labels stay with the old pixels.

        Returns
        -------
        CineEntry
            `is_new` says which of the two happened.

        Raises
        ------
        StoreError
            If the file held other pixels when it was labelled, or it is in the study as another subject and a model or
            a release knows it.
        """
        path = path_as_text(cine.source)
        pseudonym = as_pseudonym(subject) if subject is not None else None
        stated = stated_by(cine.patient, self.secret)
        known = self._known(cine.content_id)
        day_known = known is not None and (known.recorded is not None or cine.recorded is None)
        if day_known and self._says_all(known, path, stated, pseudonym, source):
            return entry_of(known)  # nothing to write: a full or locked study can still be looked at
        with self._writing() as writing:
            connection = writing.connection
            row = entry_row(connection, cine.content_id)
            if row is not None:
                if pseudonym is not None and (pseudonym != row.pseudonym or row.subject_source != source.value):
                    self._give(writing, row, pseudonym, source)
                news = {} if row.path == path else {"path": path, "stem": stem_of(cine.source)}
                if stated is not None and row.stated_subject is None:
                    news["stated_subject"] = stated
                if cine.recorded is not None and row.recorded is None:
                    news["recorded"] = cine.recorded
                if news:
                    connection.execute(update(CineRow).where(CineRow.id == row.id).values(**news))
                return entry_of(entry_row(connection, cine.content_id))
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
                    subject_source=None if subject_id is None else source.value,
                    stated_subject=stated,
                    stem=stem_of(cine.source),
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
                    recorded=cine.recorded,
                )
            )
            writing.audit("cine added", cine=code, subject=subject_code, details={"frames": cine.n_frames})
            return entry_of(entry_row(connection, cine.content_id), is_new=True)

    @staticmethod
    def _says_all(known: Any, path: str, stated: str | None, pseudonym: str | None, source: SubjectSource) -> bool:
        """Return whether there is nothing to store of a cine that the study knows."""
        if known.path != path or (stated is not None and known.stated_subject is None):
            return False
        return pseudonym is None or (pseudonym, source.value) == (known.pseudonym, known.subject_source)

    def _known(self, content_id: str) -> Any:
        with self._reading() as connection:
            return entry_row(connection, content_id)

    def add_as_stated(self, cine: Cine) -> CineEntry:
        """Add a cine, or find it again, with whom its file, its data set or its folder say it shows.

        What a person said of a cine that is in the study stays, and is then true of all cines whose files state the
        same patient.

        Parameters
        ----------
        cine
            Just opened.

        Returns
        -------
        CineEntry
            As it is in the study now; `subject_note` says why the subject is unknown, or not the one that is stated.

        Raises
        ------
        StoreError
            As `add_cine`, but for a subject that cannot be changed.
        """
        said = self.subject_of(cine)
        known = self.cine(cine.content_id) if self.has_cine(cine.content_id) else None
        if said is not None and (known is None or known.known_subject is None):
            try:
                return self.add_cine(cine, subject=said[0], source=said[1])
            except FixedSubjectError as error:
                return replace(self.add_cine(cine), subject_note=str(error))
        entry = self.add_cine(cine)
        known_as = entry.known_subject
        return replace(
            entry, subject_note=self.why_unknown(cine) if known_as is None else self._follow(cine.content_id)
        )

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

    def cine(self, content_id: str) -> CineEntry:
        """Return what is known about a cine.

        Raises
        ------
        StoreError
            If it is not in the study.
        """
        with self._reading() as connection:
            self._cine(connection, content_id)
            return entry_of(entry_row(connection, content_id))

    def has_cine(self, content_id: str) -> bool:
        """Say whether a cine with these pixels is in the study."""
        with self._reading() as connection:
            return entry_row(connection, content_id) is not None

    def path_of(self, content_id: str) -> Path:
        """Return where the cine was last opened from on this machine; it never belongs into an export."""
        with self._reading() as connection:
            self._cine(connection, content_id)
            row = entry_row(connection, content_id)
            return path_of_text(row.path if row is not None else "")

    def find_cine(self, text: str) -> str:
        """Return the content id of the cine that a person means.

        Parameters
        ----------
        text
            Where its file is, the name of the file with or without its suffix, or how its content id begins (six digits
            or more).

        Raises
        ------
        StoreError
            If there is none, or several.
        """
        path, stem = path_as_text(Path(text)), stem_of(Path(text))
        with self._reading() as connection:
            rows = connection.execute(select(CineRow.content_id, CineRow.stem, CineRow.path).order_by(CineRow.id)).all()
        by_path = [row.content_id for row in rows if row.path == path]
        begins = [row.content_id for row in rows if len(text) >= _SHORTEST_ID and row.content_id.startswith(text)]
        named = [row.content_id for row in rows if row.stem in {text, stem}]
        found = by_path[-1:] or begins or named
        if len(found) == 1:
            return str(found[0])
        if not found:
            raise StoreError(f"There is no clip {text} in {self.name}; give its file, its name or its content id.")
        ids = ", ".join(content_id[:12] for content_id in found[:5])
        raise StoreError(f"{text} means several clips of {self.name}; give the content id of one: {ids}.")

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
                    CineRow.subject_source,
                    CineRow.stated_subject,
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
                    None if source == SubjectSource.GUESSED else part,
                    *found.get(cine_id, ({}, 0.0)),
                    last_frame=own.get(cine_id, anybodys.get(cine_id)),
                    added=parse_time(added),
                    subject_source=None if source is None else SubjectSource(source),
                    is_stated=stated is not None,
                )
                for cine_id, content_id, subject, stem, view, n_frames, part, added, source, stated in rows
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
