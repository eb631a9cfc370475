"""The Retry-After header (RFC 9110, 10.2.3): seconds, or a date."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime


def retry_after_s(text: str | None, now: float, longest_s: float) -> float | None:
    """Seconds to wait from `now` (since 1970), between 0 and `longest_s`; None when `text` says nothing."""
    text = (text or "").strip()
    if re.fullmatch(r"[0-9]{1,12}", text):
        return min(float(text), longest_s)
    try:
        date = parsedate_to_datetime(text)
        moment = (date if date.tzinfo else date.replace(tzinfo=UTC)).timestamp()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(moment - now, 0.0), longest_s)
