"""Which encoding a text file is in, decided in one streaming pass."""

import codecs
import logging
import re

from .files import BreaksOff, SourceFile
from .records import SourceError

logger = logging.getLogger(__name__)

_BLOCK = 1 << 16
_LONGEST_LINE = 1 << 20  # what is longer is judged in pieces
_STRAY = 20  # of so many lines that are not UTF-8, one may be undefined in Windows-1252
_ESCAPED = re.compile("[\ud800-\udfff]")
UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def encoding_of(file: SourceFile) -> str:
    """The codec to open `file` with: "utf-8-sig", "utf-16" (by its mark) or "cp1252".

    UTF-8 with a few broken lines stays UTF-8, so that one bad byte does not garble every accent in the file:
    open it with errors="surrogateescape" and refuse the rows that hold surrogates. A file whose broken lines
    outnumber its sound non-ASCII lines is taken for Windows-1252, which is logged as a warning. A file that
    breaks off is judged by what there is of it.

    Raises SourceError when the file cannot be read or is in none of these.
    """
    sound = broken = undefined = undefined_at = 0
    try:
        with file.open() as stream:
            if stream.peek(2)[:2] in UTF16:
                return "utf-16"
            before = 0
            # In blocks of whole lines, since most hold nothing but ASCII.
            while block := stream.read(_BLOCK) + stream.readline(_LONGEST_LINE):
                for number, line in enumerate(() if block.isascii() else block.split(b"\n"), before + 1):
                    if line.isascii():
                        continue
                    if _decodes(line, "utf-8"):
                        sound += 1
                        continue
                    broken += 1
                    if not _decodes(line, "cp1252"):
                        undefined += 1
                        undefined_at = undefined_at or number
                before += block.count(b"\n")
    except BreaksOff:
        pass  # said when the rows before the break have been read
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror or error}") from error
    if broken <= sound:
        return "utf-8-sig"
    # A stray byte in a long file costs its row; where they are common the file is in another encoding.
    if undefined * _STRAY > broken:
        raise SourceError(
            f"{file} is neither UTF-8 nor Windows-1252 (line {undefined_at}); save it as UTF-8 and try again"
        )
    logger.warning("%s is not UTF-8; it is read as Windows-1252", file)
    return "cp1252"


def is_undecodable(text: str) -> bool:
    """Whether `text`, read with errors="surrogateescape", comes from bytes that are not in its encoding."""
    return not text.isascii() and bool(_ESCAPED.search(text))


def _decodes(block: bytes, encoding: str) -> bool:
    try:
        block.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
