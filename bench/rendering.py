"""`python -m bench.rendering`: PDF pages for each second of CPU, first, warm and kept, and the wall time of one and two processes."""

from __future__ import annotations

import io
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

from pypdf import PdfReader

from connectors.demo import write_workspace
from connectors.files import named_files, read_activity
from connectors.workspace import find_workspace, read_parties
from engine.dates import parse_period
from engine.invoice import Document
from engine.pipeline import preview
from engine.ratebook.build import build
from engine.ratebook.files import read_workspace_files
from engine.replay import documents
from engine.steps.rate import Rater
from renderers import formats
from renderers.rendered import RenderedFiles, key_of


def demo(folder: Path) -> tuple[Document, ...]:
    """The documents of the example month."""
    write_workspace(folder)
    book = build(read_workspace_files(folder))
    space = find_workspace(folder)
    raw = read_activity(named_files(space.activity_files(), folder), book.kinds["shift"])
    return documents(preview(Rater(book), {"shift": raw}, parse_period("2026-10")), read_parties(folder))


def draw(document: Document) -> bytes:
    """A document as PDF."""
    return formats()["pdf"](document)


def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as name:
        made = demo(Path(name) / "demo")
        kept = RenderedFiles(Path(name) / "kept")
        start = time.process_time()
        draw(made[0])
        first = time.process_time() - start
        start = time.process_time()
        drawn = [draw(document) for document in made]
        warm = time.process_time() - start
        pages = sum(len(PdfReader(io.BytesIO(data)).pages) for data in drawn)
        for document, data in zip(made, drawn, strict=True):
            kept.put(key_of(document, "pdf"), data)
        start = time.process_time()
        again = [kept.get(key_of(document, "pdf")) for document in made]
        cached = time.process_time() - start
        if again != drawn:
            raise SystemExit("a kept file is not what was rendered")
        print(f"{len(made)} invoices, {pages} pages, {sum(map(len, drawn)) / 1e6:.1f} MB")
        print(f"first invoice with all imports: {first:.2f} s CPU")
        print(f"warm:   {pages / warm:8.1f} pages for a second of CPU ({warm:.2f} s)")
        print(f"cached: {pages / cached:8.1f} pages for a second of CPU ({cached:.3f} s)")
        for processes in (1, 2):
            print(f"{processes} process{'es' if processes > 1 else ''}: {wall(made, processes):.2f} s wall")


def wall(made: Sequence[Document], processes: int) -> float:
    """Seconds by the clock to draw all documents in so many new processes."""
    start = time.perf_counter()
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        list(pool.map(draw, made))
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
