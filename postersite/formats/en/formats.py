"""Formats of dates in Django admin, as in the templates. Django finds this by `FORMAT_MODULE_PATH`."""

DATE_FORMAT = "j M Y"
DATETIME_FORMAT = "j M Y H:i"
TIME_FORMAT = "H:i"
