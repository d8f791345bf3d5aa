"""The steps of the pipeline, one module for each: pure functions from values to values."""
