"""What chance decides about each invitation besides whether there is one: the arm of every split test, and when it is due.

SQL over a row that has customer_id, interaction_id, moment and timezone; `send_windows` must be there, and `binds` be bound.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from shopkeeper.company.programmes import Programme
from shopkeeper.survey import random_numbers
from shopkeeper.survey.waves import Wave
from shopkeeper.survey.windows import PROGRAMMES_OWN
from shopkeeper.warehouse.typing import literal


def binds(programme: Programme, as_of: datetime, company_timezone: str) -> dict[str, Any]:
    wait = timedelta(hours=programme.after.wait_hours) if programme.after else timedelta()
    return {"as_of": as_of, "wait": wait, "company_timezone": company_timezone}


def arm_of(shares: Mapping[str, Decimal], number: float) -> str:
    """The arm that a random number falls into; `arms` is its twin in SQL."""
    until = Decimal(0)
    for arm, share in shares.items():
        until += share
        if number < float(until):
            return arm
    return arm


def arms(programme: Programme, wave: Wave, row: str) -> str:
    """SQL (jsonb) for the arm of every split test, by a random number of the customer for each test."""
    parts = [f"{literal(test)}, {_arm(programme, wave, test, row)}" for test in programme.split_tests]
    return f"jsonb_build_object({', '.join(parts)})"


def _arm(programme: Programme, wave: Wave, test: str, row: str) -> str:
    number = random_numbers.sql(f"{wave.salt}|arm|{test}", f"{row}.customer_id")
    names, until, branches = list(programme.split_tests[test].arms), Decimal(0), []
    for name in names[:-1]:
        until += programme.split_tests[test].arms[name].share
        branches.append(f"when {number} < {float(until)!r} then {literal(name)}")
    return f"(case {' '.join(branches)} else {literal(names[-1])} end)"


def due_at(programme: Programme, wave: Wave, row: str) -> str:
    """A FROM item, to be cross joined, that gives `due.due_at` of a row.

    Waves: spread evenly over what is left of their send windows. After an interaction: the first window that closes after the
    wait, evenly over what is left of it. After a call: as soon as the wait is over.
    """
    earliest = f"greatest(:as_of, {row}.moment + :wait)"
    if programme.kind == "post_call":
        return f"lateral (select {earliest} as due_at) as due"
    number = random_numbers.sql(wave.salt + "|due", f"coalesce({row}.interaction_id, {row}.customer_id)")
    known_zone = f"case when {row}.timezone in (select timezone from send_windows) then {row}.timezone else :company_timezone end"
    its_windows = f"send_windows.arm = {_window_of(programme, wave, row)} and send_windows.timezone = {known_zone}"
    if programme.cadence is not None:
        return f"""lateral (
            select opens_at + (number * places - place) * (closes_at - opens_at) as due_at
            from send_windows cross join (select {number} as number) as chance
            where {its_windows} and place = floor(number * places)
        ) as due"""
    return f"""lateral (
        select greatest(opens_at, {earliest}) + {number} * (closes_at - greatest(opens_at, {earliest})) as due_at
        from send_windows
        where {its_windows} and closes_at > {earliest}
        order by closes_at
        limit 1
    ) as due"""


def _window_of(programme: Programme, wave: Wave, row: str) -> str:
    for test, split in programme.split_tests.items():
        if split.varies == "time":
            own = [literal(f"{test}/{arm}") for arm, parts in split.arms.items() if parts.window is not None]
            arm = f"{literal(test + '/')} || {_arm(programme, wave, test, row)}"
            return (
                f"(case when {arm} in ({', '.join(own)}) then {arm} else {literal(PROGRAMMES_OWN)} end)" if own else literal(PROGRAMMES_OWN)
            )
    return literal(PROGRAMMES_OWN)


def channel(programme: Programme, wave: Wave, row: str) -> str:
    """SQL for the channel of a row: its arm's where a test varies that, else the programme's."""
    for test, split in programme.split_tests.items():
        if split.varies == "channel":
            branches = [f"when {literal(arm)} then {literal(parts.channel)}" for arm, parts in split.arms.items() if parts.channel]
            if branches:
                return f"(case {_arm(programme, wave, test, row)} {' '.join(branches)} else {literal(programme.channel)} end)"
    return literal(programme.channel)


def locale(programme: Programme, row: str) -> str:
    """SQL for the language of a row: the customer's where the programme is offered in it, else the first that it is offered in."""
    language = f"lower(split_part(replace({row}.locale, '_', '-'), '-', 1))"
    offered = ", ".join(map(literal, programme.locales))
    return f"(case when {language} in ({offered}) then {language} else {literal(programme.locales[0])} end)"
