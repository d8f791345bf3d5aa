"""Activity files: CSV and Parquet to rows of text cells. A file that is cut, mixed up or unreadable is refused whole, never loaded in part."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from engine.problems import InforceError, nearest
from engine.ratebook.book import ActivityKind

CELL_MAX = 100_000  # characters; a longer cell is a file gone wrong
SUFFIXES = (".csv", ".parquet")


class ActivityFileError(InforceError):
    """A file of activity cannot be read; nothing of it was taken."""

    def __init__(self, file: str, what: str, remedy: str, row: int | None = None) -> None:
        super().__init__(f"{file}{f' row {row}' if row else ''}: {what}.\n{remedy}.")


def read_activity(paths: Sequence[Path], kind: ActivityKind, shown_from: Path) -> pl.DataFrame:
    """All rows of the files as text columns named as the kind declares, with `file` (relative to `shown_from`) and `row` (header is 1)."""
    frames = [_read(path, kind, _shown(path, shown_from)) for path in sorted(paths)]
    names = ["file", "row", *(column.column for column in kind.columns)]
    empty = pl.DataFrame(schema={name: pl.Int64 if name == "row" else pl.String for name in names})
    return pl.concat(
        [empty, *(frame.select(name if name in frame.columns else pl.lit("").alias(name) for name in names) for frame in frames)]
    )


def _read(path: Path, kind: ActivityKind, shown: str) -> pl.DataFrame:
    if path.suffix.lower() == ".csv":
        header, rows = _csv_rows(path, shown)
        columns = _columns(header, kind, shown)
        data = {name: [row[at] for row in rows] for at, name in enumerate(columns)}
        frame = pl.DataFrame(data, schema=dict.fromkeys(columns, pl.String))
    elif path.suffix.lower() == ".parquet":
        frame = _parquet(path, kind, shown)
    else:
        raise ActivityFileError(
            shown, f"{path.suffix or 'no suffix'!r} is not a kind of file inforce reads", "Give .csv or .parquet files"
        )
    numbered = pl.int_range(2, len(frame) + 2, dtype=pl.Int64, eager=True)
    return frame.with_columns(pl.lit(shown).alias("file"), numbered.alias("row"))


def _csv_rows(path: Path, shown: str) -> tuple[list[str], list[list[str]]]:
    text = _text(path, shown)
    csv.field_size_limit(CELL_MAX)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[list[str]] = []
    try:
        header = next(reader, [])
        for row in reader:
            if len(row) != len(header):
                if not row:
                    continue
                few = f"{len(row)} cells where the header has {len(header)}"
                cure = (
                    "The file may be cut; export it again"
                    if len(row) < len(header)
                    else "Quote cells that hold a comma, and export it again"
                )
                raise ActivityFileError(shown, few, cure, len(rows) + 2)
            rows.append(row)
    except csv.Error as error:
        what = "a quoted cell is never closed" if "unexpected end" in str(error) else str(error)
        raise ActivityFileError(shown, what, "The file may be cut; export it again", len(rows) + 2) from error
    if text and not text.endswith(("\n", "\r")):
        raise ActivityFileError(
            shown, "the last line has no line end, so the file may be cut", "Export it again, or end the last line", len(rows) + 1
        )
    return header, rows


def _text(path: Path, shown: str) -> str:
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise ActivityFileError(shown, "the file is UTF-16", "Save it as CSV UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        row = data[: error.start].count(b"\n") + 1
        raise ActivityFileError(shown, f"byte {data[error.start]:#04x} is not UTF-8", "Save it as CSV UTF-8", row) from error
    if "\0" in text:
        raise ActivityFileError(
            shown, "the file holds a NUL character", "Export it again as text", text[: text.index("\0")].count("\n") + 1
        )
    return text


def _columns(header: Sequence[str], kind: ActivityKind, shown: str) -> list[str]:
    """The kind's column for each title of a file."""
    known = {column.header: column.column for column in kind.columns}
    titles = [title.strip() for title in header]
    for at, title in enumerate(titles):
        if title in titles[:at]:
            raise ActivityFileError(shown, f"column {title!r} stands twice", "Remove one of them", 1)
        if title not in known:
            if len(titles) == 1 and any(mark in title for mark in ";\t|"):
                raise ActivityFileError(shown, "the cells are not separated by commas", "Export with commas", 1)
            hint = nearest(title, known)
            cure = hint[0].upper() + hint[1:] if hint else f"Remove it, or declare it in rules/activity/{kind.kind}.yaml"
            raise ActivityFileError(shown, f"column {title!r} is not declared for {kind.kind}", cure, 1)
    for column in kind.columns:
        if column.required and column.header not in titles:
            raise ActivityFileError(shown, f"column {column.header!r} is missing", "Every file of this kind needs it", 1)
    return [known[title] for title in titles]


def _parquet(path: Path, kind: ActivityKind, shown: str) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise ActivityFileError(
            shown, f"it is not a whole Parquet file ({str(error).splitlines()[0]})", "Export it again"
        ) from error
    frame = frame.rename(dict(zip(frame.columns, _columns(frame.columns, kind, shown), strict=True)))
    return frame.select(_cells(frame[name], shown) for name in frame.columns)


def _cells(column: pl.Series, shown: str) -> pl.Series:
    """A typed column as the text cells a CSV file would hold."""
    kind = column.dtype
    if kind == pl.Boolean:
        text = column.cast(pl.Int8).replace_strict({1: "yes", 0: "no"}, return_dtype=pl.String)
    elif isinstance(kind, pl.Datetime):
        if kind.time_zone is not None:
            cure = "Write local times as text with their offset, or as times without a zone"
            raise ActivityFileError(
                shown, f"column {column.name!r} holds times in {kind.time_zone}, not the site's local times", cure
            )
        whole = column.dt.epoch("us") % 1_000_000 == 0
        if not whole.all():
            raise ActivityFileError(
                shown, f"column {column.name!r} holds fractions of seconds", "Round them where they are recorded"
            )
        text = column.dt.strftime("%Y-%m-%dT%H:%M:%S").str.strip_suffix(":00")
    elif kind.is_integer() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        text = column.cast(pl.String)
    else:
        raise ActivityFileError(
            shown, f"column {column.name!r} holds {kind} values", "Store text, whole numbers, yes/no or local times"
        )
    return text.fill_null("").alias(column.name)


def _shown(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return path.name
