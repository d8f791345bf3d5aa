"""Known-at: which rule book and which activity were known, by a commit, a sequence, or a time that the archive's log resolves.

A time is never looked up in git, whose dates anybody can set: only the archive's own log says what was known when.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from engine.dates import parse_day
from engine.ports import Archive, Known
from engine.problems import InforceError
from engine.ratebook.history import History

_TIME = re.compile(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2})?(?:Z|[+-]\d{2}:\d{2})?)?", re.ASCII)


class KnowledgeError(InforceError):
    """What was known cannot be told."""


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What is known: a commit of the rule book (None: the files as they are) and a sequence of activity (None: likewise).

    `day` is an effective date: what is in force on that day applies to all activity, whenever it happened.
    """

    commit: str | None = None
    sequence: int | None = None
    day: date | None = None

    def __str__(self) -> str:
        rules = f"rules {self.commit[:12]}" if self.commit else "the rules as they are"
        activity = f"activity {self.sequence}" if self.sequence is not None else "the activity as it is"
        return f"{rules}, {activity}" + (f", as in force on {self.day}" if self.day else "")


def knowledge(
    archive: Archive,
    history: History | None,
    *,
    known_at: str | None = None,
    rules_at: str | None = None,
    activity_at: int | None = None,
    day: str | None = None,
) -> Knowledge:
    """What the options of a command say is known; `rules_at` and `activity_at` replace a part of `known_at`."""
    found = _known_at(archive, history, known_at) if known_at is not None else Knowledge()
    if rules_at is not None:
        found = replace(found, commit=_history(history).resolve(rules_at))
    if activity_at is not None:
        archive.taken(activity_at)
        found = replace(found, sequence=activity_at)
    return replace(found, day=parse_day(day)) if day is not None else found


def commit_at(archive: Archive, history: History | None, word: str) -> str:
    """The commit of the rule book that a ref names, or that was in use at a time."""
    if not _TIME.fullmatch(word):
        return _history(history).resolve(word)
    commit = _known_at(archive, history, word).commit
    if commit is None:
        raise KnowledgeError(f"at {word} the rule book was in no commit.\nName another time.")
    return commit


def _known_at(archive: Archive, history: History | None, word: str) -> Knowledge:
    if _TIME.fullmatch(word):
        entry = _entry_at(archive, word)
        if entry.commit is None:
            raise KnowledgeError(
                f"at {entry.time} the rule book was in no commit, so it cannot be known any more.\n"
                f"Commit rule books before they are used, or name another time."
            )
        return Knowledge(_history(history).resolve(entry.commit), entry.sequence)
    commit = _history(history).resolve(word)
    log = archive.log()
    with_it = [entry.sequence for entry in log if entry.commit == commit]
    if with_it or not log:
        return Knowledge(commit, with_it[-1] if with_it else None)
    newest = next((entry.commit for entry in reversed(log) if entry.commit is not None), None)
    if newest is None or _history(history).is_ancestor(newest, commit):
        return Knowledge(commit, None)  # newer than all that has been used: with it, all activity is known
    raise KnowledgeError(
        f"the archive's log has no entry with commit {commit[:12]}, so which activity was known with it cannot be told.\n"
        f"Say it: `--rules-at {word} --activity-at SEQUENCE`."
    )


def _entry_at(archive: Archive, word: str) -> Known:
    """The last entry of the log that is not later than a time; a day stands for its end, both in UTC unless the time says otherwise."""
    moment = _moment(word)
    log = archive.log()
    known = [entry for entry in log if _moment(entry.time) <= moment]
    if known:
        return known[-1]
    begins = f"begins at {log[0].time}" if log else "is empty"
    raise KnowledgeError(
        f"what was known at {word} is not recorded: the archive's log {begins}.\n"
        f"Name a later time, or a commit and a sequence: `--rules-at REF --activity-at SEQUENCE`."
    )


def _moment(word: str) -> datetime:
    try:
        if len(word) == 10:
            return datetime.combine(parse_day(word), datetime.min.time(), UTC) + timedelta(days=1)
        moment = datetime.fromisoformat(word)
    except ValueError as error:
        raise KnowledgeError(f"{word!r} is not a time.\nWrite it like 2026-11-05 or 2026-11-05T09:14Z.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _history(history: History | None) -> History:
    if history is None:
        raise KnowledgeError(
            "the workspace is not in a git repository, so it has no earlier rule books.\nCommit the rule book first."
        )
    return history
