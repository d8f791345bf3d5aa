"""A rate is changed after its month was issued: what each user sees, from the pull request to the proof."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.clocks.repositories import committed, git, repository
from tests.workspaces import inforce

PRICES = "{ 2024-01-01: 70.00, 2026-10-15: 72.55 }"
DEARER = "{ 2024-01-01: 70.00, 2026-10-05: 71.00, 2026-10-15: 72.55 }"
AGREED = (
    "{ 2024-01-01: 70.00, 2026-10-05: { price: 71.00, reason: agreed in November, approved: { by: m.lee, on: 2026-10-01, ref: FIN-9 }, "
    "retroactive: { reason: the client signed late } }, 2026-10-15: 72.55 }"
)


def test_a_rate_is_changed_after_its_month_was_issued(tmp_path: Path) -> None:
    folder = repository(tmp_path / "work")
    clock = {"INFORCE_NOW": "2026-11-05T09:00:00Z"}

    def says(*words: str | Path, code: int = 0) -> str:
        done = inforce(*words, env=clock)
        assert done.returncode == code, (words, done.stdout, done.stderr)
        return done.stdout + done.stderr

    said = says("replay", "-w", folder, "2026-10", "--out", folder / "out" / "2026-10", "-f", "json", "--issue")
    assert "issued" in said

    # Finance edits the rate on a branch. Without a word about the past it is refused, with the money in the message.
    git(folder, "checkout", "-q", "-b", "dearer")
    rates = folder / "rates" / "geo-base.yaml"
    rates.write_text(rates.read_text(encoding="utf-8").replace(PRICES, DEARER, 1), encoding="utf-8")
    said = says("check", folder, code=1)
    assert "error[R030]: this change reaches 1 issued invoice (2026-10, +" in said
    money = said.partition("(2026-10, +")[2].partition(" USD)")[0]
    assert "70.00 -> 71.00" in says("diff", "-w", folder)

    rates.write_text(rates.read_text(encoding="utf-8").replace(DEARER, AGREED, 1), encoding="utf-8")
    commit = committed(folder, "A nurse in New York costs 71.00", "Approved-by: M. Lee")
    assert "warning[R030]" in says("check", folder)
    report = json.loads(says("impact", "-w", folder, "--json"))
    assert report["sound"] is True
    assert f"{report['issued']['totals']['USD']['change'] / 100:.2f}" == money
    assert f"+{money} USD on 1 issued invoice" in says("impact", "-w", folder, "--format", "md").splitlines()[1]
    says("impact", "-w", folder, "--fail-over", "$0.01", code=1)

    # After the merge the issued invoice is corrected by lines, not by another invoice, and a second time there is nothing to correct.
    git(folder, "checkout", "-q", "main")
    git(folder, "merge", "-q", "--ff-only", "dearer")
    says("replay", "-w", folder, "2026-10", "--issue", code=1)
    assert f"+{money}" in says("correct", "-w", folder, "2026-10", "--issue")
    assert "+" not in says("correct", "-w", folder, "2026-10", "--json").partition('"difference"')[0]

    # An auditor asks why: then, now, what changed, who approved it, and whether the books agree.
    issued = json.loads((folder / "out" / "2026-10" / "DRAFT-acme-2026-10.json").read_text(encoding="utf-8"))["body"]
    line = next(each["line"] for each in issued["lines"] if each["price"] == "70.00")
    said = says("explain", "-w", folder, f"DRAFT-acme-2026-10#{line}", "--known-at", "now")
    for part in ("70.00 -> 71.00", commit[:7], "approval: M. Lee", "the client signed late", "the books agree"):
        assert part in said
    assert "DRAFT-acme-2026-10#" in says("blame", "-w", folder, "geo-base:NYC/RN")

    # Whoever doubts it checks it without us.
    pack = tmp_path / "proof" / "DRAFT-acme-2026-10.proof.zip"
    pack.parent.mkdir()
    says("prove", "-w", folder, "DRAFT-acme-2026-10", "--out", pack)
    _unpack(pack, pack.parent)
    verified = subprocess.run([sys.executable, "VERIFY.py"], cwd=pack.parent, capture_output=True, text=True, check=False)
    assert verified.returncode == 0, verified.stdout


def _unpack(pack: Path, folder: Path) -> None:
    from zipfile import ZipFile

    with ZipFile(pack) as file:
        file.extractall(folder)
