"""Which encoding a text file is in, decided in one streaming pass."""

import codecs
import logging
from pathlib import Path

from .records import SourceError

logger = logging.getLogger(__name__)

_BLOCK = 1 << 20  # a "line" longer than this is judged in pieces
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def encoding_of(path: Path) -> str:
    """The codec to open `path` with: "utf-8-sig", "utf-16" (by its mark) or "cp1252".

    UTF-8 with a few broken lines stays UTF-8, so that one bad byte does not garble every accent in the file:
    open it with errors="surrogateescape" and refuse the rows that hold surrogates. A file whose broken lines
    outnumber its sound non-ASCII lines is taken for Windows-1252, which is logged as a warning.

    Raises SourceError when the file cannot be read or is in none of these.
    """
    sound = broken = 0
    undefined_at = 0
    try:
        with path.open("rb") as file:
            if file.read(2) in _UTF16:
                return "utf-16"
            file.seek(0)
            number, starts_line = 0, True
            while block := file.readline(_BLOCK):
                number += starts_line
                starts_line = block.endswith(b"\n")
                if block.isascii():
                    continue
                if _decodes(block, "utf-8"):
                    sound += 1
                else:
                    broken += 1
                    if not undefined_at and not _decodes(block, "cp1252"):
                        undefined_at = number
    except FileNotFoundError:
        raise SourceError(f"{path} does not exist; check the path") from None
    except IsADirectoryError:
        raise SourceError(f"{path} is a folder; a CSV file was expected") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror or error}") from error
    if broken <= sound:
        return "utf-8-sig"
    if undefined_at:
        raise SourceError(
            f"{path} is neither UTF-8 nor Windows-1252 (line {undefined_at}); save it as UTF-8 and try again"
        )
    logger.warning("%s is not UTF-8; it is read as Windows-1252", path)
    return "cp1252"


def _decodes(block: bytes, encoding: str) -> bool:
    try:
        block.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
