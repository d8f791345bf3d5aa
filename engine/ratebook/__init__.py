"""The rule book: what `rates/` and `rules/` say, and how its policies are decided."""
