"""An explanation for a terminal: the figures of a line, its price step by step, its rows from timesheet to amount, and what changed since."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Told = Mapping[str, Any]  # Any: the JSON of engine.explain

_TIMED = "hour"  # what a price of time is for, whatever the line counts


def render_explanation(told: Told, rows: int) -> str:
    """The derivation as text; `rows` rows of activity in full (0: all), the others as one line each."""
    return "\n".join([*_derivation(told, rows), *_made_with(told), *_commits(told), *_across(told)])


def render_lines(number: str, lines: Sequence[Told]) -> str:
    """The lines of a document, to choose one."""
    wide = max((len(each["amount"]) for each in lines), default=0)
    told = [
        f"{each['line']:>5}  {each['amount']:>{wide}}  {each['quantity']} {each['unit']} x {each['price']}   {each['site']}   {each['description']}"
        for each in lines
    ]
    return "\n".join([f"{number} has {len(lines)} lines; explain one of them: inforce explain {number}#1", *told])


def _derivation(told: Told, rows: int) -> Iterator[str]:
    yield f"{told['document']} line {told['line']}   {told['site']}   {told['description']}"
    yield f"{'':>{max(60 - len(told['amount']), 0)}}{told['currency']} {told['amount']}"
    if "reversed_by" in told:
        taken = told["reversed_by"]
        yield f"  taken back by {taken['document']} line {taken['line']}: {taken['reason']}"
    if "origin" in told:
        of = f" of {told['corrects']['invoice']} line {told['corrects']['line']}" if told["corrects"] else ""
        yield f"  {told['origin']}{of}: {told['reason']}"
    yield ""
    for price in told["prices"]:
        yield from _price(price, told)
    of = "that of the row below" if len(told["rows"]) == 1 else f"the sum of the {len(told['rows'])} rows below"
    yield f"  quantity   {told['quantity']} {told['unit']}   {of}"
    yield f"  exact      {told['exact']}   = {told['quantity']} x {told['price']}"
    rounding = told["rounding"]
    yield f"  rounding   half {rounding['half']}, per {rounding['per']}, {rounding['digits']} places   {_place(rounding)}"
    yield f"  amount     {told['amount']} {told['currency']}"
    yield ""
    shown = len(told["rows"]) if rows == 0 else rows
    once: set[str] = set()  # terms, and rules that did not apply: what is the same for several rows is told once
    for row in told["rows"][:shown]:
        yield from _row(row, told, once)
    rest = told["rows"][shown:]
    if rest:
        yield f"  {len(rest)} more rows (--rows 0 shows them in full):"
        for row in rest:
            yield f"    {row['id']:<16} {row['component']:<16} {row['quantity']:>8} x {row['price']} = {row['exact']} -> {row['amount']}"


# --- prices -----------------------------------------------------------------------------------------------------------------


def _price(price: Told, told: Told) -> Iterator[str]:
    if "model" in price:
        window = f", in {price['window']}" if price["window"] else ""
        yield f"  price      {price['model']}{window}"
        yield from _rate("price", price["base"], told["unit"])
        for factor in price["factors"]:
            yield from _rate("times", factor, "")
        if price["scheme"]:
            yield f"    {price['scheme']}"
        yield f"    -> {told['price']} per {told['unit']}"
        return
    on = (
        f"on {price['days']} (last day out)" if len(told["prices"]) > 1 else ""
    )  # a price that stands alone has no other day to be told from
    yield f"  price      {on}".rstrip()
    yield from _rate("base price", price["base"], _TIMED)
    for premium in price["premiums"]:
        yield from _premium(premium)
    if price["own_line"]:
        yield f"    {price['price']} per {_TIMED} is the premium's own price, beside the base line"
    elif price["premiums"]:
        word = f"combined by {price['combine']}: " if price["combine"] else ""
        counts = f", so {price['counts']} counts" if price["counts"] else ""
        yield f"    {word}{price['steps'][-1]['formula']} = {price['price']}{counts}"


def _premium(premium: Told) -> Iterator[str]:
    inputs = ", ".join(f"{name} = {each['value']}" for name, each in premium["inputs"].items())
    rounding, formula = premium["step"]["rounding"], premium["formula"]
    yield (
        f"    {premium['name']:<14} +{premium['adds']}   {formula['text']}   with {inputs}; {rounding['digits']} digits, half {rounding['half']}"
    )
    yield from _entry(f"premium {premium['premium']}", premium)
    yield from _entry(f"formula {formula['version']}", formula)
    for name, each in premium["inputs"].items():
        if "rate" in each:
            yield from ("      " + text.strip() for text in _rate(name, each, ""))
        elif each.get("source"):
            yield from _entry(f"{name}: term {each['term']} {each['value']}", each)


def _rate(label: str, rate: Told, unit: str) -> Iterator[str]:
    per = f" per {unit}" if unit else ""
    figure = f"{rate['value']}{per}   " if rate["value"].strip("0.") else ""  # of tiers and percentages there is none
    yield f"    {label:<14} {figure}{rate['rate']}   {_place(rate)}   {_why(rate)}"
    if "instead_of" in rate:
        other = rate["instead_of"]
        yield f"      instead of   {other['value']}{per}   {other['rate']}   {_place(other)}   {_why(other)}"


# --- rows -------------------------------------------------------------------------------------------------------------------


def _row(row: Told, told: Told, once: set[str]) -> Iterator[str]:
    if row["basis"] == "measured":
        yield from _measured(row, once)
    elif row["basis"] in ("window", "made"):
        yield from _window(row)
    else:
        yield from _timed(row, once)
    said = [f"    term         {term['term']}: {term['value']}   {_place(term)}   {_why(term)}" for term in row.get("terms", ())]
    yield from (each for each in said if each not in once)
    once.update(said)
    for each in row["steps"]:
        unit, of = (f" {told['unit']}", f"   ({row['component']})") if each["step"] == "quantity" else ("", "")
        yield f"    {each['step']:<12} {_arithmetic(each, unit)}{of}"
    yield f"    amount       {row['quantity']} x {row['price']} = {row['exact']}; its share of the line: {row['amount']}"
    yield ""


def _arithmetic(step: Told, unit: str) -> str:
    rounding = step["rounding"]
    rounded = f", {rounding['digits']} digits half {rounding['half']}" if rounding else ""
    made = "" if step["formula"] == step["value"] else f" = {step['formula']}{rounded}"
    return f"{step['value']}{unit}{made}"


def _timed(row: Told, once: set[str]) -> Iterator[str]:
    yield f"  {row['id']} revision {row['revision']}   {row['file']}   worker {row['worker']}"
    if row["recorded"]:
        yield f"    recorded     {row['recorded']}"
    if row["scheduled"] and (not row["recorded"] or row["basis"] == "scheduled"):
        yield f"    scheduled    {row['scheduled']}"
    if row["cancelled"]:
        yield f"    cancelled    {row['cancelled']}   notice {row['notice']}"
    if "rounded" in row:
        yield f"    rounded      {row['rounded']}"
        if row["break"]:
            yield f"    less break   {row['break']}"
        yield f"    segment {row['segment']}    {row['segment_from']} .. {row['segment_to']}"
    for decision in row["decisions"]:
        yield from _decision(decision, once)
    over = {name for piece in row.get("pieces", ()) for name in piece.get("over", ())}
    for each in row.get("sums", ()):
        if each["before"] in ("0h", "0 days") and not over & each["limits"].keys():
            continue
        limits = ", ".join(f"{name} from {limit}" for name, limit in each["limits"].items())
        yield (
            f"    {each['accumulator']:<12} {each['before']} before {each['from']}, and {each['counts']} until {each['to']}; {limits}"
            f"   (window of {each['window_from']}, {_place(each)})"
        )
    for piece in row.get("pieces", ()):
        where = f" over {', '.join(piece['over'])}, {piece['from']} .. {piece['to']}" if piece.get("over") else ""
        yield f"    time         {piece['seconds']} s with {', '.join(piece['premiums']) or 'no premiums'}{where}"
        for decision in piece["decisions"]:
            yield from _decision(decision, once)


def _window(row: Told) -> Iterator[str]:
    name = row.get("of") or row.get("accumulator", "")
    worker = f"   worker {row['worker']}" if row.get("worker") else ""
    yield f"  {row['id']}{worker}   {row['made_by']} {name}   {_place(row)}   {_why(row)}"
    if "limit" in row:
        yield f"    window       {row['window']}: {row['counted']} of {row['limit']} on {row['service_day']}"


def _measured(row: Told, once: set[str]) -> Iterator[str]:
    many = f"   the sum of {row['events']:,} rows" if row["events"] > 1 else ""
    worker = f"   worker {row['worker']}" if row["worker"] else ""
    yield f"  {row['id']} revision {row['revision']}   {_place(row, row['file'])}{worker}{many}"
    if row["start"]:
        yield f"    piece {row['segment']}      {row['start']} .. {row['end']}"
    yield f"    measured     {row['measured']} {row['unit']} on {row['service_day']}" + (
        f", {row['note']}" if row["note"] else ""
    )
    for decision in row["decisions"]:
        yield from _decision(decision, once)


def _decision(decision: Told, once: set[str]) -> Iterator[str]:
    answer = ", ".join(decision["answers"]) or "none"
    yield f"    {decision['decides']:<12} {answer}"
    for rule in decision["applied"]:
        beaten = " (overridden)" if rule["overridden"] else ""
        yield f"      applied      {rule['rule']}{beaten}   {_place(rule)}   {_why(rule)}"
    for term in decision.get("terms", ()):
        yield f"      term         {term['term']}: {term['value']}   {_place(term)}   {_why(term)}"
    refused = [
        f"      not applied  {rule['rule']}   not: {', '.join(rule['because_not'])}   {rule['source']}"
        for rule in decision["not_applied"]
    ]
    new = [each for each in refused if each not in once]
    yield from new
    if len(new) < len(refused):
        yield f"      not applied  {len(refused) - len(new)}{' more' if new else ''}, as above"
    once.update(refused)


# --- knowledge --------------------------------------------------------------------------------------------------------------


def _made_with(told: Told) -> Iterator[str]:
    made = told.get("made_with")
    if made is None:
        return
    yield ""
    rules = f"rules {made['commit'][:12]}" if made["commit"] else "rules in no commit"
    activity = f"activity {made['sequence']}" if made["sequence"] is not None else "activity of no sequence"
    yield f"  made with    {rules}, {activity} (run {made['run']} of {made['period']}, {made['status']})"
    yield f"  proved       made again just now, with the same body {told['body_sha256'][:12]}"
    for each in made["missing"]:
        yield f"  missing      {each}; the present files give the same body, and their places are shown"


def _commits(told: Told) -> Iterator[str]:
    for name, said in told.get("commits", {}).items():
        approved = ", ".join(said["approved_by"]) or "not recorded"
        yield f"  {name[:7]}      {said['author']}: {said['subject']}   approval: {approved}"
        for merge in said.get("merged_in", ()):
            yield f"               brought in by {merge['commit'][:7]} {merge['author']}: {merge['subject']}"
        if "note" in said:
            yield f"               {said['note']}"


def _across(told: Told) -> Iterator[str]:
    across = told.get("across")
    if across is None:
        return
    on = f", as in force on {across['at']}" if across["at"] else ""
    yield ""
    yield f"With {across['known'] if not on else across['known'].split(', as in force')[0]}{on}:"
    for each in across["lines"]:
        yield f"  {each['document']} line {each['line']}   {each['quantity']} {each['unit']} x {each['price']} = {each['amount']} {told['currency']}"
        known = [list(_price(price, told)) for price in told["prices"]]
        for price in each["prices"]:
            said = list(_price(price, each))
            yield from said if said not in known else ()
            known.append(said)
    if not across["lines"]:
        yield "  the line is not made"
    for each in across["together"]:
        yield f"  together with line {each['line']}, which was {each['quantity']} x {each['price']} = {each['amount']}"
    for each in across["rows_now_on"]:
        figures = f"{each['quantity']} x {each['price']} = {each['amount']}"
        yield f"  its rows are on {each['document']} line {each['line']}   {each['description']}: {figures}"
    yield f"  amount       {across['amount']} {told['currency']}   difference {_signed(across['difference'])}"
    yield ""
    changed = [*across["changes"], *across["activity"]]
    if across["at"]:
        yield "  what is otherwise:" if changed else f"  nothing that bears on this line is otherwise on {across['at']}"
    else:
        yield "  changed between:" if changed else "  nothing that bears on this line changed between"
    for each in across["changes"]:
        yield from _change(each, across["at"])
    for each in across["activity"]:
        by = f"   by {each['by']}" if each["by"] else ""
        reason = f"   {each['reason']}" if each["reason"] else ""
        yield f"    {each['kind']} {each['id']} {each['says']}   {each['file']}{by}{reason}"
    for each in across["corrected_by"]:
        yield f"  corrected by {each['document']}#{each['line']} ({each['origin']} {_signed(each['amount'])})"
    if across["corrected_by"]:
        agrees = "the books agree" if across["agrees"] else "the books do not agree with this knowledge"
        yield f"  corrected    {_signed(across['corrected'])} in all -> {agrees}"
    elif any(digit in "123456789" for digit in across["difference"]):
        yield "  not corrected by any issued document"


def _change(change: Told, day: str | None) -> Iterator[str]:
    place = change["after"] or change["before"]
    why = f"   {change['reason']}; approval: {change['approved']}" if change["reason"] else f"   approval: {change['approved']}"
    yield f"    {change['what']} {change['id']}   {place}{why}"
    for each in change["stretches"][:3]:
        if day is not None:
            yield f"      in force on {day}: {each['after'] or 'nothing'} instead of {each['before'] or 'nothing'}"
            continue
        days = f"from {each['start'] or 'ever'}" + (f" to {each['end']}" if each["end"] else "")
        yield f"      {each['before'] or 'nothing'} -> {each['after'] or 'nothing'}   {days}"
    if change["retroactive"]:
        yield f"      retroactive: {change['retroactive']}"
    origin = change["origin"]
    if origin is not None:
        approved = ", ".join(origin["approved_by"]) or "not recorded"
        yield f"      {change['commit'][:7]} {origin['author']}: {origin['subject']}   approval: {approved}"


# --- places -----------------------------------------------------------------------------------------------------------------


def _place(told: Told, instead: str = "") -> str:
    """Where something stands, and the commit that last changed it."""
    commit = f" {told['commit'][:7]}" if told.get("commit") else ""
    return f"{instead or told.get('source', '')}{commit}"


def _entry(label: str, told: Told) -> Iterator[str]:
    yield f"      {label}   {_place(told)}   {_why(told)}"


def _why(told: Told) -> str:
    """The reason, the approval that the entry gives, and the one that git records."""
    reason = f"{told['reason']}; " if told.get("reason") else ""
    recorded = f"; by git: {told['approval']}" if "approval" in told else ""
    return f"{reason}approval: {told.get('approved', 'not recorded')}{recorded}"


def _signed(amount: str) -> str:
    return amount if amount.startswith("-") else f"+{amount}"
