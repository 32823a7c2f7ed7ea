"""Converts text files to UTF-8 that DuckDB can stream: compression, encodings, the header of a CSV.

Belongs here: facts from a file's first bytes. ``bulk_files.py`` reads its records.
"""

from __future__ import annotations

import codecs
import gzip
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, Literal, TextIO, cast

import pyarrow as pa

from echelon_pipeline.domain.csv_records import LONGEST_RECORD, NO_END, cells, records
from echelon_pipeline.errors import BadImport

Compression = Literal["none", "gzip", "zstd"]
_MAGIC: dict[bytes, Compression] = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_ENDINGS: dict[str, Compression] = {".gz": "gzip", ".zst": "zstd"}
_MARKS = {codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16", codecs.BOM_UTF8: "utf-8-sig"}
_DELIMITERS = ",\t;|"
_CHUNK = 1 << 20
# A whole JSON document is parsed here only where DuckDB rejects it, to keep its valid members.
LARGEST_MENDED = 64 * 1024 * 1024
BROKEN = "\x1f"  # starts a replacement line: mark, line number, mark, text of the broken line
_MARK_OF_LATIN = codecs.BOM_UTF8.decode("latin-1")


@dataclass(frozen=True)
class Text:
    """A file to read as UTF-8: ``path`` is the file itself, or a copy in scratch where it was in another encoding."""

    path: Path
    compression: Compression

    @contextmanager
    def binary(self) -> Iterator[IO[bytes]]:
        """The uncompressed bytes."""
        with _uncompressed(self.path, self.compression) as stream:
            yield stream

    @contextmanager
    def opened(self, errors: str = "strict") -> Iterator[TextIO]:
        """The text; line ends stay as they are, as the csv module wants."""
        with self.binary() as stream:
            yield io.TextIOWrapper(stream, encoding="utf-8-sig", newline="", errors=errors)


def plain_name(path: Path) -> str:
    """The file's name in lower case, without the ending of a compression."""
    name = path.name.lower()
    for ending in _ENDINGS:
        name = name.removesuffix(ending)
    return name


def text_of(path: Path, scratch: Path) -> Text:
    """How to read a text file. A byte order mark defines the encoding; a file without one must be UTF-8.

    Raises BadImport where the compression that the name says is not that of the bytes.
    """
    compression = _compression(path)
    with _uncompressed(path, compression) as stream:
        start = stream.read(3)
    encoding = next((name for mark, name in _MARKS.items() if start.startswith(mark)), None)
    # DuckDB removes the mark of UTF-8 from a CSV, not from a JSON document.
    if encoding is None or (encoding == "utf-8-sig" and not plain_name(path).endswith(".json")):
        return Text(path, compression)
    copy = scratch / f"utf8-{plain_name(path)}"
    with (
        _uncompressed(path, compression) as stream,
        io.TextIOWrapper(stream, encoding=encoding, newline="") as source,
        copy.open("w", encoding="utf-8", newline="") as target,
    ):
        while chunk := source.read(_CHUNK):
            target.write(chunk)
    return Text(copy, "none")


def header_of(path: Path, text: Text) -> tuple[list[str], str]:
    """Column names and delimiter of a CSV. Raises BadImport for a header that is missing, too long, has a quote that is
    not closed or names a column twice."""
    with text.opened("surrogateescape") as stream:
        first = stream.readline(LONGEST_RECORD + 1)
        if len(first) > LONGEST_RECORD:
            raise BadImport(f"{path}: the first line is longer than {LONGEST_RECORD >> 20} MB")
        delimiter = max(_DELIMITERS, key=first.count) if first else ","
        head = next(records(chain([first], stream), delimiter))
    if head.is_broken:
        raise BadImport(f"{path}: the header: {NO_END}")
    names = cells(head.text, delimiter)
    if any("\udc80" <= letter <= "\udcff" for name in names for letter in name):
        raise BadImport(f"{path}: the header is not UTF-8; convert the file first (iconv -t UTF-8)")
    if not any(names):
        raise BadImport(f"{path}: is empty: there is no header line")
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise BadImport(f"{path}: has two columns of one name: {', '.join(map(repr, twice))}, in {names}")
    return names, delimiter


def bounded(text: Text, delimiter: str, width: int, scratch: Path) -> Text:
    """A copy of a CSV of ``width`` columns in which an unclosed quote breaks only its own line, and all line ends are
    the same: DuckDB loses lines where they differ.

    A replacement line stands for each broken line: it does not have the cells of the header, starts with BROKEN in
    quotes, and contains the number and the text of the broken line.
    """
    copy = scratch / "bounded.csv"
    with (
        text.binary() as stream,
        io.TextIOWrapper(stream, encoding="latin-1", newline="") as source,
        copy.open("w", encoding="latin-1", newline="") as target,
    ):
        first = source.readline().removeprefix(_MARK_OF_LATIN)
        for record in records(chain([first], source), delimiter):
            plain = record.text.rstrip("\r\n")
            if record.is_broken:
                line = f"{BROKEN}{record.line}{BROKEN}{plain}".replace('"', '""')
                plain = f'"{line}"' + (f"{delimiter}x" if width == 1 else "")
            target.write(f"{plain}\n")
    return Text(copy, "none")


def mended(text: str) -> str | None:
    """Repairs JSON that is valid but that DuckDB rejects (a lone surrogate of a cut emoji); None where it is invalid.

    The cut character becomes U+FFFD, numbers become texts of their digits.
    """
    try:
        value = json.loads(text, parse_float=str, parse_int=str, parse_constant=str)
        return json.dumps(value, ensure_ascii=False).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    except (ValueError, RecursionError):
        return None


def mended_lines(text: Text, scratch: Path) -> Path | None:
    """The members of a JSON document that DuckDB rejects, one per line of a scratch file; None for invalid JSON."""
    with text.opened() as stream:
        whole = stream.read(LARGEST_MENDED)
        if stream.read(1) or (good := mended(whole)) is None:
            return None
    value: Any = json.loads(good)
    target = scratch / "mended.jsonl"
    with target.open("w", encoding="utf-8") as lines:
        lines.writelines(
            json.dumps(v, ensure_ascii=False) + "\n" for v in (value if isinstance(value, list) else [value])
        )
    return target


def _compression(path: Path) -> Compression:
    with path.open("rb") as stream:
        start = stream.read(4)
    found: Compression = next((kind for magic, kind in _MAGIC.items() if start.startswith(magic)), "none")
    promised = _ENDINGS.get(path.suffix.lower())
    if promised is not None and start and found != promised:
        raise BadImport(f"{path}: has the ending {path.suffix} but is not a {promised} file")
    return found


@contextmanager
def _uncompressed(path: Path, compression: Compression) -> Iterator[IO[bytes]]:
    if compression == "gzip":
        with gzip.open(path, "rb") as stream:
            yield cast("IO[bytes]", stream)
    elif compression == "zstd":
        with pa.CompressedInputStream(str(path), "zstd") as source:
            yield io.BufferedReader(_Raw(source))
    else:
        with path.open("rb") as plain:
            yield plain


class _Raw(io.RawIOBase):
    """Adapts Arrow's stream to Python's raw stream."""

    def __init__(self, source: Any) -> None:
        super().__init__()
        self._source = source

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Fills a buffer."""
        data = self._source.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)
