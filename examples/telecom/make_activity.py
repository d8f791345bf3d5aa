"""The activity of the example: calls of six months and reports on request, the same bytes each time.

    python examples/telecom/make_activity.py

The calls that people check by hand are written out below; the others are drawn from a fixed seed.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

SEED = 20260701
MONTHS = (7, 8, 9, 10, 11, 12)
LONDON = ("harrow-print", "kestrel-taxis", "oakfield-school")
COLUMNS = ("id", "source", "account", "start", "seconds", "destination", "called")
NUMBERS = {
    "GB": "44207946",
    "GB-MOBILE": "44770090",
    "FR": "33199005",
    "US": "12025550",
    "FREEPHONE": "44808157",
}
# How often each is called: one word for each share.
CALLED = {
    "harrow-print": "GB GB GB GB GB-MOBILE GB-MOBILE FR FREEPHONE",
    "kestrel-taxis": "GB GB GB-MOBILE GB-MOBILE GB-MOBILE GB-MOBILE GB FREEPHONE",
    "oakfield-school": "GB GB GB GB GB GB-MOBILE US FREEPHONE",
    "cote-vins": "FR FR FR GB US US GB GB-MOBILE",
}
CALLS_A_MONTH = {"harrow-print": 14, "kestrel-taxis": 20, "oakfield-school": 9, "cote-vins": 12}
# The hours of the day at which each calls: from, and how many.
HOURS = {"harrow-print": (8, 11), "kestrel-taxis": (0, 24), "oakfield-school": (8, 9), "cote-vins": (9, 15)}

# account, source, start, seconds, destination, called
BY_HAND = (
    # The tariff changes at midnight; a call has the prices of the day on which it begins.
    ("kestrel-taxis", "reading", "2026-09-30T23:58:00", 300, "GB", "442079460800"),
    ("kestrel-taxis", "reading", "2026-10-01T00:00:00", 300, "GB", "442079460800"),
    # A night runs over midnight, and ends at seven.
    ("kestrel-taxis", "reading", "2026-10-06T23:50:00", 1_230, "GB-MOBILE", "447700900123"),
    ("kestrel-taxis", "reading", "2026-10-08T06:55:00", 600, "GB", "442079460801"),
    # Friday night becomes the weekend at midnight; on Monday at midnight it is night again.
    ("kestrel-taxis", "reading", "2026-10-09T23:55:00", 605, "GB-MOBILE", "447700900124"),
    ("kestrel-taxis", "reading", "2026-10-11T23:59:30", 61, "GB", "442079460802"),
    # The clock is set back on 25 October: the first half past one, and the second.
    ("kestrel-taxis", "reading", "2026-10-25T01:30:00+01:00", 3_900, "GB", "442079460803"),
    ("kestrel-taxis", "reading", "2026-10-25T01:30:00+00:00", 90, "GB", "442079460803"),
    # Nobody answered for longer than no time at all, somebody for one second.
    ("kestrel-taxis", "reading", "2026-10-13T10:00:00", 0, "GB", "442079460804"),
    ("kestrel-taxis", "reading", "2026-10-13T10:01:00", 1, "GB", "442079460804"),
    ("kestrel-taxis", "reading", "2026-10-13T10:02:00", 240, "EMERGENCY", "999"),
    # Lyon is an hour ahead of London: its night has begun at 19:00 there.
    ("cote-vins", "lyon", "2026-10-14T18:58:00", 480, "FR", "33199005617"),
    # October of Harrow Print Works, whose statement stands in the README.
    ("harrow-print", "reading", "2026-10-01T09:12:00", 1_090, "GB", "442079460611"),
    ("harrow-print", "reading", "2026-10-02T10:40:00", 754, "FR", "33199005610"),
    ("harrow-print", "reading", "2026-10-05T11:05:00", 1_336, "GB-MOBILE", "447700900311"),
    ("harrow-print", "reading", "2026-10-06T14:20:00", 1_265, "FR", "33199005610"),
    ("harrow-print", "reading", "2026-10-07T18:50:00", 1_500, "GB", "442079460612"),
    ("harrow-print", "reading", "2026-10-09T15:31:00", 1_471, "GB-MOBILE", "447700900312"),
    ("harrow-print", "reading", "2026-10-10T10:15:00", 2_705, "GB-MOBILE", "447700900312"),
    ("harrow-print", "reading", "2026-10-13T09:00:00", 2_400, "FR", "33199005611"),
    ("harrow-print", "reading", "2026-10-15T16:42:00", 47, "GB", "442079460613"),
    ("harrow-print", "reading", "2026-10-19T13:10:00", 1_618, "GB-MOBILE", "447700900313"),
    ("harrow-print", "reading", "2026-10-21T09:30:00", 611, "FR", "33199005611"),
    ("harrow-print", "reading", "2026-10-22T20:05:00", 2_894, "GB-MOBILE", "447700900314"),
    ("harrow-print", "reading", "2026-10-24T11:20:00", 1_215, "GB", "442079460614"),
    ("harrow-print", "reading", "2026-10-27T10:00:00", 8_950, "GB", "442079460615"),
    ("harrow-print", "reading", "2026-10-28T15:00:00", 200, "FREEPHONE", "448081570100"),
    ("harrow-print", "reading", "2026-10-30T11:45:00", 1_333, "GB-MOBILE", "447700900311"),
)
REPORTS = (
    ("R-1001", "oakfield-school", "2026-08-12", 1, "mail of 11 August"),
    ("R-1002", "harrow-print", "2026-10-14", 1, "call of 14 October"),
    ("R-1003", "kestrel-taxis", "2026-11-03", 2, "mail of 2 November"),
)


@dataclass(slots=True)
class Draw:
    """Numbers that look drawn by chance and are the same in every version of Python."""

    state: int

    def below(self, limit: int) -> int:
        """Return the next number from 0 up to `limit`, which is out."""
        self.state = (self.state * 6364136223846793005 + 1442695040888963407) % 2**64
        return (self.state >> 33) % limit


@dataclass(frozen=True, slots=True)
class Call:
    """One call as a switch records it, `start` on the clock of the account."""

    source: str
    account: str
    start: str
    seconds: int
    destination: str
    called: str


def activity_files() -> dict[str, bytes]:
    """Return the content of each file of activity by its name."""
    calls = sorted([*written(), *drawn()], key=lambda call: (call.start, call.account, call.called))
    numbered = [(f"{call.source[0]}{number:05}", call) for number, call in enumerate(calls, start=1)]
    files = {}
    for month in MONTHS:
        name = f"2026-{month:02}"
        files[f"call-{name}.csv"] = as_csv(
            each for each in numbered if each[1].start.startswith(name) and each[1].source == "reading"
        )
    for quarter in (3, 4):
        months = {f"2026-{month:02}" for month in MONTHS if (month + 2) // 3 == quarter}
        mine = (each for each in numbered if each[1].start[:7] in months and each[1].source == "lyon")
        files[f"call-lyon-2026-q{quarter}.ndjson"] = as_ndjson(mine)
    files["fee-2026.ndjson"] = lines_of(
        {"id": id_, "account": account, "item": "REPORT", "day": day, "quantity": quantity, "order": order}
        for id_, account, day, quantity, order in REPORTS
    )
    return files


def written() -> Iterator[Call]:
    """Yield the calls that are written out above."""
    for account, source, start, seconds, destination, called in BY_HAND:
        yield Call(source, account, start, seconds, destination, called)


def drawn() -> Iterator[Call]:
    """Yield the calls of all months; October of Harrow Print Works is written out instead."""
    draw = Draw(SEED)
    for month in MONTHS:
        for account, count in CALLS_A_MONTH.items():
            calls = [one_call(draw, account, month) for _ in range(count)]
            if (account, month) != ("harrow-print", 10):
                yield from calls


def one_call(draw: Draw, account: str, month: int) -> Call:
    """Return a call of a month: short ones are frequent, long ones are rare."""
    first = date(2026, month, 1)
    days = ((date(2026, month + 1, 1) if month < 12 else date(2027, 1, 1)) - first).days
    day = first + timedelta(days=draw.below(days))
    hour = (HOURS[account][0] + draw.below(HOURS[account][1])) % 24
    start = f"{day}T{hour:02}:{draw.below(60):02}:{draw.below(60):02}"
    if day == date(2026, 10, 25) and hour in (1, 2):
        start += "+00:00" if account in LONDON else "+01:00"  # the clock shows this hour twice
    destination = CALLED[account].split()[draw.below(8)]
    seconds = 5 + draw.below(60 * (1 + draw.below(30)))
    called = NUMBERS[destination] + f"{draw.below(10_000):04}"
    return Call("reading" if account in LONDON else "lyon", account, start, seconds, destination, called)


def as_csv(calls: Iterable[tuple[str, Call]]) -> bytes:
    """Return calls as a CSV file."""
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows(cells(*each) for each in calls)
    return file.getvalue().encode()


def as_ndjson(calls: Iterable[tuple[str, Call]]) -> bytes:
    """Return calls as a file with one JSON object a line."""
    return lines_of(dict(zip(COLUMNS, cells(*each), strict=True)) for each in calls)


def cells(id_: str, call: Call) -> Sequence[str | int]:
    """Return the cells of a call in the order of the columns."""
    return (id_, call.source, call.account, call.start, call.seconds, call.destination, call.called)


def lines_of(objects: Iterable[dict[str, str | int]]) -> bytes:
    """Return objects as JSON, one a line."""
    return "".join(json.dumps(each) + "\n" for each in objects).encode()


def main() -> None:
    """Write the files."""
    folder = Path(__file__).parent / "activity"
    folder.mkdir(exist_ok=True)
    for name, data in activity_files().items():
        (folder / name).write_bytes(data)


if __name__ == "__main__":
    main()
