"""Verifies the proof of an invoice, with Python 3.9 or later alone: python VERIFY.py [PACK.zip or its unpacked FOLDER] [SHA-256 of the zip]."""
import csv, decimal, hashlib, io, json, re, sys, zipfile
from collections import Counter, defaultdict
from datetime import datetime
from fractions import Fraction
from pathlib import Path
def same(what, found, expected):
    if found != expected: raise ValueError(f"{what}: is {found}, must be {expected}")
def sha(data): return hashlib.sha256(data).hexdigest()
def canonical(told): return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
# exact numbers: rounding, whole numbers shared by largest remainder (ties to the earlier part), formulas
def rounded(value, half):
    whole, rest = divmod(abs(value), 1)
    return (whole + (rest * 2 > 1 or rest * 2 == 1 and (half == "up" or half == "even" and whole % 2))) * (1 if value >= 0 else -1)
def shares(total, parts):
    if total < 0 or (total == 0 and sum(parts) < 0): return [-share for share in shares(-total, [-part for part in parts])]  # the mirror image
    order = sorted(range(len(parts)), key=lambda i: (parts[i] // 1 - parts[i], i))[: max(total - sum(part // 1 for part in parts), 0)]
    return [part // 1 + (i in order) for i, part in enumerate(parts)]
def value(formula, given):  # nothing but inputs, numbers, + - * /, min, max, comparisons, and, or, not, if, else can stand in it
    known = rf"(?:\s|\d+(?:\.\d+)?|\b(?:{'|'.join(given)}|min|max|and|or|not|if|else)\b|[-+(),]|\*(?!\*)|/(?!/)|[<>=!]=|[<>])*"
    same(f"{formula!r} is a formula", bool(re.fullmatch(known, formula)), True)
    exact = re.sub(r"(?<!\w)\d+(?:\.\d+)?", r"Fraction('\g<0>')", " ".join(formula.split()))
    return eval(exact, {"__builtins__": {}, "Fraction": Fraction, "min": min, "max": max, **given})
# what is written in the rule files, and prices made from it
def figure(text): return Fraction(text.rstrip("%")) / (100 if text.endswith("%") else 1) if re.fullmatch(r"-?\d+(\.\d+)?%?", text) else None
def quoted(places, place, *said):
    text = " ".join(places[place]["text"].split())
    written = {figure(each) for each in re.findall(r"(?<![\w.])-?\d+(?:\.\d+)?%?", re.sub(r"\d{4}-\d\d-\d\d", "", text))}
    for each in said:
        same(f"{each!r} is written at {place}", " ".join(each.split()) in text if figure(each) is None else figure(each) in written, True)
    return figure(said[0])
def made(how, places):  # a figure that is written, or a formula over such figures, rounded as it says
    if "formula" not in how: return quoted(places, how["at"], how["value"])
    if "at" in how: quoted(places, how["at"], how["formula"], how["half"], str(how["digits"]))
    exact = value(how["formula"], {name: made(each, places) for name, each in how["inputs"].items()})
    return Fraction(rounded(exact * 10 ** how["digits"], how["half"]), 10 ** how["digits"])
def opened(path: Path) -> "dict[str, bytes]":
    if path.is_dir(): return {f.relative_to(path).as_posix(): f.read_bytes() for f in path.rglob("*") if f.is_file() and f.suffix not in (".zip", ".pdf")}
    with zipfile.ZipFile(path) as archive: return {name: archive.read(name) for name in archive.namelist()}
def hashes(files, manifest):
    same("manifest.json", files["manifest.json"], canonical({**manifest, "sha256": sha(canonical({**manifest, "sha256": ""}))}) + b"\n")
    for name in sorted({*files, *manifest["files"]} - {"manifest.json"}):
        same(f"{name}, size and SHA-256", name in files and [len(files[name]), sha(files[name])], manifest["files"].get(name))

def rules(files, commit, prefix, places):  # from the commit through its trees to each file, as git hashes them
    hashed, books = hashlib.sha1 if len(commit) == 40 else hashlib.sha256, [name[5:] for name in files if name.startswith("book/")]
    for path in books:
        id_, data = commit, files[f"book/{path}"]
        for name in [None, *(prefix + path).encode().split(b"/")]:
            same(f"git/{id_}", hashed(files[f"git/{id_}"]).hexdigest(), id_)
            inside = files[f"git/{id_}"].partition(b"\0")[2]
            held = re.findall(rb"[0-7]+ ([^\0]+)\0(.{%d})" % (len(id_) // 2), inside, re.DOTALL)
            id_ = dict(held)[name].hex() if name else inside.split()[1].decode()
        same(f"book/{path}", hashed(b"blob %d\0" % len(data) + data).hexdigest(), id_)
    for place, told in places.items():
        (path, first), lines = place.rsplit(":", 1), told["text"].split("\n")
        same(place, lines, files[f"book/{path}"].decode().split("\n")[int(first) - 1 :][: len(lines)])
    return f"{len(places)} entries are quoted from {len(books)} rule files, which are those of commit {commit}"
def amounts(data, body, cells, minor, half):
    (header, *rows), lines = data.splitlines(keepends=True), defaultdict(list)
    for row, cell in zip(rows, cells): lines[int(cell["line"])].append((row, cell))
    same("the backup", [*lines, len(rows), sha(data)], [*(line["line"] for line in body["lines"]), *body["backup"].values()])
    for line in body["lines"]:
        mine, what, price = lines[line["line"]], f"line {line['line']}", Fraction(line["price"])
        same(f"{what}, backup", [len(mine), sha(header + b"".join(row for row, _ in mine))], [*line["backup"].values()])
        exact = [Fraction(cell["quantity"]) * price for _, cell in mine]
        same(f"{what}, rows", [(Fraction(cell["price"]), Fraction(cell["exact"])) for _, cell in mine], [(price, each) for each in exact])
        same(f"{what}, quantity", Fraction(line["quantity"]), sum(Fraction(cell["quantity"]) for _, cell in mine))
        same(f"{what}, amount", line["amount"], rounded(sum(exact) * minor, half))
        same(f"{what}, shares", [int(cell["amount"]) for _, cell in mine], shares(line["amount"], [each * minor for each in exact]))
    tax, within = (sum(each["tax"] for each in body["taxes"] if each["included"] >= least) for least in (False, True))
    net, total = sum(line["amount"] for line in body["lines"]) - within, decimal.Decimal(body["total"]).scaleb(1 - len(str(minor)))
    same("net, tax and total", [body["net"], body["tax"], body["total"]], [net, tax, net + tax])
    return f"{len(rows)} backup rows add up to {len(lines)} lines of quantity x price, and these to the total of {total:,f} {body['currency']}"
def taxes(body, told, places):
    amount, half, rates, due = [line["amount"] for line in body["lines"]], told["half"], Counter(), Counter()
    taxed = [{line: Fraction(quoted(places, at, t["reason"] or t["rate"]) or 0) for line, at in of} for t, of in zip(body["taxes"], told["of"])]
    for of in taxed: rates.update(of)
    for tax, of in zip(body["taxes"], taxed):
        exact = [amount[line] * rate / (1 + tax["included"] * rates[line]) for line, rate in of.items()]
        parts = [rounded(part, half) for part in exact] if told["per"] == "line" else shares(rounded(sum(exact), half), exact)
        same(f"tax {tax['name']} {tax['rate']}", [tax["base"], tax["tax"]], [sum(amount[line] for line in of), sum(parts)])
        due.update(dict(zip(of, parts)))
    same("the tax of each line", [line["tax"] or 0 for line in body["lines"]], [due[line] for line in range(len(amount))])
    return f"{len(taxed)} taxes are made with the rates in the rule files"

def charges(told, cells, rows, places, minor, half):
    prices, figures, exact, given, priced, counted = [made(how, places) for how in told["prices"]], [], Counter(), Counter(), set(), set()
    for number, charge in enumerate(told["charges"]):
        cell, what = cells[charge["row"]], f"backup row {charge['row'] + 1}"
        quantity, price = (Fraction(charge.get(name, cell[name])) for name in ("quantity", "price"))
        of = rows[charge["activity"]] if "activity" in charge else cell
        same(f"{what}, its activity", *([each[name] for name in ("kind", "source", "id")] for each in (cell, of)))
        same(f"{what}, price", price, prices[charge["how"]] if "how" in charge else price)
        if "how" in charge or charge["given"]: priced.add(number)
        if charge["given"] or (cell["unit"], abs(quantity)) == ("each", 1): counted.add(number)
        figures.append((quantity, price))
        exact[charge["row"]] += quantity * price
        given.update(charge["given"])
    quoted(places, told["rounding"]["at"], half)
    for at, cell in enumerate(cells):  # of a row whose amount is rounded by itself: what its charges make together
        same(f"backup row {at + 1}", Fraction(cell["exact"]) in (exact[at], Fraction(rounded(exact[at] * minor, half), minor)), True)
    for each in told["quantities"]:
        got, scale, what = Counter(), 10 ** each["digits"], f"quantities of row {each['activity'] + 1} of activity"
        if "cell" in each:  # the charges add up to a cell of the row: their quantities, or their whole amounts
            mine = [figures[number][0] * (figures[number][1] if each["sum"] == "exact" else 1) for number in each["charges"]]
            same(what, abs(sum(mine) * scale), abs(int(rows[each["activity"]][each["cell"]])))
            priced.update(each["charges"] if each["sum"] == "exact" else ())
        else:  # seconds, rounded once and shared
            quoted(places, each["at"], each["half"], str(each["digits"]))
            pieces = [Fraction(seconds * scale, 3600) for _, _, seconds, _ in each["pieces"]]
            parts = shares(rounded(sum(pieces), each["half"]), pieces)
            for (*_, numbers), part in zip(each["pieces"], parts): got.update(dict.fromkeys(numbers, part))
            same(what, {number: figures[number][0] * scale for number in got}, got)
            given.update({"the seconds of time under each set of premiums": len(pieces), "time beyond printed times": not each["within"]})
            spans = {tuple(cells[told["charges"][number]["row"]][name] for name in ("start", "end")) for number in got if each["within"]}
            lasts = sum((datetime.fromisoformat(end) - datetime.fromisoformat(start)).total_seconds() for start, end in spans)
            same(f"{what}, within the time from start to end", each["within"] and sum(pieces) * 3600 > lasts * scale, False)
        counted.update(each.get("charges", got))
    same("how many charges have a price", len(priced), len(figures))
    given["a quantity that is no cell of a row of activity"] += len(figures) - len(counted)
    return +given
def verify(files: "dict[str, bytes]", beside: Path = Path()) -> "list[str]":
    manifest, told, made_of, cited, activity = (json.loads(files[f"{n}.json"]) for n in ("manifest", "document", "arithmetic", "citations", "activity"))
    hashes(files, manifest)
    body, cells, places = told["body"], list(csv.DictReader(io.StringIO(files["backup.csv"].decode(), newline=""))), cited["places"]
    found = [told["envelope"]["number"], cited["commit"], sha(canonical(body)), sha(canonical(body))]
    same("its names", found, [manifest["number"], manifest["seal"]["commit"], manifest["body_sha256"], told["body_sha256"]])
    pdf = manifest["pdf"] and beside / manifest["pdf"]["name"]
    if pdf and pdf.is_file(): same(pdf.name, sha(pdf.read_bytes()), manifest["pdf"]["sha256"])
    for name in ("snapshot", "context"):  # the hash of one kind, or of the hashes of all of them
        kinds = sorted((kind, each[name]) for kind, each in activity["kinds"].items())
        same(name, manifest["seal"][name], kinds[0][1] if len(kinds) == 1 else sha("".join(f"{k} {h}\n" for k, h in kinds).encode()))
    rows = [dict(zip(["kind", *activity["kinds"][row.split("|")[0]]["columns"]], row.split("|"))) for row in activity["rows"]]
    half, minor = made_of["rounding"]["half"], 10 ** made_of["rounding"]["digits"]
    given = charges(made_of, cells, rows, places, minor, half)
    return [
        rules(files, cited["commit"], cited["prefix"], places), amounts(files["backup.csv"], body, cells, minor, half),
        *([taxes(body, made_of["taxes"], places)] if made_of["taxes"] else []),
        f"{len(made_of['prices'])} prices and the quantities of {len(rows)} rows of activity are made again from what is printed",
        *(f"taken as given: {what} ({'once' if count == 1 else f'{count} times'})" for what, count in sorted(given.items())),
    ]
if __name__ == "__main__":
    path = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).resolve().parent
    try:
        same("the SHA-256 of the zip", [sha(path.read_bytes()) for _ in sys.argv[2:]], sys.argv[2:])
        print(*verify(opened(path), path.parent), "VERIFIED, but for what is taken as given", sep="\n")
    except Exception as error:
        sys.exit(f"WRONG: {error}")
