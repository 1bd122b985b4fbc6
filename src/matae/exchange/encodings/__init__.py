"""How single masks and tables are written: NIfTI, pictures, polygons, run lengths, CSV, JSON."""
