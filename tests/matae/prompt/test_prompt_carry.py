"""The head goes with its model: none for a model without one; the copy and one width give the same outlines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from matae.models import convert_model, load_model
from matae.nn.checkpoint import load, save
from matae.prompt import Prompter, Prompts, carry_head
from matae.prompt.weights import HEAD, load_head, save_head

from .prompt_makers import MARKS, cine, head_of, tiny, whole

if TYPE_CHECKING:
    from pathlib import Path


def test_a_model_without_a_head_has_nothing_to_carry(tmp_path: Path) -> None:
    network, card = tiny()
    save(tmp_path / "bare", network, card)
    convert_model(str(tmp_path / "bare"), tmp_path / "copy")
    assert not carry_head(str(tmp_path / "bare"), tmp_path / "copy")
    assert not (tmp_path / "copy" / HEAD).exists()
    foreign = tmp_path / "weights.pth"
    foreign.write_bytes(b"")
    assert not carry_head(str(foreign), tmp_path / "copy")


@pytest.mark.parametrize("width", [None, 0.5])
def test_the_head_reads_what_was_taken_out(tmp_path: Path, width: float | None) -> None:
    network, card = tiny()
    card = save(tmp_path / "own", network, card)
    head = head_of(network)
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    save_head(tmp_path / "own" / HEAD, head, card)
    convert_model(str(tmp_path / "own"), tmp_path / "copy", width=width)
    assert carry_head(str(tmp_path / "own"), tmp_path / "copy", width=width)
    copy, its_card = load(tmp_path / "copy")
    assert its_card.sha256
    prompts = Prompts(MARKS).clicked((20.0, 40.0), inside=True)
    whole_one = Prompter(network, card, head, "1" if width is None else "1/2")
    taken = Prompter(copy, its_card, load_head(tmp_path / "copy" / HEAD, its_card), "1")
    first, second = (each.outline(cine(), whole(), 0, prompts) for each in (whole_one, taken))
    np.testing.assert_array_equal(first.mask, second.mask)
    assert first.confidence == pytest.approx(second.confidence, abs=1e-4)


def test_the_packaged_head_belongs_to_the_packaged_weights() -> None:
    from matae.models import find_model

    network, card = load_model("matae-apical")
    head = load_head(find_model("matae-apical").folder / HEAD, card)
    assert head.config.widths == network.widths
    assert head.parameters_count < 100_000
