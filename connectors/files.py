"""Activity files: CSV, NDJSON and Parquet to rows of cells. A file that is cut, mixed up or unreadable is refused whole, never loaded in part."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath

import polars as pl

from engine.problems import InforceError, nearest
from engine.ratebook.book import ActivityKind

CELL_MAX = 100_000  # characters; a longer cell is a file gone wrong
_CHUNK_ROWS = 1_000_000  # of a typed file, read at once


class ActivityFileError(InforceError):
    """A file of activity cannot be read; nothing of it was taken."""

    def __init__(self, file: str, what: str, remedy: str, row: int | None = None) -> None:
        super().__init__(f"{file}{f' row {row}' if row else ''}: {what}.\n{remedy}{'' if remedy.endswith('?') else '.'}")


@dataclass(frozen=True, slots=True, order=True)
class ActivityFile:
    """A file of activity: its name, as people see it and as its suffix and its kind are read from it, and where its bytes are."""

    name: str
    path: Path

    @property
    def suffix(self) -> str:
        """How its content is written."""
        return PurePosixPath(self.name).suffix.lower()


def named_files(paths: Sequence[Path], root: Path) -> tuple[ActivityFile, ...]:
    """Files by their paths in a workspace; of a file elsewhere its folder and name are kept."""
    return tuple(sorted(ActivityFile(_name(path, root), path) for path in paths))


def read_activity(files: Sequence[ActivityFile], kind: ActivityKind) -> pl.DataFrame:
    """All rows of the files as text columns named as the kind declares, with `file` and `row` (header is 1)."""
    frames = [_read(file, kind) for file in sorted(files)]
    names = ["file", "row", *(column.column for column in kind.columns)]
    empty = pl.DataFrame(schema={name: pl.Int64 if name == "row" else pl.String for name in names})
    return pl.concat(
        [empty, *(frame.select(name if name in frame.columns else pl.lit("").alias(name) for name in names) for frame in frames)]
    )


def activity_by_kind(
    files: Sequence[ActivityFile], kinds: Mapping[str, ActivityKind]
) -> dict[str, pl.DataFrame | Callable[[], Iterator[pl.DataFrame]]]:
    """The rows of files by the kind that their name or folder says; of kinds that are rolled up, a function that gives them in chunks."""
    by_kind: dict[str, list[ActivityFile]] = {}
    for file in sorted(files):
        by_kind.setdefault(_kind_of(file, kinds), []).append(file)
    return {
        name: partial(_chunks, mine, kinds[name]) if kinds[name].roll_up else read_activity(mine, kinds[name])
        for name, mine in by_kind.items()
    }


def _kind_of(file: ActivityFile, kinds: Mapping[str, ActivityKind]) -> str:
    """The kind of a file: the only one, or the one that its folder is named for or its own name begins with."""
    if len(kinds) == 1:
        return next(iter(kinds))
    path = PurePosixPath(file.name)
    if path.parent.name in kinds:
        return path.parent.name
    found = sorted((name for name in kinds if path.stem == name or path.stem.startswith((f"{name}-", f"{name}_"))), key=len)
    if not found:
        known = ", ".join(f"{name}-..." for name in kinds)
        raise ActivityFileError(file.name, "its name does not say which kind of activity it holds", f"Name it {known}")
    return found[-1]


def _chunks(files: Sequence[ActivityFile], kind: ActivityKind) -> Iterator[pl.DataFrame]:
    """Files in chunks of bounded size; the cells of Parquet files keep their types."""
    for file in files:
        if file.suffix != ".parquet":
            yield _read(file, kind)
            continue
        shown = file.name
        # told by its content, not by a name that an archived file does not have
        lazy = pl.scan_parquet(file.path, glob=False)
        try:
            names = lazy.collect_schema().names()
            count = int(lazy.select(pl.len()).collect().item())
        except (pl.exceptions.PolarsError, OSError) as error:
            raise ActivityFileError(
                shown, f"it is not a whole Parquet file ({str(error).splitlines()[0]})", "Export it again"
            ) from error
        renamed = dict(zip(names, _columns(names, kind, shown), strict=True))
        for start in range(0, count, _CHUNK_ROWS):
            frame = lazy.slice(start, _CHUNK_ROWS).rename(renamed).collect()
            typed = frame.select(frame[name] if _is_typed(frame[name]) else _cells(frame[name], shown) for name in frame.columns)
            rows = pl.int_range(start + 2, start + 2 + len(frame), dtype=pl.Int64, eager=True)
            yield typed.with_columns(pl.lit(shown).alias("file"), rows.alias("row"))


def _is_typed(column: pl.Series) -> bool:
    return column.dtype.is_integer() or column.dtype == pl.String or isinstance(column.dtype, pl.Datetime)


def _read(file: ActivityFile, kind: ActivityKind) -> pl.DataFrame:
    path, shown = file.path, file.name
    if file.suffix == ".csv":
        header, rows = _csv_rows(path, shown)
        columns = _columns(header, kind, shown)
        data = {name: [row[at] for row in rows] for at, name in enumerate(columns)}
        frame = pl.DataFrame(data, schema=dict.fromkeys(columns, pl.String))
    elif file.suffix in (".ndjson", ".jsonl"):
        frame = _ndjson(path, kind, shown)
    elif file.suffix == ".parquet":
        frame = _parquet(path, kind, shown)
    else:
        raise ActivityFileError(
            shown, f"{file.suffix or 'no suffix'!r} is not a kind of file inforce reads", "Give .csv, .ndjson or .parquet files"
        )
    first = 1 if file.suffix in (".ndjson", ".jsonl") else 2  # where there is a header, it is row 1
    numbered = pl.int_range(first, len(frame) + first, dtype=pl.Int64, eager=True)
    return frame.with_columns(pl.lit(shown).alias("file"), numbered.alias("row"))


def _ndjson(path: Path, kind: ActivityKind, shown: str) -> pl.DataFrame:
    """One JSON object a line; numbers keep the digits they are written with."""
    text = _text(path, shown)
    if text and not text.endswith("\n"):
        raise ActivityFileError(
            shown, "the last line has no line end, so the file may be cut", "Export it again, or end the last line"
        )
    known = {column.header: column.column for column in kind.columns}
    data: dict[str, list[str]] = {column.column: [] for column in kind.columns}
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            said = json.loads(line, parse_float=str, parse_int=str, object_pairs_hook=_once)
        except ValueError as error:
            raise ActivityFileError(
                shown, f"this line is not JSON ({error})", "The file may be cut; export it again", number
            ) from error
        if not isinstance(said, dict):
            raise ActivityFileError(shown, "this line is not a JSON object", "Write one object a line", number)
        if said.keys() - known.keys():
            _columns(sorted(said), kind, shown)
        for header, name in known.items():
            data[name].append(_json_cell(said.get(header), header, shown, number))
    return pl.DataFrame(data, schema=dict.fromkeys(data, pl.String))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """The members of an object; a name that stands twice is no JSON of ours."""
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice")
    return found


def _json_cell(value: object, header: str, shown: str, number: int) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    raise ActivityFileError(shown, f"{header!r} holds a list or an object", "Write one value in each column", number)


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
    elif isinstance(kind, pl.Decimal):
        text = column.cast(pl.String).str.replace(r"(\.\d*?)0+$", "$1").str.strip_suffix(".")
    elif kind == pl.Date:
        text = column.dt.strftime("%Y-%m-%d")
    elif kind.is_integer() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Null):
        text = column.cast(pl.String)
    else:
        raise ActivityFileError(
            shown, f"column {column.name!r} holds {kind} values", "Store text, whole numbers, yes/no or local times"
        )
    return text.fill_null("").alias(column.name)


def _name(path: Path, root: Path) -> str:
    try:
        return path.resolve().relative_to(root.resolve()).as_posix()
    except ValueError:
        return f"{path.resolve().parent.name}/{path.name}"
