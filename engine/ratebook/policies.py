"""Policies are decided by durable-rules, in a cage: it is asked once per signature, and its every decision is proved.

What 2.0.28 does wrong when it is used freely was measured: wrapped priorities, swallowed errors, crashes, shared sessions.
So it sees facts of zeros and ones only, ranks 1..n, one session, one fact at a time, no timer threads and no chaining.
The rules it fired, in its order, make the answer. That sequence must be what the bits ask for, and the whole decision what
`resolver` decides; otherwise the run stops.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.problems import InforceError, nearest
from engine.ratebook import resolver
from engine.ratebook.resolver import Decision, Slot, SlotError, SlotRule, UndecidedError

RULES_MAX = 200  # 520 rules on one property never finish compiling, 100 crashed with delete_state; 400 were seen to work
ATOMS_MAX = 60  # a signature is a signed 64-bit whole number

Ruleset = dict[str, Any]  # the JSON of durable-rules: {rule: {"all": [...], "run": name, "pri": n}}
SINK = "end"  # matches every fact and fires last, so a fact without a rule is no error and a cut-off run is noticed


class DecisionMismatchError(InforceError):
    """durable-rules and the plain reading of the rules decide differently; no figure may rest on either."""

    def __init__(self, slot: Slot, bits: int, durable: str, reference: str) -> None:
        super().__init__(
            f"policy {slot.name!r}, signature {bits:#b}: durable-rules and the reference disagree.\n"
            f"  the case:      {resolver.readable(slot, bits)}\n"
            f"  durable-rules: {durable}\n"
            f"  reference:     {reference}\n"
            f"The run stops and nothing it decided is used. Report this text with the commit of the rule book."
        )


class DecisionEngineError(InforceError):
    """durable-rules failed while it decided."""

    def __init__(self, what: str) -> None:
        self.what = what
        super().__init__(f"durable-rules failed: {what}.\nThe run stops. Run it again; if it fails again, report this text.")


class Decider:
    """Decides the slots of one rule book. One for a process and rule book: rulesets are not freed. Not for several threads."""

    def __init__(self, slots: Sequence[Slot], *, reference: Callable[[Slot, int], Decision] = resolver.resolve) -> None:
        for slot in slots:
            if sum(slot.name == other.name for other in slots) > 1:
                raise SlotError(slot.name, "it stands twice", "Decide each question in one file")
        self._compiled = {slot.name: _compiled(slot, f"slot{i}") for i, slot in enumerate(slots)}
        self._cage = _Cage({each.key: each.ruleset() for each in self._compiled.values()})
        self._reference = reference
        self._decided: dict[tuple[str, int], Decision] = {}
        self._asked = 0

    @property
    def asked(self) -> int:
        """How many decisions durable-rules has made; a signature seen before costs none."""
        return self._asked

    def decide(self, slot_name: str, bits: int) -> Decision:
        """Return the proved decision of a slot for a signature; raise UndecidedError when it is not one answer."""
        known = self._decided.get((slot_name, bits))
        if known is None:
            if slot_name not in self._compiled:
                remedy = f"Correct the name; {nearest(slot_name, self._compiled)}".rstrip("; ")
                raise SlotError(slot_name, "it is not in this rule book", remedy)
            known = self._decided[slot_name, bits] = self._prove(self._compiled[slot_name], bits)
        return resolver.settled(self._compiled[slot_name].slot, known)

    def _prove(self, compiled: _Compiled, bits: int) -> Decision:
        slot = compiled.slot
        try:
            reference = self._reference(slot, bits)
        except UndecidedError as undecided:
            reference = undecided.decision
        self._asked += 1
        fired = self._fire(compiled, bits)
        wanted = compiled.wanted(bits)
        if fired != wanted:
            raise DecisionMismatchError(slot, bits, f"fired {', '.join(fired)}", f"the bits ask for {', '.join(wanted)}")
        decision = compiled.decision(fired, bits)
        if decision != reference:
            raise DecisionMismatchError(slot, bits, _in_words(decision), _in_words(reference))
        return decision

    def _fire(self, compiled: _Compiled, bits: int) -> tuple[str, ...]:
        """The actions durable-rules ran for a signature, in its order. Tests plant differences here."""
        return self._cage.fire(compiled.key, compiled.fact(bits))


def trial_compile(slots: Sequence[Slot], seconds: int = 20) -> None:
    """Compile and fire every rule in a child process, so that a hang or a crash of durable-rules becomes a SlotError."""
    compiled = [_compiled(slot, f"slot{i}") for i, slot in enumerate(slots)]
    every = [(each, (1 << len(each.slot.atoms)) - 1) for each in compiled]
    trials = [(each.key, each.ruleset(), each.fact(bits), each.wanted(bits)) for each, bits in every]
    failure = try_apart(trials, seconds)
    if failure is not None:
        reached, what = failure
        name = slots[max(reached, 0)].name
        raise SlotError(name, f"durable-rules cannot compile it: {what}", "Split the policy, and report this text")


# --- how a slot becomes a ruleset ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Compiled:
    """A slot as durable-rules sees it. Rules are named by their rank: ids and names of ours never reach it."""

    slot: Slot
    key: str
    rules: Mapping[str, SlotRule]  # the name of an action -> its rule, in rank order
    masks: Mapping[str, int]
    beats: Mapping[str, frozenset[str]]  # the id of a rule -> the ids it overrides, over any number of steps

    def ruleset(self) -> Ruleset:
        sink = len(self.slot.atoms)
        atoms = {**{name: sorted(set(rule.atoms)) for name, rule in self.rules.items()}, SINK: [sink]}
        tests = {name: [{f"p{i}": 1} for i in held] for name, held in atoms.items()}
        return {
            name: {"all": [{"m": {"$and": test} if test[1:] else test[0]}], "run": name, "pri": pri}
            for pri, (name, test) in enumerate(tests.items(), start=1)
        }

    def fact(self, bits: int) -> dict[str, int]:
        sink = len(self.slot.atoms)
        return {f"p{i}": bits >> i & 1 for i in range(sink)} | {f"p{sink}": 1}

    def wanted(self, bits: int) -> tuple[str, ...]:
        return (*(name for name, mask in self.masks.items() if bits & mask == mask), SINK)

    def decision(self, actions: Sequence[str], bits: int) -> Decision:
        fired = [self.rules[name] for name in actions if name != SINK]
        standing: dict[str, SlotRule] = {}
        for rule in fired:  # in ascending rank: an exception comes after its rule and takes its place
            for loser in self.beats[rule.id]:
                standing.pop(loser, None)
            standing[rule.id] = rule
        answers = [rule.answer for rule in standing.values()]
        if not fired and self.slot.otherwise is not None:
            answers = [self.slot.otherwise]
        return Decision(
            slot=self.slot.name,
            bits=bits,
            answers=tuple(dict.fromkeys(answers)),
            fired=tuple(rule.id for rule in fired),
            not_fired=tuple(
                (rule.id, tuple(self.slot.atoms[i] for i in rule.atoms if not bits >> i & 1))
                for name, rule in self.rules.items()
                if name not in actions
            ),
            beaten=tuple(rule.id for rule in fired if rule.id not in standing),
        )


def _compiled(slot: Slot, key: str) -> _Compiled:
    if len(slot.rules) > RULES_MAX:
        raise SlotError(slot.name, f"{len(slot.rules)} rules, at most {RULES_MAX} are safe", "Split the policy in two")
    if len(slot.atoms) > ATOMS_MAX:
        what = f"{len(slot.atoms)} predicates, at most {ATOMS_MAX} fit a signature"
        raise SlotError(slot.name, what, "Make what differs by customer a term or an override, or split the policy")
    beats: dict[str, frozenset[str]] = {}
    for rule in resolver.rank(slot):
        beats[rule.id] = frozenset(rule.overrides).union(*(beats[other] for other in rule.overrides))
    rules = {f"r{i}": rule for i, rule in enumerate(resolver.rank(slot), start=1)}
    masks = {name: sum(1 << atom for atom in set(rule.atoms)) for name, rule in rules.items()}
    return _Compiled(slot, key, rules, masks, beats)


def _in_words(decision: Decision) -> str:
    missing = "; ".join(f"{rule} lacks {', '.join(atoms) or 'nothing'}" for rule, atoms in decision.not_fired)
    parts = (decision.answers, decision.fired, decision.beaten)
    answers, fired, beaten = (", ".join(part) or "nothing" for part in parts)
    return f"answers {answers} (fired {fired}; beaten {beaten}; {missing or 'every rule fired'})"


# --- durable-rules itself -----------------------------------------------------------------------------------------------


class _Cage:
    """One durable-rules host, asked about one fact at a time."""

    def __init__(self, rulesets: Mapping[str, Ruleset]) -> None:
        from durable import engine as durable  # here, because it is a C extension and few commands need it

        fired: list[str] = []

        class QuietHost(durable.Host):  # type: ignore[misc]  # durable ships no types
            def _run(self) -> None:
                """Start no timer threads: they would run actions beside us."""

            def get_action(self, name: str) -> Callable[[object], None]:
                return lambda _context: fired.append(name)  # a second parameter would make it asynchronous

        self._fired = fired
        failed = durable.durable_rules_engine.error
        self._errors = (failed, durable.MessageNotHandledException, durable.MessageObservedException)
        try:
            self._host = QuietHost(deepcopy(dict(rulesets)))  # the host takes the actions out of what it is given
        except failed as failure:
            raise DecisionEngineError(str(failure)) from failure

    def fire(self, ruleset: str, fact: Mapping[str, int]) -> tuple[str, ...]:
        """Return the actions a fact runs, in order; the fact is gone afterwards."""
        sent = {"id": "1", "sid": "0", **fact}  # always the same id: a fact that was left behind is refused
        self._fired.clear()
        try:
            state = self._host.assert_fact(ruleset, sent)
            self._host.retract_fact(ruleset, sent)
        except self._errors as failure:
            raise DecisionEngineError(f"{type(failure).__name__} {failure}") from failure
        if not state or state.get("exception"):  # it swallows what an action raises
            raise DecisionEngineError(state["exception"] if state else "no rule ran")
        return tuple(self._fired)


Trial = tuple[str, Ruleset, Mapping[str, int], Sequence[str]]  # key, ruleset, fact, the actions it must run


def try_apart(trials: Sequence[Trial], seconds: int) -> tuple[int, str] | None:
    """Run trials in a child process; return which one failed and how, or None. A crash or a hang there leaves us alive."""
    paths = os.pathsep.join(str(Path(path).absolute()) for path in sys.path)
    command = [sys.executable, "-P", "-c", f"from {__name__} import answer_trials; answer_trials()"]
    with subprocess.Popen(  # noqa: S603 - our own interpreter and text
        command,
        env={**os.environ, "PYTHONPATH": paths},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            done, errors = child.communicate(json.dumps(trials), timeout=seconds)
            what = errors.strip().splitlines()[-1:] or [f"it failed with status {child.returncode}"]
            if child.returncode < 0:
                what = [f"it crashed with {signal.Signals(-child.returncode).name}"]
        except subprocess.TimeoutExpired:
            child.kill()
            done, _ = child.communicate()
            what = [f"it did not finish in {seconds} seconds"]
    reached = done.count("\n") - 1  # a line for each trial begun
    return None if child.returncode == 0 else (reached, what[0])


def answer_trials() -> None:
    """Be the child of `try_apart`: read trials, say which one begins, fail as loudly as it fails."""
    for key, ruleset, fact, wanted in json.load(sys.stdin):
        sys.stdout.write(f"{key}\n")
        sys.stdout.flush()
        try:
            fired = _Cage({key: ruleset}).fire(key, fact)
        except DecisionEngineError as failure:
            sys.exit(failure.what)
        if list(fired) != list(wanted):
            sys.exit(f"it fired {', '.join(fired)} instead of {', '.join(wanted)}")
