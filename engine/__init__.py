"""The engine: activity and a rule book in, invoices out, with no clock, no chance and no network."""
