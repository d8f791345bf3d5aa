"""Measured activity: rows that say how much there was, or what it cost, at one moment; read in chunks, summed where their kind says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from engine.activity import Fate, Reject
from engine.arrays import NONE, Bools, Ints
from engine.bulk.zones import zone_table
from engine.canonical import sha256
from engine.dates import DAY_SECONDS, Period, day_number
from engine.money import CURRENCY_DIGITS
from engine.problems import InvariantError, nearest
from engine.ratebook.book import ActivityColumn, ActivityKind, RuleBook

ID = r"^[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}$"
_TIME = r"^\d{4}-\d{2}-\d{2}[T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?(Z|[+-](0\d|1[0-4]):[0-5]\d)?$"
_NUMBER = r"^-?(0|[1-9][0-9]{0,11})(\.[0-9]{1,6})?$"
_HIDDEN = "[\\x00-\\x08\\x0b\\x0c\\x0e-\\x1f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]"
_MICRO = 6  # digits in which quantities are read
_SAFE = 2**62
_NAMES = ("account", "site", "item")
_SUMS_MAX = 1_000_000
_REJECTS_MAX = 10_000  # more are counted, not listed
ROLLED = "sum"  # the source of rows that are sums of others


def quantity_digits(book: RuleBook, unit: str) -> int:
    """The digits of quantities in a unit."""
    return book.rounding.quantity[unit][0] if unit in book.rounding.quantity else 0


@dataclass(frozen=True, slots=True)
class Measured:
    """Activity of one kind in order of (moment, source, id), as a frame.

    `at` UTC seconds; `day` its local day (days since 1970-01-01); `quantity` in units of the kind's digits; `amount` in minor units of the
    account's currency; `events` how many rows are summed in it; `refs` names and values that stand on the line; other columns of the kind
    as texts. `charged` are the rows billed with the period; the others are context.
    """

    kind: ActivityKind
    frame: pl.DataFrame
    charged: Bools
    digits: int


@dataclass(frozen=True, slots=True)
class Gathered:
    """Measured activity of one period, and what became of the other rows."""

    measured: Measured
    read: int
    elsewhere: int
    rejected: int
    rejects: tuple[Reject, ...]
    fates: tuple[Fate, ...]
    snapshot: str
    snapshot_text: bytes
    context: str
    context_text: bytes


@dataclass(slots=True)
class MeasuredReadings:
    """All rows of one kind, read and typed: good live rows, and the fates of the others that were understood."""

    book: RuleBook
    kind: ActivityKind
    frame: pl.DataFrame
    settled: pl.DataFrame
    read: int
    rejected: int
    rejects: tuple[Reject, ...]

    def of(self, period: Period) -> Gathered:
        """The rows that are billed with a period, those whose sums it needs, and the fates of the others."""
        first, last = day_number(period.start), day_number(period.end)
        near = self.frame.filter((pl.col("day") >= first - 400) & (pl.col("day") < last))
        here = ((near["day"] >= first) & (near["day"] < last)).to_numpy()
        inside = (pl.col("day") >= first) & (pl.col("day") < last)
        told = self.settled.filter(inside)
        sites = {site.site: site.account for site in self.book.sites.values()}
        fates = tuple(
            Fate(row["fate"], row["rule"], row["file"], row["row"], row["source"], row["id"], row["revision"], sites[row["site"]])
            for row in told.iter_rows(named=True)
        )
        charged = int(near.filter(pl.Series(here))["events"].sum())
        elsewhere = self.read - self.rejected - charged - len(told)
        text, context = (self._text(near.filter(pl.Series(some))) for some in (here, ~here))
        return Gathered(
            Measured(self.kind, near, here, quantity_digits(self.book, self.kind.unit)), self.read, elsewhere, self.rejected, self.rejects, fates,
            sha256(text), text, sha256(context), context,
        )  # fmt: skip

    def _text(self, frame: pl.DataFrame) -> bytes:
        """The canonical text of some rows: what the snapshot's hash is made over. Of a kind that is rolled up it is that of the sums."""
        names = sorted(name for name in frame.columns if name not in ("file", "row", "closeout"))
        cells = [
            pl.col(name)
            .cast(pl.String)
            .fill_null("")
            .str.replace_all("\\", "\\\\", literal=True)
            .str.replace_all("|", "\\p", literal=True)
            for name in names
        ]
        lines = frame.sort("source", "id", "revision").select(pl.concat_str(cells, separator="|").alias("text"))["text"].to_list()
        return "".join(f"{self.kind.kind}|{line}\n" for line in lines).encode()


Chunks = Callable[[], Iterable[pl.DataFrame]]


def read_measured(book: RuleBook, kind: ActivityKind, chunks: Chunks) -> MeasuredReadings:
    """All rows of a kind from chunks of cells (texts, or typed columns of Parquet), with `file` and `row`.

    Of a kind that is rolled up no more than a chunk is held at once; the chunks are asked for a second time if ids come twice.
    """
    reader = _Reader(book, kind)
    if kind.roll_up:
        return reader.summed(chunks)
    return reader.whole(chunks)


def generated(kind: ActivityKind, rows: list[dict[str, object]]) -> pl.DataFrame:
    """Rows made by the engine itself as cells."""
    names = ["file", "row", *(column.column for column in kind.columns)]
    schema = {name: pl.Int64 if name == "row" else pl.String for name in names}
    return pl.DataFrame([{name: row.get(name) for name in names} for row in rows], schema=schema)


@dataclass(slots=True)
class _Reader:
    book: RuleBook
    kind: ActivityKind
    read: int = 0
    rejected: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def whole(self, chunks: Chunks) -> MeasuredReadings:
        """Every row by itself."""
        typed = [self._typed(chunk) for chunk in chunks()]
        frame = pl.concat(typed) if typed else self._typed(generated(self.kind, []))
        live, settled = self._settled(frame)
        return self._readings(live, settled)

    def summed(self, chunks: Chunks) -> MeasuredReadings:
        """Rows of one day that agree in all that rules read, as one; ids that come twice are settled by themselves first."""
        sums, hashes, odd = self._pass(chunks, None)
        twice = _twice(hashes)
        settled = self._no_settled()
        if len(twice) or odd:
            self.read, self.rejected, self.rejects = 0, 0, []
            kept: list[pl.DataFrame] = []
            sums, _, _ = self._pass(chunks, kept, twice)
            live, settled = self._settled(pl.concat(kept))
            sums = [*sums, self._sums(live)]
        frame = self._sums(pl.concat(sums)) if sums else self._sums(self._typed(generated(self.kind, [])))
        return self._readings(self._named(frame), settled)

    def _pass(
        self, chunks: Chunks, kept: list[pl.DataFrame] | None, twice: pl.Series | None = None
    ) -> tuple[list[pl.DataFrame], pl.Series, bool]:
        """Sums and id hashes of all chunks, and whether rows are revised or withdrawn; with `kept`, rows that need settling go there."""
        sums: list[pl.DataFrame] = []
        hashes: list[pl.Series] = []
        odd = False
        sourced = any(column.column == "source" for column in self.kind.columns)
        for chunk in chunks():
            typed = self._typed(chunk)
            ids = typed.select((pl.struct("source", "id") if sourced else pl.col("id")).hash().alias("hash"))["hash"]
            unusual = typed.select(((pl.col("revision") != 1) | (pl.col("withdrawn") == "yes")).alias("odd"))["odd"]
            odd |= bool(unusual.any())
            if kept is not None and twice is not None:
                apart = unusual | ids.is_in(twice)
                kept.append(typed.filter(apart))
                typed = typed.filter(~apart)
            hashes.append(ids)
            sums.append(self._sums(typed))
            if sum(len(each) for each in sums) > _SUMS_MAX:
                sums = [self._sums(pl.concat(sums))]
        return sums, pl.concat(hashes) if hashes else pl.Series([], dtype=pl.UInt64), odd

    def _sums(self, frame: pl.DataFrame) -> pl.DataFrame:
        keys = ["site", "item", "day", *(["refs"] if self.kind.references else []), *self._texts()]
        measures = [
            name
            for name in ("quantity", "amount")
            if name in (("quantity",) if self.kind.rated_by == "quantity" else ("quantity", "amount"))
        ]
        largest = max((_largest(frame[name]) for name in measures), default=0)
        wide = largest * max(len(frame), 1) >= _SAFE
        totals = [(pl.col(name).cast(pl.Int128) if wide else pl.col(name)).sum().alias(name) for name in measures]
        found = frame.group_by(keys).agg(*totals, pl.col("events").sum(), pl.col("at").min())
        if wide:
            if max(_largest(found[name]) for name in measures) >= _SAFE:
                raise InvariantError(f"the sums of {self.kind.kind} are beyond what an invoice can hold; check the quantities")
            found = found.with_columns(pl.col(measures).cast(pl.Int64))
        if "refs" not in keys:
            found = found.with_columns(refs=pl.lit(""))
        if "amount" not in measures:
            found = found.with_columns(pl.lit(None, dtype=pl.Int64).alias("amount"))
        return found

    def _named(self, sums: pl.DataFrame) -> pl.DataFrame:
        """Sums as rows with ids of their own: what they are of."""
        parts = [
            pl.col("site"),
            pl.col("item"),
            pl.from_epoch(pl.col("day"), "d").dt.to_string("%Y-%m-%d"),
            *(pl.col(name) for name in self._texts()),
            pl.col("refs"),
        ]
        return sums.with_columns(
            source=pl.lit(ROLLED), id=pl.concat_str(parts, separator="/").str.strip_chars_end("/"), revision=pl.lit(1, dtype=pl.Int64),
            withdrawn=pl.lit("no"), worker=pl.lit(""), file=pl.lit(""), row=pl.lit(0, dtype=pl.Int64),
        ).select(self._columns())  # fmt: skip

    def _readings(self, frame: pl.DataFrame, settled: pl.DataFrame) -> MeasuredReadings:
        ordered = frame.sort("at", "source", "id")
        rejects = tuple(sorted(self.rejects, key=lambda each: (each.file, each.row, each.column)))
        return MeasuredReadings(self.book, self.kind, ordered, settled, self.read, self.rejected, rejects)

    # --- columns

    def _texts(self) -> list[str]:
        """The columns of texts that something may read: all but those with a meaning of their own."""
        own = {
            "id",
            "source",
            "revision",
            "withdrawn",
            "account",
            "site",
            "item",
            "worker",
            "closeout",
            self.kind.moment,
            self.kind.quantity,
            self.kind.amount,
        }
        own |= {"mark_held", "mark_excluded", "marked_by", "reason"} | set(self.kind.references)
        read = _read_columns(self.book, self.kind)
        return [c.column for c in self.kind.columns if c.column not in own and (not self.kind.roll_up or c.column in read)]

    def _columns(self) -> list[str]:
        return [
            "source", "id", "revision", "withdrawn", "at", "day", "site", "item", "worker", "quantity", "amount", "events", "refs", *self._texts(),
            "file", "row",
        ]  # fmt: skip

    # --- cells

    def _typed(self, raw: pl.DataFrame) -> pl.DataFrame:
        """The rows that can be read, typed; the others become rejects."""
        self.read += len(raw)
        check = _Chunk(self.book, self.kind, raw)
        check.all()
        bad = np.flatnonzero(check.bad)
        self.rejected += len(bad)
        self.rejects += check.found[: max(_REJECTS_MAX - len(self.rejects), 0)]
        frame = check.typed(self._texts())
        frame = frame.filter(pl.Series(~check.bad)) if len(bad) else frame
        return frame.select(self._columns())

    # --- revisions

    def _no_settled(self) -> pl.DataFrame:
        schema = {
            "fate": pl.String,
            "rule": pl.String,
            "file": pl.String,
            "row": pl.Int64,
            "source": pl.String,
            "id": pl.String,
            "revision": pl.Int64,
            "site": pl.String,
            "day": pl.Int64,
        }
        return pl.DataFrame(schema=schema)

    def _settled(self, frame: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The highest revision of each id, once; the fates of the others. Rows that contradict one another are all rejected."""
        key = ["source", "id"]
        if not len(frame) or (
            frame.select(pl.struct(key).n_unique()).item() == len(frame) and not (frame["withdrawn"] == "yes").any()
        ):
            return frame, self._no_settled()
        content = [name for name in self._columns() if name not in ("file", "row", "at")]
        frame = frame.with_row_index("n").with_columns(text=pl.struct(content).hash())
        clash = frame.select((pl.col("text").n_unique() > 1).over([*key, "revision"]).alias("clash"))["clash"]
        for row in frame.filter(clash).iter_rows(named=True):
            self.rejected += 1
            said = "another row has the same id and revision and other content, so neither is taken"
            self.rejects.append(
                Reject("A114", row["file"], row["row"], "id", row["id"], said, "Give the later one a higher revision")
            )
        frame = frame.filter(~clash).with_columns(
            top=pl.col("revision").max().over(key), first=pl.col("n").min().over([*key, "revision"])
        )
        rule = (
            pl.when(pl.col("revision") < pl.col("top")).then(pl.lit("superseded")).when(pl.col("n") != pl.col("first"))
            .then(pl.lit("repeated")).when(pl.col("withdrawn") == "yes").then(pl.lit("withdrawn")).otherwise(pl.lit(""))
        )  # fmt: skip
        frame = frame.with_columns(rule=rule, fate=pl.lit("not billed"))
        settled = frame.filter(pl.col("rule") != "").select(self._no_settled().columns)
        return frame.filter(pl.col("rule") == "").select(self._columns()), settled


def _read_columns(book: RuleBook, kind: ActivityKind) -> frozenset[str]:
    """The columns of a kind that rules, prices, descriptions or splits read."""
    conditions = {
        each.column
        for policy in book.policies.values()
        if policy.activity == kind.kind
        for rule in policy.rules
        for each in rule.when
    }
    facets = {facet for table in book.tables.values() for facet in table.facets}
    splits = {column for account in book.accounts.values() for column in account.split}
    texts = "".join(item.description for item in book.items.values())
    told = {column.column for column in kind.columns if "{" + column.column + "}" in texts}
    return frozenset(conditions | facets | splits | told | {item.lists for item in book.items.values()})


class _Chunk:
    """One chunk of cells: which rows cannot be read and why, and the others as columns."""

    def __init__(self, book: RuleBook, kind: ActivityKind, raw: pl.DataFrame) -> None:
        self.book, self.kind = book, kind
        self.declared: Mapping[str, ActivityColumn] = {column.column: column for column in kind.columns}
        self.raw = raw.with_columns(self._cell(raw, column) for column in kind.columns)
        self.bad: Bools = np.zeros(len(raw), dtype=np.bool_)
        self.found: list[Reject] = []

    def _cell(self, raw: pl.DataFrame, column: ActivityColumn) -> pl.Expr:
        """A column as trimmed text with its default; whole numbers and times of a typed file stay as they are."""
        name = column.column
        if name not in raw.columns:
            return pl.lit(column.default or "").alias(name)
        if raw[name].dtype.is_integer() or isinstance(raw[name].dtype, pl.Datetime):
            return pl.col(name)
        text = pl.col(name).fill_null("").str.strip_chars()
        return (
            pl.when(text == "").then(pl.lit(column.default)).otherwise(text).alias(name) if column.default is not None else text
        )

    def reject(self, code: str, rows: pl.Series | Bools, column: str, message: str, cure: str, known: Iterable[str] = ()) -> None:
        """Marks rows as rejected, the first finding of each stands."""
        mask = rows.to_numpy() if isinstance(rows, pl.Series) else rows
        for index in np.flatnonzero(mask & ~self.bad)[:_REJECTS_MAX].tolist():
            value = str(self.raw[column][index])
            hint = nearest(value, list(known)) if known else ""
            where = (self.raw["file"][index], self.raw["row"][index])
            self.found.append(
                Reject(code, *where, column, value, message.replace("{value}", value), hint[:1].upper() + hint[1:] or cure)
            )
        self.bad |= mask

    def all(self) -> None:
        """Looks at every cell."""
        for name, column in self.declared.items():
            cells = self.raw[name]
            if cells.dtype != pl.String:
                continue
            empty = cells == ""
            if column.required and empty.any():
                self.reject("A101", empty, name, "the cell is empty", "Every row needs a value here")
            if name in _NAMES:
                continue  # what they name is looked up
            if column.type == "id":
                self._shape(name, ID, "an id has letters, digits and . _ : / - only, at most 64", "Export the id itself")
            elif column.type == "text":
                odd = cells.str.contains(_HIDDEN)
                if odd.any():
                    self.reject("A102", odd, name, "the text holds invisible control characters", "Type it again without them")
            elif column.type == "choice":
                wrong = ~(cells.is_in(list(column.choices)) | empty)
                self.reject(
                    "A102",
                    wrong,
                    name,
                    f"{name} must be one of {', '.join(column.choices)}",
                    "Write one of these",
                    column.choices,
                )
            elif column.type == "yes-no":
                self.reject("A102", ~cells.is_in(["yes", "no", ""]), name, "the answer must be yes or no", "Write yes or no")
            elif column.type in ("whole", "minutes"):
                self._shape(
                    name,
                    r"^-?[0-9]{1,12}$" if self.kind.negative or name == self.kind.quantity else r"^[0-9]{1,12}$",
                    "a whole number is needed",
                    "Write digits only",
                )
            elif column.type == "decimal":
                self._shape(
                    name,
                    _NUMBER,
                    "this is not a number with at most 6 digits after the point",
                    "Write it like 1234.5, without commas",
                )
            elif column.type == "day":
                wrong = cells.str.to_date("%Y-%m-%d", strict=False).is_null() & ~empty
                self.reject("A105", wrong, name, "this is not a day", "Write it like 2026-10-03")
        self._places()
        items = [name for name, item in self.book.items.items() if item.table or self.kind.rated_by == "line"]
        self.reject(
            "A104",
            ~self.raw["item"].is_in(items),
            "item",
            "the item '{value}' is not in the rule book",
            "Add it to the items",
            items,
        )
        self._moments()
        self._numbers()

    def _shape(self, name: str, pattern: str, message: str, cure: str) -> None:
        cells = self.raw[name]
        wrong = ~(cells.str.contains(pattern) | (cells == ""))
        if wrong.any():
            self.reject("A102", wrong, name, message, cure)

    def _places(self) -> None:
        """The site of each row: its own, or that of the account it names."""
        own = {
            account.account: account.sites[0].site
            for account in self.book.accounts.values()
            if len(account.sites) == 1 or account.sites[0].site == account.account
        }
        if "account" not in self.declared:
            self.site = self.raw["site"]
            self.reject(
                "A103",
                ~self.site.is_in(list(self.book.sites)),
                "site",
                "the site '{value}' is not in the rule book",
                "Add it to an account",
                self.book.sites,
            )
            return
        account = self.raw["account"]
        implied = account.replace_strict(list(own), list(own.values()), default="", return_dtype=pl.String)
        if "site" not in self.declared and not (implied == "").any():
            self.site = implied
            return
        known = account.is_in(list(self.book.accounts)) | (account == "")
        self.reject(
            "A103", ~known, "account", "the account '{value}' is not in the rule book", "Add a file for it", self.book.accounts
        )
        site = self.raw["site"] if "site" in self.declared else pl.Series("site", [""]).new_from_index(0, len(self.raw))
        self.site = pl.select(pl.when(site != "").then(site).otherwise(implied).alias("site")).to_series()
        self.reject(
            "A103", self.site == "", "account", "account '{value}' has several sites, and the row names none", "Fill in the site"
        )
        unknown = ~self.site.is_in(list(self.book.sites))
        column = "site" if "site" in self.declared else "account"
        self.reject(
            "A103", unknown, column, "the site '{value}' is not in the rule book", "Add it to an account", self.book.sites
        )
        if "site" in self.declared:
            owners = {each.site: each.account for each in self.book.sites.values()}
            owner = self.site.replace_strict(list(owners), list(owners.values()), default="", return_dtype=pl.String)
            other = (account != "") & (owner != account)
            self.reject("A103", other, "site", "the site '{value}' is not one of this account", "Correct one of them")

    def _moments(self) -> None:
        """The dating moment in UTC seconds, and its local day at the site."""
        name, cells = self.kind.moment, self.raw[self.kind.moment]
        count = len(cells)
        offset = np.full(count, NONE, dtype=np.int64)
        if isinstance(cells.dtype, pl.Datetime):
            local = cells.dt.epoch("s").fill_null(NONE).to_numpy().astype(np.int64)
            if cells.dtype.time_zone is not None:
                offset[:] = 0
        elif self.declared[name].type == "day":
            days = cells.str.to_date("%Y-%m-%d", strict=False).to_physical().cast(pl.Int64)
            local = (days * DAY_SECONDS).fill_null(NONE).to_numpy().astype(np.int64)
        else:
            shaped = cells.str.contains(_TIME)
            clean = cells.str.replace(" ", "T", literal=True)
            stamp = clean.str.slice(0, 16).str.to_datetime("%Y-%m-%dT%H:%M", strict=False, time_unit="us")
            self.reject(
                "A105",
                ~(shaped & stamp.is_not_null()),
                name,
                "this is not a local time",
                "Write it like 2026-10-03T19:00:00, or in UTC with a Z at its end",
            )
            seconds = clean.str.extract(r"^.{16}:(\d{2})", 1).cast(pl.Int64).fill_null(0)
            local = (stamp.dt.epoch("s") + seconds).fill_null(NONE).to_numpy().astype(np.int64)
            offset = _offsets(clean)
        self.reject("A112", local == NONE, name, "without it the row has no date", "Fill it in")
        ok = local != NONE
        if not bool(ok.any()):
            self.at = self.day = np.zeros(count, dtype=np.int64)
            return
        first, last = int(local[ok].min()) // DAY_SECONDS - 1, int(local[ok].max()) // DAY_SECONDS + 1
        zones = sorted({site.zone for site in self.book.sites.values()})
        number = self.site.replace_strict(
            [site.site for site in self.book.sites.values()],
            [zones.index(site.zone) for site in self.book.sites.values()],
            default=0,
            return_dtype=pl.Int32,
        ).to_numpy()
        at, day = local.copy(), np.zeros(count, dtype=np.int64)
        midnights = not isinstance(cells.dtype, pl.Datetime) and self.declared[name].type == "day"
        for index, zone in enumerate(zones):
            rows = np.flatnonzero((number == index) & ok)
            if not len(rows):
                continue
            table = zone_table(zone, first, last)
            instants = local[rows]
            clocks = np.flatnonzero(offset[rows] != 0)  # a time in UTC is an instant, whatever the site's clock shows
            if len(clocks):
                mine = rows[clocks]
                utc, gap, twice, wrong = table.to_utc(local[mine], offset[mine])
                instants[clocks] = utc
                if not midnights:
                    self._clocks(name, mine, gap, twice, wrong)
            at[rows] = instants
            day[rows] = local[rows] // DAY_SECONDS if midnights else (instants + table.offset_at(instants)) // DAY_SECONDS
        self.at, self.day = at, day

    def _clocks(self, name: str, rows: Ints, gap: Bools, twice: Bools, wrong: Bools) -> None:
        for code, some, message, cure in (
            (
                "A107",
                gap,
                "this local time does not exist at the site: the clock was set forward over it",
                "Give the time the clock showed",
            ),
            (
                "A108",
                twice,
                "this local time happens twice at the site: the clock is set back",
                "Add the offset, or give the time in UTC with a Z at its end",
            ),
            (
                "A109",
                wrong,
                "the site's clock does not have this offset at that time",
                "Correct the offset, or give the time in UTC",
            ),
        ):
            if bool(some.any()):
                mask = np.zeros(len(self.raw), dtype=np.bool_)
                mask[rows[some]] = True
                self.reject(code, mask, name, message, cure)

    def _numbers(self) -> None:
        """Quantity and amount as whole numbers of their digits."""
        kind = self.kind
        digits = quantity_digits(self.book, kind.unit)
        half = self.book.rounding.quantity[kind.unit][1] if kind.unit in self.book.rounding.quantity else "up"
        self.quantity = (
            _rounded(_scaled(self.raw[kind.quantity], _MICRO), _MICRO - digits, half)
            if kind.quantity
            else pl.Series([10**digits]).new_from_index(0, len(self.raw))
        )
        if kind.quantity and not kind.negative:
            self.reject(
                "A115",
                self.quantity < 0,
                kind.quantity,
                "the quantity is below zero",
                "Correct it, or declare `negative: yes` for the kind",
            )
        self.amount = None
        if kind.amount:
            minor = {site.site: CURRENCY_DIGITS[self.book.accounts[site.account].currency] for site in self.book.sites.values()}
            places = self.site.replace_strict(list(minor), list(minor.values()), default=2, return_dtype=pl.Int64)
            whole = _scaled(self.raw[kind.amount], _MICRO)
            unit = pl.select(pl.lit(10, dtype=pl.Int64).pow(_MICRO - places)).to_series()
            self.reject(
                "A116",
                (whole % unit) != 0,
                kind.amount,
                "the amount is finer than the currency's smallest coin",
                "Round it where it is made",
            )
            self.amount = whole // unit
            if not kind.negative and kind.rated_by != "line":
                self.reject(
                    "A115",
                    self.amount < 0,
                    kind.amount,
                    "the amount is below zero",
                    "Correct it, or declare `negative: yes` for the kind",
                )

    def typed(self, texts: list[str]) -> pl.DataFrame:
        """The columns of the measured frame."""
        raw, kind = self.raw, self.kind
        count = len(raw)
        refs = [
            pl.when(pl.col(name) != "").then(pl.lit(f"{name}=") + pl.col(name)).otherwise(None)
            for name in sorted(kind.references)
        ]
        made = (
            raw.select(pl.concat_str(refs, separator="|", ignore_nulls=True).alias("refs"))
            if refs
            else pl.DataFrame({"refs": pl.Series([""]).new_from_index(0, count)})
        )

        def own(name: str, otherwise: str) -> pl.Series:
            return raw[name].cast(pl.String) if name in self.declared else pl.Series([otherwise]).new_from_index(0, count)

        return pl.DataFrame(
            {
                "source": own("source", ""), "id": own("id", ""), "revision": own("revision", "1").cast(pl.Int64, strict=False).fill_null(1),
                "withdrawn": own("withdrawn", "no"), "at": self.at, "day": self.day, "site": self.site, "item": raw["item"],
                "worker": own("worker", ""), "quantity": self.quantity.cast(pl.Int64),
                "amount": self.amount if self.amount is not None else pl.Series([None], dtype=pl.Int64).new_from_index(0, count),
                "events": pl.Series([1], dtype=pl.Int64).new_from_index(0, count), "refs": made["refs"],
                **{name: own(name, "") for name in texts}, "file": raw["file"], "row": raw["row"],
            }
        )  # fmt: skip


def _twice(hashes: pl.Series) -> pl.Series:
    """The hashes that come more than once, each once."""
    ordered = np.sort(hashes.to_numpy())
    again = ordered[1:][ordered[1:] == ordered[:-1]]
    return pl.Series(np.unique(again), dtype=pl.UInt64)


def _largest(column: pl.Series) -> int:
    size = column.abs().max()
    return size if isinstance(size, int) else 0


def _scaled(cells: pl.Series, digits: int) -> pl.Series:
    """Decimal texts, or whole numbers, in units of 10**-digits; what is no number is 0."""
    scale: int = 10**digits
    if cells.dtype.is_integer():
        return cells.cast(pl.Int64) * scale
    whole = cells.str.extract(r"^-?(\d+)", 1).cast(pl.Int64, strict=False).fill_null(0)
    part = cells.str.extract(r"\.(\d+)$", 1).fill_null("").str.pad_end(digits, "0").cast(pl.Int64, strict=False).fill_null(0)
    size = whole * scale + part
    return pl.select(pl.when(cells.str.starts_with("-")).then(-size).otherwise(size)).to_series()


def _rounded(values: pl.Series, places: int, half: str) -> pl.Series:
    """Whole numbers with some places less, halves as declared."""
    if places <= 0:
        return values
    unit = 10**places
    size = values.abs()
    whole, twice = size // unit, (size % unit) * 2
    up = twice > unit
    if half == "up":
        up = twice >= unit
    elif half == "even":
        up = up | ((twice == unit) & (whole % 2 == 1))
    found = whole + up.cast(pl.Int64)
    return pl.select(pl.when(values < 0).then(-found).otherwise(found)).to_series()


def _offsets(cells: pl.Series) -> Ints:
    """The offset written beside each time, in seconds, or NONE."""
    parts = cells.str.extract_groups(r"([+-])(\d{2}):(\d{2})$").struct
    size = parts.field("2").cast(pl.Int64) * 3600 + parts.field("3").cast(pl.Int64) * 60
    found = pl.select(
        pl.when(cells.str.ends_with("Z")).then(0).when(parts.field("1") == "-").then(-size).otherwise(size)
    ).to_series()
    return found.fill_null(NONE).to_numpy().astype(np.int64)
