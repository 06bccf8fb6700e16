"""Bytes → text: by byte-order mark, as UTF-8, or in the encoding that the bytes look like."""

from __future__ import annotations

import codecs

import charset_normalizer

from pipeline.errors import InputError

SAMPLE = 1_000_000  # bytes by which an encoding is told
_FEW = 3  # letters of UTF-8 that a few words in another encoding may make up by chance: É and a quotation mark do
# Encodings that keep the byte-order mark: raw is the input as decoded.
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
# What pages are really written in. Over all that it knows, the detector takes "café" for an Arabic encoding.
_LEGACY = [
    "cp1252", "cp1250", "cp1251", "koi8_r", "iso8859_2", "cp1253", "cp1254", "cp1255", "cp1256", "cp1257", "cp1258",
    "tis_620", "cp932", "euc_jp", "gb18030", "big5", "euc_kr",
]  # fmt: skip


# What browsers read under the names that pages give (WHATWG, Encoding), by Python's name of each. What is no encoding
# of the web is not believed: Python also knows some that take time in proportion to the square of the length.
_DECLARED = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "iso8859-9": "cp1254", "iso8859-11": "cp874", "tis-620": "cp874",
    "gb2312": "gb18030", "gbk": "gb18030", "big5": "big5hkscs", "shift_jis": "cp932", "euc_kr": "cp949",
    **{name: name for name in (
        "utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "big5hkscs", "cp932", "cp949", "euc_jp", "iso2022_jp",
        "koi8-r", "koi8-u", "mac-roman", "cp866", "cp874", *(f"cp{page}" for page in range(1250, 1259)),
        *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 13, 14, 15, 16)),
    )},
}  # fmt: skip


def decode(content: bytes, declared: str | None = None) -> tuple[str, str | None]:
    """Return bytes as text, in which a byte-order mark stays, and the encoding if it had to be guessed.

    ``declared`` is what a server called the encoding; it counts if there is no such mark and the bytes bear it out. A
    text in UTF-8 with a few faults counts as guessed, and has U+FFFD for each.

    Raises:
        InputError: the bytes are binary, cut off, or in no encoding that can be told.
    """
    for bom, encoding in _BOMS:
        if content.startswith(bom):
            try:
                return content.decode(encoding), None
            except UnicodeDecodeError as error:
                raise InputError("undecodable", f"{error.reason} at byte {error.start}") from None
    if (text := _as_declared(content, declared)) is not None:
        return text, None
    if b"\0" in content:
        raise InputError("binary", f"a null byte at {content.index(0)}")
    try:
        return content.decode("utf-8"), None
    except UnicodeDecodeError as error:
        if error.start >= len(content) - 3 and error.reason == "unexpected end of data":
            raise InputError("truncated-utf8", f"the last character is cut off at byte {error.start}") from None
        letters, faults = _letters_and_faults(content)
        if letters >= _FEW and letters > faults:
            return content.decode("utf-8", errors="replace"), "utf-8"
        found = detect(content[:SAMPLE])
        if found is None:
            raise InputError("undecodable", f"not UTF-8 ({error.reason} at byte {error.start})") from None
        try:
            return content.decode(found), found
        except UnicodeDecodeError as other:
            raise InputError("undecodable", f"neither UTF-8 nor {found} at byte {other.start}") from None


def _letters_and_faults(content: bytes) -> tuple[int, int]:
    """Count letters of UTF-8, and bytes that are no part of one; ASCII and a letter cut off at the end are neither.

    Bytes of another encoding seldom make up such a letter.
    """
    text = codecs.getincrementaldecoder("utf-8")(errors="surrogateescape").decode(content)
    faults = sum("\udc80" <= character <= "\udcff" for character in text)
    return sum(character > "\x7f" for character in text) - faults, faults


def _as_declared(content: bytes, declared: str | None) -> str | None:
    if declared is None:
        return None
    try:
        text = content.decode(_DECLARED[codecs.lookup(declared).name])
    except (LookupError, ValueError):  # ValueError: also a name with a null character
        return None
    return None if "\0" in text else text


def detect(sample: bytes) -> str | None:
    """Return the encoding that bytes which are not UTF-8 look like, or None; of equals, the western one."""
    if sum(byte < 9 or 13 < byte < 32 for byte in sample[:4096]) > 8:
        return None
    matches = charset_normalizer.from_bytes(sample, cp_isolation=_LEGACY)
    best = matches.best()
    if best is None:
        return None
    western = next((match for match in matches if match.encoding == _LEGACY[0]), best)
    return western.encoding if western.chaos <= best.chaos else best.encoding


def table_encoding(sample: bytes) -> tuple[str, bool]:
    """Return the encoding of a table by its beginning, and whether it is a guess.

    Where single rows break UTF-8, that is still UTF-8: these rows are rejected, where ``decode`` would lose letters, so
    one letter of UTF-8 for each fault is enough.
    """
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16", False
    letters, faults = _letters_and_faults(sample)
    found = None if letters >= faults or sample.startswith(codecs.BOM_UTF8) else detect(sample)
    return found or "utf-8-sig", found is not None
