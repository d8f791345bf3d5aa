"""Policies: the reference resolver, durable-rules in its cage, and the proof that they agree."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.problems import InforceError
from engine.ratebook import policies, resolver
from engine.ratebook.policies import ATOMS_MAX, RULES_MAX, Decider, DecisionEngineError, DecisionMismatchError, trial_compile
from engine.ratebook.resolver import Decision, Mode, Slot, SlotError, SlotRule, UndecidedError, rank, resolve

CANCELLED, LATE, MARKED, DONE = (1 << n for n in range(4))
BILLABLE = Slot(
    "billable",
    "overrides",
    ("status is cancelled", "notice is less than 24h", "mark_billable is yes", "status is completed"),
    (
        SlotRule("marked", (0, 2), "scheduled", ("late",)),
        SlotRule("late", (0, 1), "fixed 2h", ("cancelled",)),
        SlotRule("cancelled", (0,), "none", ()),
        SlotRule("completed", (3,), "worked", ()),
    ),
    None,
)
PREMIUMS = Slot(
    "premiums",
    "collect",
    ("at night", "on a weekend", "on a holiday"),
    (
        SlotRule("holiday", (2,), "holiday", ("weekend",)),
        SlotRule("night", (0,), "night", ()),
        SlotRule("night-again", (0, 1), "night", ()),
        SlotRule("weekend", (1,), "weekend", ()),
    ),
    None,
)
AGREE = Slot(
    "tax",
    "must-agree",
    ("in NY", "staffing"),
    (SlotRule("ny", (0,), "exempt", ()), SlotRule("staff", (1,), "taxed", ())),
    "taxed",
)


def outcome(decide: Callable[[], Decision]) -> Decision | str:
    try:
        return decide()
    except UndecidedError as error:
        return str(error)


@st.composite
def slots(draw: st.DrawFn) -> Slot:
    atoms = draw(st.integers(1, 5))
    ids = [f"rule {n}" for n in range(draw(st.integers(0, 8)))]
    order = draw(st.permutations(ids))  # a rule overrides only rules before it here, so there is no loop
    mode = draw(st.sampled_from(get_args(Mode)))
    rules = [
        SlotRule(
            one,
            tuple(draw(st.lists(st.integers(0, atoms - 1), min_size=1, max_size=4))),
            draw(st.sampled_from("abc")),
            () if mode == "must-agree" else tuple(other for other in order[: order.index(one)] if draw(st.integers(0, 3)) == 0),
        )
        for one in ids
    ]
    otherwise = draw(st.none() | st.just("otherwise"))
    return Slot("random$state", mode, tuple(f"atom {n}" for n in range(atoms)), tuple(rules), otherwise)


# --- the reference resolver ---------------------------------------------------------------------------------------------


def test_the_exception_beats_the_rule_and_the_trace_says_so() -> None:
    assert resolve(BILLABLE, CANCELLED | LATE) == Decision(
        slot="billable",
        bits=0b0011,
        answers=("fixed 2h",),
        fired=("cancelled", "late"),
        not_fired=(("marked", ("mark_billable is yes",)), ("completed", ("status is completed",))),
        beaten=("cancelled",),
    )


def test_overrides_reach_through_a_rule_that_did_not_fire() -> None:
    decision = resolve(BILLABLE, CANCELLED | MARKED)

    assert decision.answers == ("scheduled",)
    assert decision.beaten == ("cancelled",)


def test_rules_rank_by_overrides_and_then_as_in_the_file() -> None:
    assert [rule.id for rule in rank(BILLABLE)] == ["cancelled", "late", "marked", "completed"]
    assert [rule.id for rule in rank(PREMIUMS)] == ["night", "night-again", "weekend", "holiday"]


def test_collect_gives_the_distinct_answers_that_stand_in_rank_order() -> None:
    assert resolve(PREMIUMS, 0b111).answers == ("night", "holiday")
    assert resolve(PREMIUMS, 0b011).answers == ("night", "weekend")
    assert resolve(PREMIUMS, 0).answers == ()
    assert resolve(replace(PREMIUMS, otherwise="base"), 0).answers == ("base",)


def test_nothing_matches() -> None:
    assert resolve(AGREE, 0).answers == ("taxed",)
    with pytest.raises(
        UndecidedError, match=r"'billable': no rule matches.\nThe case: notice is less than 24h; not: status is canc"
    ):
        resolve(BILLABLE, LATE)


def test_rules_that_must_agree_may_not_differ() -> None:
    same = replace(AGREE, rules=tuple(replace(rule, answer="taxed") for rule in AGREE.rules))

    assert resolve(same, 0b11).answers == ("taxed",)
    with pytest.raises(UndecidedError, match=r"must agree do not: ny \(exempt\), staff \(taxed\)"):
        resolve(AGREE, 0b11)


def test_two_unranked_rules_may_not_differ() -> None:
    with pytest.raises(UndecidedError, match=r"none overrides the other: late \(fixed 2h\), completed \(worked\)"):
        resolve(BILLABLE, CANCELLED | LATE | DONE)


def test_a_loop_is_named() -> None:
    rules = (
        SlotRule("x", (0,), "x", ("c",)),
        SlotRule("a", (0,), "a", ("b",)),
        SlotRule("b", (0,), "b", ("c",)),
        SlotRule("c", (0,), "c", ("a",)),
    )
    with pytest.raises(SlotError, match="loop: c overrides a overrides b overrides c"):
        rank(Slot("looped", "overrides", ("always",), rules, None))


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (SlotRule("new", (), "x", ()), "'new' has no predicate"),
        (SlotRule("new", (2,), "x", ()), "'new' names a predicate that is not there"),
        (SlotRule("ny", (0,), "x", ()), "'ny' stands twice"),
        (
            SlotRule("new", (0,), "x", ("staf",)),
            "overrides 'staf', which is not a rule here.\nCorrect or remove it; did you mean 'staff'",
        ),
        (SlotRule("new", (0,), "x", ("staff",)), "all must agree"),
        (SlotRule("new", (0,), "x", ("new",)), "all must agree"),
    ],
)
def test_a_slot_with_a_broken_rule_is_refused(rule: SlotRule, words: str) -> None:
    broken = replace(AGREE, rules=(*AGREE.rules, rule))

    for refuse in (rank, lambda slot: Decider([slot]), lambda slot: trial_compile([slot])):
        with pytest.raises(SlotError, match=words):
            refuse(broken)


def test_a_signature_of_another_slot_is_refused() -> None:
    for bits in (0b100, -1):
        with pytest.raises(SlotError, match="does not fit 2 predicates"):
            Decider([AGREE]).decide("tax", bits)


# --- durable-rules in its cage ------------------------------------------------------------------------------------------


@given(slots())
@settings(max_examples=150)
def test_durable_rules_decides_what_the_reference_decides(slot: Slot) -> None:
    decider = Decider([slot])

    for bits in range(1 << len(slot.atoms)):
        assert outcome(partial(decider.decide, slot.name, bits)) == outcome(partial(resolve, slot, bits))


def test_a_signature_is_asked_once_even_if_undecided() -> None:
    decider = Decider([BILLABLE, PREMIUMS])

    for _ in range(3):
        assert decider.decide("billable", CANCELLED).answers == ("none",)
        assert decider.decide("premiums", CANCELLED).answers == ("night",)
        with pytest.raises(UndecidedError) as refused:
            decider.decide("billable", 0)

    assert refused.value.decision.answers == ()
    assert decider.asked == 3


def test_an_unknown_policy_is_refused() -> None:
    with pytest.raises(SlotError, match=r"'bilable': it is not in this rule book.\nCorrect the name; did you mean 'billable'"):
        Decider([BILLABLE]).decide("bilable", 0)
    with pytest.raises(SlotError, match="stands twice"):
        Decider([BILLABLE, BILLABLE])


class Dropping(Decider):
    def _fire(self, compiled: policies._Compiled, bits: int) -> tuple[str, ...]:
        fired = super()._fire(compiled, bits)
        return (*fired[:-2], fired[-1])


class Reversing(Decider):
    def _fire(self, compiled: policies._Compiled, bits: int) -> tuple[str, ...]:
        *fired, end = super()._fire(compiled, bits)
        return (*fired[::-1], end)


class CutOff(Decider):
    def _fire(self, compiled: policies._Compiled, bits: int) -> tuple[str, ...]:
        return super()._fire(compiled, bits)[:-1]


@pytest.mark.parametrize("faulty", [Dropping, Reversing, CutOff])
def test_a_firing_that_differs_stops_the_run(faulty: type[Decider]) -> None:
    with pytest.raises(
        DecisionMismatchError, match=r"'billable', signature 0b11: .*\n.*\n.*fired .*\n.*r1, r2, end\nThe run stops"
    ):
        faulty([BILLABLE]).decide("billable", CANCELLED | LATE)


@pytest.mark.parametrize(
    "wrong",
    [
        {"answers": ("worked",)},
        {"answers": ("none", "fixed 2h")},
        {"fired": ("late", "cancelled")},
        {"beaten": ()},
        {"not_fired": ()},
        {"bits": 1},
    ],
    ids=str,
)
def test_a_reference_that_differs_stops_the_run(wrong: dict[str, Any]) -> None:
    decider = Decider([BILLABLE], reference=lambda slot, bits: replace(resolve(slot, bits), **wrong))

    for _ in range(2):
        with pytest.raises(DecisionMismatchError, match="disagree"):
            decider.decide("billable", CANCELLED | LATE)


def test_a_mismatch_shows_both_answers() -> None:
    decider = Decider(
        [BILLABLE], reference=lambda slot, bits: resolver.settled(slot, replace(resolve(slot, bits), answers=("x",)))
    )

    with pytest.raises(DecisionMismatchError) as stopped:
        decider.decide("billable", CANCELLED | LATE)

    assert "durable-rules: answers fixed 2h (fired cancelled, late; beaten cancelled;" in str(stopped.value)
    assert "reference:     answers x (fired cancelled, late; beaten cancelled;" in str(stopped.value)


def test_an_answer_where_durable_rules_has_none_stops_the_run() -> None:
    generous = Decider([BILLABLE], reference=lambda slot, bits: Decision(slot.name, bits, ("worked",), (), (), ()))

    with pytest.raises(DecisionMismatchError):
        generous.decide("billable", 0)


def test_an_action_that_fails_stops_the_run() -> None:
    cage = policies._Cage({"s": {"r1": {"all": [{"m": {"p0": 1}}], "run": "r1", "pri": 1}}})
    cage._host.get_ruleset("s")._actions["r1"]._func = lambda _context: int("lost")

    with pytest.raises(DecisionEngineError, match="exception caught invalid literal"):
        cage.fire("s", {"p0": 1})
    with pytest.raises(DecisionEngineError, match="MessageNotHandledException"):
        cage.fire("s", {"p0": 0})


def test_a_fact_that_was_left_behind_stops_the_run() -> None:
    cage = policies._Cage({"s": {"r1": {"all": [{"m": {"p0": 1}}], "run": "r1", "pri": 1}}})
    cage._host.assert_fact("s", {"id": "1", "sid": "0", "p0": 1})

    with pytest.raises(DecisionEngineError, match="MessageObservedException"):
        cage.fire("s", {"p0": 1})


def test_the_limits_are_refused_and_just_below_them_works() -> None:
    atoms = tuple(f"atom {n}" for n in range(ATOMS_MAX))
    full = Slot(
        "full", "collect", atoms, tuple(SlotRule(f"rule {n}", (0, n % ATOMS_MAX), "a", ()) for n in range(RULES_MAX)), None
    )

    assert len(Decider([full]).decide("full", (1 << ATOMS_MAX) - 1).fired) == RULES_MAX
    trial_compile([full, BILLABLE])
    for refuse in (lambda slot: Decider([slot]), lambda slot: trial_compile([slot])):
        with pytest.raises(SlotError, match="201 rules, at most 200 are safe"):
            refuse(replace(full, rules=(*full.rules, SlotRule("one more", (0,), "a", ()))))
        with pytest.raises(SlotError, match="61 predicates, at most 60 fit"):
            refuse(replace(full, atoms=(*atoms, "one more")))


def test_an_empty_rule_book_and_an_empty_slot_decide() -> None:
    trial_compile([])
    assert Decider([Slot("empty", "overrides", (), (), "none")]).decide("empty", 0).answers == ("none",)


def test_two_deciders_in_one_process_do_not_mix() -> None:
    one, two = Decider([BILLABLE]), Decider([replace(BILLABLE, rules=BILLABLE.rules[2:])])

    for bits in (CANCELLED, CANCELLED | LATE, DONE):
        assert one.decide("billable", bits) == resolve(BILLABLE, bits)
        assert two.decide("billable", bits).fired == (("completed",) if bits == DONE else ("cancelled",))


@pytest.mark.slow
def test_five_thousand_decisions_are_stable() -> None:
    rules = tuple(SlotRule(f"rule {n}", (n % 13, n * 7 % 13), f"{n % 5}", (f"rule {n - 3}",) if n > 2 else ()) for n in range(30))
    slot = Slot("many", "collect", tuple(f"atom {n}" for n in range(13)), rules, None)
    decider = Decider([slot])

    for bits in range(5000):
        decider.decide("many", bits)

    assert decider.asked == 5000


# --- trials in a child process ------------------------------------------------------------------------------------------

FIRES = {"all": [{"m": {"p0": 1}}], "run": "r1", "pri": 1}


@pytest.mark.parametrize(
    ("ruleset", "words"),
    [
        ({f"r{n}": {"all": [{"m": {"p0": n}}], "run": "r1", "pri": 1} for n in range(600)}, "did not finish in 3 seconds"),
        ({"r1": FIRES | {"all": [{"m": {"$gt": {"p0": {"$div": {"$l": {"$m": "p0"}, "$r": 0}}}}}]}}, "crashed with SIGFPE"),
        ({"r1": FIRES | {"all": [{"m": {"p0": {"$what": 1}}}]}}, "Could not create ruleset"),
        ({"r1": FIRES, "r2": FIRES | {"run": "r2", "pri": 65536}}, "it fired r2, r1 instead of r1"),
    ],
    ids=["hang", "crash", "malformed", "wrapped priority"],
)
def test_a_ruleset_that_hangs_or_crashes_is_found_out_of_process(ruleset: policies.Ruleset, words: str) -> None:
    found = policies.try_apart(
        [("fine", {"r1": FIRES}, {"p0": 1}, ["r1"]), ("bad", ruleset, {"p0": 1}, ["r1"])], 3 if "3" in words else 60
    )

    assert found is not None
    assert found[0] == 1
    assert words in found[1]


def test_a_trial_that_fails_names_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "try_apart", lambda _trials, _seconds: (1, "it crashed with SIGFPE"))

    with pytest.raises(SlotError, match="'premiums': durable-rules cannot compile it: it crashed with SIGFPE"):
        trial_compile([BILLABLE, PREMIUMS])


def test_a_trial_does_not_import_from_the_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "engine").mkdir()
    (tmp_path / "engine" / "__init__.py").write_text("raise SystemExit('the wrong engine')")
    monkeypatch.chdir(tmp_path)

    trial_compile([BILLABLE])


def test_durable_rules_is_loaded_only_when_a_decider_is_made() -> None:
    script = "import sys, engine.ratebook.policies; sys.exit('durable' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[2], check=False).returncode == 0


def test_every_error_here_ends_without_a_traceback() -> None:
    assert all(issubclass(each, InforceError) for each in (SlotError, UndecidedError, DecisionMismatchError, DecisionEngineError))
