"""What a clip shows, and how well, told from its pictures."""

from matae.view.no_heart import why_not_outlined
from matae.view.recognise import GRADES, KINDS, SURE, RecognisedView, recognise_view

__all__ = ["GRADES", "KINDS", "SURE", "RecognisedView", "recognise_view", "why_not_outlined"]
