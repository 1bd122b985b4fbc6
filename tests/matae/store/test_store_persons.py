"""No sequence of opening, naming, drawing, training and releasing puts one person on two sides."""

from __future__ import annotations

import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from store_makers import disc, make_cine

from matae.cine import Cine, Patient
from matae.errors import FixedSubjectError
from matae.learn.gather import choose_labels
from matae.learn.options import RetrainOptions
from matae.store import Edit, FrameStatus, StoreError, Study

PERSONS, CLIPS = 3, 4
"""Each person has a folder of clips: every other one states the patient's number, the others state nobody."""


def clip_of(person: int, number: int) -> Cine:
    made = make_cine(10 * person + number, n_frames=1, source=f"/d/{person}/IM_{number}.dcm")
    return replace(made, patient=Patient(f"no-{person}") if number % 2 else None)


CINES = {(person, number): clip_of(person, number) for person in range(PERSONS) for number in range(CLIPS)}
persons, clips = st.integers(0, PERSONS - 1), st.sampled_from(sorted(CINES))
codes = st.sampled_from(("", "-again"))
"""A person is called by one code or another, but nobody is called by another person's."""


class PersonsMachine(RuleBasedStateMachine):
    """People who tell the truth about who a clip shows, in whatever order, and a model that learns."""

    empty: Path

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        target = shutil.copy(self.empty, Path(self.folder.name) / "study.matae")
        self.study = Study.open(target, rater="anna")
        self.opened: set[tuple[int, int]] = set()
        self.sides: dict[str, str] = {}
        self.fixed: dict[str, str] = {}

    def teardown(self) -> None:
        if hasattr(self, "study"):
            self.study.close()
            self.folder.cleanup()

    @rule(which=clips)
    def open(self, which) -> None:
        cine = CINES[which]
        self.study.add_as_stated(cine)
        if which not in self.opened:
            self.study.put_edits(cine.content_id, [Edit(0, disc(), 0, FrameStatus.ACCEPTED)])
        self.opened.add(which)

    @rule(which=clips, again=codes)
    def name(self, which, again) -> None:
        if which in self.opened:
            self.told(lambda: self.study.set_subject(CINES[which].content_id, f"s{which[0]}{again}"))

    @rule(person=persons, again=codes)
    def name_folder(self, person, again) -> None:
        self.told(lambda: self.study.set_folder_subject(Path(f"/d/{person}"), f"s{person}{again}"))

    @rule(person=persons, numbers=st.sets(st.integers(0, CLIPS - 1), min_size=1), again=codes)
    def name_files(self, person, numbers, again) -> None:
        paths = [CINES[person, number].source for number in numbers]
        self.told(lambda: self.study.set_path_subjects(paths, f"s{person}{again}"))

    def told(self, say) -> None:
        before = [(cine.subject, cine.subject_source) for cine in self.study.cines()]
        try:
            say()
        except FixedSubjectError:
            assert [(cine.subject, cine.subject_source) for cine in self.study.cines()] == before

    @rule()
    def draw(self) -> None:
        self.study.assign_splits(shares={"train": 0.5, "val": 0.25, "test": 0.25})

    @rule(which=clips, role=st.sampled_from(("trained", "judged")))
    def learn(self, which, role) -> None:
        chosen, _ = choose_labels(self.study, RetrainOptions()) if self.sides else ({}, [])
        content_id = CINES[which].content_id
        if content_id in chosen:
            self.study.note_model_use("lv", role, [content_id])
            self.fixed[content_id] = self.study.cine(content_id).subject

    @rule(which=clips)
    def release(self, which) -> None:
        if which not in self.opened:
            return
        content_id = CINES[which].content_id
        known = self.study.cine(content_id).known_subject
        try:
            self.study.add_release("r", {content_id: [0]})
        except StoreError:
            assert known is None
        else:
            assert known is not None
            self.fixed[content_id] = known

    @invariant()
    def nobody_is_two(self) -> None:
        if not hasattr(self, "study"):
            return
        found = {cine.content_id: cine for cine in self.study.cines()}
        shown: dict[str, set[int]] = {}
        numbers: dict[int, set[str]] = {}
        for (person, number), cine in CINES.items():
            summary = found.get(cine.content_id)
            if summary is None:
                continue
            if summary.known_subject is None:
                assert summary.split is None
                assert number % 2 == 0
                continue
            shown.setdefault(summary.known_subject, set()).add(person)
            if number % 2:
                numbers.setdefault(person, set()).add(summary.known_subject)
        assert all(len(who) == 1 for who in shown.values())  # no subject is two persons
        assert all(len(subjects) == 1 for subjects in numbers.values())  # and one number is one subject: one side
        sides = self.study.splits()
        assert sides.items() >= self.sides.items()
        self.sides = sides
        assert all(found[content_id].known_subject == subject for content_id, subject in self.fixed.items())


def test_one_persons_clips_are_never_on_two_sides(empty_study_file) -> None:
    machine = type("Machine", (PersonsMachine,), {"empty": empty_study_file})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


@pytest.mark.slow
def test_one_persons_clips_are_never_on_two_sides_in_many_more(empty_study_file) -> None:
    machine = type("Machine", (PersonsMachine,), {"empty": empty_study_file})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=150, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
