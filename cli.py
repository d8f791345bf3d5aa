"""The commands, and the one place where engine, renderers and connectors are wired together."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

if TYPE_CHECKING:
    from polars import DataFrame

    from connectors.files import ActivityFile
    from connectors.workspace import Workspace
    from engine.archived import ArchivedDocument
    from engine.blame import Touched
    from engine.canonical import Json
    from engine.correcting import Standing
    from engine.corrections import Correction
    from engine.crossing import Side
    from engine.dates import Period
    from engine.impact import Asked, Impact, MovedDocument
    from engine.invoice import Document, Seal
    from engine.knowledge import Knowledge
    from engine.pipeline import Activity, Preview
    from engine.problems import Problem
    from engine.proof.run import ProvedRun
    from engine.ratebook.book import RuleBook
    from engine.ratebook.history import History, State
    from engine.store.archive import FolderArchive
    from renderers.impact_view import Context

DONE, FOUND, WRONG_USE, PERSON_NEEDED = 0, 1, 2, 3
_ROWS_FOR_PROCESSES = 200_000  # fewer are rated sooner than a process starts

app = typer.Typer(
    name="inforce",
    help="Invoices computed from the rules that were in force. Exit codes: 0 done, 1 problems found, 2 wrong use, 3 done but a person is needed.",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: importing rich for it takes longer than all the rest
    context_settings={"help_option_names": ["-h", "--help"]},
)


class FindingsFormat(StrEnum):
    """How `check` prints its findings."""

    human = "human"
    json = "json"
    github = "github"


class DifferenceFormat(StrEnum):
    """How `diff` prints what differs."""

    human = "human"
    json = "json"
    md = "md"


class ImpactFormat(StrEnum):
    """How `impact` writes its report."""

    human = "human"
    md = "md"
    json = "json"
    csv = "csv"
    html = "html"


class FileFormat(StrEnum):
    """The files that can be rendered for a document."""

    json = "json"
    csv = "csv"
    backup_csv = "backup.csv"
    html = "html"
    txt = "txt"
    pdf = "pdf"


WorkspaceOption = Annotated[Path, typer.Option("--workspace", "-w", help="A folder in the workspace.", file_okay=False)]
KnownAtOption = Annotated[
    str | None, typer.Option("--known-at", metavar="REF|TIME", help="What was known then: the rule book and the activity.")
]
RulesAtOption = Annotated[str | None, typer.Option("--rules-at", metavar="REF", help="The rule book of a commit.")]
ActivityAtOption = Annotated[
    int | None, typer.Option("--activity-at", metavar="SEQ", help="The activity of a sequence in the archive.")
]
ArchiveOption = Annotated[
    Path | None,
    typer.Option("--archive", metavar="DIR", help="The archive, if it is not in the workspace.", exists=True, file_okay=False),
]
AtOption = Annotated[str | None, typer.Option("--at", metavar="DAY", help="The rules in force on this day, for all activity.")]


def main() -> None:
    """The console script: errors of ours are messages, never tracebacks."""
    from engine.problems import InforceError, ProblemsFound

    try:
        app(standalone_mode=True)
    except ProblemsFound as error:
        _say(_findings(Path.cwd(), error.problems))
        sys.exit(FOUND)
    except InforceError as error:
        _say(f"error: {error}")
        sys.exit(FOUND)
    except BrokenPipeError:
        sys.exit(DONE)
    except KeyboardInterrupt:
        _say("stopped; nothing more was written")
        sys.exit(130)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to make the example workspace.", file_okay=False)] = Path("out/demo"),
) -> None:
    """Make an example workspace (a rule book with its history, a month of shifts), and bill it."""
    from connectors.demo import write_workspace

    if folder.exists() and any(folder.iterdir()):
        if not (folder / "inforce.toml").is_file():
            _refuse(f"{folder} is not empty and is not a workspace; name another folder")
        _say(f"{folder} is already there; billing it as it is (remove the folder to begin again)")
    else:
        with _working("making the example workspace"):
            write_workspace(folder)
    out = folder / "out" / "2026-10"
    (replayed,) = _replay(_opened(folder), _Wanted("2026-10", out=out), _jobs())
    _print(_summary(replayed.preview, replayed.made))
    first = replayed.made[0].envelope.number if replayed.made else ""
    name = "inforce" if shutil.which("inforce") else sys.argv[0]
    _print(
        f"\nThe documents are in {out} (open one of the PDFs). Next, try:\n"
        f"  {name} explain -w {folder} {first}#1        # every step of a line\n"
        f"  {name} replay -w {folder} 2026-10 --verify              # the same documents again\n"
        f"  {name} check {folder}                                   # the rule book and its examples\n"
        f"  git -C {folder} log --stat                              # how the rule book came about"
    )


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A folder in the workspace.", file_okay=False)] = Path(),
    findings: Annotated[FindingsFormat, typer.Option("--format", help="How findings are printed.")] = FindingsFormat.human,
    code: Annotated[
        str | None, typer.Option("--explain", metavar="CODE", help="Teach a code, such as R034, and check nothing.")
    ] = None,
    base: Annotated[
        str | None,
        typer.Option(
            "--base", metavar="REF", help="Judge what changed since the merge base with this commit (default: with main)."
        ),
    ] = None,
    rules_at: RulesAtOption = None,
    archive: ArchiveOption = None,
) -> None:
    """Check the rule book: forms, names, gaps, caps and approvals, rules in vain, and all worked examples; and what changed since main."""
    if code is not None:
        _teach(code)
        return
    from connectors.workspace import cache_folder, find_workspace
    from engine.findings import render_github, render_json
    from engine.ratebook.cache import check_or_read
    from engine.ratebook.files import read_workspace_files
    from engine.ratebook.history import History

    workspace = find_workspace(path, archive)
    history = History.find(workspace.folder)
    if history is not None and history.bare:
        rules_at = rules_at or "HEAD"
    with _working("checking the rule book"):
        at_commit = rules_at is not None
        files = History.open(workspace.folder).files_at(rules_at) if rules_at else read_workspace_files(workspace.folder)
        checked = check_or_read(files, cache_folder())
        problems = [*checked.all_problems(lambda: _recent(workspace, files)), *_review(workspace, history, files, base, rules_at)]
    if not any(problem.severity == "error" for problem in problems):
        problems += _worked_bills(files)
    errors = sum(problem.severity == "error" for problem in problems)
    looked_at = {"files": len(files), "prices": checked.prices, "examples": checked.examples}
    if findings is FindingsFormat.json:
        import json

        _print(json.dumps({"schema": "inforce.check/1", **looked_at, "problems": render_json(problems)}, indent=2))
    else:
        if problems:
            _print(
                render_github(problems)
                if findings is FindingsFormat.github
                else _findings(files if at_commit else workspace.folder, problems)
            )
        counted = ", ".join(_counted(count, word) for word, count in looked_at.items() if count)
        _print(f"checked {counted}: {_counted(errors, 'errors')}, {_counted(len(problems) - errors, 'warnings')}")
    raise typer.Exit(FOUND if errors else DONE)


def _worked_bills(files: Mapping[str, bytes]) -> list[Problem]:
    """The worked bills that do not come out as they say; what bills them is loaded only where there are any."""
    import re

    if not any(re.search(rb"^kind: *[\"']?examples\b", data, re.MULTILINE) for data in files.values()):
        return []
    from connectors.workspace import cache_folder
    from engine.ratebook.cache import build_or_read
    from engine.worked_bills import run_worked_bills

    return run_worked_bills(build_or_read(files, cache_folder())[0])


def _counted(count: int, words: str) -> str:
    return f"{count:,} {words if count != 1 else words[:-1]}"


def _review(
    space: Workspace, history: History | None, files: Mapping[str, bytes], base: str | None, head: str | None
) -> list[Problem]:
    """What is wrong with the change of the rule book since main, or since another commit."""
    if history is None or history.state().commit is None:
        if base is not None:
            _refuse(f"{space.folder} has no history in git, so there is no commit {base!r} to compare with")
        return []
    from engine.ratebook.changeset import change_set

    change = change_set(history, base, head)
    if change is None:
        return []
    from connectors.workspace import cache_folder
    from engine.dates import parse_day
    from engine.issued import all_issued
    from engine.ratebook.cache import build_or_read
    from engine.reviewing import review_work
    from engine.store.archive import FolderArchive

    def moved_since(commit: str) -> Sequence[MovedDocument]:
        from engine.impact import impact as moved_by

        before, after, asked = _asked(space, f"{commit}..{head or ''}", None, None, full=False)
        return moved_by(before, after, replace(asked, open=(), past=())).issued.moved

    issued, today = all_issued(FolderArchive(space.archive)), parse_day(_SystemClock().now()[:10])
    return review_work(history, change, files, lambda them: build_or_read(them, cache_folder())[0], issued, moved_since, today)


def _recent(space: Workspace, files: Mapping[str, bytes]) -> DataFrame | None:
    """The workspace's activity of the last months, for gaps in prices to be held against; None if it cannot be read."""
    from connectors.files import activity_by_kind, named_files
    from connectors.workspace import cache_folder
    from engine.bulk.recent import recent
    from engine.problems import InforceError
    from engine.ratebook.cache import build_or_read

    there = space.activity_files()
    if not there:
        return None
    book, _ = build_or_read(files, cache_folder())
    try:
        return recent(book, activity_by_kind(named_files(there, space.folder), book.kinds))
    except InforceError as error:
        _say(f"note: activity was not looked at: {error}")
        return None


def _teach(code: str) -> None:
    from engine.problems import nearest
    from engine.ratebook.lessons import lesson_text, lessons

    known, code = lessons(), code.upper()
    if code not in known:
        hint = nearest(code, known)
        _refuse(f"there is no code {code}" + (f"; {hint}" if hint else ""))
    _print(lesson_text(known[code]))


@app.command()
def replay(
    period: Annotated[
        str,
        typer.Argument(
            help="A month (2026-10), months (2024-10..2026-09, both in) or days (2026-10-01..2026-10-16, the last one out)."
        ),
    ],
    workspace: WorkspaceOption = Path(),
    activity: Annotated[
        list[Path] | None, typer.Option("--activity", help="Activity files instead of the workspace's.", dir_okay=False)
    ] = None,
    account: Annotated[list[str] | None, typer.Option("--account", "-a", help="Bill only this account (repeatable).")] = None,
    known_at: KnownAtOption = None,
    rules_at: RulesAtOption = None,
    activity_at: ActivityAtOption = None,
    at: AtOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the documents into this folder.", file_okay=False)
    ] = None,
    formats: Annotated[
        list[FileFormat] | None, typer.Option("--format", "-f", help="Only these files (repeatable; default: all).")
    ] = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="Mark the documents as issued: from now on they are corrected, never changed.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Compare with an archived run; write nothing.")] = False,
    against: Annotated[
        Path | None, typer.Option("--against", help="Compare with an earlier output folder, byte for byte.", file_okay=False)
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Processes that rate and render (default: one for each core).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Compute invoices from the rules in force, and keep them in the archive."""
    if issue and (verify or at):
        _refuse(f"--issue takes what is replayed as it is; leave out {'--verify' if verify else '--at'}")
    if activity and activity_at is not None:
        _refuse("--activity names files and --activity-at a sequence; give one of them")
    opened = _opened(workspace, known_at, rules_at, activity_at, at)
    wanted = _Wanted(
        period, tuple(activity or ()), tuple(account or ()), out, tuple(formats or FileFormat), issue, verify, against
    )
    done = [replayed.told() for replayed in _replay(opened, wanted, jobs or _jobs())]
    if as_json:
        import json

        told = [each.summary for each in done]
        _print(json.dumps(told[0] if len(told) == 1 else {"schema": "inforce.summaries/1", "periods": told}, indent=2))
    else:
        _print(done[0].text if len(done) == 1 else _months_text(done))
    for each in done:
        for difference in each.differences:
            _print(difference)
    if any(each.differences for each in done):
        raise typer.Exit(FOUND)
    raise typer.Exit(PERSON_NEEDED if any(each.needs_person for each in done) else DONE)


@app.command()
def explain(
    line: Annotated[
        str, typer.Argument(metavar="DOCUMENT[#LINE]", help="A line of a document, such as DRAFT-mercy-2026-10#3, or a document.")
    ],
    workspace: WorkspaceOption = Path(),
    rows: Annotated[int, typer.Option("--rows", min=0, help="How many rows of activity to show in full (0: all).")] = 3,
    known_at: Annotated[
        str | None, typer.Option("--known-at", metavar="REF|TIME|now", help="Compare with what was known then, or is known now.")
    ] = None,
    rules_at: RulesAtOption = None,
    activity_at: ActivityAtOption = None,
    at: AtOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as JSON.")] = False,
) -> None:
    """Show every step of a line with the knowledge it was made with; and with another, what changed between."""
    import json

    from engine.archived import find_document
    from engine.crossing import crossed
    from renderers.explanation_text import render_explanation, render_lines

    number, mark, wanted = line.partition("#")
    if mark and not wanted.isdigit():
        _refuse(f"{line!r} does not name a line; write it like DRAFT-mercy-2026-10#3")
    place = _place(workspace)
    document = find_document(place.archive, number)
    if not mark:
        listed = _lines_of(place, document)
        _print(json.dumps(listed, indent=2, ensure_ascii=False) if as_json else render_lines(number, listed["lines"]))
        return
    found = _explained(place, document, int(wanted))
    if any(each is not None for each in (known_at, rules_at, activity_at, at)):
        now = _opened(workspace, None if known_at == "now" else known_at, rules_at, activity_at, at)
        accounts = [document.account] if document.account in now.book.accounts else []
        (other,) = _previews(now, [found.period], (), accounts, inside=True)
        found.told["across"] = crossed(found.side, _side(now, other), found.place, found.kept, place.archive)
    _print(json.dumps(found.told, indent=2, ensure_ascii=False) if as_json else render_explanation(found.told, rows))


@app.command()
def blame(
    entry: Annotated[
        str,
        typer.Argument(
            metavar="RATE|RULE|PATH:LINE", help="As explain and diff name it, such as geo-base:NYC/RN-MED or mercy:surge-c88."
        ),
    ],
    workspace: WorkspaceOption = Path(),
    period: Annotated[
        list[str] | None, typer.Option("--period", help="Only this period (repeatable; default: all archived ones).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the lines as CSV.")] = False,
) -> None:
    """List every invoice line that a rate, an override, a rule, a formula, a premium or a term has touched, with the total."""
    import json

    from engine.archived import standing_documents
    from engine.blame import blamed
    from renderers.blame_text import blame_csv, render_blame

    place = _place(workspace)
    periods = [each.replace("..", "-to-") for each in period] if period else list(place.archive.periods())
    documents = [each for name in periods for each in standing_documents(place.archive, name)]
    if not documents:
        _refuse("the archive has no documents of these periods; `inforce replay PERIOD` makes them")
    looked = _blamed(place, entry, documents)
    found = blamed(entry, looked.books, looked.touched, looked.billed)
    if as_json:
        _print(json.dumps({**found.canonical(), "left_out": looked.left_out}, indent=2, ensure_ascii=False))
    else:
        _print(blame_csv(found) if as_csv else render_blame(found))
    for each in looked.left_out:
        _say(f"not looked at: {each}")
    raise typer.Exit(PERSON_NEEDED if looked.left_out else DONE)


@app.command()
def diff(
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BEFORE [AFTER]]", help="Commits (default: HEAD, and the files as they are)."),
    ] = None,
    workspace: WorkspaceOption = Path(),
    at: Annotated[
        list[str] | None, typer.Option("--at", metavar="DAY", help="Compare what is in force on this day (twice: on two days).")
    ] = None,
    only: Annotated[
        list[str] | None, typer.Option("--only", metavar="PATH|ID", help="Only changes whose file or id begins so (repeatable).")
    ] = None,
    charged: Annotated[
        bool, typer.Option("--charged", help="Also the base price of each site and item, override or not.")
    ] = False,
    form: Annotated[DifferenceFormat, typer.Option("--format", help="How differences are printed.")] = DifferenceFormat.human,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="End with 1 if there are differences.")] = False,
) -> None:
    """Compare two rule books by meaning: prices over time, rules by what they decide, formulas in figures."""
    from engine.dates import parse_day
    from engine.ratebook.difference import difference, difference_on

    named, days = list(refs or ()), [parse_day(each) for each in at or ()]
    if len(named) > 2 or len(days) > 2:
        _refuse("name at most two commits, and at most two days with --at")
    if charged and days:
        _refuse("--charged compares all days; leave out --at")
    before, after = _two_books(workspace, named, one=len(days) == 2)
    with _working("comparing the rule books"):
        found = difference_on(before, days[0], after, days[-1]) if days else difference(before, after, charged=charged)
    found = found.only(only or ())
    if as_json or form is DifferenceFormat.json:
        import json

        _print(json.dumps(found.canonical(), indent=2, ensure_ascii=False))
    elif form is DifferenceFormat.md:
        from renderers.difference_markdown import render_difference_markdown

        _print(render_difference_markdown(found).rstrip("\n"))
    else:
        from renderers.difference_text import render_difference

        _print(render_difference(found))
    raise typer.Exit(FOUND if exit_code and found.changes else DONE)


@app.command()
def impact(
    refs: Annotated[
        str | None,
        typer.Argument(
            metavar="[BEFORE[..AFTER]]", help="Commits (default: the merge base with main, and the files as they are)."
        ),
    ] = None,
    workspace: WorkspaceOption = Path(),
    periods: Annotated[
        str | None, typer.Option("--periods", help="Months, such as 2026-08..2026-10 (default: those that the archive knows).")
    ] = None,
    at: AtOption = None,
    full: Annotated[bool, typer.Option("--full", help="Replay every document, whatever the change can reach.")] = False,
    form: Annotated[ImpactFormat, typer.Option("--format", "-f", help="How the report is written.")] = ImpactFormat.human,
    out: Annotated[
        list[Path] | None,
        typer.Option("--out", "-o", help="Write it into this file, in the form of its ending (repeatable).", dir_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    redact: Annotated[
        bool, typer.Option("--redact", help="Name no account and nobody: A1, A2 and so on stand for accounts, S1 for sites.")
    ] = False,
    archive: ArchiveOption = None,
    fail_over: Annotated[
        str | None,
        typer.Option("--fail-over", metavar="5%|$N", help="End with 1 if more than this moves, up or down, in any of the sums."),
    ] = None,
) -> None:
    """Show the money that a change of the rule book moves: on issued invoices, in the open period, and in months to come."""
    from connectors.workspace import find_workspace, read_parties
    from engine.gate import gate
    from engine.impact import impact as moved_by
    from engine.redaction import redacted, veil_of
    from renderers.impact import render_impact

    allowed = gate(fail_over) if fail_over is not None else None
    forms = {path: _form_of(path) for path in out or ()}
    space = find_workspace(workspace, archive)
    before, after, asked = _asked(space, refs, periods, at, full=full)
    with _progress("replaying", len({each.period for each in asked.issued}) + len(asked.open) + len(asked.past)) as advance:
        found = moved_by(before, after, replace(asked, advance=advance))
    context = _context(space, refs, before, after, found, asked)
    if redact:
        parties = read_parties(space.folder)
        called = {name: party.name for name, party in parties.buyers.items()} | {**parties.sites}
        veil = veil_of(before, after, called=called)
        found, context = redacted(found, veil), context.redacted(veil.id)
    passed = allowed.judge(found) if allowed is not None else ()
    for path, written in forms.items():
        path.write_text(render_impact(found, written, passed, context), encoding="utf-8")
        _say(f"{path} is written")
    if not forms and (text := render_impact(found, "json" if as_json else form.value, passed, context)):
        _print(text)
    raise typer.Exit(FOUND if found.unsound or any(not each.passed for each in passed) else DONE)


@app.command()
def correct(
    period: Annotated[str, typer.Argument(help="A month or days whose invoices are issued.")],
    workspace: WorkspaceOption = Path(),
    account: Annotated[list[str] | None, typer.Option("--account", "-a", help="Correct only this account (repeatable).")] = None,
    known_at: KnownAtOption = None,
    rules_at: RulesAtOption = None,
    activity_at: ActivityAtOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="Write the documents into this folder.", file_okay=False)
    ] = None,
    formats: Annotated[
        list[FileFormat] | None, typer.Option("--format", "-f", help="Only these files (repeatable; default: all).")
    ] = None,
    issue: Annotated[bool, typer.Option("--issue", help="Keep the corrections in the archive, as issued.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the corrections as JSON.")] = False,
) -> None:
    """Compare issued invoices with what is known now, and make the lines that put them right."""
    from connectors.workspace import read_parties
    from engine.correcting import canonical, record, standing
    from engine.corrections import documents
    from engine.dates import parse_period
    from renderers.corrections_text import render_corrections

    opened = _opened(workspace, known_at, rules_at, activity_at)
    days, accounts = parse_period(period), tuple(account or ())
    there = standing(opened.archive, days, accounts)
    asked = tuple(sorted((there.accounts or frozenset()) & opened.book.accounts.keys()))
    with _working("comparing what was issued with what is known now"):
        (preview,) = _previews(opened, [days], (), asked)
        made = _corrections(opened, there, preview)
    drafts = documents(made, preview, read_parties(opened.space.folder))
    if issue and made:
        sealed = _seal(opened, preview, (), pdf=out is not None)
        run = record(opened.archive, preview, made, drafts, sealed, asked)
        _note(opened, sealed)
        _say(f"{days.name}: run {run} is in the archive, issued")
    if out is not None and made:
        _write_files(out, _render(drafts, tuple(formats or FileFormat), _jobs(), opened.space.archive / "rendered"))
    if as_json:
        import json

        _print(json.dumps(canonical(made, days), indent=2, ensure_ascii=False))
    else:
        _print(render_corrections(made, days, str(opened.known)))


@app.command()
def prove(
    number: Annotated[str, typer.Argument(help="A document, such as DRAFT-mercy-2026-10.")],
    workspace: WorkspaceOption = Path(),
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to write the pack.", dir_okay=False)] = None,
    run: Annotated[
        int | None, typer.Option("--run", min=1, help="Which run of its period (default: the issued one, or the newest).")
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="PACK", help="Verify a pack, and compare it with the archive.", dir_okay=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Write one zip with which anybody can verify a document without this program."""
    import json

    from connectors.workspace import find_workspace
    from engine.canonical import sha256
    from engine.proof.run import against_archive, run_of
    from engine.store.archive import FolderArchive
    from renderers.proof import read_pack, verified

    space = find_workspace(workspace)
    archive = FolderArchive(space.archive)
    if check is not None:
        if not check.is_file():
            _refuse(f"there is no file {check}")
        path, data = check, check.read_bytes()
        proved = verified(data, path.parent)
        if read_pack(data).number != number:
            _refuse(f"{check} is the proof of {read_pack(data).number}, not of {number}")
        rows = against_archive(archive, read_pack(data).files)
        proved.append(f"{rows} rows of activity, the seal and the body are those of the archive")
    else:
        found = run_of(archive, number, run)
        beside = space.folder / "out" / found.period
        path = out or (beside if beside.is_dir() else Path()) / f"{number}.proof.zip"
        data = _proof(workspace, number, found, beside / f"{number}.pdf")
        proved = verified(data, beside)
        path.write_bytes(data)
    if as_json:
        told = {"number": number, "path": str(path), "bytes": len(data), "sha256": sha256(data), "proved": proved}
        _print(json.dumps({"schema": "inforce.proved/1", **told}, indent=2))
    else:
        _print("\n".join([f"{path}  {len(data):,} bytes", f"sha256 {sha256(data)}", *(f"  {each}" for each in proved)]))


@app.command()
def overage(
    period: Annotated[str, typer.Argument(help="The last of the months, such as 2026-10.")],
    workspace: WorkspaceOption = Path(),
    months: Annotated[int, typer.Option("--months", min=1, max=24, help="How many months.")] = 3,
    account: Annotated[list[str] | None, typer.Option("--account", "-a", help="Only this account (repeatable).")] = None,
    known_at: KnownAtOption = None,
    rules_at: RulesAtOption = None,
    activity_at: ActivityAtOption = None,
    at: AtOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what accounts have included and what they use, month by month."""
    from engine.dates import parse_period
    from engine.overage import overage as use_of
    from renderers.overage_text import render_overage

    last = parse_period(period).start
    month = last.year * 12 + last.month - 1
    names = [f"{number // 12}-{number % 12 + 1:02}" for number in range(month - months + 1, month + 1)]
    opened = _opened(workspace, known_at, rules_at, activity_at, at)
    found = use_of(opened.book, list(_previews(opened, [parse_period(name) for name in names], (), tuple(account or ()))))
    if as_json:
        import json

        _print(
            json.dumps(
                {"schema": "inforce.overage/1", "periods": names, "accounts": [each.canonical() for each in found]}, indent=2
            )
        )
    else:
        _print(render_overage(found))


# --- what the commands share ------------------------------------------------------------------------------------------------


class _SystemClock:
    """The machine's clock; `INFORCE_NOW` sets it for rehearsals and tests."""

    def now(self) -> str:
        """The time in UTC, like 2026-11-05T09:14:02Z."""
        import os
        from datetime import UTC, datetime

        return os.environ.get("INFORCE_NOW") or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class _Opened:
    """A workspace with the knowledge that a command was asked for, and the rule book as it is known then."""

    space: Workspace
    history: History | None
    archive: FolderArchive
    known: Knowledge
    state: State
    book: RuleBook

    def files(self, named: Sequence[Path] = ()) -> tuple[ActivityFile, ...]:
        """The files of activity: those that are named, those of the sequence that is known, or those of the workspace."""
        from connectors.files import ActivityFile, named_files

        for path in named:
            if not path.is_file():
                _refuse(f"there is no file {path}")
        if named:
            return named_files(named, self.space.folder)
        if self.known.sequence is not None:
            return tuple(
                ActivityFile(each.name, self.archive.path_of(each.sha256)) for each in self.archive.taken(self.known.sequence)
            )
        return named_files(self.space.activity_files(), self.space.folder)


def _opened(
    folder: Path, known_at: str | None = None, rules_at: str | None = None, activity_at: int | None = None, at: str | None = None
) -> _Opened:
    from engine.knowledge import knowledge

    place = _place(folder)
    history = place.history
    if history is not None and history.bare and known_at is None:
        rules_at = rules_at or "HEAD"
    return _known(place, knowledge(place.archive, history, known_at=known_at, rules_at=rules_at, activity_at=activity_at, day=at))


@dataclass(frozen=True, slots=True)
class _Place:
    """A workspace with its history and its archive, whatever is known."""

    space: Workspace
    history: History | None
    archive: FolderArchive


def _place(folder: Path) -> _Place:
    from connectors.workspace import find_workspace
    from engine.ratebook.history import History
    from engine.store.archive import FolderArchive

    space = find_workspace(folder)
    return _Place(space, History.find(space.folder), FolderArchive(space.archive))


def _known(place: _Place, known: Knowledge) -> _Opened:
    """A workspace with some knowledge."""
    from engine.ratebook.history import State

    history = place.history
    state = history.state() if history is not None else State(None, None, False)
    if known.commit is not None and history is not None:
        state = State(known.commit, history.commit(known.commit).tree, False)
    with _working("reading the rule book"):
        book = _book(place.space, history, known)
    return _Opened(place.space, history, place.archive, known, state, book)


def _book(space: Workspace, history: History | None, known: Knowledge) -> RuleBook:
    """The rule book of a commit, or that of the folder; on one effective day, if that is asked."""
    from connectors.workspace import cache_folder
    from engine.problems import ProblemsFound
    from engine.ratebook.cache import build_or_read
    from engine.ratebook.files import read_workspace_files
    from engine.ratebook.in_force import in_force_on

    at_commit = history is not None and known.commit is not None
    files = (
        history.files_at(known.commit) if history is not None and known.commit is not None else read_workspace_files(space.folder)
    )
    try:
        book, warnings = build_or_read(files, cache_folder())
    except ProblemsFound as error:
        _say(_findings(files, error.problems))
        if at_commit:
            _say(
                f"error: the rule book of commit {(known.commit or '')[:12]} cannot be used; this engine finds what stands above in it"
            )
        raise typer.Exit(FOUND) from error
    if warnings:
        _say(_findings(files, warnings))
    return in_force_on(book, known.day) if known.day is not None else book


def _two_books(folder: Path, refs: Sequence[str], *, one: bool) -> tuple[RuleBook, RuleBook]:
    """The rule books of two commits; of one and the files as they are; or, for two days of `one` book, the same twice."""
    from connectors.workspace import find_workspace
    from engine.knowledge import Knowledge
    from engine.ratebook.history import History

    space = find_workspace(folder)
    history = History.find(space.folder)
    wanted: list[str | None] = [*refs, *([None] if len(refs) < 2 else [])]
    if not refs and not one:
        wanted = ["HEAD", None]
    elif one and len(refs) < 2:
        wanted = wanted[:1]
    books = []
    for ref in wanted:
        commit = None if ref is None else (history or History.open(space.folder)).resolve(ref)
        with _working("reading the rule book"):
            books.append(_book(space, history, Knowledge(commit)))
    return books[0], books[-1]


def _form_of(path: Path) -> str:
    """The form of a report that a file's ending asks for."""
    forms = {f".{'txt' if each is ImpactFormat.human else each.value}": each.value for each in ImpactFormat}
    if path.suffix not in forms:
        _refuse(f"{path}: the name of a report ends in one of {', '.join(sorted(forms))}")
    return forms[path.suffix]


def _context(space: Workspace, refs: str | None, before: RuleBook, after: RuleBook, found: Impact, asked: Asked) -> Context:
    """What a report tells beside the figures: the two sides, the edited lines as they stand, who edited them, and agreed prices."""
    from engine.impact import effective_day
    from engine.ratebook.history import History
    from renderers.impact_view import SHOWN, Context, place_of

    history = History.open(space.folder)
    one, dots, two = (refs or history.base()).partition("..")
    first, last = history.resolve(one), history.resolve(two if dots and two else "HEAD")
    dirty = not (dots and two) and history.state().dirty
    more = " and what is in no commit yet" if dirty else ""
    paths = sorted({source.path for change in found.difference.changes for source in (change.before, change.after) if source})
    commits = history.records(history.commits_between(first, last, *paths)) if paths else []
    lines = {}
    for change in found.difference.changes[:SHOWN]:
        source = change.after or change.before
        if source is not None and source.line:
            there = first if change.after is None else last
            data = (
                (space.folder / source.path).read_bytes()
                if dirty and change.after
                else history.read_at(there, source.path) or b""
            )
            lines[place_of(change)] = (data.decode("utf-8", "replace").splitlines() + [""] * source.line)[source.line - 1]
    return Context(
        before=_named_commit(one, first),
        after=f"{_named_commit(two or 'HEAD', last)}{more}",
        commits=(first[:7], f"{last[:7]}{more}"),
        accounts=len(after.accounts),
        day=asked.day or (effective_day(found.difference, asked.past[-1].end) if asked.past else None),
        lines=lines,
        authors=tuple(sorted({each.author for each in commits})),
        prices={
            each.id: str(each.value)
            for book in (before, after)
            for account in book.accounts.values()
            for each in account.overrides
        },
    )


def _named_commit(name: str, commit: str) -> str:
    return commit[:7] if commit.startswith(name) else f"{name} ({commit[:7]})"


def _asked(
    space: Workspace, refs: str | None, periods: str | None, at: str | None, *, full: bool
) -> tuple[RuleBook, RuleBook, Asked]:
    """The two books of an impact, and what it is asked over: what the archive says is issued and open, or the periods that are named."""
    from connectors.files import activity_by_kind
    from engine.bulk.issued_invoice import read_issued
    from engine.canonical import canonical_json, sha256
    from engine.dates import parse_day, parse_periods
    from engine.impact import Asked, spans
    from engine.issued import all_issued
    from engine.ratebook.history import History
    from engine.store.archive import FolderArchive

    archive = FolderArchive(space.archive)
    history = History.open(space.folder)
    one, dots, two = (refs or history.base()).partition("..")
    before, after = _two_books(space.folder, [one, *([two] if dots and two else [])], one=False)
    opened = _Opened(space, history, archive, _knowledge_of_now(), history.state(), after)
    issued = all_issued(archive)
    named = parse_periods(periods) if periods is not None else None
    open_, past = spans(archive.periods(), issued, named)
    if named is not None:
        issued = tuple(each for each in issued if each.period in {period.name for period in named})
    if not issued and not open_:
        _refuse("the archive knows no period; name some: --periods 2026-08..2026-10")
    files = opened.files()
    if not files and (taken := [each.sequence for each in archive.log()]):  # a clone has none: what the archive took in last
        files = replace(opened, known=replace(opened.known, sequence=taken[-1])).files()

    def activity(book: RuleBook, sequence: int | None) -> Activity:
        there = files if sequence is None else replace(opened, known=replace(opened.known, sequence=sequence)).files()
        return activity_by_kind(there, book.kinds)

    present = sha256(canonical_json([[file.name, _hash_of_file(file.path)] for file in files]))
    return before, after, Asked(
        issued, open_, past, activity, lambda each: read_issued(each.number, archive.get(each.body), archive.get(each.backup)), present,
        archive if space.elsewhere is None else _Unchanged(archive), parse_day(at) if at is not None else None, full,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Unchanged:
    """What was kept in an archive that is not the workspace's own, and is only read."""

    archive: FolderArchive

    def kept(self, key: str) -> bytes | None:
        """What was kept under a key."""
        return self.archive.kept(key)

    def keep(self, key: str, data: bytes) -> None:
        """Keeps nothing."""


def _knowledge_of_now() -> Knowledge:
    from engine.knowledge import Knowledge

    return Knowledge()


def _hash_of_file(path: Path) -> str:
    import hashlib

    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _previews(
    opened: _Opened,
    periods: Sequence[Period],
    files: Sequence[Path],
    accounts: Sequence[str],
    *,
    inside: bool = False,
    jobs: int = 1,
) -> Iterator[Preview]:
    from connectors.files import activity_by_kind
    from engine.pipeline import previews
    from engine.problems import nearest
    from engine.steps.rate import Rater

    book = opened.book
    for account in accounts:
        if account not in book.accounts:
            _refuse(f"there is no account {account!r}; {nearest(account, book.accounts)}")
    there = opened.files(files)
    if not there and not any(each.fees for each in book.accounts.values()):
        _refuse(
            f"there is no activity: {opened.space.folder / opened.space.activity} matches no file; name files with --activity"
        )
    rows = activity_by_kind(there, book.kinds)
    many = max((len(each) for each in rows.values() if not callable(each)), default=0)
    if inside or jobs == 1 or many < _ROWS_FOR_PROCESSES:
        yield from previews(Rater(book), rows, periods, accounts, inside=inside)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from previews(Rater(book), rows, periods, accounts, partitions=jobs, over=pool.map)


def _made_again(place: _Place, document: ArchivedDocument) -> tuple[_Opened, Preview, tuple[str, ...]]:
    """The period of a document with the knowledge it was made with, as far as that is there, and what is missing of it."""
    from engine import __version__
    from engine.archived import knowledge_of, prove
    from engine.dates import parse_period

    known, missing = knowledge_of(document, place.archive, place.history)
    opened = _known(place, known)
    with _working("making the document again"):
        (preview,) = _previews(opened, [parse_period(document.period_text)], (), (document.account,), inside=True)
    if not document.corrects:
        prove(document, preview, missing, dict(_versions(__version__, pdf=False)))
    return opened, preview, missing


def _side(opened: _Opened, preview: Preview) -> Side:
    """What follows from a knowledge, and where it comes from."""
    from connectors.files import activity_by_kind
    from engine.crossing import Side
    from engine.explain import Explainer
    from engine.origins import Origins
    from engine.ratebook.files import read_workspace_files

    history, commit = opened.history, opened.known.commit
    files = history.files_at(commit) if history is not None and commit is not None else read_workspace_files(opened.space.folder)
    rows = activity_by_kind(opened.files(), opened.book.kinds)
    return Side(opened.known, opened.book, rows, Explainer(opened.book, preview), Origins(history, commit, files))


@dataclass(frozen=True, slots=True)
class _Explained:
    """A line explained: what is told, what it follows from, and where the line is, in the replay and in the archive."""

    told: dict[str, Any]  # Any: plain JSON
    side: Side
    period: Period
    place: tuple[str, int]
    kept: tuple[str, int]


def _explained(place: _Place, document: ArchivedDocument, line: int) -> _Explained:
    """A line of a document with the knowledge it was made with; of a line that takes back another, that one."""
    from engine.archived import billed_anew, find_document, kept_line

    kept = kept_line(place.archive, document, line)
    said = {"origin": kept["origin"], "reason": kept["reason"], "corrects": kept["corrects"]} if document.corrects else {}
    if said and kept["origin"] == "reversal":
        other = find_document(place.archive, kept["corrects"]["invoice"])
        found = _explained(place, other, kept["corrects"]["line"])
        return replace(found, told={**found.told, "reversed_by": {"document": document.number, "line": line, **said}})
    opened, preview, missing = _made_again(place, document)
    number, there = billed_anew(document, kept, preview) if said else (document.number, line)
    side = _side(opened, preview)
    told = side.origins.with_origins(side.explainer.line(number, there))
    made_with = {
        "commit": document.commit, "sequence": document.sequence, "run": document.run, "period": document.period, "status": document.status,
        "versions": document.seal["versions"], "missing": list(missing),
    }  # fmt: skip
    if said:
        told |= {"document": document.number, "line": line, **said}
    return _Explained({**told, "made_with": made_with}, side, preview.period, (number, there), (document.number, line))


@dataclass(frozen=True, slots=True)
class _Looked:
    """What a blame found: the rule books, the lines, what was billed by currency, and the documents that could not be made again."""

    books: list[RuleBook]
    touched: list[Touched]
    billed: dict[tuple[str, int], int]
    left_out: list[str]


def _blamed(place: _Place, entry: str, documents: Sequence[ArchivedDocument]) -> _Looked:
    """Makes the documents again, all of one run's knowledge and period at once, and looks at their charges."""
    from engine import __version__
    from engine.archived import NotReproducedError, knowledge_of, prove
    from engine.blame import touched
    from engine.blame_entries import check_known, wanted
    from engine.dates import parse_period
    from engine.replay import draft_number

    groups: dict[tuple[str, Knowledge, tuple[str, ...]], list[ArchivedDocument]] = {}
    for each in documents:
        known, missing = knowledge_of(each, place.archive, place.history)
        groups.setdefault((each.period_text, known, missing), []).append(each)
    opened = {known: _known(place, known) for known in dict.fromkeys(known for _, known, _ in groups)}
    books = [each.book for each in opened.values()]
    check_known(entry, books)
    looked = _Looked(books, [], {}, [])
    versions = dict(_versions(__version__, pdf=False))
    with _progress("looking at what was billed", len(groups)) as advance:
        for (period, known, missing), mine in groups.items():
            accounts = sorted({each.account for each in mine} & opened[known].book.accounts.keys())
            (preview,) = _previews(opened[known], [parse_period(period)], (), accounts, inside=True)
            proved = []
            for each in mine:
                try:
                    prove(each, preview, missing, versions)
                    proved.append(each.number)
                except NotReproducedError as error:
                    looked.left_out.append(str(error).splitlines()[0])
            book = opened[known].book
            looked.touched.extend(touched(book, preview, wanted(book, entry), proved))
            for made in (each.invoice for each in preview.assembled if draft_number(each.invoice, preview.period) in proved):
                key = (made.currency, made.digits)
                looked.billed[key] = looked.billed.get(key, 0) + made.net
            advance()
    return looked


def _lines_of(place: _Place, document: ArchivedDocument) -> dict[str, Any]:
    """The lines of a document as the archive has them."""
    import json

    from engine.money import CURRENCY_DIGITS, decimal_text

    body = json.loads(place.archive.get(document.body))
    digits = CURRENCY_DIGITS[body["currency"]]
    lines = [
        {
            "line": each["line"], "site": each["section"], "description": each["description"], "quantity": each["quantity"], "unit": each["unit"],
            "price": each["price"], "amount": decimal_text(each["amount"], digits),
        }
        for each in body["lines"]
    ]  # fmt: skip
    return {"schema": "inforce.lines/1", "document": document.number, "currency": body["currency"], "lines": lines}


def _proof(workspace: Path, number: str, found: ProvedRun, pdf: Path) -> bytes:
    """The pack that proves a document, which is made once more and must be what the archive has."""
    from connectors.workspace import read_parties
    from engine.canonical import sha256
    from engine.dates import parse_period
    from engine.proof.arithmetic import ProofError
    from engine.proof.files import Rules, prove
    from engine.replay import documents
    from renderers.proof import pack

    commit = found.seal["commit"]
    opened = _opened(workspace, rules_at=commit, activity_at=found.seal["sequence"])
    history = opened.history
    if history is None:
        _refuse(f"{opened.space.folder} is not in a git repository, so commit {commit} cannot be read")
    (preview,) = _previews(opened, [parse_period(found.period.replace("-to-", ".."))], (), (found.account,), inside=True)
    made = {each.envelope.number: each for each in documents(preview, read_parties(opened.space.folder))}
    if number not in made or made[number].invoice.body_sha256() != found.body:
        what = "is not made" if number not in made else f"has body {made[number].invoice.body_sha256()}, not {found.body}"
        raise ProofError(
            f"{number}: made once more from what run {found.run} of {found.period} is sealed with, the document {what}.\n"
            f"`inforce replay {found.period} --known-at {commit} --verify` says what differs."
        )
    rules = Rules(opened.book, history.files_at(commit), commit, history.prefix, lambda paths: history.chain(commit, paths))
    beside = {"name": pdf.name, "sha256": sha256(pdf.read_bytes())} if pdf.is_file() else None
    return pack(prove(rules, preview, made[number], found.seal), {**found.canonical(), "number": number, "pdf": beside})


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a replay is asked for."""

    period: str
    files: tuple[Path, ...] = ()
    accounts: tuple[str, ...] = ()
    out: Path | None = None
    formats: tuple[FileFormat, ...] = tuple(FileFormat)
    issue: bool = False
    verify: bool = False
    against: Path | None = None


@dataclass(frozen=True, slots=True)
class _Told:
    """What remains of a replayed period when its rows are let go."""

    summary: dict[str, Any]  # Any: plain JSON
    text: str
    differences: tuple[str, ...]
    needs_person: bool


@dataclass(frozen=True, slots=True)
class _Replayed:
    """A replayed period."""

    preview: Preview
    made: tuple[Document, ...]
    differences: tuple[str, ...]

    def told(self) -> _Told:
        """What is printed of it."""
        needs = bool(self.preview.count("rejected") + self.preview.count("held"))
        return _Told(_summary_json(self.preview, self.made), _summary(self.preview, self.made), self.differences, needs)


def _replay(opened: _Opened, wanted: _Wanted, jobs: int) -> Iterator[_Replayed]:
    from connectors.workspace import read_parties
    from engine.dates import parse_periods
    from engine.replay import documents

    periods = parse_periods(wanted.period)
    parties = read_parties(opened.space.folder)
    with _progress("replaying", len(periods)) as advance:
        for preview in _previews(opened, periods, wanted.files, wanted.accounts, jobs=jobs):
            made = documents(preview, parties)
            folder = wanted.out / preview.period.name if wanted.out is not None and len(periods) > 1 else wanted.out
            against = wanted.against / preview.period.name if wanted.against is not None and len(periods) > 1 else wanted.against
            yield _Replayed(preview, made, _kept(opened, replace(wanted, out=folder, against=against), preview, made, jobs))
            advance()


def _kept(opened: _Opened, wanted: _Wanted, preview: Preview, made: tuple[Document, ...], jobs: int) -> tuple[str, ...]:
    """Compares a replayed period, or keeps it in the archive and writes its files; what differs, in words."""
    found: list[str] = []
    if wanted.verify:
        found += _verified(opened, wanted, preview, made)
    kept = None if wanted.against is not None else opened.space.archive / "rendered"
    rendered = _render(made, wanted.formats, jobs, kept) if wanted.out is not None or wanted.against is not None else {}
    if wanted.against is not None:
        found += _against(wanted.against, rendered, preview, made)
    if wanted.verify:
        return tuple(found)
    sealed = _archived(opened, wanted, preview, made)
    if wanted.out is not None:
        _write(wanted.out, rendered, preview, made, sealed.canonical())
    return tuple(found)


def _verified(opened: _Opened, wanted: _Wanted, preview: Preview, made: tuple[Document, ...]) -> list[str]:
    from engine.replay import verify

    number, differences = verify(opened.archive, preview.period, made, wanted.accounts, opened.known.commit)
    differing = {difference.number for difference in differences}
    same = sum(document.envelope.number not in differing for document in made)
    _say(f"{preview.period.name}: {same} of {len(made)} documents are identical with run {number}")
    return [f"{difference.number}: {difference.what}" for difference in differences]


def _archived(opened: _Opened, wanted: _Wanted, preview: Preview, made: tuple[Document, ...]) -> Seal:
    """Keeps a run in the archive, and what was known when it was made; a question about another day is answered and not kept."""
    from engine.issued import check_issue
    from engine.replay import archive_run

    archive, known, state = opened.archive, opened.known, opened.state
    sealed = _seal(opened, preview, wanted.files, pdf=wanted.out is not None and FileFormat.pdf in wanted.formats)
    if known.day is not None:
        return sealed
    period = preview.period
    if wanted.issue and not check_issue(archive, period.name, period.start, period.end, made, sealed):
        _say(f"{period.name}: these documents are issued already; nothing was written")
        return sealed
    run = archive_run(archive, preview, made, sealed, wanted.accounts, issue=wanted.issue)
    if not wanted.files:
        _note(opened, sealed)
    dirty = " (the rule book has uncommitted changes)" if state.dirty else ""
    _say(f"{period.name}: run {run} is in the archive{', issued' if wanted.issue else ''}{dirty}")
    return sealed


def _corrections(opened: _Opened, there: Standing, preview: Preview) -> tuple[Correction, ...]:
    from connectors.files import activity_by_kind
    from engine.correcting import Now, Rows, causes_since
    from engine.correcting import correct as compare
    from engine.knowledge import Knowledge

    book = opened.book

    def book_at(commit: str) -> RuleBook:
        return _book(opened.space, opened.history, Knowledge(commit))

    def rows_at(sequence: int) -> Rows:
        return activity_by_kind(replace(opened, known=Knowledge(sequence=sequence)).files(), book.kinds)

    now = Now(
        book, None if opened.state.dirty else opened.state.commit, opened.history, activity_by_kind(opened.files(), book.kinds)
    )
    return compare(there, preview.assembled, preview.period, book, causes_since(now, book_at, rows_at))


def _seal(opened: _Opened, preview: Preview, files: Sequence[Path], *, pdf: bool) -> Seal:
    """With which knowledge a preview was made; the archive takes the activity in."""
    from engine import __version__
    from engine.replay import seal

    known, state = opened.known, opened.state
    sequence = known.sequence
    if sequence is None and known.day is None:
        sequence = opened.archive.take_in([(file.name, file.path) for file in opened.files(files)])
    return seal(
        preview, opened.book.meaning, opened.book.calendar.semantics, state.commit, state.tree, state.dirty, _versions(__version__, pdf),
        sequence, known.day,
    )  # fmt: skip


def _note(opened: _Opened, sealed: Seal) -> None:
    """Adds to the archive's log what is known now; nothing, where a command asked for what was known before."""
    if opened.known.commit is None:
        commit = None if opened.state.dirty else opened.state.commit
        opened.archive.note(_SystemClock().now(), commit, sealed.sequence or 0)


def _months_text(done: Sequence[_Told]) -> str:
    from renderers.summary_text import render_months

    return render_months([each.summary for each in done])


def _versions(engine: str, pdf: bool) -> list[tuple[str, str]]:
    from importlib.metadata import version

    import renderers

    found = [("engine", engine), *((name, version(name)) for name in ("durable-rules", "numpy", "polars", "tzdata"))]
    return [*found, *renderers.versions(pdf=pdf)]


def _render(made: Sequence[Document], formats: Sequence[FileFormat], jobs: int, kept: Path | None) -> dict[str, bytes]:
    """The bytes of each file by name; those not kept from before (None: all) are rendered in `jobs` processes, how many makes no difference."""
    from renderers import safe_file_name
    from renderers.rendered import RenderedFiles, key_of

    files = RenderedFiles(kept) if kept is not None else None
    work = [(document, each.value) for document in made for each in formats]
    names = [f"{safe_file_name(document.envelope.number)}.{suffix}" for document, suffix in work]
    keys = [key_of(document, suffix) if files is not None else "" for document, suffix in work]
    done = {
        name: data for name, key in zip(names, keys, strict=True) if files is not None and (data := files.get(key)) is not None
    }
    missing = [number for number, name in enumerate(names) if name not in done]
    with _progress("rendering", len(missing)) as advance:
        for number, data in zip(missing, _rendered([work[number] for number in missing], jobs), strict=True):
            done[names[number]] = data
            if files is not None:
                files.put(keys[number], data)
            advance()
    return {name: done[name] for name in names}


def _rendered(work: Sequence[tuple[Document, str]], jobs: int) -> Iterator[bytes]:
    """The files in order, rendered here or, where there are enough of them, in several processes."""
    if jobs == 1 or len(work) < 4:
        yield from map(_render_one, work)
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        yield from pool.map(_render_one, work)


def _render_one(work: tuple[Document, str]) -> bytes:
    from renderers import formats

    document, suffix = work
    return formats()[suffix](document)


def _lists(preview: Preview) -> dict[str, bytes]:
    """The three lists of rows that are not billed, as CSV a spreadsheet can open safely."""
    from renderers.lists_csv import fates_csv, rejects_csv

    return {
        "rejected.csv": rejects_csv(preview.rejects),
        "held.csv": fates_csv(fate for fate in preview.fates if fate.fate == "held"),
        "not-billed.csv": fates_csv(fate for fate in preview.fates if fate.fate == "not billed"),
    }


def _write(out: Path, rendered: dict[str, bytes], preview: Preview, made: Sequence[Document], sealed: dict[str, Json]) -> None:
    from engine.canonical import canonical_json

    lists = {**_lists(preview), "summary.json": _summary_bytes(preview, made), "seal.json": canonical_json(sealed) + b"\n"}
    _write_files(out, {**rendered, **lists})


def _write_files(out: Path, files: Mapping[str, bytes]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        part = out / f".{name}.part"
        part.write_bytes(data)
        part.replace(out / name)
    _say(f"{len(files)} files are in {out}")


def _against(folder: Path, rendered: dict[str, bytes], preview: Preview, made: Sequence[Document]) -> list[str]:
    """How the files of an earlier output folder differ from those rendered now."""
    if not (folder / "summary.json").is_file():
        _refuse(f"{folder} holds no earlier output (there is no summary.json in it)")
    now = {**rendered, **_lists(preview), "summary.json": _summary_bytes(preview, made)}
    suffixes = tuple(f".{each.value}" for each in FileFormat)
    before = {path.name for path in folder.iterdir() if path.name.startswith("DRAFT-") and path.name.endswith(suffixes)}
    wanted = {document.envelope.number for document in made}
    found = [f"{folder / name}: there is no such document now" for name in sorted(before) if name.split(".")[0] not in wanted]
    for name, data in sorted(now.items()):
        path = folder / name
        if not path.is_file():
            found.append(f"{path}: is not there")
        elif path.read_bytes() != data:
            found.append(f"{path}: differs from what is rendered now ({path.stat().st_size:,} and {len(data):,} bytes)")
    _say(
        f"{len(now) - len([each for each in found if 'no such document' not in each])} of {len(now)} files are identical with {folder}"
    )
    return found


def _summary_json(preview: Preview, made: Sequence[Document]) -> dict[str, Any]:  # Any: plain JSON
    from engine.replay import counts

    listed = [
        {
            "account": document.invoice.account, "number": document.envelope.number, "currency": document.invoice.currency,
            "lines": len(document.invoice.lines), "backup_rows": document.invoice.backup.rows, "total": document.invoice.total,
            "body_sha256": document.invoice.body_sha256(),
        }
        for document in made
    ]  # fmt: skip
    period = {"name": preview.period.name, "from": preview.period.start.isoformat(), "to": preview.period.end.isoformat()}
    return {
        "schema": "inforce.summary/1",
        "period": period,
        "rows": counts(preview),
        "snapshot": preview.snapshot,
        "documents": listed,
    }


def _summary_bytes(preview: Preview, made: Sequence[Document]) -> bytes:
    from engine.canonical import canonical_json

    return canonical_json(_summary_json(preview, made)) + b"\n"


def _summary(preview: Preview, made: Sequence[Document]) -> str:
    from renderers.summary_text import render_summary

    return render_summary(preview, made)


def _findings(where: Path | Mapping[str, bytes], problems: Sequence[Problem]) -> str:
    """Findings with excerpts of their files, which lie in a folder or are at hand."""
    from engine.findings import render

    def read_text(path: str) -> str | None:
        try:
            data = (where / path).read_bytes() if isinstance(where, Path) else where.get(path)
        except OSError:
            return None
        return data.decode("utf-8", "replace") if data is not None else None

    return render(problems, read_text)


def _jobs() -> int:
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _working(what: str) -> Iterator[None]:
    """A spinner on a terminal while something takes its time."""
    if not sys.stderr.isatty():
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextmanager
def _progress(what: str, total: int) -> Iterator[Callable[[], None]]:
    """A progress bar on a terminal; the value is called after each step."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda: bar.advance(task)


def _print(text: str) -> None:
    sys.stdout.write(text.rstrip("\n") + "\n")


def _say(text: str) -> None:
    sys.stderr.write(text.rstrip("\n") + "\n")


def _refuse(text: str) -> NoReturn:
    _say(f"error: {text}")
    raise typer.Exit(WRONG_USE)


if __name__ == "__main__":
    main()
