"""Where an extra is missing, whoever needs it hears which one, and how to get it."""

from __future__ import annotations

import pytest

from matae import extras
from matae.extras import EXTRAS, curves_note, has_extra, without_extra


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_the_sentence_names_the_extra_and_the_command(extra: str) -> None:
    said = without_extra(extra)
    assert f"is not installed (extra {extra}): pip install '" in said
    assert said.endswith(".")


def test_who_trains_hears_of_the_missing_tensorboard_and_only_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "has_extra", lambda extra: extra != "tensorboard")
    said = curves_note()
    assert said.startswith("The curves are in metrics.csv only: TensorBoard is not installed (extra tensorboard): pip")
    monkeypatch.setattr(extras, "has_extra", lambda _: True)
    assert curves_note() == ""


def test_what_is_not_there_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(EXTRAS, "nothing", ("nothing", "matae_has_no_such_module"))
    assert not has_extra("nothing")
    monkeypatch.setitem(EXTRAS, "half", ("half of it", "json", "matae_has_no_such_module"))
    assert not has_extra("half")
