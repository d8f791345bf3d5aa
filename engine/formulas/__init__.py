"""Formulas: a restricted expression language, its exact evaluation one by one and over whole columns."""
