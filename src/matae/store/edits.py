"""Writing labels: a version for every stroke, manual masks before predicted ones, nothing overwritten in silence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from matae.errors import ConflictError, StoreError
from matae.store.base import as_note
from matae.store.label_rows import (
    LabelWriter,
    check_frames,
    frame_infos,
    frames_for_audit,
    heads_of,
    implied_of,
    named_frames,
    numbers_of,
    prepare_masks,
    seconds_of,
    store_masks,
)
from matae.store.late import are_stored, late_frames
from matae.store.proposals import NOTHING, Judgement, head_of, proposals_of, said_of, status_of, which_of
from matae.store.reader_view import ReaderViewPart, own_frames
from matae.store.types import Edit, FrameInfo, FrameStatus

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

    from numpy.typing import NDArray
    from sqlalchemy import Connection

    from matae.store.base import Writing

__all__ = ["EditsPart"]

_NOTE = 80


class EditsPart(ReaderViewPart):
    """What a study lets people and models do to labels.

    Through a study that is opened `as_reader` and is blind, whoever reads a clip after somebody else does so beside:
    the same versions, and none of them becomes what the labels show.
    """

    def put_proposals(
        self,
        content_id: str,
        masks: Mapping[int, NDArray[Any]],
        *,
        model: str,
        width: str,
        model_sha256: str = "",
        implied: Mapping[int, float] | None = None,
    ) -> list[int]:
        """Store what a model proposes: shown where no person worked, kept beside a manual mask on all other frames.

        Parameters
        ----------
        content_id
            The cine.
        masks
            Frame and mask, (Y, X) class map in native pixels.
        model, width, model_sha256
            What proposed them.
        implied
            Dice that the network's probabilities imply, by frame (`matae.segment.expected.implied_dice`); NaN, or left
            out, where it is not known. It belongs to this proposal and goes in with its mask.

        Returns
        -------
        list of int
            Frames a person has worked on: their mask and status are as they were.

        Raises
        ------
        StoreError
            If a mask has another shape than the cine, a frame does not exist, or an implied Dice is no share.
        """
        cine = self._shape_of(content_id)
        if not masks:
            return []
        model, width, model_sha256 = as_note(model, 200), as_note(width, 16), as_note(model_sha256, 64)
        ready, known = prepare_masks(cine, masks.items()), implied_of(implied, map(int, masks))
        kept: list[int] = []
        with self._writing() as writing:
            cine = self._cine(writing.connection, content_id)
            heads, numbers = (
                heads_of(writing.connection, cine.id, ready),
                numbers_of(writing.connection, cine.id, ready),
            )
            ids = store_masks(writing, cine.id, ready.values())
            made: dict[str, Any] = {"model": model, "width": width, "model_sha256": model_sha256}
            rows = LabelWriter(writing, cine.id)
            for frame, (digest, area, _) in sorted(ready.items()):
                head = heads.get(frame)
                mask_id, number = ids[digest], numbers.get(frame, 0) + 1
                free = head is None or head.status == FrameStatus.MACHINE.value
                rows.add_revision(
                    frame, number, kind="machine", status=FrameStatus.MACHINE, mask_id=mask_id,
                    based_on=0 if head is None else head.revision, shown=free,
                    implied=known[frame], **made,
                )  # fmt: skip
                values: dict[str, Any] = {"newest": number, "newest_mask_id": mask_id}
                if free:
                    values |= made | {
                        "status": FrameStatus.MACHINE.value, "revision": number, "mask_id": mask_id, "area": area,
                        "original": number, "original_mask_id": mask_id, "rater_id": None, "updated_at": writing.at,
                    }  # fmt: skip
                else:
                    kept.append(frame)
                rows.set_head(frame, head, values)
            rows.write()
            own = self._beside(writing.connection, cine.id)
            if own is not None:  # what another reader has done is none of this one's business
                kept = [f for f, seen in own_frames(writing.connection, cine.id, own, ready).items() if seen.mine]
            writing.audit(
                "proposed",
                cine=cine.code,
                subject=cine.subject_code or "",
                details={**frames_for_audit(ready), "kept": len(kept), "model_sha256": model_sha256},
                by_machine=True,
            )
        return kept

    def put_edits(self, content_id: str, edits: Sequence[Edit], *, note: str = "") -> list[FrameInfo]:
        """Store what a person made of one frame or several: all of them, durably, before this returns; or none.

        A model is never in the way of a person: if one proposed something new meanwhile, the edit wins.

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
        cine = self._shape_of(content_id)
        check_frames(cine, frames)
        ready = prepare_masks(cine, ((edit.frame, edit.mask) for edit in edits if edit.mask is not None))
        conflict: ConflictError | None = None
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            self._may_read(connection, cine.id)
            own = self._own_id(writing, cine.id)
            heads, numbers = self._heads(connection, cine.id, frames, own), numbers_of(connection, cine.id, frames)
            ids = store_masks(writing, cine.id, ready.values())
            drawn = {edit.frame: None if edit.frame not in ready else ids[ready[edit.frame][0]] for edit in edits}
            if are_stored(writing, cine.id, edits, heads, drawn):
                # The connection was lost after the commit and before the answer: the same step comes a second time.
                infos = self._infos(connection, cine.id, frames, own)
                return [infos[frame] for frame in frames]
            late = late_frames(connection, cine.id, edits, heads, own)
            again = [edit.frame for edit in edits if edit.status is FrameStatus.MACHINE and edit.mask is not None]
            known = proposals_of(connection, cine.id, again)
            rows = LabelWriter(writing, cine.id)
            for edit in edits:
                found = ready.get(edit.frame)
                mask_id, area = (None, 0) if found is None else (ids[found[0]], found[1])
                shown = which_of(known.get(edit.frame, ()), mask_id, Judgement(edit.origin, edit.implied))
                status = status_of(edit, mask_id, shown)
                number = numbers.get(edit.frame, 0) + 1
                rows.add_revision(
                    edit.frame, number, kind="conflict" if late else "person", status=status,
                    mask_id=mask_id, based_on=int(edit.expected_revision), shown=not late and own is None,
                    seconds=edit.seconds, note=as_note(note, _NOTE),
                    **said_of(None if late or shown is None else shown.judgement),
                )  # fmt: skip
                if late or own is not None:
                    numbers[edit.frame] = number
                    continue
                head = heads.get(edit.frame)
                values = {
                    "status": status.value, "revision": number, "mask_id": mask_id, "area": area,
                    "rater_id": None if status is FrameStatus.MACHINE else writing.rater_id,
                    "seconds": (0.0 if head is None else head.seconds) + seconds_of(edit.seconds),
                    "updated_at": writing.at,
                }  # fmt: skip
                rows.set_head(edit.frame, head, values | head_of(shown))
            rows.write()
            writing.audit(
                "edit refused" if late else "edited",
                cine=cine.code,
                subject=cine.subject_code or "",
                details={
                    **frames_for_audit(frames),
                    "seconds": round(sum(seconds_of(edit.seconds) for edit in edits), 3),
                },
            )
            infos = self._infos(connection, cine.id, frames, own)
            if late:
                conflict = ConflictError(
                    f"Somebody else changed {named_frames(late)} meanwhile. Both versions are kept; choose one.",
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
        if not wanted:
            return []
        seen = expected or {}
        conflict: ConflictError | None = None
        with self._writing() as writing:
            connection = writing.connection
            cine = self._cine(connection, content_id)
            check_frames(cine, wanted)
            self._may_read(connection, cine.id)
            own = self._own_id(writing, cine.id)
            heads, numbers = self._heads(connection, cine.id, wanted, own), numbers_of(connection, cine.id, wanted)
            bare = [frame for frame in wanted if frame not in heads or heads[frame].mask_id is None]
            if bare:
                raise StoreError(f"There is no mask on {named_frames(bare)}; draw one, or run a model first.")
            late = [frame for frame in wanted if frame in seen and heads[frame].revision != seen[frame]]
            if late:
                infos = self._infos(connection, cine.id, late, own)
                conflict = ConflictError(
                    f"{named_frames(late).capitalize()} changed meanwhile; look at what is there, then judge again.",
                    theirs=[infos[frame] for frame in late],
                    mine={},
                )
            else:
                again = wanted if status is FrameStatus.MACHINE else []
                known, judged = (
                    proposals_of(connection, cine.id, again),
                    self._infos(connection, cine.id, again, own) if again else {},
                )
                rows = LabelWriter(writing, cine.id)
                for frame in wanted:
                    head = heads[frame]
                    meant = Judgement(judged[frame].origin, judged[frame].implied) if frame in judged else NOTHING
                    shown = which_of(known.get(frame, ()), head.mask_id, meant)
                    chosen = FrameStatus.EDITED if status is FrameStatus.MACHINE and shown is None else status
                    number, spent = numbers[frame] + 1, seconds_of(seconds) / len(wanted)
                    rows.add_revision(
                        frame, number, kind="status", status=chosen, mask_id=head.mask_id, based_on=head.revision,
                        shown=own is None, seconds=spent, note=as_note(note, _NOTE),
                        **said_of(None if shown is None else shown.judgement),
                    )  # fmt: skip
                    if own is not None:
                        continue
                    values = {
                        "status": chosen.value, "revision": number, "seconds": head.seconds + spent,
                        "rater_id": None if chosen is FrameStatus.MACHINE else writing.rater_id,
                        "updated_at": writing.at,
                    }  # fmt: skip
                    rows.set_head(frame, head, values | head_of(shown))
                rows.write()
                writing.audit(
                    status.value, cine=cine.code, subject=cine.subject_code or "", details=frames_for_audit(wanted)
                )
                infos = self._infos(connection, cine.id, wanted, own)
        if conflict is not None:
            raise conflict
        return [infos[frame] for frame in wanted]

    def _own_id(self, writing: Writing, cine_id: int) -> int | None:
        """Return the rater whose reading is kept beside the labels; None where the labels are changed."""
        return None if self._beside(writing.connection, cine_id) is None else writing.rater_id

    @staticmethod
    def _heads(connection: Connection, cine_id: int, frames: Sequence[int], own: int | None) -> dict[int, Any]:
        if own is None:
            return heads_of(connection, cine_id, frames)
        return dict(own_frames(connection, cine_id, own, frames))

    @staticmethod
    def _infos(connection: Connection, cine_id: int, frames: Sequence[int], own: int | None) -> dict[int, FrameInfo]:
        if own is None:
            return frame_infos(connection, cine_id, frames, withdrawn=True)
        return {frame: found.info for frame, found in own_frames(connection, cine_id, own, frames).items()}
