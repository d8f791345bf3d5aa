"""The machine's clock: the only place where the time is asked for."""

from __future__ import annotations

import os
from datetime import UTC, datetime


class SystemClock:
    """The machine's clock; `INFORCE_NOW` sets it for rehearsals and tests."""

    def now(self) -> str:
        """The time in UTC, like 2026-11-05T09:14:02Z."""
        return os.environ.get("INFORCE_NOW") or datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
