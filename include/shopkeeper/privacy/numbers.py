"""Numbers that lead to a person: of accounts, cards, telephones and contracts. Dates, years and amounts of money are none of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import accumulate

# Length of an IBAN by country (ISO 13616).
IBAN_LENGTHS = {
    country: int(length)
    for country, length in re.findall(
        r"([A-Z]{2})(\d{2})",
        "AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DK18 DO28 EE20 EG29 ES24 FI18 FO18 FR27 GB22 GE22"
        " GI23 GL18 GR27 GT28 HR21 HU28 IE22 IL23 IQ23 IS26 IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MR27"
        " MT31 MU30 NL18 NO15 PK24 PL28 PS29 PT25 QA29 RO24 RS22 SA24 SC31 SE24 SI19 SK24 SM27 ST25 SV28 TL23 TN24 TR26 UA29"
        " VA22 VG24 XK20",
    )
}
SHORTEST_NUMBER = 7  # digits; shorter ones are amounts, house numbers, ages
CARD_LENGTHS = range(13, 20)

_IBAN_START = re.compile(r"(?<![^\W_])([A-Za-z])[\s.-]{0,3}([A-Za-z])(?=[\s.:-]{0,3}\d[\s.-]{0,3}\d)")
_IBAN_NEXT = re.compile(r"[\s.:\-/]{0,3}([A-Za-z0-9])")

# What may stand between two digits of one number. A point and then a blank end a sentence.
_GAP = r"(?:[ \t\u00a0\u202f\u2009\-\u2010-\u2013/()]|\.(?![ \t])|(?<= )\. )"
_TIME = r"(?<!\d)[0-2]?\d:[0-5]\d(?::[0-5]\d)?(?!\d)"
_DIGIT = r"\d(?!\d?:[0-5]\d(?!\d))"  # the hour before a colon is no digit of a number
_RUN = re.compile(rf"{_TIME}|(?P<run>(?:[+\uff0b(]{_GAP}?)?{_DIGIT}(?:{_GAP}{{0,3}}{_DIGIT}){{{SHORTEST_NUMBER - 1},}})")
_GAPS = re.compile(rf"{_GAP}+")
# A short number is a telephone's where it is called one.
_SAID = re.compile(
    r"(?<!\w)((?:(?:tel|fon|ext|mob|fax)\.? ?:? ?"
    r"|(?:telefono?|teléfono|téléphone|telefone|phone|mobile?|handy|móvil|portable|durchwahl) ?:? ?))"
    r"(\+?\d[\d ./-]{2,}\d)(?!\d)",
    re.IGNORECASE,
)
_DAY, _MONTH, _YEAR, _BY = r"(?:0?[1-9]|[12]\d|3[01])", r"(?:0?[1-9]|1[0-2])", r"(?:19|20)\d\d", r"\s?[./\-]\s?"
_FULL_DATE = rf"(?:{_DAY}{_BY}{_MONTH}{_BY}{_YEAR}|{_MONTH}{_BY}{_DAY}{_BY}{_YEAR}|{_YEAR}{_BY}{_MONTH}{_BY}{_DAY})"
_SHORT_DATE = rf"{_DAY}{_BY}{_MONTH}{_BY}\d\d"
_ONLY_DATES = re.compile(
    rf"(?:{_FULL_DATE}(?:{_GAP}+\d{{1,2}})?|{_SHORT_DATE}|{_YEAR})(?:{_GAP}+(?:{_FULL_DATE}(?:{_GAP}+\d{{1,2}})?|{_SHORT_DATE}|{_YEAR}))*"
)
_MONEY = r"(?:€|EUR\b|Euro|euros?\b|US\$|\$|USD\b|£|GBP\b|CHF\b|Fr\.|Franken|Dollar|dollars?\b|pounds?\b|reais\b|R\$)"
_MONEY_AFTER = re.compile(rf"(?:,\d\d)?\s?{_MONEY}", re.IGNORECASE)
_MONEY_BEFORE = re.compile(rf"{_MONEY}\s?$", re.IGNORECASE)
_AMOUNT = re.compile(r"(?:[1-9]\d{0,2}(?:[ .\u00a0\u202f]\d{3})+|[1-9]\d*)(?:\.\d\d)?")
LONGEST_AMOUNT = 9


def replaced(text: str, marks: Mapping[str, str]) -> str:
    """The text with `marks["iban"]`, `["card"]`, `["phone"]` or `["number"]` in place of each such number."""
    text = _without_ibans(text, marks["iban"])

    def instead(match: re.Match[str]) -> str:
        return _mark(match, match.group("run"), marks) if match.group("run") else match.group()

    text = _RUN.sub(instead, text)
    return _SAID.sub(lambda match: match.group() if _ONLY_DATES.fullmatch(match.group(2)) else match.group(1) + marks["phone"], text)


def is_card(digits: str) -> bool:
    """Whether the digits are as long as a card's number and pass the check of Luhn (ISO/IEC 7812-1, annex B)."""
    if len(digits) not in CARD_LENGTHS:
        return False
    doubled = (int(digit) * (2 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def is_iban(letters: str) -> bool:
    """Whether capital letters and digits are an IBAN: the length of its country, and 1 modulo 97 (ISO 13616)."""
    if IBAN_LENGTHS.get(letters[:2]) != len(letters):
        return False
    return int("".join(str(int(letter, 36)) for letter in letters[4:] + letters[:4])) % 97 == 1


def _without_ibans(text: str, mark: str) -> str:
    pieces, end = [], 0
    for match in _IBAN_START.finditer(text):
        if match.start() < end:
            continue
        collected, place = match.group(1) + match.group(2), match.end()
        length = IBAN_LENGTHS.get(collected.upper(), 0)
        while len(collected) < length and (found := _IBAN_NEXT.match(text, place)):
            collected, place = collected + found.group(1), found.end()
        if length and collected.isascii() and is_iban(collected.upper()):
            pieces += [text[end : match.start()], mark]
            end = place
    return "".join(pieces) + text[end:]


def _mark(match: re.Match[str], run: str, marks: Mapping[str, str]) -> str:
    before, after = match.string[: match.start()], match.string[match.end() :]
    digits = "".join(str(int(character)) for character in run if character.isdigit())
    if _ONLY_DATES.fullmatch(run.lstrip("(")):
        return run
    is_money = _MONEY_AFTER.match(after) or _MONEY_BEFORE.search(before[-12:])
    if is_money and len(digits) <= LONGEST_AMOUNT and _AMOUNT.fullmatch(run):
        return run
    groups = _GAPS.split(run.strip("+\uff0b() "))
    # What follows a card's number is often the month in which it ends.
    if any(is_card(digits[:length]) for length in accumulate(len(group) for group in groups)):
        return marks["card"]
    is_phone = digits[0] == "0" or run[0] in "+\uff0b(" or (len(groups) > 1 and len(digits) <= 15)
    return marks["phone"] if is_phone else marks["number"]
