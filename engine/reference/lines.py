"""Charges put on lines, with amounts rounded once and shared (law 1.4, 6.1 to 6.3)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.invoice import reading_order
from engine.money import CURRENCY_DIGITS, Decimals
from engine.ratebook.book import RuleBook
from engine.reference.charges import Charge, Line
from engine.reference.numbers import share, to_whole


def lines_of(book: RuleBook, account: str, charges: Sequence[Charge]) -> tuple[Line, ...]:
    """The lines of an account in the law's order."""
    groups: dict[tuple[object, ...], list[Charge]] = {}
    for charge in charges:
        if charge.account == account:
            price = (charge.price, charge.price_digits)
            key = (charge.site, charge.item, charge.description_key, charge.unit, price, charge.tax_class)
            groups.setdefault(key, []).append(charge)
    items = list(book.items)
    lines = [_line(book, account, group) for _, group in sorted(groups.items(), key=lambda each: str(each[0]))]
    return tuple(
        sorted(
            lines,
            key=lambda line: (
                line.quantity.units < 0,
                line.site,
                items.index(line.item),
                reading_order(line.description),
                line.description,
                line.price.fraction(),
                line.price.digits,
            ),
        )
    )


def _line(book: RuleBook, account: str, charges: Sequence[Charge]) -> Line:
    first = charges[0]
    backup = sorted(charges, key=lambda each: (each.service_day, each.worker, *each.key))
    quantity = Decimals(sum(each.quantity for each in charges), first.quantity_digits)
    price = Decimals(first.price, first.price_digits)
    minor = 10 ** CURRENCY_DIGITS[first.currency]
    amount = to_whole(quantity.fraction() * price.fraction() * minor, book.rounding.amount)
    amounts = share(amount, [each.exact * minor for each in backup])
    return Line(
        account,
        first.site,
        first.item,
        describe(book, charges),
        first.unit,
        quantity,
        price,
        amount,
        tuple(zip(backup, amounts, strict=True)),
    )


def describe(book: RuleBook, charges: Sequence[Charge]) -> str:
    """The description of the line that these charges share."""
    first, texts = charges[0], book.texts
    if first.basis == "window":
        return first.description_key[1]
    names = ", ".join(book.premiums[premium].name for premium in first.premiums)
    template = texts.worked_with_premiums if first.premiums else texts.worked
    if first.basis in ("fixed", "scheduled", "own-line"):
        template = {"fixed": texts.fixed, "scheduled": texts.scheduled, "own-line": texts.own_line}[first.basis]
    text = template.format(name=book.items[first.item].name, item=first.item, site=first.site, premiums=names, premium=names)
    fill = sum(each.quantity for each in charges if each.basis == "fill")
    if fill == 0:
        return text
    worked = sum(each.quantity for each in charges) - fill
    digits = first.quantity_digits
    return texts.with_fill.format(description=text, worked=Decimals(worked, digits), fill=Decimals(fill, digits))
