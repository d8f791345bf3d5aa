"""The commands: what can be asked for, how what was found is printed, and the exit codes. `commands` finds it."""

from __future__ import annotations

import shutil
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from commands.terminal import DONE, FOUND, PERSON_NEEDED, WRONG_USE, EndedError, findings_text, refuse, say, show, show_json

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


WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", "-w", metavar="DIR", help="A folder in the workspace.", exists=True, file_okay=False)
]
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
OutOption = Annotated[
    Path | None, typer.Option("--out", "-o", metavar="DIR", help="Write the documents into this folder.", file_okay=False)
]
FilesOption = Annotated[
    list[FileFormat] | None, typer.Option("--format", "-f", help="Only these files (repeatable; default: all).")
]


def main() -> None:
    """The console script: errors of ours are messages, never tracebacks."""
    from engine.dates import DateError
    from engine.problems import InforceError, ProblemsFound

    try:
        app(standalone_mode=True)
    except EndedError as error:
        say(error.said)
        sys.exit(error.status)
    except ProblemsFound as error:
        say(findings_text(Path.cwd(), error.problems))
        sys.exit(FOUND)
    except DateError as error:  # of an option; those in files are findings
        say(f"error: {error}")
        sys.exit(WRONG_USE)
    except InforceError as error:
        say(f"error: {error}")
        sys.exit(FOUND)
    except BrokenPipeError:
        sys.exit(DONE)
    except OSError as error:
        say(f"error: {error.filename}: {error.strerror}.\nCorrect it, or name another place.")
        sys.exit(FOUND)
    except KeyboardInterrupt:
        say("stopped; nothing more was written")
        sys.exit(130)


@app.command()
def demo(
    folder: Annotated[Path, typer.Argument(help="Where to make the example workspace.", file_okay=False)] = Path("out/demo"),
) -> None:
    """Make an example workspace (a rule book with its history, a month of shifts), and bill it."""
    from commands.example import example

    out = folder / "out" / "2026-10"
    told = example(folder, out)
    show(told.text)
    first = told.summary["documents"][0]["number"] if told.summary["documents"] else ""
    name = "inforce" if shutil.which("inforce") else sys.argv[0]
    next_ = {
        f"{name} explain -w {folder} {first}#1": "every step of a line",
        f"{name} replay -w {folder} 2026-10 --verify": "the same documents again",
        f"{name} check {folder}": "the rule book and its examples",
        f"git -C {folder} log --stat": "how the rule book came about",
    }
    wide = max(map(len, next_))
    show(
        "\n".join(
            [
                f"\nThe documents are in {out} (open one of the PDFs). Next, try:",
                *(f"  {each:<{wide}}  # {what}" for each, what in next_.items()),
            ]
        )
    )


@app.command()
def check(
    path: Annotated[Path, typer.Argument(help="A folder in the workspace.", exists=True, file_okay=False)] = Path(),
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
    from commands.checked import checked, lesson
    from engine.findings import render_github, render_json

    if code is not None:
        show(lesson(code))
        return
    found = checked(path, archive, base, rules_at)
    if findings is FindingsFormat.json:
        show_json({"schema": "inforce.check/1", **found.looked_at, "problems": render_json(found.problems)}, in_ascii=True)
    else:
        if found.problems:
            github = findings is FindingsFormat.github
            show(render_github(found.problems) if github else findings_text(found.where, found.problems))
        looked_at = ", ".join(_counted(count, word) for word, count in found.looked_at.items() if count)
        warnings = len(found.problems) - found.errors
        show(f"checked {looked_at}: {_counted(found.errors, 'errors')}, {_counted(warnings, 'warnings')}")
    raise typer.Exit(FOUND if found.errors else DONE)


def _counted(count: int, words: str) -> str:
    return f"{count:,} {words if count != 1 else words[:-1]}"


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
        list[Path] | None,
        typer.Option("--activity", metavar="FILE", help="Activity files instead of the workspace's.", dir_okay=False),
    ] = None,
    account: Annotated[
        list[str] | None, typer.Option("--account", "-a", metavar="ACCOUNT", help="Bill only this account (repeatable).")
    ] = None,
    known_at: KnownAtOption = None,
    rules_at: RulesAtOption = None,
    activity_at: ActivityAtOption = None,
    at: AtOption = None,
    out: OutOption = None,
    formats: FilesOption = None,
    issue: Annotated[
        bool, typer.Option("--issue", help="Mark the documents as issued: from now on they are corrected, never changed.")
    ] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Compare with an archived run; write nothing.")] = False,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="DIR", help="Compare with an earlier output folder, byte for byte.", file_okay=False),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="Processes that rate and render (default: one for each core).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Compute invoices from the rules in force, and keep them in the archive."""
    from commands.opened import AsOf, open_workspace
    from commands.replayed import Wanted, replayed
    from renderers.summary_text import render_months

    if issue and (verify or at):
        refuse(f"--issue takes what is replayed as it is; leave out {'--verify' if verify else '--at'}")
    if activity and activity_at is not None:
        refuse("--activity names files and --activity-at a sequence; give one of them")
    opened = open_workspace(workspace, AsOf(known_at, rules_at, activity_at, at))
    wanted = Wanted(period, _suffixes(formats), tuple(activity or ()), tuple(account or ()), out, issue, verify, against)
    done = replayed(opened, wanted, jobs)
    summaries = [each.summary for each in done]
    if as_json:
        show_json(summaries[0] if len(done) == 1 else {"schema": "inforce.summaries/1", "periods": summaries}, in_ascii=True)
    else:
        show(done[0].text if len(done) == 1 else render_months(summaries))
    for each in done:
        for difference in each.differences:
            show(difference)
    if any(each.differences for each in done):
        raise typer.Exit(FOUND)
    raise typer.Exit(PERSON_NEEDED if any(each.needs_person for each in done) else DONE)


def _suffixes(formats: list[FileFormat] | None) -> tuple[str, ...]:
    return tuple(each.value for each in formats or FileFormat)


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
    from commands.explained import explained, lines_of
    from commands.opened import AsOf
    from renderers.explanation_text import render_explanation, render_lines

    number, mark, wanted = line.partition("#")
    if mark and not wanted.isdigit():
        refuse(f"{line!r} does not name a line; write it like DRAFT-mercy-2026-10#3")
    if not mark:
        listed = lines_of(workspace, number)
        if as_json:
            show_json(listed)
        else:
            show(render_lines(number, listed["lines"]))
        return
    across = None
    if any(each is not None for each in (known_at, rules_at, activity_at, at)):
        across = AsOf(None if known_at == "now" else known_at, rules_at, activity_at, at)
    told = explained(workspace, number, int(wanted), across)
    if as_json:
        show_json(told)
    else:
        show(render_explanation(told, rows))


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
        list[str] | None,
        typer.Option("--period", metavar="PERIOD", help="Only this period (repeatable; default: all archived ones)."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print the lines as CSV.")] = False,
) -> None:
    """List every invoice line that a rate, an override, a rule, a formula, a premium or a term has touched, with the total."""
    from commands.blamed import blamed
    from renderers.blame_text import blame_csv, render_blame

    found, left_out = blamed(workspace, entry, period or ())
    if as_json:
        show_json({**found.canonical(), "left_out": left_out})
    else:
        show(blame_csv(found) if as_csv else render_blame(found))
    for each in left_out:
        say(f"not looked at: {each}")
    raise typer.Exit(PERSON_NEEDED if left_out else DONE)


@app.command()
def diff(
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[BEFORE [AFTER]]", help="Commits or times (default: HEAD, and the files as they are)."),
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
    from commands.compared import compared
    from engine.dates import parse_day
    from renderers.difference_markdown import render_difference_markdown
    from renderers.difference_text import render_difference

    named, days = list(refs or ()), [parse_day(each) for each in at or ()]
    if len(named) > 2 or len(days) > 2:
        refuse("name at most two commits, and at most two days with --at")
    if charged and days:
        refuse("--charged compares all days; leave out --at")
    found = compared(workspace, named, days, only or (), charged=charged)
    if as_json or form is DifferenceFormat.json:
        show_json(found.canonical())
    else:
        show(render_difference_markdown(found) if form is DifferenceFormat.md else render_difference(found))
    raise typer.Exit(FOUND if exit_code and found.changes else DONE)


@app.command()
def impact(
    refs: Annotated[
        str | None,
        typer.Argument(
            metavar="[BEFORE[..AFTER]]", help="Commits or times (default: the merge base with main, and the files as they are)."
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
        typer.Option(
            "--out", "-o", metavar="FILE", help="Write it into this file, in the form of its ending (repeatable).", dir_okay=False
        ),
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
    from commands.impacted import impacted
    from engine.gate import GateError, gate
    from renderers.impact import render_impact

    try:
        allowed = gate(fail_over) if fail_over is not None else None
    except GateError as error:
        refuse(str(error))
    forms = {path: _form_of(path) for path in out or ()}
    found, context = impacted(workspace, archive, refs, periods, at, full=full, redact=redact)
    passed = allowed.judge(found) if allowed is not None else ()
    for path, written in forms.items():
        path.write_text(render_impact(found, written, passed, context), encoding="utf-8")
        say(f"{path} is written")
    if not forms and (text := render_impact(found, "json" if as_json else form.value, passed, context)):
        show(text)
    raise typer.Exit(FOUND if found.unsound or any(not each.passed for each in passed) else DONE)


def _form_of(path: Path) -> str:
    """The form of a report that a file's ending asks for."""
    forms = {f".{'txt' if each is ImpactFormat.human else each.value}": each.value for each in ImpactFormat}
    if path.suffix not in forms:
        refuse(f"{path}: the name of a report ends in one of {', '.join(sorted(forms))}")
    return forms[path.suffix]


@app.command()
def correct(
    period: Annotated[str, typer.Argument(help="A month or days whose invoices are issued.")],
    workspace: WorkspaceOption = Path(),
    account: Annotated[
        list[str] | None, typer.Option("--account", "-a", metavar="ACCOUNT", help="Correct only this account (repeatable).")
    ] = None,
    known_at: KnownAtOption = None,
    rules_at: RulesAtOption = None,
    activity_at: ActivityAtOption = None,
    out: OutOption = None,
    formats: FilesOption = None,
    issue: Annotated[bool, typer.Option("--issue", help="Keep the corrections in the archive, as issued.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the corrections as JSON.")] = False,
) -> None:
    """Compare issued invoices with what is known now, and make the lines that put them right."""
    from commands.corrected import corrected
    from commands.opened import AsOf, open_workspace
    from engine.correcting import canonical
    from renderers.corrections_text import render_corrections

    opened = open_workspace(workspace, AsOf(known_at, rules_at, activity_at))
    made, days = corrected(opened, period, account or (), issue=issue, out=out, formats=_suffixes(formats))
    if as_json:
        show_json(canonical(made, days))
    else:
        show(render_corrections(made, days, str(opened.known)))


@app.command()
def prove(
    number: Annotated[
        str | None,
        typer.Argument(metavar="DOCUMENT", help="A document, such as DRAFT-mercy-2026-10 (with --check that of the pack)."),
    ] = None,
    workspace: WorkspaceOption = Path(),
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Where to write the pack.", dir_okay=False)
    ] = None,
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
    from commands.proved import checked_pack, proved

    if number is None and check is None:
        refuse("name a document, such as DRAFT-mercy-2026-10, or a pack to --check")
    found = checked_pack(workspace, number, check) if check is not None else proved(workspace, number or "", run, out)
    if as_json:
        show_json({"schema": "inforce.proved/1", **found.canonical()}, in_ascii=True)
    else:
        size = f"{found.path}  {len(found.data):,} bytes"
        show("\n".join([size, f"sha256 {found.sha256}", *(f"  {each}" for each in found.proved)]))


@app.command()
def overage(
    period: Annotated[str, typer.Argument(help="The last of the months, such as 2026-10.")],
    workspace: WorkspaceOption = Path(),
    months: Annotated[int, typer.Option("--months", min=1, max=24, help="How many months.")] = 3,
    account: Annotated[
        list[str] | None, typer.Option("--account", "-a", metavar="ACCOUNT", help="Only this account (repeatable).")
    ] = None,
    known_at: KnownAtOption = None,
    rules_at: RulesAtOption = None,
    activity_at: ActivityAtOption = None,
    at: AtOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print it as JSON.")] = False,
) -> None:
    """Show what accounts have included and what they use, month by month."""
    from commands.opened import AsOf
    from commands.overage import used
    from renderers.overage_text import render_overage

    names, found = used(workspace, AsOf(known_at, rules_at, activity_at, at), period, months, account or ())
    if as_json:
        accounts = [each.canonical() for each in found]
        show_json({"schema": "inforce.overage/1", "periods": names, "accounts": accounts}, in_ascii=True)
    else:
        show(render_overage(found))


if __name__ == "__main__":
    main()
