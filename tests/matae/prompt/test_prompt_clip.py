"""Prompts from a file to masks of a clip, through the function and the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from typer.testing import CliRunner

from matae.cli import app
from matae.edit import EditError
from matae.maskfile import read_mask_file
from matae.prompt import Prompter, PromptError, PromptRequest, Prompts, outline_clip, read_requests
from matae.prompt.clip import ClipOutlines

from .prompt_makers import MARKS, cine, head_of, tiny, whole

if TYPE_CHECKING:
    from pathlib import Path

LINE = {"frame": 2, "landmarks": {"apex": [12, 40], "left": [45, 30], "right": [45, 50]}}


@pytest.fixture(scope="module")
def prompter() -> Prompter:
    network, card = tiny()
    return Prompter(network, card, head_of(network), "1/8")


@pytest.mark.parametrize(
    "text",
    [
        "", "{}", "[]", "[1]", "not json", '[{"frame": 0}]', '[{"frame": true}]', '[{"frame": "1"}]',
        '[{"frame": 1, "structure": "liver"}]', '[{"frame": 1, "structure": 4}]', '[{"frame": 1, "clicks": []}]',
        "[" * 100_000,
    ],
)  # fmt: skip
def test_a_file_that_holds_no_prompts_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(PromptError):
        read_requests(path)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PromptError, match="no readable JSON"):
        read_requests(tmp_path / "gone.json")


def test_prompts_are_read_with_their_frame_and_structure(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps([LINE, {"frame": 3, "structure": "left atrium", "positive": [[50, 40]]}]), "utf-8")
    first, second = read_requests(path)
    assert (first.frame, first.label) == (1, 1)
    assert first.prompts.landmarks is not None
    assert first.prompts.landmarks.apex == (12.0, 40.0)
    assert (second.frame, second.label, second.prompts.positive) == (2, 3, ((50.0, 40.0),))


def test_a_clip_without_prompts_or_with_wrong_ones_is_refused(prompter: Prompter) -> None:
    clip, one = cine(), PromptRequest(0, Prompts(MARKS))
    with pytest.raises(PromptError, match="no prompt"):
        outline_clip(prompter, clip, whole(), [])
    with pytest.raises(PromptError, match="Frame 10 is not in the clip"):
        outline_clip(prompter, clip, whole(), [PromptRequest(9, Prompts(MARKS))])
    with pytest.raises(PromptError, match="do not fit the clip"):
        outline_clip(prompter, clip, whole(), [one], np.zeros((1, 2, 3), np.uint8))
    with pytest.raises(PromptError, match=r"Frame 3: The wall lies"):
        outline_clip(prompter, clip, whole(), [one, PromptRequest(2, Prompts(MARKS), 2)])
    with pytest.raises(EditError, match=r"Frame 3: There is no cavity"):
        outline_clip(prompter, clip, whole(), [PromptRequest(2, Prompts(MARKS), 3)], through=True)


def test_a_mistake_in_the_file_is_found_by_its_name_and_frame(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps([LINE, {"frame": 4, "landmarks": {"apex": [1, 2]}}]), encoding="utf-8")
    with pytest.raises(PromptError, match=r"prompts.json, frame 4: These are no prompts \('left' is missing\)"):
        read_requests(path)


def test_every_frame_is_followed_from_the_nearest_prompt(prompter: Prompter) -> None:
    clip = cine(8)
    requests = [PromptRequest(frame, Prompts(MARKS)) for frame in (1, 6)]
    done = outline_clip(prompter, clip, whole(), requests, through=True, enough=0.0)
    assert sorted(done.confidence) == list(range(8))
    assert done.ended == {}
    assert all(done.masks[t].any() for t in range(8))
    alone = outline_clip(prompter, clip, whole(), requests)
    assert sorted(alone.confidence) == [1, 6]
    assert not alone.masks[[0, 2, 3, 4, 5, 7]].any()


def test_a_later_prompt_of_a_frame_goes_on_from_the_mask_before(prompter: Prompter) -> None:
    atrium = Prompts(box=(46.0, 5.0, 57.0, 22.0))
    done = outline_clip(prompter, cine(2), whole(), [PromptRequest(0, Prompts(MARKS)), PromptRequest(0, atrium, 3)])
    assert set(np.unique(done.masks[0])) == {0, 1, 3}


def test_frames_are_counted_from_1_in_the_record() -> None:
    done = ClipOutlines(np.zeros((2, 3, 3), np.uint8), {0: 0.91237}, {1: 0.5})
    assert done.to_json() == {"confidence": {"1": 0.9124}, "ended": {"2": 0.5}}


def test_the_command_writes_masks_and_confidences_and_overwrites_nothing(tmp_path: Path) -> None:
    clip = tmp_path / "ring.npy"
    np.save(clip, cine().frames)
    prompts = tmp_path / "prompts.json"
    prompts.write_text(json.dumps([LINE]), encoding="utf-8")
    words = ["prompt", str(clip), "--prompts", str(prompts), "--out", str(tmp_path / "out"), "--width", "1/8"]
    words += ["--sector", "whole", "--model", "matae-apical"]
    first = CliRunner().invoke(app, words)
    assert first.exit_code == 0, first.output
    found = read_mask_file(tmp_path / "out" / "ring_prompted_mask.nii.gz", cine().frames.shape)
    assert found[1].any()
    assert not found[0].any()
    record = json.loads((tmp_path / "out" / "ring_prompted.json").read_text("utf-8"))
    assert list(record["confidence"]) == ["2"]
    assert record["model"] == "matae-apical"
    assert (record["width"], record["through"], record["mask"]) == ("1/8", False, None)
    assert record["confidence_calibrated"] is True  # the head that is shipped
    assert record["prompts"][0]["frame"] == 2
    again = CliRunner().invoke(app, words)
    assert again.exit_code == 1
    assert "is in" in again.output
    assert "already" in again.output
