"""Bring what a rescue study holds back into the study that refused it: nothing is overwritten, both versions stay.

A rescue study holds the last version of each change that a study would not take. Of two versions of a frame the later
one counts where one person made both; where two people did, the study's own stays the frame's, and the rescued one is
kept beside it among the versions, unless whoever merges puts it on top.
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from matae.errors import ConflictError, StoreError
from matae.store.study import Study
from matae.store.types import Edit, FrameStatus, OverrideName

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any, Self

    from matae.store.types import CineEntry, FrameInfo

    _Into = Callable[[str], Study]

__all__ = ["Merge", "MergeItem", "Outcome"]

Outcome = Literal["added", "on top", "beside", "refused"]
_NOTE = "rescued"
_NEVER = -1
"""A version that nothing was ever based on: what is given with it is kept beside what is there."""


class MergeItem(NamedTuple):
    """One thing that a rescue study holds and the study lacks.

    Parameters
    ----------
    stem
        Name of the clip.
    what
        What it is, in words.
    outcome
        ``added``: the study has nothing there. ``on top``: it becomes what counts, and what was there stays among the
        versions. ``beside``: it is kept among the versions. ``refused``: it is not merged.
    why
        A sentence where it is refused.
    """

    stem: str
    what: str
    outcome: Outcome
    why: str = ""


@dataclass
class _Step:
    item: MergeItem
    rater: str = ""
    do: Callable[[Study], Any] | None = None


@dataclass
class Merge:
    """What merging a rescue study would do; `carry_out` does it.

    Parameters
    ----------
    rescue
        The rescue study, open.
    target
        Path or URL of the study that gets what it lacks.
    on_top
        Whether a rescued version counts where two people changed the same thing.
    """

    rescue: Study
    target: str
    on_top: bool = False
    _steps: list[_Step] = field(default_factory=list)

    @classmethod
    def plan(cls, rescue: Study, target: str, *, on_top: bool = False) -> Self:
        """Find out what a study lacks of a rescue study; nothing is changed.

        Parameters
        ----------
        rescue, target, on_top
            As for `Merge`.

        Raises
        ------
        StoreError
            If the study cannot be opened, or is the rescue study itself.
        """
        merge = cls(rescue, target, on_top)
        # What the study holds is what whoever made a change could see of it: where it is blind, their own reading.
        with ExitStack() as opened:

            @cache
            def into(rater: str) -> Study:
                return opened.enter_context(Study.open(target, rater=rater, as_reader=True))

            if into("").target == rescue.target:
                raise StoreError(
                    f"{into('').name} is the rescue study itself; name the study that refused its changes."
                )
            for summary in rescue.cines():
                merge._steps += merge._of_cine(into, rescue.cine(summary.content_id))
        return merge

    @property
    def items(self) -> list[MergeItem]:
        """What is to be done, clip by clip."""
        return [step.item for step in self._steps]

    def carry_out(self) -> list[MergeItem]:
        """Do it, one change after another, each under the name of whoever made it; return what was done.

        A change that somebody makes in between is not lost: what comes late is kept beside it.

        Raises
        ------
        StoreError
            If the study cannot be written to. What was done until then stays, and the rest can be merged again.
        """
        studies: dict[str, Study] = {}
        done = []
        try:
            for step in self._steps:
                if step.do is None:
                    done.append(step.item)
                    continue
                if step.rater not in studies:
                    studies[step.rater] = Study.open(self.target, rater=step.rater, as_reader=True)
                try:
                    step.do(studies[step.rater])
                    done.append(step.item)
                except ConflictError:
                    done.append(step.item._replace(outcome="beside"))
        finally:
            for study in studies.values():
                study.close()
        return done

    # -- what is lacking ----------------------------------------------------------------------------------

    def _of_cine(self, into: _Into, entry: CineEntry) -> Iterator[_Step]:
        identity, stem = entry.content_id, entry.stem
        if not into("").has_cine(identity):
            why = "the study does not know its pixels; open the clip with the study first, then merge again"
            yield _Step(MergeItem(stem, "the clip", "refused", why))
            return
        placed: dict[int, Outcome] = {}
        yield from self._frames(into, identity, stem, placed)
        yield from self._landmarks(into, identity, stem, placed)
        yield from self._marks(into, identity, stem)
        yield from self._overrides(into, identity, stem)

    def _frames(self, into: _Into, identity: str, stem: str, placed: dict[int, Outcome]) -> Iterator[_Step]:
        known = cache(lambda rater: into(rater).frames(identity))
        for frame, info in self.rescue.frames(identity).items():
            mask, there = self.rescue.mask(identity, frame), known(info.rater).get(frame)
            if mask is None:
                continue
            what = f"frame {frame + 1}"
            if info.status is FrameStatus.MACHINE:
                if there is None:

                    def propose(study: Study, frame: int = frame, mask: Any = mask, info: FrameInfo = info) -> None:
                        study.put_proposals(
                            identity, {frame: mask}, model=info.model, width=info.width, model_sha256=info.model_sha256,
                            implied={} if info.implied is None else {frame: info.implied},
                        )  # fmt: skip

                    yield _Step(MergeItem(stem, f"{what}, a model's", "added"), "", propose)
                continue
            if _has(into(info.rater), identity, frame, mask, info):
                continue
            outcome, expected = self._place(there, info)
            placed[frame] = outcome
            # Nothing was ever based on version 0 of a frame that a person has changed.
            edit = Edit(frame, mask, max(expected, 0), info.status, info.seconds)
            yield _Step(MergeItem(stem, what, outcome), info.rater, _edited(identity, edit))

    def _place(self, there: FrameInfo | None, rescued: FrameInfo) -> tuple[Outcome, int]:
        if there is None:
            return "added", 0
        if there.status is FrameStatus.MACHINE:
            return "on top", there.revision
        is_later = there.rater == rescued.rater and there.updated < rescued.updated
        return ("on top", there.revision) if self.on_top or is_later else ("beside", _NEVER)

    def _landmarks(self, into: _Into, identity: str, stem: str, placed: dict[int, Outcome]) -> Iterator[_Step]:
        known = cache(lambda rater: into(rater).landmarks(identity))
        for frame, found in self.rescue.landmarks(identity).items():
            there = known(found.rater).get(frame)
            if there is not None and there.points == found.points:
                continue
            revision = 0 if there is None else there.revision
            outcome, expected = self._put(revision)
            if frame in placed:  # they belong to their mask, wherever that goes
                aside = placed[frame] == "beside"
                outcome, expected = (placed[frame], _NEVER if aside else revision)

            def put(study: Study, frame: int = frame, points: Any = found.points, expected: int = expected) -> None:
                study.set_landmarks(identity, frame, points, expected=expected)

            yield _Step(MergeItem(stem, f"landmarks of frame {frame + 1}", outcome), found.rater, put)

    def _marks(self, into: _Into, identity: str, stem: str) -> Iterator[_Step]:
        found = self.rescue.marks(identity)
        there = into(found.rater).marks(identity)
        if not found.revision or (found.ed, found.es) == (there.ed, there.es):
            return
        outcome, expected = self._put(there.revision)

        def put(study: Study) -> None:
            study.set_marks(identity, ed=found.ed, es=found.es, expected=expected)

        yield _Step(MergeItem(stem, "end-diastole and end-systole", outcome), found.rater, put)

    def _overrides(self, into: _Into, identity: str, stem: str) -> Iterator[_Step]:
        found, there = self.rescue.overrides(identity), into("").overrides(identity)
        raters = {version.name: version.rater for version in self.rescue.override_versions(identity) if version.shown}
        for name in OverrideName:
            value = getattr(found, name.value)
            if name not in found.revisions or value == getattr(there, name.value):
                continue
            outcome, expected = self._put(there.revisions.get(name, 0))

            def put(study: Study, name: OverrideName = name, value: Any = value, expected: int = expected) -> None:
                study.set_override(identity, name, value, expected=expected)

            yield _Step(MergeItem(stem, f"the {name.value.replace('_', ' ')}", outcome), raters.get(name, ""), put)

    def _put(self, revision: int) -> tuple[Outcome, int]:
        if not revision:
            return "added", 0
        return ("on top", revision) if self.on_top else ("beside", _NEVER)


def _edited(identity: str, edit: Edit) -> Callable[[Study], Any]:
    return lambda study: study.put_edits(identity, [edit], note=_NOTE)


def _has(into: Study, identity: str, frame: int, mask: Any, info: FrameInfo) -> bool:
    """Return whether a version of a frame is among those of the study already, shown or not."""
    return any(
        version.status is info.status and version.png is not None and np.array_equal(version.mask(), mask)  # type: ignore[arg-type]
        for version in into.history(identity, frame)
        if version.kind != "machine"
    )
