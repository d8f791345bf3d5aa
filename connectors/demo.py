"""The example workspace: the example rule book with a short history in git, and a month of shifts made from a fixed seed."""

from __future__ import annotations

import csv
import os
import random
import re
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from engine.problems import InforceError
from engine.ratebook.book import RuleBook
from engine.ratebook.build import build
from engine.ratebook.files import read_workspace_files

MONTH = (2026, 10)
COLUMNS = (
    "id", "revision", "withdrawn", "site", "worker", "worker_name", "item", "status", "start", "end", "scheduled_start", "scheduled_end", "requested_at",
    "cancelled_at", "break_start", "break_end", "break_minutes", "mark_billable", "mark_held", "mark_excluded", "marked_by", "reason",
    "approved_by", "charge_nurse", "closeout", "po", "department",
)  # fmt: skip
# What starts before the first day is in the book after the commit, so each rate is known before it applies. The approvers are
# those of the entries. The book's own dates decide what a commit holds; `tests/demo` keeps the two in step.
_HISTORY = (
    (date(2024, 10, 1), "2024-08-30T09:12:00-0700", "Priya Nair", "Opening book: geo rates, accounts and terms from September 2024", "D. Ortiz", "M. Lee"),
    (date(2025, 2, 1), "2024-11-21T15:27:00-0800", "Tessa Brandt", "Contracts of 2025: St. Mary volume agreement, Mercy Valley minimum, pilot ward at Harbor", "M. Lee"),
    (date(2025, 6, 15), "2025-02-19T14:40:00-0800", "Priya Nair", "Los Angeles and Chicago reviews, short-notice addendum 2025-A, Bayview emergency price", "D. Ortiz", "M. Lee"),
    (date(2025, 10, 15), "2025-06-16T10:05:00-0700", "Omar Haddad", "Market review 2025, night differential 12.50 %, bridge price for respiratory therapists", "D. Ortiz", "M. Lee"),
    (date(2026, 2, 15), "2025-10-23T16:21:00-0700", "Tessa Brandt", "Rates and contracts of 2026; floor of 3.50 for percentage premiums", "D. Ortiz", "M. Lee"),
    (date(2026, 8, 15), "2026-02-20T11:33:00-0800", "Omar Haddad", "Reviews of 2026, Sunset addendum 2026-B, summer programme at Summit Peak", "D. Ortiz", "M. Lee"),
    (date(9999, 1, 1), "2026-08-21T13:02:00-0700", "Tessa Brandt", "Autumn: Mercy surge contract C-88, Mercy Valley moves to the Bay geo, Los Angeles and Denver reviews", "D. Ortiz", "M. Lee"),
)  # fmt: skip
_FIRST = ("Ana", "Ben", "Carla", "Devon", "Elena", "Farid", "Grace", "Hugo", "Imani", "Jonas", "Kim", "Lena", "Mateo", "Nadia", "Omar", "Priya", "Quinn", "Rosa", "Sam", "Tara")  # fmt: skip
_LAST = ("Alvarez", "Brooks", "Chen", "Diaz", "Evans", "Fischer", "Garcia", "Hall", "Ito", "Jensen", "Kaur", "Lopez", "Moreau", "Nguyen", "Okafor", "Patel", "Reyes", "Silva", "Tran", "Weiss")  # fmt: skip
_ROLES = ("RN-MED", "RN-MED", "RN-MED", "RN-ICU", "RN-ER", "RN-LD", "RN-OR", "LPN", "CNA", "CNA", "RT")
_LATE = "the timesheet came after the closeout of September"
_STARTS = (7, 7, 7, 19, 19, 15, 23)


class DemoError(InforceError):
    """The example workspace cannot be made here."""


@dataclass(frozen=True, slots=True)
class DemoSummary:
    """What was made: how many rows of activity, and how many commits (none without git)."""

    rows: int
    commits: int


def write_workspace(folder: Path) -> DemoSummary:
    """Makes the example workspace in an empty folder."""
    source = example_folder()
    files = read_workspace_files(source)
    schemas = {
        path.relative_to(source).as_posix(): path.read_bytes() for path in sorted((source / "rules" / "schema").glob("*.json"))
    }
    for name in ("inforce.toml", "parties.yaml"):
        files[name] = (source / name).read_bytes()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".gitignore").write_text("/activity/\n/archive/\n/out/\n", encoding="utf-8")
    commits = _write_history(folder, {**files, **schemas})
    rows = october(build(read_workspace_files(folder)))
    (folder / "activity").mkdir(exist_ok=True)
    write_csv(folder / "activity" / "2026-10.csv", rows)
    return DemoSummary(len(rows), commits)


def example_folder() -> Path:
    """Where the example rule book lies: beside the code in a checkout, or in `inforce_example/` of the installed wheel."""
    root = Path(__file__).resolve().parent.parent
    for folder in (root, root / "inforce_example"):
        if (folder / "inforce.toml").is_file() and (folder / "rates").is_dir():
            return folder
    raise DemoError(f"the example rule book is neither in {root} nor in {root / 'inforce_example'}; install inforce again")


def write_csv(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Rows as a CSV file with all columns of a shift."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


# --- history ----------------------------------------------------------------------------------------------------------------


def _write_history(folder: Path, files: dict[str, bytes]) -> int:
    """Commits the book as it grew, and says how many commits that made. Without git, only the last state is written."""
    if _git(folder, "--version") is None:
        _write(folder, files, _HISTORY[-1][0])
        return 0
    _git(folder, "init", "-q", "-b", "main", "--template=")
    _git(folder, "config", "user.name", "Larkspur Finance")
    _git(folder, "config", "user.email", "finance@larkspur.example")
    for until, when, author, subject, *approvers in _HISTORY:
        _write(folder, files, until)
        email = f"{author.split()[0].lower()}@larkspur.example"
        names = {"GIT_AUTHOR_NAME": author, "GIT_AUTHOR_EMAIL": email, "GIT_COMMITTER_NAME": author, "GIT_COMMITTER_EMAIL": email}
        dates = {"GIT_AUTHOR_DATE": when, "GIT_COMMITTER_DATE": when}
        trailers = "\n".join(f"Approved-by: {approver}" for approver in approvers)
        _git(folder, "add", "-A", env=names)
        _git(folder, "commit", "-q", "-m", subject, "-m", trailers, env=names | dates)
    return len(_HISTORY)


def _write(folder: Path, files: dict[str, bytes], until: date) -> None:
    """The files as they were before anything was known that starts on `until` or later."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if path.suffix != ".yaml" or name == "parties.yaml" else as_of(data.decode(), until).encode())


def as_of(text: str, until: date) -> str:
    """A rule file without the prices, terms, overrides, rules and versions that start on `until` or later."""
    lines = text.splitlines()
    kept: list[str] = []
    holidays = any(line.strip() == "kind: holidays" for line in lines)
    at = 0
    while at < len(lines):
        line = lines[at]
        indent = len(line) - len(line.lstrip())
        end = at + 1
        if line.lstrip().startswith("- "):
            while end < len(lines) and (not lines[end].strip() or len(lines[end]) - len(lines[end].lstrip()) > indent):
                end += 1
            block = lines[at:end]
            if not holidays and (start := _start_of(block, indent)) is not None and start >= until:
                at = end
                continue
        day = re.match(r"\s+(\d{4}-\d{2}-\d{2}): ", line)
        if holidays or day is None or date.fromisoformat(day[1]) < until:
            kept.append(line)
        at += 1
    whole = [line for i, line in enumerate(kept) if not (line.strip() in ("overrides:", "terms:") and _leads_nothing(kept, i))]
    return "\n".join(whole) + "\n"


def _start_of(block: Sequence[str], indent: int) -> date | None:
    """The `from` of a list entry itself (of a worked example, its `on`), not of lists inside it."""
    for number, line in enumerate(block):
        own = number == 0 or len(line) - len(line.lstrip()) == indent + 2
        found = re.search(r"(?:^\s*-?\s*(?:from|on)|[{,] from): (\d{4}-\d{2}-\d{2})", line) if own else None
        if found:
            return date.fromisoformat(found[1])
    return None


def _leads_nothing(lines: Sequence[str], at: int) -> bool:
    """Whether a key has no entries below it any more."""
    indent = len(lines[at]) - len(lines[at].lstrip())
    after = lines[at + 1] if at + 1 < len(lines) else ""
    return not after.strip() or not (after.lstrip().startswith("- ") and len(after) - len(after.lstrip()) >= indent)


def _git(folder: Path, *words: str, env: dict[str, str] | None = None) -> str | None:
    """What git says, or None if there is no git. It hears nothing of the machine's settings, nor of a repository around us:
    a git hook sets GIT_DIR, and the example would be committed to the repository of whoever called it.
    """
    around = {name: value for name, value in os.environ.items() if not name.startswith("GIT_") or name == "GIT_EXEC_PATH"}
    settings = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull, "GIT_TERMINAL_PROMPT": "0"}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *words],
            capture_output=True,
            text=True,
            check=False,
            env={**around, **settings, **(env or {})},
        )
    except FileNotFoundError:
        return None
    if done.returncode:
        raise DemoError(f"git {' '.join(words[:2])} failed in {folder}: {done.stderr.strip()}")
    return done.stdout


# --- activity ---------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Worker:
    id: str
    name: str
    item: str
    site: str
    start: int
    hours: int


def october(book: RuleBook) -> list[dict[str, str]]:
    """October 2026: about 2,700 shifts at all sites, with everything that goes wrong in a month; the night of 31 October is 13 hours long.

    They begin on Sunday 27 September, for the first week of October is a week of both months. What September's closeout took is marked.
    """
    chance = random.Random(20261001)  # believable data, the same each time
    first = date(2026, 9, 27)
    days = [first + timedelta(days=n) for n in range(35)]
    rows: list[dict[str, str]] = []
    for worker in _workers(book, chance):
        for day in _roster(worker, days, chance):
            rows.append(_shift(book, worker, day, len(rows) + 1, chance))
    rows += _clock_change_night(book, len(rows) + 1)
    rows += _sums(book, len(rows) + 1)
    _close_september(rows)
    for row in rows:
        row.update(_references(row))
    return [*rows, *_trouble(rows)]


def _references(row: dict[str, str]) -> dict[str, str]:
    """What some hospitals ask for: a purchase order, which changes in the month, or the department."""
    if row["site"].startswith("redrock"):
        return {"po": "PO-7102" if (row.get("start") or row["scheduled_start"]) >= "2026-10-16" else "PO-7101"}
    if row["site"].startswith("prairie"):
        return {"department": "emergency" if row["item"] in ("RN-ER", "RN-ICU") else "wards"}
    return {}


def _workers(book: RuleBook, chance: random.Random) -> Iterator[_Worker]:
    number = 0
    for site in sorted(book.sites):
        for _ in range(chance.randint(9, 13)):
            number += 1
            item = chance.choice(_ROLES)
            if item == "RT" and book.sites[site].account == "northgate":
                item = "CNA"
            name = f"{chance.choice(_FIRST)} {chance.choice(_LAST)}"
            start = chance.choice(_STARTS)
            yield _Worker(f"W-{number:04}", name, item, site, start, 8 if start in (15, 23) else 12)


def _roster(worker: _Worker, days: Sequence[date], chance: random.Random) -> list[date]:
    """Three twelve-hour or five eight-hour shifts a week; some take another one now and then."""
    count = 3 if worker.hours == 12 else 5
    begin = chance.randint(0, 6)
    keen = chance.random() < 0.3
    return [day for number, day in enumerate(days) if (number + begin) % 7 < count + (keen and (number + begin) // 7 % 2 == 1)]


def _shift(book: RuleBook, worker: _Worker, day: date, number: int, chance: random.Random) -> dict[str, str]:
    """One shift of a roster: mostly worked a few minutes off its schedule, sometimes cancelled, missed or an orientation."""
    begin = datetime(day.year, day.month, day.day, worker.start)
    end = begin + timedelta(hours=worker.hours)
    zone = ZoneInfo(book.sites[worker.site].zone)
    row = {
        "id": f"S-{number:05}", "site": worker.site, "worker": worker.id, "worker_name": worker.name, "item": worker.item,
        "scheduled_start": _local(begin, zone), "scheduled_end": _local(end, zone), "approved_by": chance.choice(("L. Wu", "R. Adams", "K. Stone")),
    }  # fmt: skip
    luck = chance.random()
    if luck < 0.055:
        notice = chance.choice((30, 75, 120, 300, 660, 1_080, 1_440, 2_160, 4_320))
        row |= {"status": "cancelled", "cancelled_at": _local(begin - timedelta(minutes=notice), zone)}
        if chance.random() < 0.2:
            row |= {
                "mark_billable": "yes",
                "marked_by": "j.kim",
                "reason": "the ward asked for the nurse and closed the same day",
            }
        return row
    if luck < 0.065:
        return row | {"status": "no-show"}
    row["status"] = "orientation" if luck < 0.08 else "completed"
    if chance.random() < 0.06:
        row["requested_at"] = _local(begin - timedelta(hours=chance.choice((10, 20, 36, 47, 60, 90))), zone)
    came, went = begin + timedelta(minutes=chance.randint(-12, 9)), end + timedelta(minutes=chance.randint(-9, 25))
    if chance.random() < 0.03:
        went = came + timedelta(minutes=chance.randint(70, 230))
    row |= {"start": _local(came, zone), "end": _local(went, zone)}
    kind = chance.random()
    if went - came > timedelta(hours=7):
        if kind < 0.45:
            meal = came + timedelta(minutes=chance.randint(220, 330))
            row |= {
                "break_start": _local(meal, zone),
                "break_end": _local(meal + timedelta(minutes=chance.randint(26, 41)), zone),
            }
        elif kind < 0.6:
            row["break_minutes"] = str(chance.choice((30, 30, 45, 60)))
    if worker.item.startswith("RN") and chance.random() < 0.07:
        row["charge_nurse"] = "yes"
    if chance.random() < 0.006:
        row["approved_by"] = ""
    return row


def _sums(book: RuleBook, number: int) -> list[dict[str, str]]:
    """Workers whose hours add up to something; `tests/demo/test_sums.py` says to what."""
    rows: list[dict[str, str]] = []

    def shift(
        worker: str, name: str, item: str, site: str, start: str, hours: int, status: str = "completed", **more: str
    ) -> None:
        begin = datetime.fromisoformat(f"2026-{start}")
        row = {
            "id": f"S-{number + len(rows):05}", "site": site, "worker": worker, "worker_name": name, "item": item, "status": status,
            "approved_by": "R. Adams",
        }  # fmt: skip
        prefix = "scheduled_" if status == "cancelled" else ""
        times = (begin, begin + timedelta(hours=hours))
        zone = ZoneInfo(book.sites[site].zone)
        row |= {f"{prefix}{word}": _local(time, zone) for word, time in zip(("start", "end"), times, strict=True)}
        rows.append(row | more)

    week = ("09-27", "09-28", "09-29", "09-30", "10-01", "10-02", "10-03")
    for day in week:
        shift("W-8001", "Sofia Marin", "RN-MED", "sunset-medical", f"{day}T07:00", 13 if day == "10-03" else 9)
    for at, site in enumerate(("mercy-north", "bayview", "mercy-valley", "bayview", "mercy-north")):
        shift("W-8002", "Tomas Berg", "RN-ER", site, f"10-{12 + at}T07:00", 12)
    for day in ("09-28", "10-02", "10-06", "10-10", "10-14", "10-18", "10-22", "10-26"):
        shift("W-8003", "Olga Winter", "RN-ICU", "harbor", f"{day}T19:00", 12, "on-call", break_minutes="0")
    shift("W-8004", "Ruth Calder", "RN-OR", "lakeside", "10-07T02:00", 1, "call-back")
    shift("W-8004", "Ruth Calder", "RN-OR", "lakeside", "10-08T07:00", 8)
    shift("W-8004", "Ruth Calder", "RN-OR", "lakeside", "10-08T15:15", 1, "call-back")
    shift("W-8004", "Ruth Calder", "RN-OR", "lakeside", "10-09T05:45", 1, "call-back")
    shift("W-8004", "Ruth Calder", "RN-OR", "lakeside", "10-09T07:00", 8)
    shift("W-8005", "Ines Rowe", "CNA", "pinecrest-rehab", "09-28T07:00", 12)
    shift("W-8005", "Ines Rowe", "CNA", "pinecrest-rehab", "10-13T07:00", 8)
    shift("W-8005", "Ines Rowe", "CNA", "pinecrest-rehab", "10-20T07:00", 12, "cancelled", cancelled_at="2026-10-12T09:00")
    for at, site in enumerate(("mercy-north", "mercy-valley", "mercy-north", "mercy-valley")):
        shift("W-8006", "Paul Ives", "RN-MED", site, f"10-{19 + at}T07:00", 12)
    shift("W-8007", "Dora Long", "RN-MED", "sunset-childrens", "10-20T06:00", 14)
    for worker, name, site in (("W-8008", "Abel Stark", "harbor"), ("W-8009", "Eva Lund", "st-mary-main")):
        for day in week[:5]:
            shift(worker, name, "RN-MED", site, f"{day}T07:00", 12, **({"reason": _LATE} if day == "09-28" else {}))
    for at in range(5):
        shift("W-8010", "Karl Peak", "RN-MED", "summit-peak", f"10-{11 + at}T07:00", 12)
    for day in ("10-08", "10-13", "10-21"):  # two at the price of the surge contract C-88, one after it
        shift("W-8011", "Nora Petty", "RN-ICU", "mercy-north", f"{day}T07:00", 12)
    return rows


def _close_september(rows: Sequence[dict[str, str]]) -> None:
    """The first closeout took what is dated in September, but for the timesheets that came late."""
    for row in rows:
        if (row.get("start") or row["scheduled_start"]) < "2026-10-01" and row.get("reason") != _LATE:
            row["closeout"] = "1"


def _clock_change_night(book: RuleBook, number: int) -> list[dict[str, str]]:
    """Night shifts over the end of summer time, which belong to October whole."""
    rows = []
    for offset, site in enumerate(("mercy-north", "st-mary-main", "county-general", "lakeside", "redrock")):
        zone = ZoneInfo(book.sites[site].zone)
        begin, end = datetime(2026, 10, 31, 19), datetime(2026, 11, 1, 7)
        rows.append(
            {
                "id": f"S-{number + offset:05}",
                "site": site,
                "worker": f"W-9{offset:03}",
                "worker_name": f"Night {site}",
                "item": "RN-MED",
                "status": "completed",
                "start": _local(begin, zone),
                "end": _local(end, zone),
                "scheduled_start": _local(begin, zone),
                "scheduled_end": _local(end, zone),
                "approved_by": "L. Wu",
            }
        )
    return rows


def _trouble(rows: list[dict[str, str]]) -> list[dict[str, str]]:
    """What a month brings: corrections, withdrawals, holds, rows that cannot be read."""
    october = [row for row in rows if row.get("start", "") >= "2026-10-01" and row.get("approved_by")]
    worked = [row for row in october if row["status"] == "completed"]
    a, b, c, d, e, f, g, h, i, j = (worked[n] for n in range(100, 1_100, 100))
    a["worker_name"] = '=HYPERLINK("http://203.0.113.9","pay")'
    later = datetime.fromisoformat(b["end"][:16]) + timedelta(minutes=45)
    over = dict.fromkeys(("scheduled_start", "scheduled_end", "break_start", "break_end", "break_minutes", "charge_nurse"), "")
    long_end = datetime.fromisoformat(h["start"][:16]) + timedelta(hours=26)
    return [
        {**b, "revision": "2", "end": f"{later:%Y-%m-%dT%H:%M}"},
        {**c, "revision": "2", "withdrawn": "yes"},
        {**d, "revision": "2", "mark_held": "yes", "marked_by": "j.kim", "reason": "hours disputed by the ward"},
        {**e, "revision": "2", "mark_excluded": "yes", "marked_by": "j.kim", "reason": "goodwill after a complaint"},
        {**f},
        {**g, **over, "id": "S-90001", "site": g["site"]},
        {**h, **over, "id": "S-90002", "worker": "W-9901", "end": f"{long_end:%Y-%m-%dT%H:%M}"},
        {**i, **over, "id": "S-90003", "worker": "W-9902", "end": i["start"]},
        {**i, **over, "id": "S-90004", "worker": "W-9903", "site": "mercy-nort"},
        {**i, **over, "id": "S-90005", "worker": "W-9904", "item": "RN-ICUU"},
        {**i, **over, "id": "S-90006", "worker": "W-9905", "start": i["start"][:16] + ":30"},
        {**i, **over, "id": "S-90007", "worker": "W-9906", "start": "10/03/2026 07:00"},
        {
            **i,
            **over,
            "id": "S-90008",
            "worker": "W-9907",
            "site": "st-mary-main",
            "start": "2026-10-31T19:00",
            "end": "2026-11-01T01:30",
        },
        {**j, **over, "id": "S-90009", "worker": "W-9908"},
        {**j, **over, "id": "S-90009", "worker": "W-9909"},
        {**j, **over, "id": "S-90010", "worker": "W-9910", "mark_billable": "yes", "reason": "said so"},
    ]


def _local(moment: datetime, zone: ZoneInfo) -> str:
    """A local time as a timesheet gives it; with its offset where the clock shows it twice."""
    text = f"{moment:%Y-%m-%dT%H:%M}"
    first, second = (moment.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    if first == second or first is None:
        return text
    return moment.replace(tzinfo=zone).isoformat(timespec="minutes")
