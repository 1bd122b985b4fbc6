"""What waits to be said: nothing first, then each sentence once, to whoever asks first."""

from __future__ import annotations

from matae.segment.notices import say_once, take_notices


def test_each_is_taken_once_and_in_order() -> None:
    take_notices()
    assert take_notices() == []
    say_once("first")
    say_once("second")
    assert take_notices() == ["first", "second"]
    assert take_notices() == []
