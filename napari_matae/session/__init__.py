"""The open cine: its layers, its masks and their undo stack, the sector, playback."""
