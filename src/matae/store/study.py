"""The study: opening and making it."""

from __future__ import annotations

import sqlite3
from contextlib import suppress
from typing import TYPE_CHECKING

from sqlalchemy import inspect

from matae.errors import StoreError
from matae.store.adjudications import AdjudicationsPart
from matae.store.cines import CinesPart
from matae.store.claims import ClaimsPart
from matae.store.create import check_file, lock_schema, make_file, make_on_server, new_file
from matae.store.database_errors import damaged, speaking
from matae.store.edits import EditsPart
from matae.store.engine import WAIT_S, WRITING, make_engine, parse_target
from matae.store.examinations import ExaminationsPart
from matae.store.flags import FlagsPart
from matae.store.integrity import CheckingPart
from matae.store.labels import LabelsPart
from matae.store.looks import LooksPart
from matae.store.marks import MarksPart
from matae.store.measurements import MeasurementsPart
from matae.store.migrate import HEAD, is_older, migrate, schema_version
from matae.store.overrides import OverridesPart
from matae.store.releases import ReleasesPart
from matae.store.schema import Base
from matae.store.splits import SplitsPart
from matae.store.sqlite_client import connect
from matae.store.worklist import WorklistPart

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

__all__ = ["Study"]


class Study(
    CinesPart,
    LabelsPart,
    EditsPart,
    FlagsPart,
    LooksPart,
    MarksPart,
    OverridesPart,
    SplitsPart,
    ReleasesPart,
    AdjudicationsPart,
    MeasurementsPart,
    ExaminationsPart,
    ClaimsPart,
    WorklistPart,
    CheckingPart,
):
    """Everything people drew, in one database: a SQLite file, or a PostgreSQL database by URL.

    `open` or `create` one; close it, or use it as a context manager. Every change is one transaction, durable when the
    call returns: whatever happens to the program, the machine or the disk afterwards, it is there, or the call raised.
    """

    @classmethod
    def create(cls, target: str | Path, *, rater: str = "", wait_s: float = WAIT_S) -> Self:
        """Make an empty study and open it.

        Parameters
        ----------
        target
            Path of the file to make, or URL of an empty PostgreSQL database.
        rater
            Free id under which changes are made.
        wait_s
            Seconds to wait while another program writes.

        Raises
        ------
        StoreError
            If there is something already, or the database cannot be reached.
        OutputError
            If the folder cannot be written to.
        """
        place = parse_target(target)
        if place.file is None:
            make_on_server(place, wait_s)
        else:
            with new_file(place.file) as part:
                make_file(part)
        return cls.open(target, rater=rater, wait_s=wait_s)

    @classmethod
    def open(cls, target: str | Path, *, rater: str = "", wait_s: float = WAIT_S, as_reader: bool = False) -> Self:
        """Open a study; one of an older version is brought up to date, after a copy was put beside it.

        Parameters
        ----------
        target
            Path of the file, or URL.
        rater
            Free id under which changes are made; the audit log replaces it by a random code.
        wait_s
            Seconds to wait while another program writes, before saying so.
        as_reader
            Where the study is blind, see and change this rater's reading only, and what models proposed; otherwise the
            labels are those that count, whoever made them.

        Raises
        ------
        StoreError
            If it is not there, no study, damaged, read-only, in use for too long, or of a newer version.
        """
        place = parse_target(target)
        if place.file is not None:
            check_file(place.file)
        study = cls(place, rater=rater, wait_s=wait_s, as_reader=as_reader)
        try:
            study._make_ready()
        except BaseException:
            with suppress(StoreError):
                study.close()
            raise
        return study

    def _make_ready(self) -> None:
        with speaking(self.name), self._engine.connect() as connection:
            version = schema_version(connection)
            if version is None:
                raise StoreError(f"{self.name} holds no study; make one with 'napari-matae study init'.")
            if version == HEAD:
                missing = set(Base.metadata.tables) - set(inspect(connection).get_table_names())
                if missing:
                    raise damaged(self.name, f"{', '.join(sorted(missing))} is missing")
        if version != HEAD:
            self._upgrade(version)
        if self._target.file is not None:
            self._check_writable(self._target.file)

    def _upgrade(self, version: str) -> None:
        if not is_older(version):
            raise StoreError(
                f"{self.name} was made by a newer version of napari-matae; update napari-matae to open it. "
                "Nothing was changed."
            )
        file = self._target.file
        engine = make_engine(self._target, keys=False)
        try:
            with speaking(self.name), engine.connect() as connection:
                writing = connection.execution_options(**{WRITING: True})
                with writing.begin():
                    lock_schema(writing)
                    if schema_version(writing) == HEAD:
                        return  # somebody was quicker
                    if file is not None:
                        self.backup(_free_name(file, version))  # nobody else writes: this is what is migrated
                    migrate(writing)
                    if file is not None and writing.exec_driver_sql("PRAGMA foreign_key_check").first():
                        raise damaged(self.name, "rows belong to others that are gone")
        finally:
            engine.dispose()

    def _check_writable(self, file: Path) -> None:
        """Say now, not at the first stroke, that nothing can be stored."""
        with speaking(self.name):
            connection = connect(file, wait_s=0)
            try:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute("ROLLBACK")
            except sqlite3.OperationalError as error:
                # That somebody writes just now is no reason not to look at it.
                if not error.sqlite_errorname.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
                    raise
            finally:
                connection.close()


def _free_name(file: Path, version: str) -> Path:
    """Return where the copy of an older version goes: beside it, under a name that is not taken."""
    from itertools import count

    names = (file.with_name(f"{file.stem}.version-{version}{more}{file.suffix}") for more in
             ("" if n == 1 else f"-{n}" for n in count(1)))  # fmt: skip
    return next(name for name in names if not name.exists())
