"""Sides of the study: every subject is drawn once, by a seeded hash of the pseudonym, and stays where it is.

The side depends on nothing but the seed, the shares and the pseudonym: not on the order in which subjects come, nor on
who else is there. New subjects are therefore added without moving anybody.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import TYPE_CHECKING

from sqlalchemy import insert, or_, select, update

from matae.errors import StoreError
from matae.store.base import StudyBase, as_pseudonym, new_code
from matae.store.schema import Cine as CineRow
from matae.store.schema import Split, StudyRow, Subject
from matae.store.types import SubjectSource

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matae.store.base import Writing

__all__ = ["DEFAULT_SHARES", "SplitsPart", "draw", "draw_for"]

DEFAULT_SHARES = {"train": 0.7, "val": 0.15, "test": 0.15}
"""Sides and their shares of the subjects, unless others are asked for."""


def draw(pseudonym: str, seed: int, shares: Mapping[str, float]) -> str:
    """Return the side of a subject.

    Parameters
    ----------
    pseudonym
        Of the subject.
    seed
        Of the study.
    shares
        Side and its share, in order; they sum to one.
    """
    digest = hashlib.sha256(f"{seed}|{pseudonym}".encode()).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64
    total = 0.0
    for part, share in shares.items():
        total += share
        if place < total:
            return part
    return next(reversed(list(shares)))


def draw_for(writing: Writing, subjects: Sequence[tuple[int, str, str]]) -> None:
    """Draw the side of new subjects (id, code, pseudonym), if the study has been split."""
    seed, shares = writing.connection.execute(select(StudyRow.split_seed, StudyRow.split_shares)).one()
    if seed is None or shares is None:
        return
    chosen = _shares_of(shares)
    for subject_id, code, pseudonym in subjects:
        part = draw(pseudonym, seed, chosen)
        writing.connection.execute(insert(Split).values(subject_id=subject_id, part=part, assigned_at=writing.at))
        writing.audit("side drawn", subject=code, details={"side": part})


# Somebody said that this person is shown, or that there is such a person; nothing is drawn for a guess.
_guesses = select(CineRow.subject_id).where(CineRow.subject_source == SubjectSource.GUESSED.value)
_said = select(CineRow.subject_id).where(CineRow.subject_source != SubjectSource.GUESSED.value)
_is_known = or_(Subject.id.not_in(_guesses.where(CineRow.subject_id.is_not(None))), Subject.id.in_(_said))


class SplitsPart(StudyBase):
    """Which side each subject is on."""

    def assign_splits(self, *, seed: int | None = None, shares: Mapping[str, float] | None = None) -> dict[str, str]:
        """Draw the side of every subject that has none, and of every subject to come.

        The first call fixes seed and shares for the life of the study.

        Parameters
        ----------
        seed
            Of the draw; 0 if left out the first time.
        shares
            Side and its share of the subjects; `DEFAULT_SHARES` if left out the first time.

        Returns
        -------
        dict
            Pseudonym and side of every subject.

        Raises
        ------
        StoreError
            If the study was split with another seed or other shares, or the shares are not shares.
        """
        with self._writing() as writing:
            connection = writing.connection
            known_seed, text = connection.execute(select(StudyRow.split_seed, StudyRow.split_shares)).one()
            if text is None:
                chosen = _checked(DEFAULT_SHARES if shares is None else shares)
                number = 0 if seed is None else int(seed)
                connection.execute(update(StudyRow).values(split_seed=number, split_shares=json.dumps(chosen)))
                writing.audit("splits fixed", details={"seed": number, "shares": chosen})
            elif (seed is not None and seed != known_seed) or (shares is not None and dict(shares) != _shares_of(text)):
                raise StoreError(
                    f"The sides of {self.name} were drawn with seed {known_seed} and shares {text}, and stay so for "
                    "the life of the study; leave both out, or start another study."
                )
            missing = connection.execute(
                select(Subject.id, Subject.code, Subject.pseudonym)
                .outerjoin(Split, Split.subject_id == Subject.id)
                .where(Split.subject_id.is_(None), _is_known)
                .order_by(Subject.id)
            )
            draw_for(writing, [(row.id, row.code, row.pseudonym) for row in missing])
        return self.splits()

    def set_split(self, subject: str, part: str) -> None:
        """Put a subject on the side that the data set it comes from states. Cannot be changed afterwards.

        Raises
        ------
        StoreError
            If there is no such subject, or it is on another side already.
        """
        subject = as_pseudonym(subject)
        with self._writing() as writing:
            row = writing.connection.execute(
                select(Subject.id, Subject.code, Split.part)
                .outerjoin(Split, Split.subject_id == Subject.id)
                .where(Subject.pseudonym == subject)
            ).one_or_none()
            if row is None:
                raise StoreError(f"There is no subject {subject} in {self.name}; add a cine of theirs first.")
            if row.part == part:
                return
            if row.part is not None:
                raise StoreError(
                    f"Subject {subject} is on the {row.part} side of {self.name}, and no subject changes side; "
                    "leave it there, or start another study."
                )
            writing.connection.execute(
                insert(Split).values(subject_id=row.id, part=_part(part), assigned_at=writing.at)
            )
            writing.audit("side given", subject=row.code, details={"side": part})

    def add_subject(self, subject: str, part: str) -> None:
        """Add a subject on the side that its data set states, before any of its cines; one that is there stays.

        Raises
        ------
        StoreError
            If the side or the pseudonym cannot be one.
        """
        side, name = _part(part), as_pseudonym(subject)
        with self._writing() as writing:
            connection = writing.connection
            there = connection.execute(select(Subject.id).where(Subject.pseudonym == name)).scalar()
            if there is not None:
                return
            code = new_code()
            connection.execute(insert(Subject).values(code=code, pseudonym=name, added_at=writing.at))
            subject_id = connection.execute(select(Subject.id).where(Subject.code == code)).scalar_one()
            writing.audit("subject added", subject=code, details={})
            connection.execute(insert(Split).values(subject_id=subject_id, part=side, assigned_at=writing.at))
            writing.audit("side given", subject=code, details={"side": side})

    def split_of(self, subject: str) -> str | None:
        """Return the side of a subject, or None while it has none."""
        return self.splits().get(as_pseudonym(subject))

    def side_for(self, subject: str) -> str:
        """Return the side a subject has, or would be drawn on; nothing is stored."""
        found = self.split_of(subject)
        if found is not None:
            return found
        with self._reading() as connection:
            seed, text = connection.execute(select(StudyRow.split_seed, StudyRow.split_shares)).one()
        return draw(as_pseudonym(subject), seed or 0, DEFAULT_SHARES if text is None else _shares_of(text))

    def splits(self) -> dict[str, str]:
        """Return the side of every subject that has one, by pseudonym."""
        with self._reading() as connection:
            rows = connection.execute(
                select(Subject.pseudonym, Split.part).join(Split, Split.subject_id == Subject.id).order_by(Subject.id)
            )
            return {row.pseudonym: row.part for row in rows}


def _shares_of(text: str) -> dict[str, float]:
    """Return the shares that a study was split by.

    Raises
    ------
    StoreError
        If a later version of this program splits in another way: no side is drawn then, since it would be another.
    """
    found = json.loads(text)
    if not isinstance(found, dict) or not found or not all(type(share) in (int, float) for share in found.values()):
        raise StoreError(
            "A later version of this program drew the sides of this study in a way which this version does not know; "
            "use that version for patients who have no side yet."
        )
    return found


def _part(text: str) -> str:
    if not text or len(text) > 40 or not text.replace("-", "").replace("_", "").isalnum():
        raise StoreError(f"'{text}' is no name for a side; use letters and digits, such as train, val or test.")
    return text


def _checked(shares: Mapping[str, float]) -> dict[str, float]:
    chosen = {_part(part): float(share) for part, share in shares.items()}
    if not chosen or min(chosen.values()) < 0 or not math.isclose(sum(chosen.values()), 1.0, abs_tol=1e-9):
        raise StoreError(
            "The shares of the sides must be positive and sum to one; for example train 0.7, val 0.15, test 0.15."
        )
    return chosen
