"""Small widgets, colours and settings that several panels share."""
