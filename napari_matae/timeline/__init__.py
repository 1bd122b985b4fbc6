"""The frames of the cine in time: strip, area curve, playback."""
