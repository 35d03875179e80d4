"""How a text becomes a value: one SQL expression per type, so that a whole batch is typed inside the database.

`pg_input_is_valid` alone is not enough: Postgres reads `now`, `NaN`, `Infinity`, `0x1F` and `1_000`. So every type
has a shape that the text must have before Postgres is asked.

Naive times are read in the source's timezone as Postgres `AT TIME ZONE` reads them: a time that a DST change skips
moves forward by the gap (02:30 becomes 03:30), a time that comes twice is the second one (standard time).
"""

from __future__ import annotations

from dataclasses import dataclass

from shopkeeper.warehouse.entities import Type

FIRST_YEAR, LAST_YEAR = 1900, 2199
BLANKS = "\t\n\v\f\r \u00a0\u200b\u2007\u202f\ufeff"  # no-break and zero-width ones come from spreadsheets

_YEAR = r"(?:19|20|21)\d\d"
_ANY_YEAR = r"\d{4}"
_TIME = r"(?:[ T]\d{1,2}:\d\d(?::\d\d(?:\.\d+)?)?(?: ?[AaPp][Mm])?(?: ?(?:Z|z|UTC|[+-]\d\d(?::?\d\d)?))?)?"
_HAS_ZONE = r":\d\d(?:\.\d+)?(?: ?[AaPp][Mm])? ?(?:Z|z|UTC|[+-]\d\d(?::?\d\d)?)$"
_YEAR_LAST = r"^(\d{1,2})[-/.](\d{1,2})[-/.](\d{4})"
_ISO_DAY = r"(?:{year}[-/]\d{{1,2}}[-/]\d{{1,2}}|{year}\d{{4}})"
_WHOLE = r"^[+-]?\d{1,18}(?:\.0+)?$"
_PLAIN_NUMBER = r"^[+-]?\d{1,13}(?:\.\d{1,9})?$"
_NUMBER = r"^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,2})?$"
_COMMA_NUMBER = r"^[+-]?(?:\d*,\d+|\d+|\d{1,3}(?:\.\d{3})+,\d+)$"
_BLANK_INSIDE = rf"[{BLANKS}[:cntrl:]]"
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


def literal(text: str | None) -> str:
    """A text as an SQL literal."""
    return "null" if text is None else "'" + text.replace("'", "''") + "'"


def name(text: str) -> str:
    """A name as an SQL identifier."""
    return '"' + text.replace('"', '""') + '"'


def cleaned(text: str, reading: Reading) -> str:
    """SQL for the trimmed text, NULL where it means no value."""
    clean = f"nullif(btrim({text}, {literal(BLANKS)}), '')"
    for mark in dict.fromkeys(mark.strip(BLANKS) for mark in reading.missing):
        if mark:
            clean = f"nullif({clean}, {literal(mark)})"
    return clean


def typed(kind: Type, text: str, reading: Reading) -> str:
    """SQL for the value of a cleaned text; NULL where the text does not fit. It never raises."""
    match kind:
        case Type.TEXT:
            return text
        case Type.ID:
            value = f"lower({text})" if reading.lower_case_ids else text
            return f"case when {text} !~ {literal(_BLANK_INSIDE)} then {value} end"
        case Type.SCORE | Type.INTEGER:
            whole = _WHOLE if kind is Type.INTEGER else _WHOLE.replace("18", "9")
            return f"case when {text} ~ {literal(whole)} then {text}::numeric::{'bigint' if kind is Type.INTEGER else 'integer'} end"
        case Type.NUMERIC:
            return _numeric(text, reading)
        case Type.BOOLEAN:
            return f"case when lower({text}) in {_TRUE} then true when lower({text}) in {_FALSE} then false end"
        case Type.DATE:
            return _date(text, reading)
        case Type.TIMESTAMP:
            return _timestamp(text, reading)
        case Type.JSON:
            return f"case when pg_input_is_valid({text}, 'jsonb') then case when {text} ~ '^\\s*\\{{' then {text}::jsonb end end"


def misfit(kind: Type, text: str, reading: Reading) -> str:
    """SQL for why a cleaned text did not fit its type. It never holds the value itself."""
    orders = {"ymd": "year first", "dmy": "day first", "mdy": "month first"}
    match kind:
        case Type.ID:
            return literal("has a blank inside")
        case Type.SCORE | Type.INTEGER:
            return literal("is no whole number")
        case Type.NUMERIC:
            point = "decimal comma" if reading.decimal_comma else "decimal point"
            number = _COMMA_NUMBER if reading.decimal_comma else _NUMBER
            return f"case when {text} ~ {literal(number)} then 'is too large (14 digits before the {point})' else 'is no number ({point})' end"
        case Type.BOOLEAN:
            return literal("is neither yes nor no (true, t, yes, y, on, 1; false, f, no, n, off, 0)")
        case Type.DATE | Type.TIMESTAMP:
            what = "date" if kind is Type.DATE else "time"
            shape = literal(f"^{_day(reading, _ANY_YEAR)}{_TIME}$")
            outside = literal(f"is no {what} of the calendar from {FIRST_YEAR} to {LAST_YEAR}")
            return f"case when {text} ~ {shape} then {outside} else {literal(f'is no {what} ({orders[reading.date_order]})')} end"
        case Type.JSON:
            return literal("is no JSON object")
        case Type.TEXT:
            return literal("is no text")


def _numeric(text: str, reading: Reading) -> str:
    if reading.decimal_comma:
        number = f"replace(replace({text}, '.', ''), ',', '.')"
        return f"case when {text} ~ {literal(_COMMA_NUMBER)} and pg_input_is_valid({number}, 'numeric(18,4)') then {number}::numeric(18, 4) end"
    return (
        f"case when {text} ~ {literal(_PLAIN_NUMBER)} then {text}::numeric(18, 4)"
        f" when {text} ~ {literal(_NUMBER)} and pg_input_is_valid({text}, 'numeric(18,4)') then {text}::numeric(18, 4) end"
    )


def _day(reading: Reading, year: str) -> str:
    """The shape of a day. Year first is always read, because drivers and other programs write it so."""
    iso = _ISO_DAY.format(year=year)
    return iso if reading.date_order == "ymd" else rf"(?:{iso}|\d{{1,2}}[-/.]\d{{1,2}}[-/.]{year})"


def _year_first(text: str, reading: Reading) -> str:
    if reading.date_order == "ymd":
        return text
    order = r"\3-\2-\1" if reading.date_order == "dmy" else r"\3-\1-\2"
    return f"regexp_replace({text}, {literal(_YEAR_LAST)}, {literal(order)})"


def _timestamp(text: str, reading: Reading) -> str:
    shape, iso = literal(f"^{_day(reading, _YEAR)}{_TIME}$"), _year_first(text, reading)
    return (
        f"case when {text} ~ {shape} and pg_input_is_valid({iso}, 'timestamptz') then"
        f" case when {text} ~ {literal(_HAS_ZONE)} then {iso}::timestamptz"
        f" else {iso}::timestamp at time zone {literal(reading.timezone)} end end"
    )


def _date(text: str, reading: Reading) -> str:
    """A naive midnight is a day in a time's clothing; any other time is a moment, and its day is the company's."""
    day, shape, iso = literal(f"^{_day(reading, _YEAR)}$"), literal(f"^{_day(reading, _YEAR)}{_TIME}$"), _year_first(text, reading)
    midnight = literal(r"[ T]0?0:00(?::00(?:\.0+)?)?$")
    moment = (
        f"case when {text} ~ {midnight} then {iso}::timestamp::date"
        f" when {text} ~ {literal(_HAS_ZONE)} then ({iso}::timestamptz at time zone {literal(reading.company_timezone)})::date"
        f" else ({iso}::timestamp at time zone {literal(reading.timezone)} at time zone {literal(reading.company_timezone)})::date end"
    )
    return (
        f"case when {text} ~ {day} then case when pg_input_is_valid({iso}, 'date') then {iso}::date end"
        f" when {text} ~ {shape} and pg_input_is_valid({iso}, 'timestamptz') then {moment} end"
    )
