"""Which standard view a clip shows, told from its pictures."""

from matae.view.recognise import SURE, RecognisedView, recognise_view

__all__ = ["SURE", "RecognisedView", "recognise_view"]
