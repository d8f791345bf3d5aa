"""Collect: rows of text cells in, typed activity of one period out; every row gets a fate, every rejected one a cure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from engine.activity import MARKS, TIMES, Activity, Coded, Fate, Reject, coded
from engine.arrays import NONE, Bools, Ints, ints
from engine.bulk.recurrences import windows_at
from engine.bulk.zones import zone_table
from engine.canonical import sha256
from engine.dates import DAY_SECONDS, Period, day_number
from engine.problems import InvariantError, Source, nearest
from engine.ratebook.book import ActivityColumn, ActivityKind, Item, RuleBook

ID_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$"
_TIME_PATTERN = r"^\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?(Z|[+-](0\d|1[0-4]):[0-5]\d)?$"
_NEAR_DAYS = 3  # neighbours are looked for within 48 hours
_YES, _NO = ["yes", "true", "1"], ["no", "false", "0"]
_PAIRS = (("start", "end"), ("scheduled_start", "scheduled_end"), ("break_start", "break_end"))


@dataclass(frozen=True, slots=True)
class Collected:
    """Activity to be rated, and the fates of all other rows read.

    `charged` are the rows of the activity that are billed with the period; the others are context and only feed sums. `places` gives file
    and row of each activity row; `snapshot` is the hash of the canonical text of all live rows of the period, `context` that of the rest.
    """

    activity: Activity
    charged: Bools
    places: pl.DataFrame
    read: int
    elsewhere: int
    rejects: tuple[Reject, ...]
    fates: tuple[Fate, ...]
    snapshot: str
    snapshot_text: bytes
    context: str
    context_text: bytes


def collect(book: RuleBook, kind: ActivityKind, raw: pl.DataFrame, period: Period) -> Collected:
    """The activity of `period` in `raw`, typed and prescreened, with the context that its sums need.

    `raw` has the text columns of the kind (missing optional ones may be absent) beside `file` and `row` (what a person sees).
    """
    return read(book, kind, raw).of(period)


def read(book: RuleBook, kind: ActivityKind, raw: pl.DataFrame) -> Readings:
    """All rows read and typed once, from which any period can be taken."""
    reading = _Reading(book, kind, _with_defaults(kind, raw))
    reading.read_cells()
    reading.check_rows()
    live = reading.settle_revisions()
    return Readings(reading, live, reading.rejects(), _screen(reading, live))


@dataclass(frozen=True, slots=True)
class Readings:
    """Rows as read: which are live, which are rejected, and what keeps the others from being rated."""

    reading: _Reading
    live: Bools
    rejects: tuple[Reject, ...]
    screen: Mapping[str, tuple[str, Bools]]

    def of(self, period: Period) -> Collected:
        """The activity that is billed with a period, the rows that its sums need, and the fates of the others."""
        reading, live = self.reading, self.live
        ok = ~reading.bad
        here = ok & _billed_with(reading, live, period)
        fates = [*reading.fates(here & ~live, reading.revision_fate)]
        for rule, (fate, rows) in self.screen.items():
            fates += reading.fates(here & live & rows, [(fate, rule)] * len(here))
        sound = ok & live & ~np.logical_or.reduce([rows for _, rows in self.screen.values()])
        charged, context = here & sound, sound & ~here
        context &= _needed(reading, charged, period)
        text, context_text = reading.snapshot_text(here & live), reading.snapshot_text(context)
        keep = np.flatnonzero(charged | context)
        keep = keep[reading.activity(keep).order()]
        activity = reading.activity(keep)
        elsewhere, rated, rejected = int((ok & ~here).sum()), int(charged.sum()), int(reading.bad.sum())
        if len(here) != rejected + elsewhere + len(fates) + rated:
            raise InvariantError(
                f"{len(here):,} rows were read, but {rejected:,} rejected + {elsewhere:,} of other periods + {len(fates):,} "
                f"decided or held + {rated:,} to be rated do not add up to that; this is a fault of the engine, nothing was written"
            )
        return Collected(
            activity, charged[keep], reading.frame.select("file", "row")[keep], len(here), elsewhere, self.rejects, tuple(fates),
            sha256(text), text, sha256(context_text), context_text,
        )  # fmt: skip


def _billed_with(reading: _Reading, live: Bools, period: Period) -> Bools:
    """The rows that are billed with a period: those dated in it, and late ones of earlier months (law 5.9)."""
    day = reading.day
    here = (day >= day_number(period.start)) & (day < day_number(period.end))
    closeout = np.maximum(reading.numbers["closeout"], 0)
    if not bool((closeout > 0).any()):
        return here
    months = _months(day)
    accounts = sorted(reading.book.accounts)
    known = [
        accounts.index(reading.book.sites[site].account) if site in reading.book.sites else -1
        for site in reading.coded["site"].values
    ]
    account = np.array([*known, -1], dtype=np.int64)[reading.coded["site"].codes]
    taken = live & (closeout > 0) & ~reading.bad
    latest: dict[tuple[int, int], int] = {}
    for who, number, month in zip(account[taken].tolist(), closeout[taken].tolist(), months[taken].tolist(), strict=True):
        latest[(who, number)] = max(month, latest.get((who, number), month))
    closed = {(who, month) for (who, _), month in latest.items()}
    moved = here.copy()
    late = np.array([key in closed for key in zip(account.tolist(), months.tolist(), strict=True)], dtype=np.bool_)
    for row in np.flatnonzero(late | (closeout > 0)).tolist():
        who, month = int(account[row]), int(months[row])
        billed = latest.get((who, int(closeout[row])), month)
        while closeout[row] == 0 and (who, billed) in closed:
            billed += 1
        if billed != month:
            moved[row] = period.holds(date(billed // 12, billed % 12 + 1, 1))
    return moved


def _months(day: Ints) -> Ints:
    """Months since January of the year 0."""
    dates = pl.Series(day.astype(np.int32)).cast(pl.Date)
    return ints((dates.dt.year().cast(pl.Int64) * 12 + dates.dt.month() - 1).to_numpy())


def _needed(reading: _Reading, charged: Bools, period: Period) -> Bools:
    """The rows that the sums of charged rows look back at, and the neighbours of those rows."""
    book, day = reading.book, reading.day
    timed = [policy for policy in book.policies.values() if not policy.activity]
    read_columns = {condition.column for policy in timed for rule in policy.rules for condition in rule.when}
    near = _NEAR_DAYS if read_columns & {"since-last", "until-next"} else 0
    if not book.accumulators and not near:
        return np.zeros(len(day), dtype=np.bool_)
    first = int(day[charged].min()) if bool(charged.any()) else day_number(period.start)
    last = max(int(day[charged].max()) if bool(charged.any()) else first, day_number(period.end) - 1)
    since = first - near
    for each in reversed(list(book.accumulators.values())):  # what counts for one may depend on bands of those before it
        if each.measure != "amount":
            windows = windows_at(book, each, list(book.sites), since, last)
            since = min([since, *(view.days[0] - 1 for view in windows.views if view.days)])
    wanted = (day >= since - 1) & (day <= last + near)
    if any(each.line is not None for each in book.accumulators.values()):
        return np.asarray(wanted)
    worker = reading.coded["worker"].codes
    asked = np.zeros(len(reading.coded["worker"].values) + 1, dtype=np.bool_)
    asked[worker[charged]] = True
    asked[-1] = False
    return np.asarray(wanted & asked[worker])


def canonical_columns(kind: ActivityKind) -> tuple[str, ...]:
    """The columns of the canonical text of a kind's rows, in their order."""
    nothing = pl.DataFrame(schema={"file": pl.String, "row": pl.Int64})
    return tuple(sorted(set(_with_defaults(kind, nothing).columns) - {"file", "row", "closeout"}))


def _with_defaults(kind: ActivityKind, raw: pl.DataFrame) -> pl.DataFrame:
    """Exactly the kind's columns as trimmed text, defaults filled in, with `source` and `revision` always there."""
    columns = {column.column: column for column in kind.columns}
    frame = raw.select("file", "row", *(name for name in columns if name in raw.columns))
    for name in (
        "id",
        "source",
        "revision",
        "closeout",
        "withdrawn",
        "site",
        "item",
        "worker",
        "status",
        "reason",
        "marked_by",
        "approved_by",
        *TIMES,
        *MARKS,
        "break_minutes",
        *columns,
    ):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit("").alias(name))
    texts = [name for name in frame.columns if name not in ("file", "row")]
    frame = frame.with_columns(pl.col(texts).cast(pl.String).fill_null("").str.strip_chars())
    fallback = {"revision": "1", "withdrawn": "no", **dict.fromkeys(MARKS, "no")}
    fallback |= {name: column.default for name, column in columns.items() if column.default is not None}
    return frame.with_columns(
        pl.when(pl.col(name) == "").then(pl.lit(value)).otherwise(pl.col(name)).alias(name) for name, value in fallback.items()
    )


class _Reading:
    """One reading of raw rows: fills typed columns and remembers what is wrong with each row; its first finding stands."""

    def __init__(self, book: RuleBook, kind: ActivityKind, frame: pl.DataFrame) -> None:
        self.book, self.kind, self.frame = book, kind, frame
        self.bad: Bools = np.zeros(len(frame), dtype=np.bool_)
        self._found: dict[int, Reject] = {}
        self.coded: dict[str, Coded] = {}
        self.numbers: dict[str, Ints] = {}
        self.times: dict[str, Ints] = {}
        self.flags: dict[str, Bools] = {}
        self.at = self.day = self.site_zone = ints([])
        self.revision_fate: list[tuple[str, str]] = []

    # --- findings

    def reject(self, code: str, rows: Bools, column: str, message: str, cure: str | Callable[[str], str]) -> None:
        """Marks rows as rejected; `{value}` in a text stands for the cell, a callable cure is made from it."""
        cells = self.frame[column]
        for index in np.flatnonzero(rows & ~self.bad).tolist():
            value = cells[index]
            file, row = self.frame["file"][index], self.frame["row"][index]
            self._found[index] = Reject(
                code,
                file,
                row,
                column,
                value,
                message.replace("{value}", value),
                cure(value) if callable(cure) else cure.replace("{value}", value),
            )
        self.bad |= rows

    def rejects(self) -> tuple[Reject, ...]:
        """All findings, by file, row and column."""
        return tuple(sorted(self._found.values(), key=lambda reject: (reject.file, reject.row, reject.column)))

    def fates(self, rows: Bools, names: list[tuple[str, str]]) -> list[Fate]:
        """The fates of some rows."""
        site, frame = self.coded["site"], self.frame
        found = []
        for index in np.flatnonzero(rows).tolist():
            fate, rule = names[index]
            account = self.book.sites[site.text(index)].account
            where = (frame["file"][index], frame["row"][index], frame["source"][index], frame["id"][index])
            found.append(Fate(fate, rule, *where, int(self.numbers["revision"][index]), account))  # type: ignore[arg-type]  # a FateName by construction
        return found

    # --- cells

    def read_cells(self) -> None:
        """Types every cell; a cell that cannot be read rejects its row."""
        declared = {column.column: column for column in self.kind.columns}
        for name in self.frame.columns:
            if name in ("file", "row"):
                continue
            column = declared.get(name) or _engine_column(name)
            if column.required:
                self.reject(
                    "A101",
                    _is(self.frame[name], ""),
                    name,
                    "the cell is empty",
                    "Every row needs a value here",
                )
            getattr(self, "_read_" + column.type.replace("-", "_"))(column)
        self._check_names("site", self.book.sites, "A103", "site")
        self._check_names(
            "item", {name: item for name, item in self.book.items.items() if _by_hour(self.book, item)}, "A104", "item"
        )
        self._zone_times()

    def _read_id(self, column: ActivityColumn) -> None:
        cells = self.frame[column.column]
        strange = ~(cells.str.contains(ID_PATTERN) | (cells == "")).to_numpy()
        self.reject(
            "A102",
            strange,
            column.column,
            "an id has letters, digits and . _ : / - only, at most 64",
            "Export the id itself",
        )
        if column.column not in ("id", "source"):
            self.coded[column.column] = coded(cells)

    def _read_text(self, column: ActivityColumn) -> None:
        cells = self.frame[column.column]
        odd = cells.str.contains("[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]").to_numpy()
        self.reject(
            "A102",
            odd,
            column.column,
            "the text holds invisible control characters",
            "Type it again without them",
        )
        self.coded[column.column] = coded(cells)

    def _read_choice(self, column: ActivityColumn) -> None:
        cells = self.frame[column.column]
        strange = ~(cells.is_in(list(column.choices)) | (cells == "")).to_numpy()
        known = ", ".join(column.choices)
        self.reject(
            "A102",
            strange,
            column.column,
            f"{column.column} must be one of {known}",
            _suggest(column.choices),
        )
        self.coded[column.column] = coded(cells)

    def _read_yes_no(self, column: ActivityColumn) -> None:
        cells = self.frame[column.column].str.to_lowercase()
        yes, no = cells.is_in(_YES), cells.is_in(_NO)
        strange = ~(yes | no | (cells == "")).to_numpy()
        self.reject("A102", strange, column.column, "the answer must be yes or no", "Write yes or no")
        self.flags[column.column] = yes.to_numpy()
        self.coded[column.column] = Coded(("no", "yes"), np.where(cells == "", -1, yes.to_numpy()).astype(np.int32))

    def _read_whole(self, column: ActivityColumn) -> None:
        cells = self.frame[column.column]
        strange = ~(cells.str.contains(r"^[0-9]{1,9}$") | (cells == "")).to_numpy()
        self.reject("A102", strange, column.column, "a whole number is needed", "Write digits only")
        numbers = cells.cast(pl.Int64, strict=False).fill_null(NONE).to_numpy().astype(np.int64)
        self.numbers[column.column] = np.where(strange, NONE, numbers)

    def _read_minutes(self, column: ActivityColumn) -> None:
        self._read_whole(column)

    def _read_local_time(self, column: ActivityColumn) -> None:
        cells = self.frame[column.column]
        given = (cells != "").to_numpy()
        clean = cells.str.replace(" ", "T", literal=True)
        moment = clean.str.slice(0, 16).str.to_datetime("%Y-%m-%dT%H:%M", strict=False, time_unit="us")
        shaped = cells.str.contains(_TIME_PATTERN).to_numpy() & moment.is_not_null().to_numpy()
        self.reject(
            "A105", given & ~shaped, column.column, "this is not a local time",
            "Write it like 2026-10-03T19:00, with the offset (-07:00) where the clock is set back",
        )  # fmt: skip
        seconds = clean.str.extract(r"^.{16}:(\d{2})", 1).cast(pl.Int64).fill_null(0)
        local = (moment.dt.epoch("s") + seconds).fill_null(NONE).to_numpy().astype(np.int64)
        self.times[column.column] = np.where(given & shaped, local, NONE)
        off_grid = given & shaped & (local % self.kind.grid != 0)
        self.reject(
            "A106", off_grid, column.column, f"the time is finer than the declared grid of {self.kind.grid} s",
            "Round it where it is recorded, or declare a finer grid in rules/activity",
        )  # fmt: skip

    def _check_names(self, column: str, known: Mapping[str, object], code: str, word: str) -> None:
        missing = ~self.frame[column].is_in(list(known)).to_numpy()
        self.reject(code, missing, column, f"the {word} '{{value}}' is not in the rule book", _suggest(known))

    def _zone_times(self) -> None:
        """Turns local clock readings into instants, by the zone of each row's site."""
        span = [column[column != NONE] for column in self.times.values()]
        days = np.concatenate(span) // DAY_SECONDS if span else ints([])
        first, last = (int(days.min()), int(days.max())) if len(days) else (0, 0)
        sites = self.coded["site"]
        zone_of = [self.book.sites[site].zone if site in self.book.sites else "UTC" for site in sites.values]
        zones = sorted(set(zone_of))
        number = np.array([zones.index(zone) for zone in zone_of] + [0], dtype=np.int64)[sites.codes]
        for name in dict.fromkeys((*TIMES, *self.times)):
            local = self.times.get(name)
            if local is None:
                self.times[name] = np.full(len(self.frame), NONE, dtype=np.int64)
                continue
            utc = np.full(len(local), NONE, dtype=np.int64)
            gap, twice, wrong = (np.zeros(len(local), dtype=np.bool_) for _ in range(3))
            offset = _offsets(self.frame[name])
            for index, zone in enumerate(zones):
                rows = np.flatnonzero(number == index)
                utc[rows], gap[rows], twice[rows], wrong[rows] = zone_table(zone, first - 1, last + 1).to_utc(
                    local[rows], offset[rows]
                )
            self.reject(
                "A107",
                gap,
                name,
                "this local time does not exist at the site: the clock was set forward over it",
                "Give the time the clock showed",
            )
            self.reject(
                "A108",
                twice,
                name,
                "this local time happens twice at the site: the clock is set back",
                "Add the offset, e.g. {value}-04:00 for the first pass in New York",
            )
            self.reject(
                "A109",
                wrong,
                name,
                "the site's clock does not have this offset at that time",
                "Correct the offset, or leave it out where the time is not ambiguous",
            )
            self.times[name] = utc
        self.zones, self.zone_number, self._days = zones, number, (first, last)

    # --- rows

    def check_rows(self) -> None:
        """Rejects rows whose cells contradict one another, and dates the others."""
        times = self.times
        for first, last in _PAIRS:
            one = (times[first] == NONE) != (times[last] == NONE)
            self.reject(
                "A110",
                one & (times[first] == NONE),
                first,
                f"{last} is given and this is not",
                "Give both or neither",
            )
            self.reject(
                "A110",
                one & (times[last] == NONE),
                last,
                f"{first} is given and this is not",
                "Give both or neither",
            )
            both = ~one & (times[first] != NONE)
            self.reject(
                "A111",
                both & (times[last] <= times[first]),
                last,
                f"the end does not come after {first}",
                "A night shift needs the date of the next day at its end",
            )
        self.at = np.where(times["start"] != NONE, times["start"], times["scheduled_start"])
        self.reject(
            "A112",
            self.at == NONE,
            "start",
            "there is neither a recorded nor a scheduled start, so the row has no date",
            "Give one of them",
        )
        marked = np.logical_or.reduce([self.flags[mark] for mark in MARKS])
        for column in ("marked_by", "reason"):
            self.reject(
                "A113",
                marked & (self.coded[column].codes < 0),
                column,
                "a mark set by a person needs who and why",
                "Fill in marked_by and reason",
            )
        day = np.zeros(len(self.at), dtype=np.int64)
        for index, zone in enumerate(self.zones):
            rows = np.flatnonzero((self.zone_number == index) & (self.at != NONE))
            table = zone_table(zone, self._days[0] - 1, self._days[1] + 1)
            day[rows] = (self.at[rows] + table.offset_at(self.at[rows])) // DAY_SECONDS
        self.day = day

    def settle_revisions(self) -> Bools:
        """The rows that count: the highest revision of each id, once. Rows that contradict one another are all rejected."""
        text = self._row_text()
        frame = pl.DataFrame(
            {
                "source": self.frame["source"],
                "id": self.frame["id"],
                "revision": self.numbers["revision"],
                "text": text,
                "bad": self.bad,
            }
        ).with_row_index("n")
        key = ["source", "id", "revision"]
        frame = frame.with_columns(contents=pl.col("text").n_unique().over(key))
        clash = (frame["contents"] > 1).to_numpy() & (self.numbers["revision"] != NONE) & (self.frame["id"] != "").to_numpy()
        self.reject(
            "A114", clash, "id", "another row has the same id and revision and other content, so neither is taken",
            "Give the later one a higher revision",
        )  # fmt: skip
        frame = frame.with_columns(bad=pl.Series(self.bad)).with_columns(
            highest=pl.col("revision").filter(~pl.col("bad")).max().over("source", "id"),
            highest_bad=pl.col("revision").filter(pl.col("bad")).max().over("source", "id"),
            first=pl.col("n").filter(~pl.col("bad")).min().over(*key),
        )
        top: Bools = (frame["revision"] == frame["highest"]).fill_null(value=False).to_numpy()
        first: Bools = (frame["n"] == frame["first"]).fill_null(value=False).to_numpy()
        self.newer_rejected = (frame["highest_bad"] > frame["highest"]).fill_null(value=False).to_numpy()
        self.revision_fate = [("not billed", "repeated" if t else "superseded") for t in top.tolist()]
        return np.asarray(top & first)

    def _row_text(self, *left_out: str) -> pl.Series:
        """One text for the content of each row: all cells but where they stand."""
        names = sorted(name for name in self.frame.columns if name not in ("file", "row", *left_out))
        return self.frame.select(
            pl.concat_str(
                [
                    pl.col(name).str.replace_all("\\", "\\\\", literal=True).str.replace_all("|", "\\p", literal=True)
                    for name in names
                ],
                separator="|",
            )
        )[names[0]]

    def snapshot_text(self, rows: Bools) -> bytes:
        """The canonical text of some rows, sorted by (source, id, revision): what the snapshot's hash is made over."""
        text = self._row_text("closeout")  # when a row was taken is not what it says
        keys = self.frame.select("source", "id").with_columns(revision=pl.Series(self.numbers["revision"]), text=text)
        lines = keys.filter(pl.Series(rows)).sort("source", "id", "revision")["text"].to_list()
        return "".join(f"{self.kind.kind}|{line}\n" for line in lines).encode()

    def activity(self, rows: Ints) -> Activity:
        """The typed activity of some rows."""
        columns = {name: column.take(rows) for name, column in self.coded.items() if name not in ("site", "item", "worker")}
        minutes = self.numbers["break_minutes"][rows]
        return Activity(
            kind=self.kind.kind,
            source=self.frame["source"].gather(rows),
            id=self.frame["id"].gather(rows),
            revision=self.numbers["revision"][rows],
            site=self.coded["site"].take(rows).compact(),
            item=self.coded["item"].take(rows).compact(),
            worker=self.coded["worker"].take(rows).compact(),
            at=self.at[rows],
            day=self.day[rows],
            times={name: column[rows] for name, column in self.times.items()},
            break_length=np.where(minutes == NONE, NONE, minutes * 60),
            columns=columns,
            numbers={name: column[rows] for name, column in self.numbers.items() if name not in ("revision", "break_minutes")},
        )


def _screen(reading: _Reading, live: Bools) -> dict[str, tuple[str, Bools]]:
    """The tests every live row passes before it is rated, in order; a row stops at its first."""
    times, flags = reading.times, reading.flags
    recorded = times["start"] != NONE
    length = np.where(recorded, times["end"] - times["start"], 0)
    planned = np.where(times["scheduled_start"] != NONE, times["scheduled_end"] - times["scheduled_start"], 0)
    candidates = ~reading.bad & live & recorded & ~flags["withdrawn"] & ~flags["mark_excluded"]
    overlap = _overlaps(reading, candidates) if reading.kind.overlap == "hold" else np.zeros(len(live), dtype=np.bool_)
    tests: dict[str, tuple[str, Bools]] = {
        "withdrawn": ("not billed", flags["withdrawn"]),
        "mark_excluded": ("not billed", flags["mark_excluded"]),
        "revision-rejected": ("held", reading.newer_rejected),
        "mark_held": ("held", flags["mark_held"]),
        "longer-than-maximum": ("held", (length > reading.kind.maximum) | (planned > reading.kind.maximum)),
        "overlap": ("held", overlap),
    }
    passed = np.ones(len(live), dtype=np.bool_)
    for name, (fate, rows) in tests.items():
        tests[name] = (fate, rows & passed)
        passed &= ~rows
    return tests


def _overlaps(reading: _Reading, rows: Bools) -> Bools:
    """Rows of one worker whose recorded times share an instant."""
    at = np.flatnonzero(rows & (reading.coded["worker"].codes >= 0))
    frame = pl.DataFrame(
        {
            "n": at,
            "worker": reading.coded["worker"].codes[at],
            "start": reading.times["start"][at],
            "end": reading.times["end"][at],
        }
    )
    frame = frame.sort("worker", "start", "end", "n").with_columns(
        reach=pl.col("end").cum_max().shift(1).over("worker"), following=pl.col("start").shift(-1).over("worker")
    )
    touched = frame.filter((pl.col("start") < pl.col("reach")) | (pl.col("following") < pl.col("end")))["n"].to_numpy()
    found = np.zeros(len(rows), dtype=np.bool_)
    found[touched] = True
    return found


def _by_hour(book: RuleBook, item: Item) -> bool:
    table = book.tables.get(item.table)
    return table is not None and table.unit == "hour" and table.model == "per-unit" and not table.facets


def _engine_column(name: str) -> ActivityColumn:
    """How the engine reads one of its own columns when the kind does not declare it."""
    types = {
        "revision": "whole",
        "closeout": "whole",
        "withdrawn": "yes-no",
        "break_minutes": "minutes",
        **dict.fromkeys(MARKS, "yes-no"),
        **dict.fromkeys(TIMES, "local-time"),
    }
    types |= dict.fromkeys(("id", "source", "site", "item", "worker"), "id")
    return ActivityColumn(name, types.get(name, "text"), False, None, (), name, Source("engine"))  # type: ignore[arg-type]  # types are from the list above


def _offsets(cells: pl.Series) -> Ints:
    """The offset written beside each time, in seconds, or NONE."""
    sign = cells.str.extract(r"([+-])\d{2}:\d{2}$", 1)
    hours = cells.str.extract(r"[+-](\d{2}):\d{2}$", 1).cast(pl.Int64)
    minutes = cells.str.extract(r"[+-]\d{2}:(\d{2})$", 1).cast(pl.Int64)
    size = hours * 3600 + minutes * 60
    offset = pl.select(pl.when(cells.str.ends_with("Z")).then(0).when(sign == "-").then(-size).otherwise(size)).to_series()
    return offset.fill_null(NONE).to_numpy().astype(np.int64)


def _is(cells: pl.Series, value: str) -> Bools:
    same: Bools = (cells == value).to_numpy()
    return same


def _suggest(known: Iterable[str]) -> Callable[[str], str]:
    names = list(known)

    def cure(value: str) -> str:
        hint = nearest(value, names)
        return hint[0].upper() + hint[1:] if hint else "Correct the row, or add it to the rule book"

    return cure
