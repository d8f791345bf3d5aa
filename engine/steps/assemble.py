"""Assemble: charges in, one invoice body for each account out, with the backup rows that add up to it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl

from engine.arrays import NONE, Exact, Ints, group_sums, ints, narrow, product, rounded_down, scaled_up, share_out
from engine.bulk.assembled import Assembled, canonical_text
from engine.bulk.charges import BASES, Charges, Rated
from engine.bulk.texts import day_texts, decimal_texts, local_texts
from engine.canonical import Json, canonical_json, sha256
from engine.dates import Period
from engine.invoice import BACKUP_COLUMNS, BackupHash, Invoice, LineItem
from engine.money import CURRENCY_DIGITS, Decimals, decimal_text
from engine.ratebook.book import RuleBook


def assemble(book: RuleBook, rated: Rated, period: Period) -> tuple[Assembled, ...]:
    """The invoice bodies of a period, in order of account; accounts without charges have none."""
    charges, activity = rated.charges, rated.activity
    if not len(charges):
        return ()
    site = activity.site.codes[charges.row].astype(np.int64)
    accounts = sorted(book.accounts)
    account_of_site = ints([accounts.index(book.sites[name].account) for name in activity.site.values])
    group, lines = _lines(book, rated, site)
    exact, amount, totals = _amounts(book, charges, group, lines, account_of_site)
    frame = _backup_frame(book, rated, site, account_of_site[site], lines, group, exact)
    line_of_group, ordered = _line_order(lines, account_of_site)
    frame = frame.with_columns(line=pl.Series(line_of_group[group])).with_row_index("charge").sort(
        "account", "line", "service_day", "worker", "kind", "source", "id", "segment", "component"
    )  # fmt: skip
    order = ints(frame["charge"].to_numpy())
    frame = frame.with_columns(
        amount=pl.Series(_shared(charges, exact, amount, totals, group, order, book, account_of_site, lines))
    )
    assembled = []
    for number, account in enumerate(accounts):
        mine = frame.filter(pl.col("account") == number)
        if len(mine):
            body = _invoice(
                book,
                account,
                period,
                rated,
                [g for g in ordered if account_of_site[lines.site[g]] == number],
                lines,
                totals,
                mine,
            )
            assembled.append(Assembled(body, mine.select(BACKUP_COLUMNS), ints(mine["charge"].to_numpy())))
    return tuple(assembled)


@dataclass(frozen=True, slots=True)
class _Lines:
    """Line groups as columns: what their charges have in common, and the sums of their quantities."""

    site: Ints
    item: Ints
    basis: Ints
    shown: Ints
    price: Ints
    price_digits: Ints
    quantity: Ints
    worked: Ints
    fill: Ints
    plain: tuple[str, ...]
    descriptions: tuple[str, ...]
    sections: tuple[str, ...]


def _lines(book: RuleBook, rated: Rated, site: Ints) -> tuple[Ints, _Lines]:
    charges = rated.charges
    prices, price = np.unique(charges.price * 16 + charges.price_digits, return_inverse=True)
    basis = np.where(charges.basis == 1, 0, charges.basis).astype(np.int64)  # fill stands on the line of the time it completes
    shown = _alike(book, charges)
    packed = ((site * len(rated.items) + charges.item) * len(BASES) + basis) * len(charges.shown.values) + shown
    keys, first, group = np.unique(packed * len(prices) + price, return_index=True, return_inverse=True)
    count = len(keys)
    of_fill = charges.basis == 1
    fill = ints(group_sums(group, np.where(of_fill, charges.quantity, 0), count))
    quantity = ints(group_sums(group, charges.quantity, count))
    bare = _Lines(
        site[first], charges.item[first].astype(np.int64), basis[first], shown[first], charges.price[first], charges.price_digits[first],
        quantity, quantity - fill, fill, (), (), rated.activity.site.values,
    )  # fmt: skip
    plain = tuple(_description(book, rated, bare, number) for number in range(count))
    full = tuple(_with_fill(book, rated, bare, number, text) if fill[number] else text for number, text in enumerate(plain))
    return ints(group), replace(bare, plain=plain, descriptions=full)


def _alike(book: RuleBook, charges: Charges) -> Ints:
    """For each charge what its description names, as the number of the first text that reads the same."""
    first: dict[str, int] = {}
    table = [first.setdefault(_named(book, text), number) for number, text in enumerate(charges.shown.values)]
    return ints(table)[charges.shown.codes]


def _named(book: RuleBook, shown: str) -> str:
    """The names of premiums given by their ids; a window line's text as it is."""
    ids = [premium for premium in shown.split("+") if premium]
    return ", ".join(book.premiums[premium].name for premium in ids) if all(each in book.premiums for each in ids) else shown


def _description(book: RuleBook, rated: Rated, lines: _Lines, number: int) -> str:
    texts, item = book.texts, book.items[rated.items[int(lines.item[number])]]
    shown, basis = rated.charges.shown.values[int(lines.shown[number])], BASES[int(lines.basis[number])]
    if basis == "window":
        return shown  # its template is filled in where it is charged
    names = {"name": item.name, "item": item.item, "site": lines.sections[int(lines.site[number])]}
    names["premiums"] = names["premium"] = _named(book, shown)
    template = {"fixed": texts.fixed, "scheduled": texts.scheduled, "own-line": texts.own_line}.get(basis)
    if template is None:
        template = texts.worked_with_premiums if shown else texts.worked
    return template.format_map(names)


def _with_fill(book: RuleBook, rated: Rated, lines: _Lines, number: int, text: str) -> str:
    digits = rated.charges.quantity_digits
    worked, fill = decimal_text(int(lines.worked[number]), digits), decimal_text(int(lines.fill[number]), digits)
    return book.texts.with_fill.format_map({"description": text, "worked": worked, "fill": fill})


def _amounts(book: RuleBook, charges: Charges, group: Ints, lines: _Lines, account_of_site: Ints) -> tuple[Exact, Ints, Ints]:
    """For each charge its exact amount (units of quantity digits + price digits), and for each line its amount in minor units.

    Also the power of ten between the two, for each line (below zero: minor units are finer than the exact amount).
    """
    exact = product(charges.quantity, charges.price)
    total = product(lines.quantity, lines.price)
    accounts = sorted(book.accounts)
    currency = ints([CURRENCY_DIGITS[book.accounts[account].currency] for account in accounts])
    power = charges.quantity_digits + lines.price_digits - currency[account_of_site[lines.site]]
    amounts: Exact = np.zeros(len(total), dtype=object)
    for each in np.unique(power):
        some = power == each
        wide = scaled_up(total[some], 10 ** max(int(-each), 0))
        amounts[some] = rounded_down(wide, 10 ** max(int(each), 0), book.rounding.amount)
    return exact, power, narrow(amounts, "a line")


def _shared(
    charges: Charges,
    exact: Exact,
    power: Ints,
    totals: Ints,
    group: Ints,
    order: Ints,
    book: RuleBook,
    account_of_site: Ints,
    lines: _Lines,
) -> Ints:
    """The amount of each backup row, in backup order: its line's amount shared over the exact values."""
    amounts = np.zeros(len(order), dtype=np.int64)
    groups = group[order]
    for each in np.unique(power):
        rows = np.flatnonzero(power[groups] == each)
        numbers, place = np.unique(groups[rows], return_inverse=True)
        by_line = np.argsort(place, kind="stable")
        wide = scaled_up(exact[order[rows[by_line]]], 10 ** max(int(-each), 0))
        amounts[rows[by_line]] = share_out(ints(place[by_line]), wide, 10 ** max(int(each), 0), totals[numbers])
    return amounts


def _backup_frame(
    book: RuleBook, rated: Rated, site: Ints, account: Ints, lines: _Lines, group: Ints, exact: Exact
) -> pl.DataFrame:
    charges, activity = rated.charges, rated.activity
    zone = rated.zone[charges.row]

    def local(instants: Ints) -> pl.Series:
        return local_texts(instants, rated.timelines.offset_at(zone, np.where(instants == NONE, rated.timelines.start, instants)))

    digits = np.full(len(charges), charges.quantity_digits, dtype=np.int64)
    unit = book.kinds[activity.kind].unit
    windows = pl.Series(charges.basis == BASES.index("window"))
    frame = pl.DataFrame(
        {
            "account": account,
            "kind": pl.Series([activity.kind], dtype=pl.String).new_from_index(0, len(charges)),
            "source": activity.source.gather(charges.row),
            "id": activity.id.gather(charges.row),
            "segment": charges.segment,
            "component": charges.component.series(),
            "service_day": day_texts(charges.day),
            "section": activity.site.take(charges.row).series(),
            "worker": activity.worker.take(charges.row).series(),
            "start": local(charges.start),
            "end": local(charges.end),
            "item": pl.Series(rated.items).gather(charges.item),
            "note": pl.Series(BASES).gather(charges.basis),
            "quantity": decimal_texts(charges.quantity, digits),
            "unit": pl.Series([unit], dtype=pl.String).new_from_index(0, len(charges)),
            "price": decimal_texts(charges.price, charges.price_digits),
            "exact": decimal_texts(exact, digits + charges.price_digits),
        }
    )
    if not windows.any():
        return frame
    name = pl.concat_str(
        pl.col("component").str.strip_prefix("window:"), pl.col("start").str.slice(0, 10), "section", "worker", separator=":"
    )
    own = {"kind": pl.lit("window"), "source": pl.lit(""), "id": name, "start": pl.lit(""), "end": pl.lit("")}
    return frame.with_columns(
        pl.when(windows).then(value).otherwise(pl.col(column)).alias(column) for column, value in own.items()
    )


def _line_order(lines: _Lines, account_of_site: Ints) -> tuple[Ints, list[int]]:
    """The line number of each group within its invoice (from 1), and all groups in order."""

    def place(group: int) -> tuple[object, ...]:
        price = lines.price[group] * 10 ** (12 - lines.price_digits[group])
        return (
            account_of_site[lines.site[group]], lines.sections[int(lines.site[group])], lines.item[group], lines.descriptions[group], price,
            lines.price_digits[group], lines.basis[group],
        )  # fmt: skip

    ordered = sorted(range(len(lines.site)), key=place)
    number, last, count = np.zeros(len(ordered), dtype=np.int64), -1, 0
    for group in ordered:
        account = int(account_of_site[lines.site[group]])
        count = count + 1 if account == last else 1
        number[group], last = count, account
    return number, ordered


def _invoice(
    book: RuleBook,
    account: str,
    period: Period,
    rated: Rated,
    groups: list[int],
    lines: _Lines,
    totals: Ints,
    backup: pl.DataFrame,
) -> Invoice:
    unit = book.kinds[rated.activity.kind].unit
    digits = rated.charges.quantity_digits
    spans = backup.group_by("line", maintain_order=True).agg(
        pl.len().alias("rows"), pl.col("service_day").min().alias("first"), pl.col("service_day").max().alias("last")
    )  # fmt: skip
    days = dict(zip(spans["line"].to_list(), spans.iter_rows(named=True), strict=True))
    hashes = _hashes(backup)
    found = []
    for number, group in enumerate(groups, start=1):
        item = book.items[rated.items[int(lines.item[group])]]
        origin: Literal["rated", "window"] = "window" if BASES[int(lines.basis[group])] == "window" else "rated"
        section, description = lines.sections[int(lines.site[group])], lines.descriptions[group]
        identity: list[Json] = [account, None, section, item.item, lines.plain[group], unit, item.tax_class, {}, origin]
        span = days[number]
        found.append(
            LineItem(
                line=number,
                key=sha256(canonical_json(identity))[:16],
                origin=origin,
                section=section,
                item=item.item,
                description=description,
                unit=unit,
                quantity=Decimals(int(lines.quantity[group]), digits),
                price=Decimals(int(lines.price[group]), int(lines.price_digits[group])),
                amount=int(totals[group]),
                tax_class=item.tax_class,
                service_from=date.fromisoformat(span["first"]),
                service_to=date.fromisoformat(span["last"]),
                backup=BackupHash(span["rows"], hashes[number]),
            )
        )
    whole = BackupHash(len(backup), sha256(canonical_text(backup.select(BACKUP_COLUMNS))))
    return Invoice(account, book.accounts[account].currency, period.start, period.end, book.texts.subject, tuple(found), whole)


def _hashes(backup: pl.DataFrame) -> dict[int, str]:
    """The hash of the canonical text of each line's rows."""
    header, *rows = canonical_text(backup.select(BACKUP_COLUMNS)).splitlines(keepends=True)
    starts = [0, *(np.flatnonzero(np.diff(backup["line"].to_numpy())) + 1).tolist(), len(rows)]
    numbers = backup["line"].to_numpy()
    return {int(numbers[a]): sha256(header + b"".join(rows[a:b])) for a, b in pairwise(starts)}
