"""A verdict's seal: what it covers, and each reason why a verdict does not offer a model."""

from __future__ import annotations

import hmac
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from matae.models import find_model, rewrite_card
from matae.models.seal import is_by_choice, sealed, why_not_offered

if TYPE_CHECKING:
    from pathlib import Path

    from matae.nn.card import ModelCard


def keyed(text: str, length: int, key: bytes = b"study") -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()[:length]


def verdict(card: ModelCard, **changed: object) -> dict[str, object]:
    given = {"offered": True, "against": "tiny", "sentence": "Better.", "sha256": card.sha256,
             "against_sha256": card.sha256}  # fmt: skip
    return given | changed


def with_verdict(card: ModelCard, given: object) -> ModelCard:
    return replace(card, figures={"verdict": given})


def test_the_seal_is_of_every_word_in_whatever_order() -> None:
    one = sealed({"a": 1, "b": "x"}, keyed)
    assert set(one) == {"a", "b", "seal"}
    assert len(one["seal"]) == 64
    assert one == sealed({"b": "x", "a": 1}, keyed) == sealed(one, keyed)
    assert one["seal"] == keyed('verdict:{"a":1,"b":"x"}', 64)
    for changed in ({"a": 2, "b": "x"}, {"a": 1, "b": "y"}, {"a": 1}, {"a": 1, "b": "x", "c": 0}):
        assert sealed(changed, keyed)["seal"] != one["seal"]
    assert sealed({"a": 1}, lambda _, n: str(n))["seal"] == "64"
    assert sealed({"a": 1, "b": "x"}, lambda text, n: keyed(text, n, b"other"))["seal"] != one["seal"]


@pytest.mark.parametrize("figures", [{}, {"verdict": None}, {"verdict": "offered"}, [], {"verdict": []}])
def test_a_card_without_a_verdict(tiny_model: str, figures: object) -> None:
    card = replace(find_model(tiny_model).card, figures=figures)
    assert why_not_offered(card, tiny_model, keyed) == "nobody has compared it on held-out patients."


def test_each_reason_in_words(tiny_model: str) -> None:
    card = find_model(tiny_model).card
    good = sealed(verdict(card), keyed)
    again = "retrain for a new verdict, or compare the two models and decide yourself."

    def why(given: dict[str, object], key: object = keyed) -> str:
        return why_not_offered(with_verdict(card, given), tiny_model, key)

    assert why(good) == ""
    assert why(verdict(card, offered=False)) == "Better."
    assert why({"offered": 1, "seal": "x"}) == "nobody has compared it on held-out patients."
    no_seal = "its verdict has no seal of a study, so anybody may have written it; "
    assert why(verdict(card)) == why(verdict(card, seal="")) == no_seal + again
    assert why(sealed(verdict(card, sha256="00"), keyed)) == f"its verdict was given on other weights; {again}"
    other = sealed(verdict(card, against_sha256="00", against="lv"), keyed)
    assert why(other) == f"its verdict compares it with lv, and tiny is in use; {again}"
    anew = sealed(verdict(card, against_sha256="00", against="tiny"), keyed)
    assert why(anew) == f"its verdict compares it with tiny, and tiny is in use with other weights; {again}"
    nobody = "only the study that gave its verdict can tell whether it is genuine; name or open that study."
    assert why(good, None) == nobody
    changed = f"its verdict was not given by this study, or was changed since; {again}"
    assert why(good | {"sentence": "Best."}) == why(good | {"seal": good["seal"][:-1]}) == changed
    assert why(good, lambda text, n: keyed(text, n, b"other")) == changed


def test_no_clear_difference_is_taken_by_choice_where_it_is_genuine(tiny_model: str) -> None:
    card = find_model(tiny_model).card
    given = verdict(card, offered=False, outcome="no clear difference", sentence="It may be chance.")
    good = sealed(given, keyed)

    def why(given: dict[str, object], *, by_choice: bool = True) -> str:
        return why_not_offered(with_verdict(card, given), tiny_model, keyed, by_choice=by_choice)

    assert why(good) == ""
    assert why(good, by_choice=False) == "It may be chance."
    assert "has no seal" in why(given)
    assert "was changed since" in why(good | {"sentence": "Best."})
    for other in ({"outcome": "worse"}, {"outcome": "not comparable"}, {"outcome": ""}):
        assert why(sealed(given | other, keyed)) == "It may be chance."
        assert not is_by_choice(with_verdict(card, given | other))
    assert is_by_choice(with_verdict(card, given))
    assert not is_by_choice(with_verdict(card, None))


@pytest.mark.parametrize("harm", ["gone", "no sha256"])
def test_a_model_in_use_of_which_nothing_is_known_was_not_compared_with(
    tiny_model: str, matae_home: Path, harm: str
) -> None:
    card = find_model(tiny_model).card
    given = sealed(verdict(card, against_sha256=""), keyed)
    if harm == "gone":
        used = "gone"
    else:
        used = tiny_model
        rewrite_card(tiny_model, replace(card, sha256=""))
    assert "is in use" in why_not_offered(with_verdict(card, given), used, keyed)
