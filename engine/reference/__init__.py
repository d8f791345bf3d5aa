"""The slow evaluator: the law of `docs/semantics.md` once more, row by row and minute by minute, for tests and the bench alone."""
