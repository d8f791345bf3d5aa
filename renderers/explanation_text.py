"""An explanation for a terminal: the figures of a line, its price step by step, and its rows from timesheet to amount."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Told = Mapping[str, Any]  # Any: the JSON of engine.explain


def render_explanation(told: Told, rows: int) -> str:
    """The derivation as text; `rows` rows of activity in full (0: all), the others as one line each."""
    head = f"{told['document']} line {told['line']}   {told['site']}   {told['description']}"
    lines = [head, f"{'':>{max(60 - len(told['amount']), 0)}}{told['currency']} {told['amount']}", ""]
    for price in told["prices"]:
        lines += _price(price, told)
    lines += [
        f"  quantity   {told['quantity']} {told['unit']}   the sum of the {len(told['rows'])} rows below",
        f"  exact      {told['exact']}   = {told['quantity']} x {told['price']}",
        f"  rounding   {told['rounding']}",
        f"  amount     {told['amount']} {told['currency']}",
        "",
    ]
    shown = len(told["rows"]) if rows == 0 else rows
    for row in told["rows"][:shown]:
        lines += _row(row, told)
    rest = told["rows"][shown:]
    if rest:
        lines.append(f"  {len(rest)} more rows (--rows 0 shows them in full):")
        lines += [
            f"    {row['id']:<16} {row['component']:<16} {row['quantity']:>8} x {row['price']} = {row['exact']} -> {row['amount']}"
            for row in rest
        ]
    return "\n".join(lines)


def _price(price: Told, told: Told) -> list[str]:
    base = price["base"]
    if "model" in price:
        window = f", in {price['window']}" if price["window"] else ""
        lines = [f"  price      {price['model']}{window}", *_rate("price", base, told["unit"])]
        for factor in price["factors"]:
            lines += _rate("times", factor, "")
        return [*lines, *([f"    {price['scheme']}"] if price["scheme"] else []), f"    -> {told['price']} per {told['unit']}"]
    lines = [f"  price      on {price['days']} (last day out)", *_rate("base price", base, told["unit"])]
    for premium in price["premiums"]:
        inputs = ", ".join(f"{name} = {each['value']}" for name, each in premium["inputs"].items())
        lines.append(f"    {premium['name']:<14} +{premium['adds']}   {premium['formula']}   with {inputs}; {premium['round']}")
        lines.append(
            f"                   {premium['formula_version']} at {premium['formula_source']}; premium {premium['premium']} at {premium['source']}"
        )
        for name, each in premium["inputs"].items():
            if "rate" in each:
                lines += [f"               {text.strip()}" for text in _rate(name, each, "")]
    if price["own_line"]:
        lines.append(f"    {price['price']} per {told['unit']} is the premium's own price, beside the base line")
    elif price["combine"] == "largest":
        lines.append(f"    combined: largest, so {price['counts']} counts -> {price['price']}")
    elif price["combine"]:
        lines.append(f"    combined: {price['combine']} -> {price['price']}")
    elif price["premiums"]:
        lines.append(f"    base + premium -> {price['price']}")
    return lines


def _rate(label: str, rate: Told, unit: str) -> list[str]:
    per = f" per {unit}" if unit else ""
    lines = [f"    {label:<14} {rate['value']}{per}   {rate['rate']}   {rate['source']}   {_why(rate)}"]
    if "instead_of" in rate:
        other = rate["instead_of"]
        lines.append(f"      instead of   {other['value']}{per}   {other['rate']}   {other['source']}")
    return lines


def _row(row: Told, told: Told) -> list[str]:
    if row["basis"] == "measured":
        return _measured(row, told)
    if row["basis"] == "window":
        by = "accumulator" if row.get("made_by", "window") == "window" and row["worker"] else row.get("made_by", "window")
        worker = f"   worker {row['worker'] or 'none'}" if by == "accumulator" else ""
        return [
            f"  {row['id']}{worker}   {by} {row['accumulator']} at {row['source']}",
            f"    quantity     {row['quantity']} {told['unit']} ({row['component']}) on {row['service_day']}",
            f"    amount       {row['quantity']} x {row['price']} = {row['exact']}; its share of the line: {row['amount']}",
            "",
        ]
    lines = [f"  {row['id']} revision {row['revision']}   {row['file']}   worker {row['worker']}"]
    if row["recorded"]:
        lines.append(f"    recorded     {row['recorded']}")
    if row["scheduled"] and (not row["recorded"] or row["basis"] == "scheduled"):
        lines.append(f"    scheduled    {row['scheduled']}")
    if row["cancelled"]:
        lines.append(f"    cancelled    {row['cancelled']}   notice {row['notice']}")
    if "rounded" in row:
        lines.append(f"    rounded      {row['rounded']}")
        if row["break"]:
            lines.append(f"    less break   {row['break']}")
        lines.append(f"    segment {row['segment']}    {row['segment_from']} .. {row['segment_to']}   {row['hours']} hours")
    for decision in row["decisions"]:
        lines += _decision(decision)
    for piece in row.get("pieces", ()):
        over = f" over {', '.join(piece['over'])}, {piece['from']} .. {piece['to']}" if piece.get("over") else ""
        lines.append(f"    time         {piece['seconds']} s with {', '.join(piece['premiums']) or 'no premiums'}{over}")
        for decision in piece["decisions"]:
            lines += _decision(decision)
    lines.append(
        f"    quantity     {row['quantity']} {told['unit']} ({row['component']}) of {row['quantity_of_activity']} "
        f"for {row['billed_seconds_of_activity']} s"
    )
    lines += [f"    amount       {row['quantity']} x {row['price']} = {row['exact']}; its share of the line: {row['amount']}", ""]
    return lines


def _measured(row: Told, told: Told) -> list[str]:
    many = f"   the sum of {row['events']:,} rows" if row["events"] > 1 else ""
    worker = f"   worker {row['worker']}" if row["worker"] else ""
    lines = [f"  {row['id']} revision {row['revision']}   {row['file']}{worker}{many}"]
    if row["start"]:
        lines.append(f"    piece {row['segment']}      {row['start']} .. {row['end']}")
    lines.append(f"    measured     {row['measured']} {row['unit']} on {row['service_day']}")
    for decision in row["decisions"]:
        lines += _decision(decision)
    note = f", {row['note']}" if row["note"] else ""
    lines.append(f"    quantity     {row['quantity']} {told['unit']} ({row['component']}{note})")
    return [
        *lines,
        f"    amount       {row['quantity']} x {row['price']} = {row['exact']}; its share of the line: {row['amount']}",
        "",
    ]


def _decision(decision: Told) -> list[str]:
    answer = ", ".join(decision["answers"]) or "none"
    lines = [f"    {decision['decides']:<12} {answer}"]
    for rule in decision["applied"]:
        beaten = " (overridden)" if rule["overridden"] else ""
        lines.append(f"      applied      {rule['rule']}{beaten}   {rule['source']}   {_why(rule)}")
    lines += [
        f"      not applied  {rule['rule']}   not: {', '.join(rule['because_not'])}   {rule['source']}"
        for rule in decision["not_applied"]
    ]
    return lines


def _why(told: Told) -> str:
    reason = f"{told['reason']}; " if told["reason"] else ""
    return f"{reason}approval: {told['approved']}"
