"""Tools that change masks: pure functions, no layers and no widgets."""
