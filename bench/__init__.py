"""The bench: one reference workload, billed by the engine and by a hand-written program, and held to the same digest."""
