"""Whom each cine shows: said by its file, its data set or a person, never guessed.

A cine of unknown subject can be labelled and measured. It is drawn to no side, learnt from by no model and part of no
release until somebody says who it is. What was said can be corrected as long as nothing depends on it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from matae.errors import FixedSubjectError, StoreError
from matae.store.base import StudyBase, as_note, as_pseudonym, new_code
from matae.store.cine_rows import entry_of, entry_row, path_as_text
from matae.store.schema import Cine as CineRow
from matae.store.schema import FolderSubject, ModelUse, Split, StudyRow, Subject
from matae.store.schema import Release as ReleaseRow
from matae.store.schema import ReleaseFrame as ReleaseFrameRow
from matae.store.splits import draw_for
from matae.store.stated import is_said, patient_pseudonym, stated_by, stating, subjects_stated, tied
from matae.store.types import CineEntry, SubjectSource

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from sqlalchemy import Connection

    from matae.cine import Cine, Patient
    from matae.store.base import Writing

__all__ = ["SubjectsPart", "patient_pseudonym"]


class SubjectsPart(StudyBase):
    """What a study says about the persons its cines show."""

    def subject_of(self, cine: Cine) -> tuple[str, SubjectSource] | None:
        """Return whom a cine shows as far as its file, its data set or its folder says so; nothing is stored.

        Parameters
        ----------
        cine
            Just opened.

        Returns
        -------
        tuple or None
            Subject and who says so. None where nobody does, see `Cine.patient_note`.
        """
        known = self.subject_stated(cine.patient)
        if known is not None and cine.patient is not None:
            return known, SubjectSource(cine.patient.origin)
        subject = self.folder_subject(cine.source) or self.folder_subject(cine.source.parent)
        return None if subject is None else (subject, SubjectSource.PERSON)

    def subject_stated(self, patient: Patient | None) -> str | None:
        """Return the subject for a patient that a file or a data set states; None where that says nothing."""
        stated = stated_by(patient, self.secret)
        if stated is None:
            return None
        with self._reading() as connection:
            subjects = subjects_stated(connection, stated) or [stated]
        return subjects[0] if len(subjects) == 1 else None

    def why_unknown(self, cine: Cine) -> str:
        """Return why nobody says whom a cine shows, a sentence for the person who can."""
        if cine.patient is None:
            return cine.patient_note or "The file states no patient; say whom the clip shows."
        return (
            "Clips whose files state the same patient number show several patients, as people said; say whom this one "
            "shows."
        )

    def set_subject(
        self, content_id: str, subject: str, *, source: SubjectSource = SubjectSource.PERSON, only: bool = False
    ) -> CineEntry:
        """Say whom a cine shows; see `set_subjects`."""
        return self.set_subjects({content_id: subject}, source=source, only=only)[0]

    def set_subjects(
        self,
        subjects: Mapping[str, str],
        *,
        source: SubjectSource = SubjectSource.PERSON,
        only: bool = False,
    ) -> list[CineEntry]:
        """Say whom cines show: all of them, or none.

        It is said of the other cines of the same person too whose files state the same patient, so that no person is
        two.

        Parameters
        ----------
        subjects
            Content id and the pseudonym of the person, never a name.
        source
            Who says so.
        only
            The files state a wrong patient: leave others that state the same one where they are.

        Returns
        -------
        list of CineEntry
            Those asked for, in order, then those that went with them.

        Raises
        ------
        FixedSubjectError
            If a model was trained or judged with one of them as another person, or a release holds it: the sentence
            says which. Nothing is changed then.
        StoreError
            If two of them get different subjects though their files state one patient.
        """
        wanted = {content_id: as_pseudonym(subject) for content_id, subject in subjects.items()}
        with self._writing() as writing:
            for content_id in wanted:
                self._cine(writing.connection, content_id)
            everyone = wanted if only else self._with_tied(writing.connection, wanted)
            for content_id, pseudonym in everyone.items():
                row = entry_row(writing.connection, content_id)
                alone = only and row.stated_subject is not None
                self._give(writing, row, pseudonym, SubjectSource.CORRECTED if alone else source)
            return [entry_of(entry_row(writing.connection, content_id)) for content_id in everyone]

    def set_path_subjects(self, paths: Iterable[Path], subject: str) -> list[CineEntry]:
        """Say that the cines of some files show one person: those in the study now, the others when they are opened.

        Cines whose file or data set states the patient keep what that says.

        Parameters
        ----------
        paths
            Where the cines are or were opened from. They stay in the study.
        subject
            Pseudonym.

        Returns
        -------
        list of CineEntry
            The cines it was said of.

        Raises
        ------
        FixedSubjectError
            As `set_subjects`.
        """
        texts = list(dict.fromkeys(path_as_text(path) for path in paths))

        def chosen(connection: Connection) -> list[Any]:
            rows = (
                connection.execute(
                    select(CineRow, Subject.pseudonym)
                    .outerjoin(Subject, Subject.id == CineRow.subject_id)
                    .where(CineRow.path == text)
                    .order_by(CineRow.id.desc())
                    .limit(1)
                ).one_or_none()
                for text in texts
            )
            return [row for row in rows if row is not None]

        return self._remember(texts, subject, chosen)

    def set_folder_subject(self, folder: Path, subject: str) -> list[CineEntry]:
        """Say that all cines of a folder show one person, those that are opened from it later included.

        Cines whose file or data set states the patient keep what that says.

        Parameters
        ----------
        folder
            The folder itself, not those inside it. Its path stays in the study.
        subject
            Pseudonym.

        Returns
        -------
        list of CineEntry
            The cines it was said of.

        Raises
        ------
        StoreError
            As `set_subjects`.
        """
        path = path_as_text(folder)
        return self._remember([path], subject, lambda connection: self._in_folder(connection, path))

    def _remember(self, paths: list[str], subject: str, chosen: Callable[[Connection], list[Any]]) -> list[CineEntry]:
        """Give the chosen cines a subject unless their files state one, and keep it for what is opened from paths."""
        pseudonym = as_pseudonym(subject)
        with self._writing() as writing:
            connection = writing.connection
            rows = [row for row in chosen(connection) if row.stated_subject is None or not is_said(row)]
            for row in rows:
                self._give(writing, row, pseudonym, SubjectSource.PERSON)
            subject_id, _ = self._subject(writing, pseudonym)
            for path in paths:
                connection.execute(delete(FolderSubject).where(FolderSubject.path == path))
                connection.execute(insert(FolderSubject).values(path=path, subject_id=subject_id, at=writing.at))
            return [entry_of(entry_row(connection, row.content_id)) for row in rows]

    def folder_subject(self, folder: Path) -> str | None:
        """Return the person that somebody gave to all cines of a folder, or to one file, or None."""
        with self._reading() as connection:
            return connection.execute(
                select(Subject.pseudonym)
                .join(FolderSubject, FolderSubject.subject_id == Subject.id)
                .where(FolderSubject.path == path_as_text(folder))
            ).scalar()

    def forget_folder_subject(self, folder: Path) -> None:
        """Give no subject to cines that are opened from a folder later; those that have one keep it."""
        with self._writing() as writing:
            writing.connection.execute(delete(FolderSubject).where(FolderSubject.path == path_as_text(folder)))

    def note_model_use(self, model: str, role: str, content_ids: Iterable[str]) -> None:
        """Note that a model was trained or judged with cines: their subjects are fixed from now on.

        Parameters
        ----------
        model
            Its name.
        role
            ``trained`` or ``judged``.
        content_ids
            The cines; those that are not in the study are passed over.
        """
        name = as_note(model, 200)
        with self._writing() as writing:
            connection = writing.connection
            ids = {content_id: connection.execute(select(CineRow.id).where(CineRow.content_id == content_id)).scalar()
                   for content_id in content_ids}  # fmt: skip
            known = set(
                connection.execute(
                    select(ModelUse.cine_id).where(ModelUse.model == name, ModelUse.role == role)
                ).scalars()
            )
            rows = [
                {"cine_id": cine_id, "model": name, "role": role, "at": writing.at}
                for cine_id in ids.values()
                if cine_id is not None and cine_id not in known
            ]
            if rows:
                connection.execute(insert(ModelUse), rows)

    def models_noted(self) -> set[str]:
        """Return the models of which the study knows that they were trained or judged with its cines."""
        with self._reading() as connection:
            return set(connection.execute(select(ModelUse.model).distinct()).scalars())

    def why_subject_is_fixed(self, content_id: str) -> str:
        """Return what depends on a cine's subject, as part of a sentence; empty where it can still be corrected."""
        with self._reading() as connection:
            return _dependents(connection, self._cine(connection, content_id).id)

    # -- inside a transaction -----------------------------------------------------------------------------

    def _give(self, writing: Writing, row: Any, pseudonym: str, source: SubjectSource) -> None:
        """Give a cine's row a subject, or confirm the one it has."""
        connection = writing.connection
        if row.pseudonym == pseudonym:
            if row.subject_source != source.value and source is not SubjectSource.GUESSED:
                connection.execute(update(CineRow).where(CineRow.id == row.id).values(subject_source=source.value))
                writing.audit("subject confirmed", cine=row.code, details={"source": source.value})
                subject = connection.execute(select(Subject.id, Subject.code).where(Subject.id == row.subject_id)).one()
                self._draw_missing(writing, subject.id, subject.code, pseudonym)
            return
        if row.subject_id is not None:
            fixed = _dependents(connection, row.id)
            if fixed:
                raise FixedSubjectError(
                    f"{row.stem} stays with {row.pseudonym}: {fixed}, and what is known of a person must not move to "
                    "another one afterwards. Forget that subject, or start another study."
                )
        subject_id, code = self._subject(writing, pseudonym)
        connection.execute(
            update(CineRow).where(CineRow.id == row.id).values(subject_id=subject_id, subject_source=source.value)
        )
        writing.audit("subject given", cine=row.code, subject=code, details={"source": source.value})
        self._draw_missing(writing, subject_id, code, pseudonym)
        if row.subject_source == SubjectSource.GUESSED.value:
            self._drop_empty(writing, row.subject_id)

    def _with_tied(self, connection: Connection, wanted: Mapping[str, str]) -> dict[str, str]:
        """Return what is wanted, and the same of the cines whose files state the same patient."""
        everyone = dict(wanted)
        for content_id, pseudonym in wanted.items():
            row = entry_row(connection, content_id)
            for other in tied(connection, row):
                if everyone.setdefault(other.content_id, pseudonym) != pseudonym:
                    raise StoreError(
                        f"The files of {row.stem} and {other.stem} state the same patient, so they cannot show two; if "
                        "the number in them is wrong, say so for each clip alone."
                    )
        return everyone

    def _follow(self, content_id: str) -> str:
        """Let cines that have a subject by their files' word follow what people said of one that states the same.

        Returns why they do not; empty where they do.
        """
        with self._reading() as connection:
            row = entry_row(connection, content_id)
            if row is None or row.stated_subject is None or row.subject_source == SubjectSource.CORRECTED.value:
                return ""
            if len(subjects_stated(connection, row.stated_subject)) < 2:
                return ""
        with self._writing() as writing:
            connection = writing.connection
            rows = [r for r in stating(connection, row.stated_subject) if is_said(r)]
            rows = [r for r in rows if r.subject_source != SubjectSource.CORRECTED.value]
            said = {r.pseudonym for r in rows if r.subject_source not in _BY_FILE}
            others = [r for r in rows if r.subject_source in _BY_FILE and r.pseudonym not in said]
            if len(said) == 1 and not any(_dependents(connection, other.id) for other in others):
                (pseudonym,) = said
                for other in others:
                    self._give(writing, other, pseudonym, SubjectSource(other.subject_source))
                return ""
            if len({r.pseudonym for r in rows}) < 2:
                return ""
        return (
            "Its file states the same patient as clips that are known as somebody else; say for one of them who it is, "
            "or that the number is wrong."
        )

    def _subject(self, writing: Writing, pseudonym: str) -> tuple[int, str]:
        """Return id and code of a subject, which is added if it is new."""
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

    @staticmethod
    def _draw_missing(writing: Writing, subject_id: int, code: str, pseudonym: str) -> None:
        """Draw the side of a subject that was known by a guess only, and so had none."""
        if writing.connection.execute(select(Split.part).where(Split.subject_id == subject_id)).scalar() is None:
            draw_for(writing, [(subject_id, code, pseudonym)])

    @staticmethod
    def _drop_empty(writing: Writing, subject_id: int) -> None:
        """Take away a guessed subject that no cine shows any more: there never was such a person."""
        left = select(func.count()).select_from(CineRow).where(CineRow.subject_id == subject_id)
        if not writing.connection.execute(left).scalar_one():
            code = writing.connection.execute(select(Subject.code).where(Subject.id == subject_id)).scalar_one()
            writing.connection.execute(delete(Subject).where(Subject.id == subject_id))
            writing.audit("guess withdrawn", subject=code, details={})

    @staticmethod
    def _in_folder(connection: Connection, folder: str) -> list[Any]:
        from pathlib import PurePath

        rows = connection.execute(
            select(CineRow, Subject.pseudonym)
            .outerjoin(Subject, Subject.id == CineRow.subject_id)
            .where(CineRow.path.startswith(folder, autoescape=True))
        ).all()
        return [row for row in rows if str(PurePath(row.path).parent) == folder]

    def _secret_of(self, connection: Connection) -> bytes:
        return bytes(connection.execute(select(StudyRow.secret)).scalar_one())


_BY_FILE = (SubjectSource.FILE.value, SubjectSource.DATA_SET.value)


def _dependents(connection: Connection, cine_id: int) -> str:
    """Return which models and releases know a cine, as part of a sentence; empty if none does."""
    uses = connection.execute(
        select(ModelUse.model, ModelUse.role).where(ModelUse.cine_id == cine_id).order_by(ModelUse.at)
    ).all()
    releases = connection.execute(
        select(ReleaseRow.name, ReleaseRow.number)
        .where(ReleaseRow.id.in_(select(ReleaseFrameRow.release_id).where(ReleaseFrameRow.cine_id == cine_id)))
        .order_by(ReleaseRow.id)
    ).all()
    said = [f"model {model} was {role} with it" for model, role in uses]
    said += [f"release {name} {number} holds it" for name, number in releases]
    if len(said) > 3:
        said = [*said[:2], f"{len(said) - 2} more models and releases know it"]
    return ", ".join(said[:-1]) + (" and " if len(said) > 1 else "") + said[-1] if said else ""
