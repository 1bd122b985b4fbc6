"""A mask through the beat: refused without a cavity, ended where it is not sure, both directions by themselves."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matae.edit import EditError
from matae.prompt import ENOUGH, Outlined, Prompter, Prompts, follow

from .prompt_makers import SHAPE, cine, head_of, tiny, whole

ROWS, COLUMNS = np.mgrid[: SHAPE[0], : SHAPE[1]]
HEART = ((((ROWS - 28) / 17) ** 2 + ((COLUMNS - 40) / 9) ** 2) < 1).astype(np.uint8)


class _Sure(Prompter):
    """Finds the same heart in every frame, and is as sure as it is told to be."""

    def __init__(self, confidences: dict[int, float]) -> None:
        network, card = tiny()
        super().__init__(network, card, head_of(network), "1/8")
        self.confidences, self.asked = confidences, []

    def outline(self, cine, sector, frame, prompts, label=1, mask=None) -> Outlined:  # noqa: PLR0917 - as the real one
        assert isinstance(prompts, Prompts)
        assert prompts.landmarks is not None
        self.asked.append(frame)
        return Outlined(HEART * np.uint8(label), self.confidences.get(frame, 0.95))


def test_what_cannot_be_followed_is_said() -> None:
    clip, prompter = cine(), _Sure({})
    with pytest.raises(EditError, match="no cavity"):
        follow(prompter, clip, whole(), 0, np.zeros(SHAPE, np.uint8), [1])
    with pytest.raises(EditError, match="does not fit"):
        follow(prompter, clip, whole(), 0, np.ones((5, 5), np.uint8), [1])
    with pytest.raises(EditError, match="confidence of 2"):
        follow(prompter, clip, whole(), 0, HEART, [1], enough=2)
    with pytest.raises(EditError, match="Frame 10 is not in the cine"):
        list(follow(prompter, clip, whole(), 0, HEART, [9]))


def test_it_ends_where_it_is_not_sure_and_the_other_direction_goes_on() -> None:
    clip, prompter = cine(7), _Sure({5: ENOUGH - 0.1})
    found = list(follow(prompter, clip, whole(), 3, HEART, [0, 1, 2, 4, 5, 6]))
    assert [one.frame for one in found] == [4, 5, 2, 1, 0]
    assert [one.goes_on for one in found] == [True, False, True, True, True]
    assert found[1].confidence == pytest.approx(ENOUGH - 0.1)
    assert 6 not in prompter.asked
    assert found[0].uncertain.mean() < 0.05


def test_where_the_motion_says_otherwise_it_is_not_sure() -> None:
    clip, prompter = cine(3), _Sure({})
    moved = np.roll(HEART, 12, 1)  # not what is found in the pictures
    (first,) = follow(prompter, clip, whole(), 0, moved, [1, 2])
    assert not first.goes_on
    assert first.confidence < ENOUGH


def test_it_ends_where_the_picture_jumps() -> None:
    clip, prompter = cine(8), _Sure({})
    frames = clip.frames.copy()
    frames[5:] = frames[5:, ::-1, :] // 2 + 60  # another picture
    frames[5:, :, :30] = 200
    clip = replace(clip, frames=frames)
    found = list(follow(prompter, clip, whole(), 2, HEART, [0, 1, 3, 4, 5, 6, 7]))
    assert [one.frame for one in found] == [3, 4, 5, 1, 0]
    assert [one.goes_on for one in found] == [True, True, False, True, True]
    assert found[2].confidence == 0


def test_it_ends_when_it_is_told_to() -> None:
    clip, prompter = cine(6), _Sure({})
    asked = iter([False, True])
    found = list(follow(prompter, clip, whole(), 0, HEART, range(1, 6), should_stop=lambda: next(asked)))
    assert [one.frame for one in found] == [1]


def test_other_structures_of_the_frames_stay() -> None:
    network, card = tiny()
    prompter = Prompter(network, card, head_of(network), "1/8")
    onto = np.zeros(SHAPE, np.uint8)
    onto[57:, 2:9] = 3
    (found,) = follow(prompter, cine(2), whole(), 0, HEART, [1], onto={1: onto}, enough=0.0)
    assert (found.mask[57:, 2:9] == 3).any()


def test_what_is_given_is_the_mask_that_the_motion_carried() -> None:
    larger = ((((ROWS - 28) / 19) ** 2 + ((COLUMNS - 40) / 11) ** 2) < 1).astype(np.uint8)
    (found,) = follow(_Sure({}), cine(2), whole(), 0, larger, [1])
    assert found.goes_on
    assert (found.mask != larger).sum() < (found.mask != HEART).sum() / 4
    assert found.uncertain.any()


def test_a_wall_is_followed_by_its_cavity_where_the_frame_has_none() -> None:
    outer = ((((ROWS - 28) / 21) ** 2 + ((COLUMNS - 40) / 13) ** 2) < 1).astype(np.uint8)
    walled, before = np.where(HEART > 0, HEART, 2 * outer), []

    class Walls(_Sure):
        def outline(self, cine, sector, frame, prompts, label=1, mask=None) -> Outlined:  # noqa: PLR0917 - as the real one
            before.append((prompts.landmarks, mask))
            return Outlined(walled, 0.95)

    (found,) = follow(Walls({}), cine(2), whole(), 0, walled, [1], label=2)
    assert found.frame == 1
    ((marks, under),) = before
    assert (under == 1).sum() == pytest.approx(HEART.sum(), rel=0.1)
    assert abs(marks.apex[0] - 11) < 3  # of the cavity, not of the epicardium
