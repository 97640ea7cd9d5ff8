"""Dates and times as the rest of the product writes them: "22 nov. 2026, 14:02"."""

DATE_FORMAT = "j M Y"
TIME_FORMAT = "H:i"
DATETIME_FORMAT = "j M Y, H:i"
