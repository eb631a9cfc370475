"""Detect the encoding of a text file."""

import codecs
import logging
import re
from collections.abc import Iterator
from io import BufferedReader

from charset_normalizer import from_bytes

from ml.csv_files.files import SourceError, SourceFile, TruncatedFile

logger = logging.getLogger(__name__)

UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
SAMPLE_BYTES = 1 << 18
# What spreadsheets save besides UTF-8. Others are rare, and with more candidates guesses become worse.
CODECS = ["cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp932", "gb18030", "big5", "cp949"]
# Fewer lines do not suffice to rule Windows-1252 out.
MIN_LINES = 3
# Differences in charset-normalizer's scores, both from 0 to 1, that count as evidence.
MIN_CHAOS_GAP, MIN_COHERENCE_GAP = 0.05, 0.2

_BLOCK = 1 << 16
_MAX_LINE = 1 << 20  # longer lines are decoded in pieces
_ESCAPED = re.compile("[\ud800-\udfff]")


def detect_encoding(file: SourceFile) -> str:
    """The codec to open `file` with: UTF-8, UTF-16 by its byte order mark, or a Windows or East Asian one.

    A file of which most non-ASCII lines are UTF-8 is UTF-8: open it with errors="surrogateescape", and reject
    the rows for which `is_undecodable` is true. Else charset-normalizer decides, with Windows-1252 as the
    default, and a warning is logged. Reads up to SAMPLE_BYTES of non-ASCII lines.

    Raises SourceError if the file cannot be read or the encoding is unclear: a wrong one would garble titles.
    """
    lines: list[bytes] = []
    try:
        with file.open() as stream:
            if stream.peek(2)[:2] in UTF16_MARKS:
                return "utf-16"
            size = 0
            for line in _non_ascii_lines(stream):
                lines.append(line)
                size += len(line)
                if size > SAMPLE_BYTES:
                    break
    except TruncatedFile:
        pass  # the reader reports it after the rows before
    except OSError as error:
        raise SourceError(f"{file} cannot be read: {error.strerror or error}") from error
    broken = [line for line in lines if not _decodes(line, "utf-8")]
    if len(broken) * 2 <= len(lines):
        return "utf-8-sig"
    encoding = _guess(broken)
    if not encoding:
        raise SourceError(f"The encoding of {file} is unclear; save it as UTF-8 and try again")
    logger.warning("%s is not UTF-8; it is read as %s", file, described(encoding))
    return encoding


def described(encoding: str) -> str:
    """The usual name of a codec that `detect_encoding` returns."""
    return encoding.replace("utf-8-sig", "UTF-8").replace("cp125", "Windows-125")


def is_undecodable(text: str) -> bool:
    """Whether `text`, read with errors="surrogateescape", contains bytes that are not in its encoding."""
    return not text.isascii() and bool(_ESCAPED.search(text))


def _guess(lines: list[bytes]) -> str:
    western = [line for line in lines if _decodes(line, "cp1252")]
    if len(western) * 20 >= len(lines) * 19:  # a stray byte costs its row only
        lines = western
    is_western = len(lines) == len(western)
    matches = list(from_bytes(b"\n".join(lines), cp_isolation=CODECS))
    if not matches or len(lines) < MIN_LINES:
        return "cp1252" if is_western else ""
    best, *others = matches
    rivals = [match for match in others if match.chaos - best.chaos < MIN_CHAOS_GAP]
    if is_western and any("cp1252" in match.could_be_from_charset for match in (best, *rivals)):
        return "cp1252"
    is_clear = all(best.coherence - match.coherence > MIN_COHERENCE_GAP for match in rivals)
    return best.encoding if is_clear else ""


def _non_ascii_lines(stream: BufferedReader) -> Iterator[bytes]:
    # In blocks of whole lines, since most contain nothing but ASCII.
    while block := stream.read(_BLOCK) + stream.readline(_MAX_LINE):
        if not block.isascii():
            yield from (line for line in block.split(b"\n") if not line.isascii())


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
