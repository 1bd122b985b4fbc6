"""From masks to contours, landmarks, volumes and ejection fraction."""
