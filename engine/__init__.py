"""The engine: activity and a rule book in, invoices out, with no clock, no chance and no network."""

__version__ = "0.1.0"
