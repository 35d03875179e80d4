"""How a text becomes a value: one SQL expression per type, so that a whole batch is typed inside the database.

`pg_input_is_valid` alone is not enough: Postgres reads `now`, `NaN`, `Infinity`, `0x1F`, `1_000` and even `10:B0`. So
a text must also have its type's shape. The usual way of writing is recognised without a regular expression, which
would cost ten times the cast: a time that Postgres writes back as it came is one.

Naive times are read in the source's timezone as Postgres `AT TIME ZONE` reads them: a time that a DST change skips
moves forward by the gap (02:30 becomes 03:30), a time that comes twice is the second one (standard time).
"""

from __future__ import annotations

from dataclasses import dataclass

from shopkeeper.warehouse.entities import Type

FIRST_YEAR, LAST_YEAR = 1900, 2199
BLANKS = "\t\n\v\f\r \u00a0\u200b\u2007\u202f\ufeff"  # no-break and zero-width ones come from spreadsheets

_ISO_DAY = r"(?:\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{8})"
_YEAR_LAST = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})"
_TIME = r"(?:[ T]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[AaPp][Mm])?(?: ?(?:Z|z|UTC|[+-]\d\d(?::?\d\d)?))?)"
_HAS_ZONE = r":\d\d(?:\.\d+)?(?: ?[AaPp][Mm])? ?(?:Z|z|UTC|[+-]\d\d(?::?\d\d)?)$"
_MIDNIGHT = r"[ T]0?0:00(?::00(?:\.0+)?)?$"
_WHOLE = r"^[+-]?\d{1,18}(?:\.0+)?$"
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?$"
_COMMA_NUMBER = r"^[+-]?(?:\d*,\d+|\d+|\d{1,3}(?:\.\d{3})+,\d+)$"
_BLANK_INSIDE = rf"[{BLANKS}[:cntrl:]]"
_WRITTEN_ZONES = ", ".join(f"'{sign}{hour:02}'" for sign in "+-" for hour in range(15))
_USUAL_SCORES = ", ".join(f"'{score}'" for score in range(11))
_TRUE = "('t', 'true', '1', 'y', 'yes', 'on')"
_FALSE = "('f', 'false', '0', 'n', 'no', 'off')"


@dataclass(frozen=True)
class Reading:
    """How one source writes its values. `missing` texts mean no value, and so does an empty or blank one."""

    timezone: str = "UTC"
    company_timezone: str = "UTC"
    missing: tuple[str, ...] = ("",)
    lower_case_ids: bool = False
    date_order: str = "ymd"
    decimal_comma: bool = False

    @property
    def marks(self) -> list[str]:
        """Texts that mean no value, besides the empty one."""
        return [mark for mark in dict.fromkeys(each.strip(BLANKS) for each in self.missing) if mark]


def literal(text: str | None) -> str:
    """A text as an SQL literal."""
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A name as an SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def cleaned(text: str, reading: Reading) -> str:
    """SQL for the trimmed text, NULL where it means no value."""
    clean = f"nullif(btrim({text}, {literal(BLANKS)}), '')"
    for mark in reading.marks:
        clean = f"nullif({clean}, {literal(mark)})"
    return clean


def typed(kind: Type, text: str, reading: Reading) -> str:
    """SQL for the value of a text; NULL where it means none or does not fit the type. It never raises."""
    if kind is Type.TEXT:
        return cleaned(text, reading)
    usual = _USUAL[kind](text, reading)
    if reading.marks:
        usual = [(f"{test} and {text} not in ({', '.join(map(literal, reading.marks))})", value) for test, value in usual]
    cases = [f"when {text} is null then null", *(f"when {test} then {value}" for test, value in usual)]
    return f"case {' '.join(cases)} else {_UNUSUAL[kind](cleaned(text, reading), reading)} end"


def vouched(kind: Type, text: str, written: str, reading: Reading) -> str | None:
    """SQL for a date or time that Postgres itself has `written` (a type's name), which needs no shape check; None for all else."""
    if reading.marks or (kind, written) not in _VOUCHED:
        return None
    value = _VOUCHED[kind, written].format(text=text, zone=literal(reading.timezone))
    # What remains are infinities, and years that are not believed.
    return f"case when {text} like '____-%' and {text} not like '%C' and {_in_range(text)} then {value} end"


_VOUCHED = {
    (Type.TIMESTAMP, "timestamptz"): "{text}::timestamptz",
    (Type.TIMESTAMP, "timestamp"): "{text}::timestamp at time zone {zone}",
    (Type.DATE, "date"): "{text}::date",
}


def misfit(kind: Type, text: str, reading: Reading) -> str:
    """SQL for why a cleaned text does not fit its type. It never holds the value itself."""
    if kind in (Type.DATE, Type.TIMESTAMP):
        what, order = {Type.DATE: "date", Type.TIMESTAMP: "time"}[kind], _ORDERS[reading.date_order]
        shape = literal(f"^{_day(reading)}{_TIME}?$")
        return (
            f"case when {text} ~ {shape} then {literal(f'is no {what} of the calendar from {FIRST_YEAR} to {LAST_YEAR}')}"
            f" else {literal(f'is no {what} ({order})')} end"
        )
    if kind is Type.NUMERIC:
        number, point = (_COMMA_NUMBER, "decimal comma") if reading.decimal_comma else (_NUMBER, "decimal point")
        return (
            f"case when {text} ~ {literal(number)} then 'is too large: it has more than 14 digits before the {point}'"
            f" else 'is no number (with a {point})' end"
        )
    return literal(_MISFITS[kind])


_ORDERS = {"ymd": "year first", "dmy": "day first", "mdy": "month first"}
_MISFITS = {
    Type.ID: "has a blank inside",
    Type.SCORE: "is no whole number",
    Type.INTEGER: "is no whole number",
    Type.BOOLEAN: "is neither yes nor no (true, t, yes, y, on, 1; false, f, no, n, off, 0)",
    Type.JSON: "is no JSON object",
}


# --- the usual way of writing: (test, value) pairs on the text as it came ---------------------------------------------

Cases = list[tuple[str, str]]


def _usual_id(text: str, reading: Reading) -> Cases:
    return [(f"{text} !~ {literal(_BLANK_INSIDE)} and {text} <> ''", f"lower({text})" if reading.lower_case_ids else text)]


def _usual_score(text: str, reading: Reading) -> Cases:
    return [(f"{text} in ({_USUAL_SCORES})", f"{text}::integer")]


def _usual_integer(text: str, reading: Reading) -> Cases:
    return [(f"translate({text}, '0123456789', '') = '' and length({text}) between 1 and 18", f"{text}::bigint")]


def _usual_number(text: str, reading: Reading) -> Cases:
    if reading.decimal_comma:
        return []
    plain = f"translate({text}, '0123456789', '') in ('', '.', '-', '-.') and pg_input_is_valid({text}, 'numeric(18,4)')"
    return [(plain, f"{text}::numeric(18, 4)")]


def _usual_boolean(text: str, reading: Reading) -> Cases:
    return [(f"lower({text}) in {_TRUE}", "true"), (f"lower({text}) in {_FALSE}", "false")]


def _usual_date(text: str, reading: Reading) -> Cases:
    written_back = f"pg_input_is_valid({text}, 'date') and {text}::date::text = {text}"
    return [(f"length({text}) = 10 and {written_back} and {_in_range(text)}", f"{text}::date")]


def _usual_timestamp(text: str, reading: Reading) -> Cases:
    def written_back(part: str) -> str:
        whole = f"replace({part}, 'T', ' ') = {text}::timestamp::text"
        four_digits_ad = f"{part} like '____-%' and {part} not like '%C'"
        return f"pg_input_is_valid({text}, 'timestamptz') and {whole} and {four_digits_ad} and {_in_range(text)}"

    return [
        (f"right({text}, 3) in ({_WRITTEN_ZONES}) and {written_back(f'left({text}, -3)')}", f"{text}::timestamptz"),
        (f"right({text}, 1) = 'Z' and {written_back(f'left({text}, -1)')}", f"{text}::timestamptz"),
        (written_back(text), f"{text}::timestamp at time zone {literal(reading.timezone)}"),
    ]


def _no_usual(text: str, reading: Reading) -> Cases:
    return []


_USUAL = {
    Type.ID: _usual_id,
    Type.SCORE: _usual_score,
    Type.INTEGER: _usual_integer,
    Type.NUMERIC: _usual_number,
    Type.BOOLEAN: _usual_boolean,
    Type.DATE: _usual_date,
    Type.TIMESTAMP: _usual_timestamp,
    Type.JSON: _no_usual,
}


# --- every other way of writing: one expression on the cleaned text ---------------------------------------------------


def _id(text: str, reading: Reading) -> str:
    return f"case when {text} !~ {literal(_BLANK_INSIDE)} then {f'lower({text})' if reading.lower_case_ids else text} end"


def _score(text: str, reading: Reading) -> str:
    return f"case when {text} ~ {literal(_WHOLE.replace('18', '9'))} then {text}::numeric::integer end"


def _integer(text: str, reading: Reading) -> str:
    return f"case when {text} ~ {literal(_WHOLE)} then {text}::numeric::bigint end"


def _number(text: str, reading: Reading) -> str:
    shape, number = _NUMBER, text
    if reading.decimal_comma:
        shape, number = _COMMA_NUMBER, f"replace(replace({text}, '.', ''), ',', '.')"
    return f"case when {text} ~ {literal(shape)} and pg_input_is_valid({number}, 'numeric(18,4)') then {number}::numeric(18, 4) end"


def _boolean(text: str, reading: Reading) -> str:
    return f"case when lower({text}) in {_TRUE} then true when lower({text}) in {_FALSE} then false end"


def _date(text: str, reading: Reading) -> str:
    """A naive midnight is a day in a time's clothing; any other time is a moment, and its day is the company's."""
    iso, company = _year_first(text, reading), literal(reading.company_timezone)
    moment = (
        f"case when {text} ~ {literal(_MIDNIGHT)} then {iso}::timestamp::date"
        f" when {text} ~ {literal(_HAS_ZONE)} then ({iso}::timestamptz at time zone {company})::date"
        f" else ({iso}::timestamp at time zone {literal(reading.timezone)} at time zone {company})::date end"
    )
    day, day_and_time = literal(f"^{_day(reading)}$"), literal(f"^{_day(reading)}{_TIME}$")
    return (
        f"case when {text} ~ {day} then case when {_in_range(iso)} and pg_input_is_valid({iso}, 'date') then {iso}::date end"
        f" when {text} ~ {day_and_time} and {_in_range(iso)} and pg_input_is_valid({iso}, 'timestamptz') then {moment} end"
    )


def _timestamp(text: str, reading: Reading) -> str:
    iso, shape = _year_first(text, reading), literal(f"^{_day(reading)}{_TIME}?$")
    return (
        f"case when {text} ~ {shape} and {_in_range(iso)} and pg_input_is_valid({iso}, 'timestamptz') then"
        f" case when {text} ~ {literal(_HAS_ZONE)} then {iso}::timestamptz"
        f" else {iso}::timestamp at time zone {literal(reading.timezone)} end end"
    )


def _json(text: str, reading: Reading) -> str:
    return f"case when {text} like '{{%' and pg_input_is_valid({text}, 'jsonb') then {text}::jsonb end"


_UNUSUAL = {
    Type.ID: _id,
    Type.SCORE: _score,
    Type.INTEGER: _integer,
    Type.NUMERIC: _number,
    Type.BOOLEAN: _boolean,
    Type.DATE: _date,
    Type.TIMESTAMP: _timestamp,
    Type.JSON: _json,
}


def _day(reading: Reading) -> str:
    """The shape of a day. Year first is always read, because drivers and other programs write it so."""
    return _ISO_DAY if reading.date_order == "ymd" else rf"(?:{_ISO_DAY}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]\d{{4}})"


def _year_first(text: str, reading: Reading) -> str:
    if reading.date_order == "ymd":
        return text
    order = r"\3-\2-\1" if reading.date_order == "dmy" else r"\3-\1-\2"
    return f"regexp_replace({text}, {literal(_YEAR_LAST)}, {literal(order)})"


def _in_range(iso: str) -> str:
    """SQL that is true for an ISO text of the years that are believed; it compares texts, so the year must have four digits."""
    return f"{iso} >= '{FIRST_YEAR}' and {iso} < '{LAST_YEAR + 1}'"
