"""Labels: a version for every stroke, a person's before any machine's, and nobody's overwritten in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from sqlalchemy import func, insert, select, update

from matae.errors import ConflictError, StoreError
from matae.store.base import StudyBase, parse_time
from matae.store.codec import as_class_map, decode_mask, digest_of, encode_mask
from matae.store.schema import Cine as CineRow
from matae.store.schema import Flag as FlagRow
from matae.store.schema import Label, Mask, Rater
from matae.store.schema import Revision as RevisionRow
from matae.store.types import Edit, Flag, FrameInfo, FrameStatus, Revision

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray
    from sqlalchemy import Connection, Row

    from matae.store.base import Writing

__all__ = ["LabelsPart"]

_NOTE = 80
_LISTED = 50  # frames named in one audit entry


class LabelsPart(StudyBase):
    """What a study says about the labels of frames."""

    # ------------------------------------------------------------------ reading

    def frames(self, content_id: str) -> dict[int, FrameInfo]:
        """Return what is known about each labelled frame of a cine, without pixels, in order."""
        with self._reading() as connection:
            return _infos(connection, self._cine(connection, content_id).id)

    def mask(self, content_id: str, frame: int, *, revision: int | None = None) -> NDArray[np.uint8] | None:
        """Return the mask of a frame, (Y, X) uint8, or None where there is no label.

        Parameters
        ----------
        content_id, frame
            Which.
        revision
            An earlier version; the one shown if left out.

        Raises
        ------
        StoreError
            If the cine is not in the study, or the stored mask is damaged.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            if revision is None:
                chosen = select(Label.mask_id).where(Label.cine_id == cine.id, Label.frame == int(frame))
            else:
                chosen = select(RevisionRow.mask_id).where(
                    RevisionRow.cine_id == cine.id, RevisionRow.frame == int(frame), RevisionRow.number == revision
                )
            png = connection.execute(select(Mask.png).where(Mask.id == chosen.scalar_subquery())).scalar()
        return None if png is None else decode_mask(png)

    def proposal(self, content_id: str, frame: int, *, original: bool = False) -> NDArray[np.uint8] | None:
        """Return what a model proposed for a frame, (Y, X) uint8, or None where none did.

        Parameters
        ----------
        content_id, frame
            Which.
        original
            The proposal the person started from, instead of the newest. The two are the same until a model is run
            again; see `FrameInfo.newer_proposal`.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            column = Label.original_mask_id if original else Label.newest_mask_id
            chosen = select(column).where(Label.cine_id == cine.id, Label.frame == int(frame))
            png = connection.execute(select(Mask.png).where(Mask.id == chosen.scalar_subquery())).scalar()
        return None if png is None else decode_mask(png)

    def load_masks(self, content_id: str, out: NDArray[np.uint8]) -> dict[int, FrameInfo]:
        """Write every mask of a cine into `out`, (T, Y, X) uint8; frames without a label are left as they are.

        Returns
        -------
        dict
            What `frames` returns, of the same moment.

        Raises
        ------
        StoreError
            If `out` has another shape than the cine, or a mask is damaged.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            if out.shape != (cine.n_frames, cine.height, cine.width):
                raise StoreError(
                    f"The masks of this cine are {cine.n_frames} x {cine.height} x {cine.width}, not "
                    f"{' x '.join(map(str, out.shape))}; open the cine they were drawn on."
                )
            infos = _infos(connection, cine.id)
            rows = connection.execute(
                select(Label.frame, Mask.png).join(Mask, Mask.id == Label.mask_id).where(Label.cine_id == cine.id)
            )
            for frame, png in rows:
                out[frame] = decode_mask(png)
        return infos

    def history(self, content_id: str, frame: int) -> list[Revision]:
        """Return every version of a frame's label, newest last; refused and machine versions too."""
        return self._versions(content_id, RevisionRow.frame == int(frame))

    def steps(self, content_id: str, limit: int = 200) -> list[list[Revision]]:
        """Return the latest changes to a cine's labels, one list a transaction, newest last: to rebuild undo.

        Parameters
        ----------
        content_id
            The cine.
        limit
            Transactions at most.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            wanted = (
                select(RevisionRow.sequence)
                .where(RevisionRow.cine_id == cine.id)
                .distinct()
                .order_by(RevisionRow.sequence.desc())
                .limit(limit)
            )
            first = min(connection.execute(wanted).scalars(), default=0)
        found: dict[int, list[Revision]] = {}
        for revision in self._versions(content_id, RevisionRow.sequence >= first):
            found.setdefault(revision.step, []).append(revision)
        return list(found.values())

    def _versions(self, content_id: str, condition: Any) -> list[Revision]:
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            rows = connection.execute(
                select(RevisionRow, Mask.png, Rater.name)
                .outerjoin(Mask, Mask.id == RevisionRow.mask_id)
                .outerjoin(Rater, Rater.id == RevisionRow.rater_id)
                .where(RevisionRow.cine_id == cine.id, condition)
                .order_by(RevisionRow.sequence, RevisionRow.frame, RevisionRow.number)
            )
            return [
                Revision(
                    frame=row.frame,
                    number=row.number,
                    kind=row.kind,
                    status=FrameStatus(row.status),
                    step=row.sequence,
                    based_on=row.based_on,
                    shown=row.shown,
                    model=row.model,
                    width=row.width,
                    model_sha256=row.model_sha256,
                    rater=name or "",
                    seconds=row.seconds,
                    note=row.note,
                    at=parse_time(row.at),
                    png=png,
                )
                for row, png, name in (_split(row) for row in rows)
            ]

    def next_to_review(
        self, content_id: str, frame: int, *, backwards: bool = False, flagged: bool = False, stay: bool = False
    ) -> tuple[str, int] | None:
        """Return the next frame that no person has looked at: in this cine after `frame`, else in the cines after it.

        Parameters
        ----------
        content_id, frame
            Where the search starts; this frame itself is left out.
        backwards
            Search towards the beginning.
        flagged
            Only frames with a flag.
        stay
            Search in this cine only.

        Returns
        -------
        tuple
            Content id and frame, or None if there is none.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            waiting = [Label.status == FrameStatus.MACHINE.value, Label.mask_id.is_not(None)]
            query = select(Label.frame)
            if flagged:
                query = query.join(FlagRow, (FlagRow.cine_id == Label.cine_id) & (FlagRow.frame == Label.frame))
            order = Label.frame.desc() if backwards else Label.frame
            beyond = Label.frame < int(frame) if backwards else Label.frame > int(frame)
            here = connection.execute(
                query.where(*waiting, Label.cine_id == cine.id, beyond).order_by(order).limit(1)
            ).scalar()
            if here is not None:
                return content_id, here
            if stay:
                return None
            others = query.with_only_columns(
                func.max(Label.cine_id) if backwards else func.min(Label.cine_id), maintain_column_froms=True
            ).where(*waiting, Label.cine_id < cine.id if backwards else Label.cine_id > cine.id)
            other = connection.execute(others).scalar()
            if other is None:
                return None
            there = connection.execute(
                query.where(*waiting, Label.cine_id == other).order_by(order).limit(1)
            ).scalar_one()
            found = connection.execute(select(CineRow.content_id).where(CineRow.id == other)).scalar_one()
            return found, there

    def flags(self, content_id: str) -> dict[int, Flag]:
        """Return why a machine wants a person to look at which frames, in order."""
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
            rows = connection.execute(
                select(FlagRow.frame, FlagRow.score, FlagRow.reason)
                .where(FlagRow.cine_id == cine.id)
                .order_by(FlagRow.frame)
            )
            return {frame: Flag(score, reason) for frame, score, reason in rows}

    # ------------------------------------------------------------------ writing

    def set_flags(self, content_id: str, flags: Mapping[int, Flag]) -> None:
        """Replace the flags of a cine."""
        from sqlalchemy import delete

        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            _check_frames(cine, flags)
            writing.connection.execute(delete(FlagRow).where(FlagRow.cine_id == cine.id))
            rows = [
                {"cine_id": cine.id, "frame": int(frame), "score": float(flag.score), "reason": flag.reason}
                for frame, flag in flags.items()
            ]
            if rows:
                writing.connection.execute(insert(FlagRow), rows)

    def put_proposals(
        self,
        content_id: str,
        masks: Mapping[int, NDArray[Any]],
        *,
        model: str,
        width: str,
        model_sha256: str = "",
    ) -> list[int]:
        """Store what a model proposes: shown on machine frames, kept beside a person's work on all others.

        Parameters
        ----------
        content_id
            The cine.
        masks
            Frame and mask, (Y, X) class map in native pixels.
        model, width, model_sha256
            What proposed them.

        Returns
        -------
        list of int
            Frames a person has worked on: their mask and status are as they were.

        Raises
        ------
        StoreError
            If a mask has another shape than the cine, or a frame does not exist.
        """
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
        ready = _prepare(cine, masks.items())
        kept: list[int] = []
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            heads, numbers = _heads(writing.connection, cine.id, ready), _numbers(writing.connection, cine.id, ready)
            ids = _store_masks(writing, cine.id, ready.values())
            made = {"model": model, "width": width, "model_sha256": model_sha256}
            for frame, (digest, area, _) in sorted(ready.items()):
                head = heads.get(frame)
                mask_id, number = ids[digest], numbers.get(frame, 0) + 1
                free = head is None or head.status == FrameStatus.MACHINE.value
                _add_revision(
                    writing, cine.id, frame, number, kind="machine", status=FrameStatus.MACHINE, mask_id=mask_id,
                    based_on=0 if head is None else head.revision, shown=free, **made,
                )  # fmt: skip
                values: dict[str, Any] = {"newest": number, "newest_mask_id": mask_id}
                if free:
                    values |= made | {
                        "status": FrameStatus.MACHINE.value, "revision": number, "mask_id": mask_id, "area": area,
                        "original": number, "original_mask_id": mask_id, "rater_id": None, "updated_at": writing.at,
                    }  # fmt: skip
                else:
                    kept.append(frame)
                _set_head(writing, cine.id, frame, head, values)
            writing.audit(
                "proposed",
                cine=cine.code,
                subject=cine.subject_code or "",
                details={**_frames_text(ready), "kept": len(kept), "model_sha256": model_sha256},
                by_machine=True,
            )
        return kept

    def put_edits(self, content_id: str, edits: Sequence[Edit], *, note: str = "") -> list[FrameInfo]:
        """Store what a person made of one frame or several: all of them, durably, before this returns; or none.

        A machine is never in the way of a person: if a model proposed something new meanwhile, the edit wins.

        Parameters
        ----------
        content_id
            The cine.
        edits
            At most one a frame.
        note
            The tool, such as "brush"; kept with the versions.

        Returns
        -------
        list of FrameInfo
            The new state of the frames, in the order of `edits`. Frames whose label was taken away have revision 0.

        Raises
        ------
        ConflictError
            If another person changed one of the frames since `expected_revision`. Nothing is changed, and the
            refused versions are in the history as "conflict": `theirs` is the state of those frames, `mine` maps each
            refused frame to its revision. To insist, put the edits again with the revisions in `theirs`.
        StoreError
            If a mask has another shape than the cine, or the study cannot be written to.
        """
        frames = [int(edit.frame) for edit in edits]
        if len(set(frames)) != len(frames):
            raise StoreError("A frame was edited twice in one step; give its last version only.")
        if not edits:
            return []
        with self._reading() as connection:
            cine = self._cine(connection, content_id)
        _check_frames(cine, frames)
        ready = _prepare(cine, ((edit.frame, edit.mask) for edit in edits if edit.mask is not None))
        conflict: ConflictError | None = None
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            heads, numbers = _heads(connection, cine.id, frames), _numbers(connection, cine.id, frames)
            ids = _store_masks(writing, cine.id, ready.values())
            late = [edit.frame for edit in edits if self._is_late(connection, cine.id, edit, heads.get(edit.frame))]
            for edit in edits:
                found = ready.get(edit.frame)
                mask_id, area = (None, 0) if found is None else (ids[found[0]], found[1])
                status = self._status_of(connection, cine.id, edit, mask_id)
                number = numbers.get(edit.frame, 0) + 1
                _add_revision(
                    writing, cine.id, edit.frame, number, kind="conflict" if late else "person", status=status,
                    mask_id=mask_id, based_on=int(edit.expected_revision), shown=not late, seconds=edit.seconds,
                    note=note[:_NOTE],
                )  # fmt: skip
                if late:
                    numbers[edit.frame] = number
                    continue
                head = heads.get(edit.frame)
                values = {
                    "status": status.value, "revision": number, "mask_id": mask_id, "area": area,
                    "rater_id": None if status is FrameStatus.MACHINE else writing.rater_id,
                    "seconds": (0.0 if head is None else head.seconds) + max(0.0, float(edit.seconds)),
                    "updated_at": writing.at,
                }  # fmt: skip
                _set_head(writing, cine.id, edit.frame, head, values)
            writing.audit(
                "edit refused" if late else "edited",
                cine=cine.code,
                subject=cine.subject_code or "",
                details={**_frames_text(frames), "seconds": round(sum(edit.seconds for edit in edits), 3)},
            )
            infos = _infos(connection, cine.id, frames, withdrawn=True)
            if late:
                conflict = ConflictError(
                    f"Somebody else changed {_named(late)} of this cine meanwhile. Both versions are kept; choose one.",
                    theirs=[infos[frame] for frame in late if frame in infos],
                    mine={frame: numbers[frame] for frame in frames},
                )
        if conflict is not None:
            raise conflict
        return [infos[frame] for frame in frames]

    def set_status(
        self,
        content_id: str,
        frames: Iterable[int],
        status: FrameStatus,
        *,
        expected: Mapping[int, int] | None = None,
        seconds: float = 0.0,
        note: str = "",
    ) -> list[FrameInfo]:
        """Judge frames without changing their masks, in one transaction.

        Parameters
        ----------
        content_id
            The cine.
        frames
            Frames with a label.
        status
            ACCEPTED, REJECTED, or EDITED to take a judgement back. MACHINE takes back what was said about a mask that
            is still the model's; a mask that a person drew stays EDITED.
        expected
            Frame and `FrameInfo.revision` the person saw; frames left out are not checked.
        seconds
            Time spent looking, shared among the frames.
        note
            Kept with the versions.

        Returns
        -------
        list of FrameInfo
            The new state of the frames, in order.

        Raises
        ------
        ConflictError
            If the mask of one of them is not the one the person saw; nothing is changed, `theirs` says what is there.
        StoreError
            If a frame has no label.
        """
        wanted = sorted({int(frame) for frame in frames})
        seen = expected or {}
        conflict: ConflictError | None = None
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            _check_frames(cine, wanted)
            heads, numbers = _heads(connection, cine.id, wanted), _numbers(connection, cine.id, wanted)
            bare = [frame for frame in wanted if frame not in heads or heads[frame].mask_id is None]
            if bare:
                raise StoreError(f"There is no mask on {_named(bare)}; draw one, or run a model first.")
            late = [frame for frame in wanted if frame in seen and heads[frame].revision != seen[frame]]
            if late:
                infos = _infos(connection, cine.id, late)
                conflict = ConflictError(
                    f"{_named(late).capitalize()} changed meanwhile; look at what is there now, then judge again.",
                    theirs=[infos[frame] for frame in late],
                    mine={},
                )
            else:
                for frame in wanted:
                    head = heads[frame]
                    chosen = status
                    if status is FrameStatus.MACHINE and not _is_proposal(connection, cine.id, frame, head.mask_id):
                        chosen = FrameStatus.EDITED
                    number, spent = numbers[frame] + 1, max(0.0, float(seconds)) / len(wanted)
                    _add_revision(
                        writing, cine.id, frame, number, kind="status", status=chosen, mask_id=head.mask_id,
                        based_on=head.revision, shown=True, seconds=spent, note=note[:_NOTE],
                    )  # fmt: skip
                    values = {
                        "status": chosen.value, "revision": number, "seconds": head.seconds + spent,
                        "rater_id": None if chosen is FrameStatus.MACHINE else writing.rater_id,
                        "updated_at": writing.at,
                    }  # fmt: skip
                    _set_head(writing, cine.id, frame, head, values)
                writing.audit(
                    status.value, cine=cine.code, subject=cine.subject_code or "", details=_frames_text(wanted)
                )
                infos = _infos(connection, cine.id, wanted)
        if conflict is not None:
            raise conflict
        return [infos[frame] for frame in wanted]

    def _is_late(self, connection: Connection, cine_id: int, edit: Edit, head: Row[Any] | None) -> bool:
        current = 0 if head is None else head.revision
        if current == edit.expected_revision:
            return False
        shown = [RevisionRow.cine_id == cine_id, RevisionRow.frame == int(edit.frame), RevisionRow.shown]
        seen = int(edit.expected_revision)
        if seen == 0:  # a label that was taken away is the same as one never drawn
            gone = select(func.max(RevisionRow.number)).where(*shown, RevisionRow.mask_id.is_(None))
            seen = connection.execute(gone).scalar() or 0
        by_people = select(func.count()).where(*shown, RevisionRow.number > seen, RevisionRow.kind != "machine")
        return current < seen or connection.execute(by_people).scalar_one() > 0

    def _status_of(self, connection: Connection, cine_id: int, edit: Edit, mask_id: int | None) -> FrameStatus:
        if mask_id is None:
            return FrameStatus.MACHINE  # free again, for a model too
        status = FrameStatus(edit.status)
        if status is FrameStatus.MACHINE and not _is_proposal(connection, cine_id, int(edit.frame), mask_id):
            return FrameStatus.EDITED
        return status


def _split(row: Row[Any]) -> tuple[Any, bytes | None, str | None]:
    return row, row.png, row.name


def _check_frames(cine: Row[Any], frames: Iterable[int]) -> None:
    for frame in frames:
        if not 0 <= int(frame) < cine.n_frames:
            raise StoreError(f"Frame {int(frame) + 1} does not exist: this cine has {cine.n_frames}; choose another.")


def _prepare(cine: Row[Any], masks: Iterable[tuple[int, NDArray[Any]]]) -> dict[int, tuple[str, int, bytes]]:
    """Return digest, area and PNG of each frame's mask; done before the study is held, for it takes longest."""
    found = {}
    for frame, mask in masks:
        _check_frames(cine, [frame])
        plain = as_class_map(mask, (cine.height, cine.width))
        found[int(frame)] = digest_of(plain), int(np.count_nonzero(plain)), encode_mask(plain)
    return found


def _store_masks(writing: Writing, cine_id: int, masks: Iterable[tuple[str, int, bytes]]) -> dict[str, int]:
    """Return the id of each mask by its digest; only those the cine does not have yet are written."""
    wanted = {digest: (area, png) for digest, area, png in masks}
    stored = (Mask.cine_id == cine_id) & Mask.sha256.in_(wanted)
    ids = {sha: key for key, sha in writing.connection.execute(select(Mask.id, Mask.sha256).where(stored))}
    new = [
        {"cine_id": cine_id, "sha256": digest, "area": area, "png": png}
        for digest, (area, png) in wanted.items()
        if digest not in ids
    ]
    if new:
        writing.connection.execute(insert(Mask), new)
        ids = {sha: key for key, sha in writing.connection.execute(select(Mask.id, Mask.sha256).where(stored))}
    return ids


def _heads(connection: Connection, cine_id: int, frames: Iterable[int]) -> dict[int, Row[Any]]:
    rows = connection.execute(
        select(Label.frame, Label.status, Label.revision, Label.mask_id, Label.seconds).where(
            Label.cine_id == cine_id, Label.frame.in_([int(frame) for frame in frames])
        )
    )
    return {row.frame: row for row in rows}


def _numbers(connection: Connection, cine_id: int, frames: Iterable[int]) -> dict[int, int]:
    """Return the highest revision of each frame; refused ones count."""
    rows = connection.execute(
        select(RevisionRow.frame, func.max(RevisionRow.number))
        .where(RevisionRow.cine_id == cine_id, RevisionRow.frame.in_([int(frame) for frame in frames]))
        .group_by(RevisionRow.frame)
    )
    return {frame: number for frame, number in rows}


def _add_revision(
    writing: Writing,
    cine_id: int,
    frame: int,
    number: int,
    *,
    kind: str,
    status: FrameStatus,
    mask_id: int | None,
    based_on: int,
    shown: bool,
    model: str = "",
    width: str = "",
    model_sha256: str = "",
    seconds: float = 0.0,
    note: str = "",
) -> None:
    writing.connection.execute(
        insert(RevisionRow).values(
            cine_id=cine_id,
            frame=int(frame),
            number=number,
            kind=kind,
            status=status.value,
            based_on=based_on,
            shown=shown,
            mask_id=mask_id,
            model=model,
            width=width,
            model_sha256=model_sha256,
            rater_id=None if kind == "machine" else writing.rater_id,
            seconds=max(0.0, float(seconds)),
            note=note,
            at=writing.at,
            sequence=writing.sequence,
            session=writing.session,
        )
    )


def _set_head(writing: Writing, cine_id: int, frame: int, head: Row[Any] | None, values: dict[str, Any]) -> None:
    if head is not None:
        writing.connection.execute(
            update(Label).where(Label.cine_id == cine_id, Label.frame == int(frame)).values(**values)
        )
        return
    empty: dict[str, Any] = {"model": "", "width": "", "model_sha256": "", "seconds": 0.0, "rater_id": None}
    writing.connection.execute(insert(Label).values(**(empty | values), cine_id=cine_id, frame=int(frame)))


def _is_proposal(connection: Connection, cine_id: int, frame: int, mask_id: int | None) -> bool:
    """Say whether a model proposed exactly this mask for this frame."""
    return (
        connection.execute(
            select(RevisionRow.id)
            .where(
                RevisionRow.cine_id == cine_id,
                RevisionRow.frame == frame,
                RevisionRow.kind == "machine",
                RevisionRow.mask_id == mask_id,
            )
            .limit(1)
        ).scalar()
        is not None
    )


def _infos(
    connection: Connection, cine_id: int, frames: Iterable[int] | None = None, *, withdrawn: bool = False
) -> dict[int, FrameInfo]:
    query = (
        select(
            Label.frame, Label.status, Label.revision, Label.model, Label.width, Label.model_sha256, Rater.name,
            Label.seconds, Label.area, Label.updated_at, Label.mask_id, Label.original_mask_id, Label.newest,
            Label.original, Label.newest_mask_id,
        )
        .outerjoin(Rater, Rater.id == Label.rater_id)
        .where(Label.cine_id == cine_id)
        .order_by(Label.frame)
    )  # fmt: skip
    if frames is not None:
        query = query.where(Label.frame.in_([int(frame) for frame in frames]))
    if not withdrawn:
        query = query.where(Label.mask_id.is_not(None))
    return {
        row.frame: FrameInfo(
            frame=row.frame,
            status=FrameStatus(row.status),
            revision=0 if row.mask_id is None else row.revision,
            model=row.model,
            width=row.width,
            model_sha256=row.model_sha256,
            rater=row.name or "",
            seconds=row.seconds,
            area=row.area,
            updated=parse_time(row.updated_at),
            edited=row.mask_id is not None and row.mask_id != row.original_mask_id,
            newer_proposal=row.newest != row.original and row.newest_mask_id not in {row.original_mask_id, row.mask_id},
        )
        for row in connection.execute(query)
    }


def _named(frames: Sequence[int]) -> str:
    """Return frames as a person counts them, from 1."""
    shown = ", ".join(str(frame + 1) for frame in frames[:5]) + (", ..." if len(frames) > 5 else "")
    return f"frame {shown}" if len(frames) == 1 else f"frames {shown}"


def _frames_text(frames: Iterable[int]) -> dict[str, Any]:
    listed = sorted(int(frame) for frame in frames)
    return {"n": len(listed), "frames": listed[:_LISTED]}
