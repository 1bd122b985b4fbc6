"""Any sequence of operations does what a model of a few dictionaries does."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from store_makers import make_cine, stroke

from matae.store import ConflictError, Edit, FrameStatus, StoreError, Study

CINES = [make_cine(seed, n_frames=3) for seed in range(2)]
cines = st.sampled_from(CINES)
frames = st.sets(st.integers(0, 2), min_size=1)
values = st.integers(0, 300)
shares = st.sampled_from([None, 0.25, 0.9])
judgements = st.sampled_from([FrameStatus.EDITED, FrameStatus.ACCEPTED, FrameStatus.REJECTED, FrameStatus.MACHINE])


@dataclass
class Frame:
    """What a frame should be like."""

    mask: int | None = None
    status: FrameStatus = FrameStatus.MACHINE
    revision: int = 0
    versions: list[tuple[str, int | None]] = field(default_factory=list)
    proposed: set[int] = field(default_factory=set)
    implied: list[tuple[int, float | None]] = field(default_factory=list)  # of each proposal, in order
    shown: int | None = None  # which of them it shows; None where a person drew another mask
    original: int | None = None
    newest: int | None = None
    person_since: int = 0  # the last revision at which a person changed it
    drawn_by: tuple[int, int] | None = None  # who drew what it shows, on which revision; None where nobody drew it


class StudyMachine(RuleBasedStateMachine):
    """Two viewers, a model that proposes, and a crash now and then."""

    empty: Path

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.target = shutil.copy(self.empty, Path(self.folder.name) / "study.matae")
        self.viewers = [Study.open(self.target, rater=name) for name in ("anna", "bela")]
        self.frames: dict[tuple[str, int], Frame] = {}
        self.seen: list[dict[tuple[str, int], int]] = [{}, {}]
        for cine in CINES:
            self.viewers[0].add_cine(cine, subject=f"s{cine.content_id[:4]}")
            for frame in range(3):
                self.frames[cine.content_id, frame] = Frame()
        self.heard = self.viewers[1].sequence

    def teardown(self) -> None:
        if hasattr(self, "viewers"):
            for viewer in self.viewers:
                viewer.close()
            self.folder.cleanup()

    @rule(cine=cines, which=frames, value=values, who=st.integers(0, 1), sure=shares)
    def propose(self, cine, which, value, who, sure) -> None:
        identity = cine.content_id
        kept = self.viewers[who].put_proposals(
            identity, {frame: stroke(value + frame) for frame in which}, model="m", width="1",
            implied=None if sure is None else dict.fromkeys(which, sure),
        )  # fmt: skip
        expected = []
        for number in which:
            frame = self.frames[identity, number]
            frame.versions.append(("machine", value + number))
            frame.proposed.add(value + number)
            frame.implied.append((value + number, sure))
            frame.newest = value + number
            if frame.mask is not None and frame.status is not FrameStatus.MACHINE:
                expected.append(number)
            else:
                frame.mask = frame.original = value + number
                frame.shown = len(frame.implied) - 1
                frame.status, frame.revision = FrameStatus.MACHINE, len(frame.versions)
                frame.drawn_by = None
        assert kept == sorted(expected)

    @rule(who=st.integers(0, 1))
    def look(self, who) -> None:
        """Load what there is, as a viewer does after it heard of changes."""
        for cine in CINES:
            infos = self.viewers[who].frames(cine.content_id)
            for number in range(3):
                info = infos.get(number)
                self.seen[who][cine.content_id, number] = 0 if info is None else info.revision

    @rule(cine=cines, which=frames, value=st.one_of(st.none(), values), who=st.integers(0, 1), status=judgements)
    def draw(self, cine, which, value, who, status) -> None:
        identity = cine.content_id
        keys = [(identity, number) for number in sorted(which)]
        expected = {key: self.seen[who].get(key, 0) for key in keys}
        late = [key for key in keys if self.is_late(self.frames[key], expected[key])]
        edits = [
            Edit(key[1], None if value is None else stroke(value), expected[key], status, seconds=1) for key in keys
        ]
        if all(self.is_stored(self.frames[key], value, who, expected[key]) for key in keys):
            # The same step a second time, as after an answer that was lost: it is not stored twice.
            for key, info in zip(keys, self.viewers[who].put_edits(identity, edits, note="brush"), strict=True):
                self.seen[who][key] = info.revision
            return
        if late:
            with pytest.raises(ConflictError) as caught:
                self.viewers[who].put_edits(identity, edits, note="brush")
            assert {info.frame for info in caught.value.theirs} == {key[1] for key in late}
            for key in keys:
                self.frames[key].versions.append(("conflict", value))
                assert caught.value.mine[key[1]] == len(self.frames[key].versions)
            return
        infos = self.viewers[who].put_edits(identity, edits, note="brush")
        for key, info in zip(keys, infos, strict=True):
            frame = self.frames[key]
            frame.versions.append(("person", value))
            frame.mask = value
            same = [at for at, (mask, _) in enumerate(frame.implied) if mask == value]
            frame.shown = same[-1] if same else None
            frame.revision = frame.person_since = len(frame.versions)
            frame.status, frame.drawn_by = status, (who, expected[key])
            if value is None or (status is FrameStatus.MACHINE and value in frame.proposed):
                frame.status = FrameStatus.MACHINE
            elif status is FrameStatus.MACHINE:
                frame.status = FrameStatus.EDITED
            self.seen[who][key] = info.revision

    @staticmethod
    def is_stored(frame: Frame, value: int | None, who: int, seen: int) -> bool:
        """Say whether what a frame shows is this very step: by the same person, on the same revision, the same mask."""
        return frame.revision > seen and frame.mask == value and frame.drawn_by == (who, seen)

    @staticmethod
    def is_late(frame: Frame, seen: int) -> bool:
        """Say whether a person changed the frame since revision `seen`; 0 is a frame without a label."""
        if seen == 0:
            gone = [n for n, (kind, mask) in enumerate(frame.versions, 1) if kind == "person" and mask is None]
            seen = max(gone, default=0)
        return frame.person_since > seen

    @rule(cine=cines, which=frames, who=st.integers(0, 1), status=judgements)
    def judge(self, cine, which, who, status) -> None:
        identity = cine.content_id
        found = [self.frames[identity, number] for number in sorted(which)]
        if any(frame.mask is None for frame in found):
            with pytest.raises(StoreError, match="no mask"):
                self.viewers[who].set_status(identity, which, status)
            return
        self.viewers[who].set_status(identity, which, status)
        for frame in found:
            frame.versions.append(("status", frame.mask))
            frame.drawn_by = None
            frame.revision = frame.person_since = len(frame.versions)
            frame.status = status
            if status is FrameStatus.MACHINE and frame.mask not in frame.proposed:
                frame.status = FrameStatus.EDITED

    @rule(who=st.integers(0, 1))
    def close_and_open(self, who) -> None:
        name = self.viewers[who].rater
        self.viewers[who].close()
        self.viewers[who] = Study.open(self.target, rater=name)

    @rule()
    def listen(self) -> None:
        """What the second viewer hears of is what happened since it listened last."""
        last, changes = self.viewers[1].changes_since(self.heard)
        assert last == self.viewers[0].sequence
        assert [change.sequence for change in changes] == sorted(change.sequence for change in changes)
        for change in changes:
            assert self.heard < change.sequence <= last
            assert self.frames[change.content_id, change.frame].versions[change.revision - 1][0] == change.kind
        self.heard = last

    @invariant()
    def everything_is_as_the_model_says(self) -> None:
        if not hasattr(self, "viewers"):
            return
        counts = dict.fromkeys(FrameStatus, 0)
        for cine in CINES:
            infos = self.viewers[0].frames(cine.content_id)
            for number in range(3):
                frame = self.frames[cine.content_id, number]
                history = self.viewers[1].history(cine.content_id, number)
                assert [revision.kind for revision in history] == [kind for kind, _ in frame.versions]
                for revision, (_, value) in zip(history, frame.versions, strict=True):
                    same_mask(revision.mask(), value)
                same_mask(self.viewers[0].mask(cine.content_id, number), frame.mask)
                same_mask(self.viewers[0].proposal(cine.content_id, number), frame.newest)
                same_mask(self.viewers[0].proposal(cine.content_id, number, original=True), frame.original)
                info = infos.get(number)
                assert (info is None) == (frame.mask is None)
                if info is not None:
                    counts[frame.status] += 1
                    assert (info.status, info.revision) == (frame.status, frame.revision)
                    assert info.area == int(stroke(frame.mask).sum())
                    assert info.edited == (frame.mask != frame.original)
                    assert info.implied == expected_implied(frame)
        assert self.viewers[1].statistics().by_status == counts
        assert self.viewers[0].check() == []


def expected_implied(frame: Frame) -> float | None:
    """Return what is implied of the proposal shown, of the newest one where a person drew another mask."""
    if not frame.implied:
        return None
    return frame.implied[-1 if frame.shown is None else frame.shown][1]


def same_mask(mask: np.ndarray | None, value: int | None) -> None:
    if value is None:
        assert mask is None
    else:
        np.testing.assert_array_equal(mask, stroke(value))


def test_the_study_does_what_the_model_does(empty_study_file) -> None:
    machine = type("Machine", (StudyMachine,), {"empty": empty_study_file})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=5,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.slow
def test_the_study_does_what_the_model_does_for_longer(empty_study_file) -> None:
    machine = type("Machine", (StudyMachine,), {"empty": empty_study_file})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
