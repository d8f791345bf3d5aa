"""What each code of a finding in a rule file means, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

CATALOGUE: Mapping[str, str] = {
    # the files
    "R001": "A link in rates/ or rules/ leads out of the workspace, nowhere, or to a folder; a rule book is its own files.",
    "R002": "A file looks like YAML but its name does not end in .yaml, so it would be left out in silence.",
    "R003": "A file does not say what it is, or says something that no rule file is; `kind` decides what is read from it.",
    # their form
    "R004": "A field is not one of those that may stand here; it is probably misspelt or in the wrong place.",
    "R005": "A field that must stand here is missing.",
    "R006": "A value is not one of the words that are possible here.",
    "R007": "A value is not written in the form it must have, such as 82.50, 2026-10-03, 19:00 or 4h30min.",
    "R008": "A list, a map or a single value stands where another one of them is needed.",
    "R009": "A list or a map has too few or too many entries, the same entry twice, or a value has no place here.",
    # their text
    "R010": "A file is too large to be read, or has too many problems to list.",
    "R011": "A file is not UTF-8 text.",
    "R012": "A file holds characters that nobody sees or that look like others; two readers would read it differently.",
    "R013": "A file holds a tab outside quotes; YAML is indented with blanks.",
    "R014": "Lists and maps are nested deeper than any rule file needs.",
    "R015": "A file is not YAML: a bracket, a quote, a colon or an indentation is wrong.",
    "R016": "A file holds more than one document; the second one would be overlooked.",
    "R017": "A file is empty.",
    "R018": "Anchors, aliases and merge keys are refused: every value stands written out where it is used.",
    "R019": "Tags are refused: the field decides what type its value has.",
    "R020": "A key or an entry has no value.",
    "R021": "A key is not a plain word.",
    # names across files
    "R022": "The same thing is written twice, and only one of them could count.",
    "R023": "A name is used that nothing in the book has.",
    "R024": "A time zone is unknown.",
    "R025": "A column of activity has a name or a type that the engine needs otherwise.",
    # prices and terms
    "R031": "A rate table is spread over several files that declare it differently.",
    "R032": "Two units or currencies that must be equal are not; nothing is converted.",
    "R033": "A row or an override does not have exactly the columns of its table's key.",
    "R034": "A price has no cents; prices are written with at least two digits after the point.",
    "R035": "A number has more digits after the point than are declared; nothing is rounded in silence.",
    "R036": "A file or policy of which exactly one is needed is missing or stands more than once.",
    "R037": "A term has another type than is needed here.",
    "R038": "A declared term has no default value.",
    "R039": "A step of time does not divide a day.",
    "R040": "An interval is empty, reversed, or does not hold a day that must lie in it.",
    "R041": "Two overrides could both apply on one day and neither is closer than the other.",
    # rules
    "R042": "A text has a placeholder that is not known there.",
    "R043": "A window's edges or holidays do not fit how often it recurs.",
    "R044": "A kind of activity lacks a column that the engine needs.",
    "R045": "A unit of quantity has no declared rounding.",
    "R046": "The inputs of a formula and what a premium gives it do not fit together.",
    "R047": "An input of a formula is declared and never used.",
    "R048": "A formula is not in the formula language, or its units do not agree.",
    "R049": "The versions of a formula leave a gap or overlap.",
    "R050": "The rules of a policy cannot be brought into an order.",
    "R051": "What a policy does when none or several of its rules match does not fit its question.",
    "R052": "An answer is not one of those the policy declares.",
    "R053": "A condition reads a column that this policy cannot read, or compares what has no order.",
    "R054": "durable-rules cannot compile a policy.",
    "R055": "Two rules can apply to one case with different answers, and none overrides the other.",
    "R056": "A holiday is observed far from its day; a year or a month is probably mistyped.",
    "R057": "What counts for an accumulator depends on its own bands, directly or through others.",
    "R058": "The parts of an accumulator do not fit together.",
    "R059": "Accumulators look back, and the calendar does not say from which day on activity is complete.",
    # pricing models, assembly, taxes
    "R070": "A percentage is written without its sign, and could be read in two ways that differ a hundredfold.",
    "R071": "The parts of a price, fee, coupon, limit, share or tax do not fit together.",
    "R072": "The tiers of a price overlap, leave a gap, or do not increase.",
    "R073": "A quantity is in another unit than what it is compared with.",
    # worked examples
    "R060": "A worked example leaves out something its rules or its formula need.",
    "R061": "The rules do not decide a worked example.",
    "R062": "A worked example could not be computed because of a fault of the engine.",
    "R063": "A worked example comes out differently from what it says.",
}
