"""The file of a head: what is missing, damaged or of other weights is refused; what was saved comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import torch
from safetensors.torch import save_file

from matae.errors import ModelError
from matae.prompt.weights import HEAD, load_head, save_head

from .prompt_makers import head_of, tiny

if TYPE_CHECKING:
    from pathlib import Path


def test_a_head_that_is_not_there_is_missed(tmp_path: Path) -> None:
    _, card = tiny()
    with pytest.raises(ModelError, match="tiny has no prompt head"):
        load_head(tmp_path / HEAD, card)


def test_what_is_no_head_is_refused(tmp_path: Path) -> None:
    network, card = tiny()
    path = tmp_path / HEAD
    path.write_bytes(b"no safetensors at all")
    with pytest.raises(ModelError, match="cannot be read"):
        load_head(path, card)
    save_file({"x": torch.zeros(2)}, path)
    with pytest.raises(ModelError, match="cannot be read"):
        load_head(path, card)
    save_file({"x": torch.zeros(2)}, path, {"config": "{}", "model_sha256": card.sha256})
    with pytest.raises(ModelError, match="cannot be read"):
        load_head(path, card)
    head = head_of(network)
    save_head(path, head, replace(card, sha256="cd" * 32))
    with pytest.raises(ModelError, match="other weights"):
        load_head(path, card)
    with torch.no_grad():
        head.leave.weight[0] = torch.nan
    save_head(path, head, card)
    with pytest.raises(ModelError, match="not finite"):
        load_head(path, card)


def test_a_head_of_another_shape_is_refused(tmp_path: Path) -> None:
    import json

    network, card = tiny()
    head, path = head_of(network), tmp_path / HEAD
    about = {"config": json.dumps(head.config.to_json() | {"stem": 5}), "model_sha256": card.sha256}
    save_file({key: value.contiguous() for key, value in head.state_dict().items()}, path, about)
    with pytest.raises(ModelError, match="does not fit its description"):
        load_head(path, card)


def test_a_head_comes_back(tmp_path: Path) -> None:
    network, card = tiny()
    head = head_of(network)
    save_head(tmp_path / HEAD, head, card, minutes=1)
    found = load_head(tmp_path / HEAD, card)
    assert found.config == head.config
    assert all(torch.equal(value, found.state_dict()[key]) for key, value in head.state_dict().items())
    assert not found.training
