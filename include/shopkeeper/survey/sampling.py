"""Draw the waves that are due: freeze the frame, let permanent random numbers decide, write the invitations; all or nothing.

A wave that was drawn stays as it is, whatever changes afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.company.base import did_you_mean
from shopkeeper.company.config import CompanyFolder
from shopkeeper.company.programmes import Programme
from shopkeeper.errors import fail
from shopkeeper.survey import assignment, quotas, waves
from shopkeeper.survey.selection import DRAWN, Stratum, is_drawn, select
from shopkeeper.survey.waves import Nothing, Wave
from shopkeeper.warehouse.locks import exclusive
from shopkeeper.warehouse.survey_tables import PLANS, WAVES
from shopkeeper.warehouse.typing import literal

LOCK = "survey/draw"
WAIT_SECONDS = 600


@dataclass(frozen=True)
class DrawnWave:
    """One wave. candidates = turned away + drawn + not drawn. `is_new` is false where it had been drawn before.

    `missed` names waves of its cadence before it that were never drawn.
    """

    programme: str
    name: str
    wave_id: UUID
    candidates: int
    turned_away: int
    drawn: int
    is_new: bool
    missed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Drawn:
    """What a run drew. `nothing` says for which programmes no wave was due, and why."""

    waves: tuple[DrawnWave, ...]
    nothing: tuple[Nothing, ...]

    def summary(self) -> dict[str, Any]:
        """Plain values for the record of runs; no person in it."""
        return {
            "waves": [{**asdict(wave), "wave_id": str(wave.wave_id), "missed": list(wave.missed)} for wave in self.waves],
            "nothing_due": {nothing.programme: nothing.reason for nothing in self.nothing},
            "invitations": sum(wave.drawn for wave in self.waves if wave.is_new),
        }


@dataclass(frozen=True)
class Preview:
    """What a draw would do. `turned_away` counts candidates by reason, `drawn` and `due` invitations by stratum and company-time day."""

    programme: str
    name: str
    strata: tuple[Stratum, ...]
    turned_away: dict[str, int]
    drawn: dict[str | None, int]
    due: dict[date, int]


def draw(
    engine: sa.Engine,
    folder: CompanyFolder,
    *,
    as_of: datetime,
    now: datetime,
    run_id: str | None = None,
    programmes: Sequence[str] | None = None,
    delivery: Literal["sandbox", "live"] = "sandbox",
) -> Drawn:
    """Draw every wave that `as_of` calls for, from what was loaded by `now`; `programmes` names some, default: all active ones.

    Each wave is one transaction. Drawing again changes nothing and returns the waves as they are. Strata of earlier waves whose
    quota has been met are taken off the queue.
    Raises ShopkeeperError for a programme that is unknown or not active, and when another draw goes on for ten minutes.
    """
    drawn, nothing = [], []
    with exclusive(engine, LOCK, wait_seconds=WAIT_SECONDS):
        with engine.begin() as connection:
            quotas.stop_where_met(connection, now=now)
        for name in _chosen(folder, programmes):
            with engine.begin() as connection:
                wave = waves.due(connection, name, folder.programmes.programmes[name], as_of=as_of, zone=folder.company.zone)
                if isinstance(wave, Nothing):
                    nothing.append(wave)
                    continue
                is_new = not _is_there(connection, wave)
                if is_new:
                    _freeze(connection, folder, wave, as_of=as_of, now=now, run_id=run_id, delivery=delivery)
                row = connection.execute(sa.select(WAVES).where(WAVES.c.wave_id == wave.wave_id)).one()
                drawn.append(DrawnWave(name, wave.name, wave.wave_id, row.candidates, row.turned_away, row.drawn, is_new, wave.missed))
    return Drawn(tuple(drawn), tuple(nothing))


def preview(engine: sa.Engine, folder: CompanyFolder, programme: str, *, as_of: datetime, now: datetime) -> Preview:
    """What the next wave of a programme would be if it were drawn as of `as_of`; nothing is written.

    A cadence whose wave has been drawn, or has not begun, is shown as its next one would be on its first day.
    Raises ShopkeeperError for a programme that is unknown or not active, or whose interactions have all been covered.
    """
    (name,) = _chosen(folder, [programme])
    configured, zone = folder.programmes.programmes[name], folder.company.zone
    with engine.connect() as connection:  # rolled back when it closes
        wave = waves.due(connection, name, configured, as_of=as_of, zone=zone)
        if isinstance(wave, Nothing) or _is_there(connection, wave):
            if configured.cadence is None:
                raise fail(f"programme {name}", "every interaction up to then has been covered", "ask for a later moment")
            as_of = waves.midnight(waves.next_day(configured.cadence, as_of, zone), zone)
            wave = waves.due(connection, name, configured, as_of=as_of, zone=zone)
            assert isinstance(wave, Wave)
        strata = select(connection, folder, configured, wave, as_of=as_of, known_at=now)
        binds = {**assignment.binds(configured, as_of, folder.company.timezone), "zone": folder.company.timezone}

        def counted(query: str) -> dict[Any, int]:
            return dict(connection.execute(sa.text(query), binds).tuples().all())

        return Preview(
            name,
            wave.name,
            strata,
            turned_away=counted("select reason, count(*) from candidates where reason is not null group by reason order by 2 desc, 1"),
            drawn=counted(f"select candidates.stratum, count(*) from {DRAWN} where {is_drawn(configured)} group by 1 order by 1"),
            due=counted(
                f"""
                select cast(due_at at time zone :zone as date), count(*)
                from {DRAWN} cross join {assignment.due_at(configured, wave, "candidates")}
                where {is_drawn(configured)} group by 1 order by 1
                """
            ),
        )


def _chosen(folder: CompanyFolder, programmes: Sequence[str] | None) -> list[str]:
    known = folder.programmes.programmes
    for name in programmes or ():
        if name not in known:
            raise fail(f"programme {name}", "is not in programmes.yml", did_you_mean(name, list(known)))
        if not known[name].is_active:
            raise fail(f"programme {name}", "is not active: it has no new waves", "write is_active: true in programmes.yml")
    return [name for name, programme in known.items() if (programme.is_active if programmes is None else name in programmes)]


def _is_there(connection: sa.Connection, wave: Wave) -> bool:
    return connection.scalar(sa.select(WAVES.c.wave_id).where(WAVES.c.wave_id == wave.wave_id)) is not None


# --- what a draw writes -----------------------------------------------------------------------------------------------


def _freeze(
    connection: sa.Connection, folder: CompanyFolder, wave: Wave, *, as_of: datetime, now: datetime, run_id: str | None, delivery: str
) -> None:
    programme, config_hash = folder.programmes.programmes[wave.programme], folder.programmes.config_hash(wave.programme)
    strata = select(connection, folder, programme, wave, as_of=as_of, known_at=now)
    _write_frame(connection, programme, wave)
    drawn = _write_invitations(connection, programme, wave, as_of=as_of, company_timezone=folder.company.timezone)
    plan = sa.select(sa.func.max(PLANS.c.plan_id)).where(
        PLANS.c.programme == wave.programme, PLANS.c.config_hash == config_hash, PLANS.c.approved_at.is_not(None)
    )
    candidates = sum(stratum.candidates for stratum in strata)
    connection.execute(
        sa.insert(WAVES).values(
            wave_id=wave.wave_id,
            programme=wave.programme,
            name=wave.name,
            salt=wave.salt,
            covers_from=wave.covers_from,
            covers_to=wave.covers_to,
            as_of=as_of,
            config_hash=config_hash,
            config=programme.frozen(),
            quarantine=folder.programmes.quarantine.model_dump(mode="json"),
            method=programme.method(),
            delivery=delivery,
            plan_id=connection.scalar(plan),
            candidates=candidates,
            turned_away=candidates - sum(stratum.free for stratum in strata),
            drawn=drawn,
            drawn_at=now,
            run_id=run_id,
        )
    )


def _write_frame(connection: sa.Connection, programme: Programme, wave: Wave) -> None:
    connection.execute(
        sa.text(
            f"""
            insert into quality.wave_frames (
                wave_id, customer_id, interaction_id, stratum, random_number, outcome, reason, inclusion_probability
            )
            select :wave_id, customer_id, interaction_id, candidates.stratum, random_number,
                case when reason is not null then 'turned_away' when {is_drawn(programme)} then 'drawn' else 'not_drawn' end,
                reason, case when reason is not null then null when one_of = 1 then probability else probability / one_of end
            from {DRAWN}
            """
        ),
        {"wave_id": wave.wave_id},
    )


def _write_invitations(connection: sa.Connection, programme: Programme, wave: Wave, *, as_of: datetime, company_timezone: str) -> int:
    """Invitations and what is to be sent; returns how many."""
    is_employee = programme.kind == "employee"
    wave_id = f"cast({literal(str(wave.wave_id))} as uuid)"
    written = connection.execute(
        sa.text(
            f"""
            with drawn as materialized (
                select customer_id, interaction_id, moment, timezone, locale, candidates.stratum, probability, one_of
                from {DRAWN} where {is_drawn(programme)}
            )
            insert into ops.invitations (
                invitation_id, wave_id, programme, {"employee_id" if is_employee else "customer_id"}, interaction_id, provider, channel,
                locale, stratum, inclusion_probability, design_weight, arms, invited_at, due_at, expires_at
            )
            select ops.stable_id('invitation', concat_ws(chr(31), {wave_id}::text, customer_id, coalesce(interaction_id, ''))),
                {wave_id}, :programme, customer_id, interaction_id, :provider, {assignment.channel(programme, wave, "drawn")},
                {assignment.locale(programme, "drawn")}, stratum, probability / one_of, one_of / probability,
                {assignment.arms(programme, wave, "drawn")}, :as_of, due_at, due_at + :lasts
            from drawn cross join {assignment.due_at(programme, wave, "drawn")}
            """
        ),
        {
            **assignment.binds(programme, as_of, company_timezone),
            "programme": wave.programme,
            "provider": programme.provider,
            "lasts": timedelta(days=programme.expires_after_days),
        },
    ).rowcount
    connection.execute(
        sa.text(
            f"""
            insert into ops.send_queue (invitation_id, message, due_at)
            select invitation_id, 'invitation', due_at from ops.invitations where wave_id = {wave_id}
            """
        )
    )
    return written
