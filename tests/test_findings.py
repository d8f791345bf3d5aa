"""Findings as they are printed."""

from engine.findings import render, render_github, render_json
from engine.problems import Problem, Source

PATH = "rates/geo/us-ca.yaml"
TEXT = """\
rates:
  - {geo: SF, from: 2026-12-01, rate: 70.00}

  - {geo: SF, from: 2026-12-01, rate: '71.00'}
"""


def shown(*problems: Problem, text: str | None = TEXT) -> str:
    return render(problems, lambda _: text)


def test_a_finding_shows_the_line_and_what_to_do() -> None:
    problem = Problem("R004", Source(PATH, 2, 6), "unknown field `geo`", "Did you mean `site`?", width=3)

    assert (
        shown(problem)
        == """\
error[R004]: unknown field `geo`
  --> rates/geo/us-ca.yaml:2:6
  |
2 |   - {geo: SF, from: 2026-12-01, rate: 70.00}
  |      ^^^
  = help: Did you mean `site`?"""
    )


def test_related_places_are_marked_with_dashes() -> None:
    first = (Source(PATH, 2, 21), "70.00 starts here")
    problem = Problem("R021", Source(PATH, 4, 21), "two rates are in force", "Keep one", width=10, related=(first,))

    assert (
        shown(problem)
        == """\
error[R021]: two rates are in force
  --> rates/geo/us-ca.yaml:4:21
  |
2 |   - {geo: SF, from: 2026-12-01, rate: 70.00}
  |                     ---------- 70.00 starts here
4 |   - {geo: SF, from: 2026-12-01, rate: '71.00'}
  |                     ^^^^^^^^^^
  = help: Keep one"""
    )


def test_a_quoted_text_is_underlined_with_its_quotes() -> None:
    assert "|                                       ^^^^^^^\n" in shown(Problem("R007", Source(PATH, 4, 39), "no", "Do", width=5))


def test_two_marks_on_one_line_show_the_line_once() -> None:
    problem = Problem("R009", Source("a", 1, 12), "twice", "Remove one", width=3, related=((Source("a", 1, 7), "the first"),))

    assert (
        shown(problem, text="key: [geo, geo]")
        == """\
error[R009]: twice
  --> a:1:12
  |
1 | key: [geo, geo]
  |       --- the first
  |            ^^^
  = help: Remove one"""
    )


def test_another_file_is_named() -> None:
    problem = Problem("R031", Source("a.yaml", 1, 1), "twice", "Remove one", related=((Source("b.yaml", 12, 4), "here too"),))
    files = {"a.yaml": "x: 1\n", "b.yaml": "\n" * 11 + "   y: 1\n"}

    assert (
        render([problem], files.get)
        == """\
error[R031]: twice
  --> a.yaml:1:1
   |
 1 | x: 1
   | ^
   ::: b.yaml:12:4
12 |    y: 1
   |    - here too
   = help: Remove one"""
    )


def test_without_a_place_or_a_file_there_is_no_excerpt() -> None:
    whole = Problem("R017", Source("a.yaml"), "the file is empty", "Fill it in", severity="warning")

    assert shown(whole) == "warning[R017]: the file is empty\n  --> a.yaml\n  = help: Fill it in"
    assert shown(Problem("R001", Source("a.yaml", 9, 1), "gone", "Put it back"), text=None) == (
        "error[R001]: gone\n  --> a.yaml:9:1\n  = help: Put it back"
    )


def test_findings_stand_in_the_order_of_their_places() -> None:
    places = [Source("b", 1, 1), Source("a", 10, 1), Source("a", 9, 5), Source("a", 9, 1)]
    found = [Problem("R001", place, "m", "r") for place in places]

    assert [line.strip() for line in shown(*found).splitlines() if "-->" in line] == [
        "--> a:9:1", "--> a:9:5", "--> a:10:1", "--> b:1:1",
    ]  # fmt: skip
    assert [(each["path"], each["line"], each["column"]) for each in render_json(found)] == [  # type: ignore[call-overload,index]
        ("a", 9, 1), ("a", 9, 5), ("a", 10, 1), ("b", 1, 1),
    ]  # fmt: skip


def test_a_long_line_is_cut_around_the_finding() -> None:
    text = "x" * 1_000_000 + "HERE" + "y" * 1_000_000
    lines = shown(Problem("R007", Source("a", 1, 1_000_001), "m", "r", width=4), text=text).splitlines()

    assert all(len(line) < 140 for line in lines)
    assert lines[3].index("HERE") == lines[4].index("^^^^")


def test_carets_stand_under_wide_letters_and_combining_ones() -> None:
    lines = shown(Problem("R007", Source("a", 1, 5), "m", "r", width=2), text="東e\u0301 xy").splitlines()

    assert lines[4] == "  |     ^^"


def test_nothing_in_a_file_can_steer_the_terminal() -> None:
    text = "a: \x1b[2J\u202e\u200b\ty"
    printed = shown(Problem("R012", Source("a\x1b", 1, 4), "bad \u202e", "drop \x1b[1m"), text=text)

    assert not {"\x1b", "\u202e", "\u200b", "\t"} & set(printed)


def test_json_tells_everything() -> None:
    problem = Problem("R022", Source("a", 3, 1), "twice", "Keep one", width=2, related=((Source("a", 1, 1), "the first"),))

    assert render_json([problem]) == [
        {
            "code": "R022",
            "severity": "error",
            "path": "a",
            "line": 3,
            "column": 1,
            "width": 2,
            "message": "twice",
            "help": "Keep one",
            "related": [{"path": "a", "line": 1, "column": 1, "message": "the first"}],
        }
    ]


def test_github_is_told_in_workflow_commands() -> None:
    """As its documentation asks: `%`, CR and LF escaped everywhere, `:` and `,` in properties, too."""
    odd = "rates/a,b:c%.yaml"
    first = (Source(PATH, 2, 21), "the first")
    problems = [
        Problem("R034", Source(PATH, 4, 9), "70 % of\r\nwhat: a, b", "Write 70.00", "warning", 4, (first,)),
        Problem("R036", Source(odd), "there is no such file", "Add it"),
    ]

    assert render_github(problems).split("\n") == [
        "::error file=rates/a%2Cb%3Ac%25.yaml,title=R036::there is no such file. Add it.",
        "::warning file=rates/geo/us-ca.yaml,line=4,col=9,endColumn=13,title=R034::"
        "70 %25 of%0D%0Awhat: a, b. Write 70.00.%0Arates/geo/us-ca.yaml:2:21: the first",
    ]
