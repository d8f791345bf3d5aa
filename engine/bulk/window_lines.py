"""Window lines: the hours that are missing to what is guaranteed, as one charge for each worker and window (law 5.10)."""

from __future__ import annotations

import numpy as np

from engine.arrays import Bools, Codes, ints, rounded_down
from engine.bulk.accumulate import Accumulating, IncompleteError, RowKeys, StatesOf
from engine.bulk.charges import Block, Ended
from engine.bulk.prepared import Prepared
from engine.bulk.pricing import Recipe
from engine.bulk.programs import Component
from engine.bulk.recurrences import NEVER, Windows
from engine.bulk.runs import Runs
from engine.bulk.worked import Parts
from engine.dates import Period, day_number, day_of
from engine.money import decimal_text

HOUR = 3600


def missing_hours(
    ready: Prepared, windows: Windows, rows: Bools, runs: Runs, keys: RowKeys, states_of: StatesOf, period: Period, pair: Codes
) -> tuple[Block, Ended]:
    """The charges of one accumulator with `fills-to`, for windows that end in the period; `rows` may have such windows. And the windows."""
    accumulator = windows.accumulator
    digits, half = ready.book.rounding.quantity[ready.kind.unit]
    ended = _ended(ready, windows, rows, runs, keys, states_of, period)
    quantity = ints(rounded_down((ended.limit - ended.counted) * 10**digits, HOUR, half))
    some = np.flatnonzero(quantity)
    component = Component("window", f"window:{accumulator.accumulator}", Recipe())
    row = ended.row[some]
    parts = Parts(
        row,
        np.zeros(len(some), dtype=np.int64),
        ended.start[some],
        ended.end[some],
        ended.start[some],
        ended.start[some],
        ended.last_day[some],
    )
    price_row = ready.prices.row(pair[row], parts.day)
    made = ready.prices.made(component.recipe, price_row)
    texts = [_description(ready, windows, keys, ended, number, digits) for number in some.tolist()]
    block = Block(
        component, ready.programs.component(component), parts, None, quantity[some], price_row, made.units[price_row],
        made.digits[price_row], None, tuple(texts),
    )  # fmt: skip
    return block, ended


def _ended(
    ready: Prepared, windows: Windows, rows: Bools, runs: Runs, keys: RowKeys, states_of: StatesOf, period: Period
) -> Ended:
    """The windows of `rows` that end in the period and are guaranteed something."""
    sums = Accumulating(windows, ready.lines, ready.book.calendar.window_at == "start", (), None)
    which = np.flatnonzero(rows & (keys.worker >= 0))
    window = sums.windows_at(which, keys, keys.at[which])
    of_class = windows.site_class[keys.site[which]]
    place = np.maximum(windows.first[of_class] + window, 0)
    limit = windows.limits[0][place]
    lengths = ints([len(view.begins) for view in windows.views])
    view = windows.view[of_class]
    offsets = np.cumsum(np.r_[0, lengths])
    begins = ints([instant for each in windows.views for instant in each.begins])
    days = ints([day for each in windows.views for day in each.days])
    follows = (window >= 0) & (window + 1 < lengths[view])
    at = np.where(follows, offsets[view] + window, 0)
    last = days[np.minimum(at + 1, len(days) - 1)]
    last = last - (begins[np.minimum(at + 1, len(days) - 1)] == ready.lines.midnight(keys.zone[which], last))
    inside = follows & (last >= day_number(period.start)) & (last < day_number(period.end)) & (limit < NEVER)
    group = sums.groups(which, keys, window, windows.scope[place])
    distinct, first = np.unique(group[inside], return_index=True)
    rows_first = np.flatnonzero(inside)[first]
    complete = ready.book.calendar.activity_from
    early = days[at[rows_first]] < (day_number(complete) if complete else -(2**40))
    if bool(early.any()):
        worst = rows_first[np.flatnonzero(early)[0]]
        raise IncompleteError(sums.name, int(which[worst]), int(days[at[worst]]))
    counted = sums.totals(distinct, runs, keys, states_of)
    return Ended(
        which[rows_first], begins[at[rows_first]], begins[np.minimum(at[rows_first] + 1, len(begins) - 1)], days[at[rows_first]],
        last[rows_first], counted, np.maximum(limit[rows_first], counted),
    )  # fmt: skip


def _description(ready: Prepared, windows: Windows, keys: RowKeys, ended: Ended, number: int, digits: int) -> str:
    row = int(ended.row[number])
    item = ready.book.items[ready.items[int(keys.item[row])]]
    line = windows.accumulator.line
    half = ready.book.rounding.quantity[ready.kind.unit][1]
    told = rounded_down(np.r_[ended.counted[number], ended.limit[number]] * 10**digits, HOUR, half)
    return (line.description if line is not None else "").format_map(
        {
            "name": item.name, "item": item.item, "site": ready.sites[int(keys.site[row])], "worker": keys.workers[int(keys.worker[row])],
            "from": str(day_of(int(ended.first_day[number]))), "to": str(day_of(int(ended.last_day[number]))),
            "counted": decimal_text(int(told[0]), digits), "limit": decimal_text(int(told[1]), digits),
        }
    )  # fmt: skip
