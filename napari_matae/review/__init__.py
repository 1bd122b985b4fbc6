"""The panel in which frames are corrected and accepted."""
