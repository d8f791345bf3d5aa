"""The rule book at any commit, read straight from git's objects: no checkout, no network, nothing that the machine is set to.

Only plumbing commands are asked, whose answers no configuration changes. Replace refs are ignored, since they could put other content
behind a recorded commit, and objects that a partial clone left out are missing, not fetched.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from engine.problems import InforceError, Problem, ProblemsFound, Source, nearest
from engine.ratebook.files import FOLDERS, NoRuleBookError, belongs, misnamed

# What says where a repository is, and would lead git away from the folder it is asked about; a git hook sets these.
_ELSEWHERE = frozenset({"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_PREFIX", "GIT_COMMON_DIR", "GIT_NAMESPACE"})
_SETTINGS = {
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
# `@{yesterday}` asks git's own log, whose times can be set to anything; numbers and upstream branches are no times.
_BY_TIME = re.compile(r"@\{(?!-?[0-9]{1,6}\}|u\}|upstream\}|push\})")
_LIKE_A_TIME = re.compile(r"[0-9]{4}-|[0-9][:/][0-9]|day|ago$")
_POINTER = b"version https://git-lfs.github.com/spec/"
_FIELDS = "%H%x00%T%x00%P%x00%an%x00%ae%x00%cn%x00%ce%x00%s%x00%(trailers:only,unfold)"


class HistoryError(InforceError):
    """The history lacks what is asked for, or the folder has none."""


@dataclass(frozen=True, slots=True)
class Trailer:
    """A line at the end of a commit message, such as `Approved-by: M. Lee`."""

    word: str
    value: str


@dataclass(frozen=True, slots=True)
class CommitRecord:
    """What a commit says of itself. Its dates are left out: anybody can set them."""

    id: str
    tree: str
    parents: tuple[str, ...]
    author: str
    author_email: str
    committer: str
    committer_email: str
    subject: str
    trailers: tuple[Trailer, ...]

    def says(self, word: str) -> tuple[str, ...]:
        """The values of all trailers of one word, whatever its case."""
        return tuple(each.value for each in self.trailers if each.word.lower() == word.lower())


@dataclass(frozen=True, slots=True)
class PathChange:
    """A file of the workspace that differs between two commits: its path before and after, None where it is not there."""

    before: str | None
    after: str | None

    @property
    def is_rename(self) -> bool:
        """Whether only its name differs."""
        return self.before is not None and self.after is not None and self.before != self.after


@dataclass(frozen=True, slots=True)
class State:
    """The commit and tree that a workspace is at; `dirty` if its rule book differs from them. Outside git both are None."""

    commit: str | None
    tree: str | None
    dirty: bool


class History:
    """The git history of a workspace, which may be a folder inside a repository, or a bare repository."""

    def __init__(self, folder: Path, prefix: str, *, bare: bool) -> None:
        self.folder, self.prefix, self.bare = folder, prefix, bare

    @classmethod
    def open(cls, folder: Path) -> History:
        """The history of a workspace; refuses a folder that git knows nothing of."""
        found = cls.find(folder)
        if found is None:
            raise HistoryError(
                f"{folder} is not in a git repository, so it has no earlier rule books.\nCommit the rule book: `git init`, `git add`, `git commit`."
            )
        return found

    @classmethod
    def find(cls, folder: Path) -> History | None:
        """The history of a workspace, if it has one."""
        if not folder.is_dir():
            return None
        told = _run(folder, "rev-parse", "--is-bare-repository")
        if told is None or b"not a git repository" in told.stderr:
            return None
        if told.returncode:  # such as a repository of somebody else, which git does not trust
            raise HistoryError(f"{folder}: git refuses the repository.\n{told.stderr.decode('utf-8', 'replace').strip()}")
        bare = told.stdout
        prefix = "" if bare.strip() == b"true" else (_ask(folder, "rev-parse", "--show-prefix") or b"").decode().strip()
        return cls(folder, prefix, bare=bare.strip() == b"true")

    def state(self) -> State:
        """Where the workspace is now."""
        head = self._say("rev-parse", "--verify", "-q", "HEAD")
        if head is None:
            return State(None, None, False)
        changes = (
            None if self.bare else self._must("status", "--porcelain", "--untracked-files=all", "--no-renames", "--", *FOLDERS)
        )
        return State(head, self._say("rev-parse", "HEAD^{tree}"), bool(changes))

    def resolve(self, ref: str) -> str:
        """The id of the commit that a ref names: a branch, a tag, an id or the beginning of one."""
        if _BY_TIME.search(ref):
            raise HistoryError(
                f"{ref!r} asks git what was when, and dates in git can be set to anything.\n"
                f"Name a commit, or give a time: it is looked up in the archive."
            )
        found = self._say("rev-parse", "--verify", "-q", "--end-of-options", f"{ref}^{{commit}}") if ref else None
        if found is not None and self._say("cat-file", "-e", found) is not None:
            return found
        raise HistoryError(self._why_missing(ref))

    def commit(self, ref: str) -> CommitRecord:
        """What a commit says of itself."""
        return self.records([self.resolve(ref)])[0]

    def records(self, commits: Sequence[str]) -> list[CommitRecord]:
        """What some commits say of themselves, in the order given."""
        if not commits:
            return []
        told = self._must(
            "log",
            "--no-walk=unsorted",
            "--no-show-signature",
            "--no-notes",
            "--encoding=UTF-8",
            f"--format=tformat:{_FIELDS}%x1e",
            *commits,
            "--",
        )
        return [_record(part) for part in told.decode("utf-8", "replace").split("\x1e") if part.strip()]

    def files_at(self, ref: str) -> dict[str, bytes]:
        """The rule files of a commit by their paths in the workspace, as `read_workspace_files` reads them from a folder."""
        commit = self.resolve(ref)
        listed = self._must("ls-tree", "-r", "-z", "--full-tree", commit, "--", *(self.prefix + each for each in FOLDERS))
        problems: list[Problem] = []
        wanted: dict[str, str] = {}
        for line in listed.decode("utf-8", "replace").split("\0"):
            if not line:
                continue
            entry, _, path = line.partition("\t")
            mode, kind, blob = entry.split()
            shown = path.removeprefix(self.prefix)
            if not belongs(shown):
                continue
            what = _refusal(mode, kind, shown)
            if what is not None:
                problems.append(Problem(what[0], Source(shown), what[1], what[2]))
            elif shown.endswith(".yaml"):
                wanted[shown] = blob
        contents = self._blobs(wanted.values(), commit)
        files = {path: contents[blob] for path, blob in wanted.items()}
        problems += [
            Problem("R001", Source(path), "the commit holds a pointer of Git LFS, not the file", "Keep rule files in git itself")
            for path, data in files.items()
            if data.startswith(_POINTER)
        ]
        if problems:
            raise ProblemsFound(problems)
        if not files:
            raise NoRuleBookError(
                f"commit {commit[:12]} holds no rule book: there are no .yaml files in rates/ or rules/.\nName a commit that has them."
            )
        return dict(sorted(files.items()))

    def read_at(self, ref: str, path: str) -> bytes | None:
        """One file of the workspace at a commit; None if it is not there."""
        return self._ask("cat-file", "blob", f"{self.resolve(ref)}:{self.prefix}{path}")

    def chain(self, ref: str, paths: Iterable[str]) -> dict[str, bytes]:
        """What proves which files a commit holds: the commit and the trees on the way to them, by id, each with git's own header.

        The hash of an object with its header is its id, and a tree names what is in it, so nobody needs git to follow them.
        """
        commit = self.resolve(ref)
        body = self._blobs([commit], commit)[commit]
        found = {commit: b"commit %d\0" % len(body) + body}
        level = {body.split(b"\n", 1)[0].split()[1].decode(): [(self.prefix + path).split("/") for path in paths]}
        while level:
            trees = self._blobs(level, commit)
            deeper: dict[str, list[list[str]]] = {}
            for tree, wanted in level.items():
                found[tree] = b"tree %d\0" % len(trees[tree]) + trees[tree]
                inside = _tree(trees[tree], len(tree) // 2)
                for name, *rest in wanted:
                    if rest:
                        deeper.setdefault(inside[name], []).append(rest)
            level = deeper
        return found

    def merge_base(self, one: str, other: str) -> str:
        """The newest commit that two have in common."""
        found = self._say("merge-base", self.resolve(one), self.resolve(other))
        if found is None:
            why = " (this clone is shallow: `git fetch --unshallow` brings the rest)" if self.is_shallow() else ""
            raise HistoryError(f"{one} and {other} have no commit in common{why}.\nName commits of one history.")
        return found

    def base(self, tip: str = "HEAD") -> str:
        """The commit that work began from: what a commit has in common with main; on main itself, the commit."""
        head = self.resolve(tip)
        for name in ("origin/main", "main", "origin/master", "master"):
            found = self._say("rev-parse", "--verify", "-q", f"{name}^{{commit}}")
            if found is not None:
                return self.merge_base(found, head)
        if self.is_shallow():
            raise HistoryError(
                f"{self.folder}: this clone is shallow and has no branch main, so what the change began from is not in it.\n"
                f"`git fetch --unshallow origin` and `git fetch origin main:refs/remotes/origin/main` bring both; in a GitHub workflow, give "
                f"actions/checkout `fetch-depth: 0`."
            )
        return head

    def is_ancestor(self, older: str, newer: str) -> bool:
        """Whether one commit is part of the history of another (or is that commit)."""
        return self._ask("merge-base", "--is-ancestor", self.resolve(older), self.resolve(newer)) is not None

    def merges_of(self, commit: str, tip: str) -> list[str]:
        """The merges that brought a commit into the history of another, the last one first; none where it was made on its main line."""
        found: list[str] = []
        while True:
            line = self._must("rev-list", "--first-parent", tip, f"^{commit}", "--").decode().split()
            low, high = 0, len(line)  # what is older than the merge does not hold the commit
            while low < high:
                middle = (low + high) // 2
                low, high = (middle + 1, high) if self._holds(line[middle], commit) else (low, middle)
            parents = self.records([line[low - 1]])[0].parents if low else ()
            if not parents or self._holds(parents[0], commit):
                return found
            found.append(line[low - 1])
            tip = next(each for each in parents if self._holds(each, commit))

    def _holds(self, newer: str, older: str) -> bool:
        return self._ask("merge-base", "--is-ancestor", older, newer) is not None

    def is_shallow(self) -> bool:
        """Whether the clone lacks the beginning of its history."""
        return self._say("rev-parse", "--is-shallow-repository") == "true"

    def commits_between(self, older: str, newer: str, *paths: str) -> list[str]:
        """The commits in the history of `newer` that are not in that of `older`, oldest first; with paths, only those that change them."""
        told = self._must(
            "rev-list",
            "--reverse",
            "--topo-order",
            self.resolve(newer),
            f"^{self.resolve(older)}",
            "--",
            *(f":(top,literal){self.prefix}{each}" for each in paths),
        )
        return told.decode().split()

    def files_between(self, older: str, newer: str) -> list[PathChange]:
        """The files of the workspace that differ between two commits; one that only has another name is one change."""
        told = self._must("diff-tree", "-r", "-z", "-M100%", "--name-status", self.resolve(older), self.resolve(newer), "--", ".")
        words = iter(told.decode("utf-8", "replace").split("\0")[:-1])
        found = []
        for status in words:
            first = next(words).removeprefix(self.prefix)
            last = next(words).removeprefix(self.prefix) if status[0] in "RC" else first
            found.append(PathChange(None if status[0] == "A" else first, None if status[0] == "D" else last))
        return found

    def paths_of(self, commit: str) -> list[str]:
        """The files of the workspace that a commit changes; a merge, those that differ from all its parents."""
        told = self._must("diff-tree", "-r", "-z", "-c", "--root", "--no-commit-id", "--name-only", commit, "--", ".")
        return [path.removeprefix(self.prefix) for path in told.decode("utf-8", "replace").split("\0") if path]

    def uncommitted(self) -> list[str]:
        """The files of the workspace that are not as they were committed, and files of the rule book that were never committed."""
        told = self._must("status", "--porcelain", "-z", "--untracked-files=all", "--no-renames", "--", ".")
        found = [(line[:2], line[3:].removeprefix(self.prefix)) for line in told.decode("utf-8", "replace").split("\0") if line]
        return [path for status, path in found if status != "??" or belongs(path)]

    def user(self) -> tuple[str, str]:
        """Name and e-mail address of whoever would commit now; empty if git does not know."""
        told = self._say("var", "GIT_AUTHOR_IDENT") or ""
        match = re.match(r"(.*) <(.*)> [0-9]+ [+-][0-9]+$", told)
        return (match[1], match[2]) if match else ("", "")

    def commits_of_lines(self, ref: str | None, path: str) -> list[str]:
        """The commit that each line of a file was last changed in, in the order of the lines; without `ref`, of the file as it is.

        Zeros stand for no commit: the line is not committed.
        """
        commit = [self.resolve(ref)] if ref is not None else []
        told = self._ask("blame", "--line-porcelain", "-w", *commit, "--", path)
        if told is None and ref is None and (file := self.folder / path).is_file():  # git does not know it yet
            return ["0" * 40] * len(file.read_bytes().splitlines())
        if told is None:
            told = self._must("blame", "--line-porcelain", "-w", *commit, "--", path)
        return [line.split()[0].decode() for line in told.split(b"\n") if _HEADER.match(line)]

    def _blobs(self, ids: Iterable[str], commit: str) -> Mapping[str, bytes]:
        """The contents of blobs by id, in one process."""
        wanted = list(dict.fromkeys(ids))
        told = self._must("cat-file", "--batch", given="".join(f"{each}\n" for each in wanted).encode())
        found: dict[str, bytes] = {}
        at = 0
        for each in wanted:
            end = told.index(b"\n", at)
            head = told[at:end].split()
            if head[-1] == b"missing":
                why = (
                    "this clone was made with a filter"
                    if self._say("config", "--get", "remote.origin.promisor")
                    else "the repository is damaged"
                )
                raise HistoryError(
                    f"commit {commit[:12]}: git has no object {each} ({why}).\nFetch the whole history, or clone again."
                )
            size = int(head[2])
            found[each] = told[end + 1 : end + 1 + size]
            at = end + 2 + size
        return found

    def _why_missing(self, ref: str) -> str:
        where = f"{self.folder}: the repository has no commit {ref!r}."
        if self.is_shallow():
            return f"{where}\nThis clone is shallow, so it lacks the beginning of its history; `git fetch --unshallow` brings it."
        if _COMMIT.fullmatch(ref):
            why = "Its history was rewritten, or the commit was never pushed here"
            return f"{where}\n{why}; restore it (`git fetch origin {ref}`), or name another one."
        names = (self._say("for-each-ref", "--format=%(refname:short)", "refs/heads", "refs/tags", "refs/remotes") or "").split()
        hint = nearest(ref, names)
        when = "\nA time is written like 2026-11-05 or 2026-11-05T09:14Z." if _LIKE_A_TIME.search(ref) else ""
        return f"{where}\n{hint[0].upper() + hint[1:] if hint else 'Name a branch, a tag or a commit.'}{when}"

    def _say(self, *words: str) -> str | None:
        told = self._ask(*words)
        return told.decode("utf-8", "replace").strip() if told is not None else None

    def _ask(self, *words: str, given: bytes = b"") -> bytes | None:
        return _ask(self.folder, *words, given=given)

    def _must(self, *words: str, given: bytes = b"") -> bytes:
        told = _run(self.folder, *words, given=given)
        if told is None or told.returncode:
            said = told.stderr.decode("utf-8", "replace").strip() if told is not None else "git is not installed"
            raise HistoryError(f"{self.folder}: git {words[0]} failed: {said}.\nCorrect what it says, and try again.")
        return told.stdout


_HEADER = re.compile(rb"[0-9a-f]{40,64} [0-9]+ [0-9]+")


def _tree(data: bytes, width: int) -> dict[str, str]:
    """The ids of what a tree holds, by name; an id has `width` bytes."""
    found, at = {}, 0
    while at < len(data):
        end = data.index(b"\0", at)
        found[data[at:end].partition(b" ")[2].decode("utf-8", "replace")] = data[end + 1 : end + 1 + width].hex()
        at = end + 1 + width
    return found


def _record(text: str) -> CommitRecord:
    commit, tree, parents, author, author_email, committer, committer_email, subject, trailers = text.lstrip("\n").split("\0")
    said = [line.partition(":") for line in trailers.splitlines() if ":" in line]
    return CommitRecord(
        commit, tree, tuple(parents.split()), author, author_email, committer, committer_email, subject,
        tuple(Trailer(word.strip(), value.strip()) for word, _, value in said),
    )  # fmt: skip


def _refusal(mode: str, kind: str, path: str) -> tuple[str, str, str] | None:
    """Why an entry of a commit cannot be part of the rule book; the counterpart of what is refused in a folder."""
    if kind == "commit":
        return "R001", "a submodule is not followed", "Put the files themselves here"
    if mode == "120000":
        return "R001", "in a commit, a link is only a text", "Put the file itself here"
    if misnamed(path):
        return "R002", "the file would not be read: its name does not end in .yaml", "Rename it to .yaml, or move it elsewhere"
    return None


def _ask(folder: Path, *words: str, given: bytes = b"") -> bytes | None:
    done = _run(folder, *words, given=given)
    return done.stdout if done is not None and done.returncode == 0 else None


def _run(folder: Path, *words: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes] | None:
    """What git says; None if there is no git."""
    try:
        return subprocess.run(
            ["git", "-C", str(folder), "-c", "core.quotePath=false", "-c", "blame.ignoreRevsFile=", *words],
            input=given,
            capture_output=True,
            check=False,
            env=_environment(),
        )
    except FileNotFoundError:
        return None


def _environment() -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if name not in _ELSEWHERE}, **_SETTINGS}
