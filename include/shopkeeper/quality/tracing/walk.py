"""The steps from an answer back: the answer, its invitation with the ledger's events, the frame that it was drawn from, the interaction."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

import sqlalchemy as sa

from shopkeeper.errors import fail
from shopkeeper.quality.tracing.subject import FRAME, INTERACTION, Row, Section, Trace, command, rows

# A trace needs none of a customer's words, redacted as they are.
WORDS = ("verbatim", "attributes")

UNWEIGHTED = "none: no weighted wave asked for it, so it counts in the raw score alone"

_WEIGHT = """
    select weights.weight, weights.design_weight, weights.adjustment, weights.programme, weights.wave, weightings.method,
        weightings.margins,
        weightings.design_effect, weightings.is_converged, weightings.warnings
    from marts.fct_response_weights as weights
    left join marts.survey_weightings as weightings on weights.programme = weightings.programme and weights.wave = weightings.wave
    where weights.response_id = :response_id
"""

_DISPUTES = """
    select disputes.dispute_id, disputes.org_unit_id, disputes.reason, disputes.opened_at, disputes.decision_number, disputes.decision,
        disputes.goes_to, disputes.decided_at, disputes.recorded_at, disputes.is_last
    from quality.disputed_responses() as disputed
    inner join quality.answer_disputes() as disputes on disputed.response_key = disputes.response_key
    where disputed.response_id = :response_id
    order by disputes.opened_at, disputes.dispute_id, disputes.decision_number
"""

_ANSWERS = """
    select response_id, responded_at, score, band, coalesce(excluded_reason, 'counted') as state, quality_flags
    from marts.fct_survey_responses where {column} = :about order by responded_at, response_id
"""

_LEDGER = """
    select invitations.invitation_id, invitations.programme, waves.name as wave, invitations.customer_id, invitations.interaction_id,
        invitations.provider, invitations.channel, invitations.locale, invitations.stratum, invitations.inclusion_probability,
        invitations.design_weight, invitations.arms, invitations.invited_at, invitations.due_at, invitations.expires_at
    from quality.invitations
    inner join quality.waves on invitations.wave_id = waves.wave_id
    where invitations.invitation_id = :invitation_id
"""

_EVENTS = """
    select event_id, occurred_at, recorded_at, event, message, code, reason, is_by_hand,
        event_id <= :last_event_id and recorded_at <= :known_at and occurred_at < :as_of as is_in_publication
    from quality.invitation_events where invitation_id = :invitation_id order by event_id
"""

_WAVE = """
    select wave_id, programme, name as wave, kind, scale, method, covers_from, covers_to, as_of, drawn_at, candidates, turned_away, drawn,
        quarantine_days, any_programme_days, after_decline_days, delivery, plan_id, config_hash, run_id
    from quality.waves where programme = :programme and name = :wave
"""

_FRAME = """
    select
        outcome, reason, count(*) as candidates, min(inclusion_probability) as lowest_chance,
        max(inclusion_probability) as highest_chance
    from quality.wave_frames where wave_id = :wave_id group by outcome, reason order by outcome, candidates desc, reason
"""

_CANDIDATE = """
    select customer_id, interaction_id, outcome, reason, stratum, random_number, inclusion_probability
    from quality.wave_frames
    where wave_id = :wave_id and customer_id = :customer_id and (cast(:interaction_id as text) is null or interaction_id = :interaction_id)
    order by interaction_id
"""

_VERSIONS = """
    select versions.*, batches.status as batch_status, build_batches.batch_id is not null as is_in_publication
    from quality.interaction_versions(:interaction_id) as versions
    left join quality.batches on versions.batch_id = batches.batch_id
    left join quality.build_batches on versions.batch_id = build_batches.batch_id and build_batches.build_id = :build_id
"""

_ASKED_ABOUT = """
    select invitation_id, programme, wave, invited_at, disposition from marts.fct_survey_invitations
    where interaction_id = :interaction_id order by invited_at, invitation_id
"""


def response(connection: sa.Connection, row: Row, published: Row) -> Trace:
    """An answer: what it says, what it weighs, who disputed whose it is; from here to its invitation, and to its wave's weights."""
    about = {"response_id": row["response_id"]}
    weight = rows(connection, _WEIGHT, **about)
    sections = (
        Section("response", "The answer", [_without_words(row)]),
        Section("weight", "What it weighs", weight, "" if weight else UNWEIGHTED),
        Section("disputes", "Disputes about whose customer it was", rows(connection, _DISPUTES, **about)),
        _made_by(published),
    )
    following = [
        *([command("fct_survey_invitations", row["invitation_id"])] if row["invitation_id"] else []),
        *([command(INTERACTION, row["interaction_id"])] if row["interaction_id"] else []),
        *(command("survey_weightings", each["programme"], each["wave"]) for each in weight if each["method"]),
    ]
    return Trace(f"fct_survey_responses {row['response_id']}", sections, tuple(following))


def invitation(connection: sa.Connection, row: Row, published: Row) -> Trace:
    """An invitation: how it ended, what the ledger says happened to it, and what was answered; from here to its frame and interaction."""
    invitation_id = row["invitation_id"]
    ledger = rows(connection, _LEDGER, invitation_id=_uuid(invitation_id))
    until = {name: published[name] for name in ("last_event_id", "known_at", "as_of")}
    events = rows(connection, _EVENTS, invitation_id=_uuid(invitation_id), **until)
    history = "" if ledger else "not ours: it came with a history of invitations, or from a provider"
    sections = (
        Section("invitation", "The invitation", [_without_words(row)]),
        Section("ledger", "As it was drawn", ledger, history),
        Section("events", "What happened to it", events),
        Section("responses", "What was answered", rows(connection, _ANSWERS.format(column="invitation_id"), about=invitation_id)),
        _made_by(published),
    )
    following = []
    for drawn in ledger:
        candidate = [drawn[name] for name in ("programme", "wave", "customer_id", "interaction_id") if drawn[name] is not None]
        following.append(command(FRAME, *candidate))
    if row["interaction_id"]:
        following.append(command(INTERACTION, row["interaction_id"]))
    return Trace(f"fct_survey_invitations {invitation_id}", sections, tuple(following))


def frame(connection: sa.Connection, key: Mapping[str, str], published: Row) -> Trace:
    """A wave's frozen frame, and one candidate in it where the key names one: whether drawn, with which chance, or why turned away.

    Raises ShopkeeperError for a wave that is not there, and for a customer who is not in its frame.
    """
    subject = f"{FRAME} {' '.join(key.values())}"
    if not {"programme", "wave"} <= key.keys():
        raise fail(f"trace {FRAME}", "it is not said which wave", "./shopkeeper trace wave_frames PROGRAMME WAVE [CUSTOMER [INTERACTION]]")
    wave = rows(connection, _WAVE, programme=key["programme"], wave=key["wave"])
    if not wave:
        waves = rows(connection, "select distinct name from quality.waves where programme = :programme", programme=key["programme"])
        hint = f"its waves are {', '.join(sorted(row['name'] for row in waves))}" if waves else "./shopkeeper trace survey_frame_coverage"
        raise fail(f"trace {FRAME}", f"there is no wave {key['wave']} of {key['programme']}", hint)
    wave_id = {"wave_id": wave[0]["wave_id"]}
    candidate: list[Row] = []
    if "customer_id" in key:
        who = {"customer_id": key["customer_id"], "interaction_id": key.get("interaction_id")}
        candidate = rows(connection, _CANDIDATE, **wave_id, **who)
        if not candidate:
            raise fail(f"trace {FRAME}", f"{key['customer_id']} was no candidate of it", "./shopkeeper why CUSTOMER tells of all waves")
    approvals = "select event, recorded_at from quality.wave_events where wave_id = :wave_id order by event_id"
    sections = (
        *([Section("candidate", "The candidate in it", candidate)] if candidate else []),
        Section("wave", "The wave", wave),
        Section("wave_events", "Tested, approved, cancelled", rows(connection, approvals, **wave_id)),
        Section("frame", "The frame: everyone who might have been asked", rows(connection, _FRAME, **wave_id)),
        _made_by(published),
    )
    following = [command(INTERACTION, row["interaction_id"]) for row in candidate[:1] if row["interaction_id"]]
    return Trace(subject, sections, tuple(following))


def interaction(connection: sa.Connection, key: Mapping[str, str], published: Row) -> Trace:
    """An interaction in all versions that were loaded, newest first, without employee and personal data; and who was asked about it.

    Raises ShopkeeperError where nothing is known of it.
    """
    if "interaction_id" not in key:
        raise fail(f"trace {INTERACTION}", "it is not said which", f"./shopkeeper trace {INTERACTION} INTERACTION")
    about = {"interaction_id": key["interaction_id"]}
    versions = rows(connection, _VERSIONS, **about, build_id=published["build_id"])
    asked = rows(connection, _ASKED_ABOUT, **about)
    if not versions and not asked:
        raise fail(f"trace {INTERACTION}", "nothing is known of it here", "look at the id; case counts")
    sections = (
        Section("interaction", "The interaction, newest version first", versions, "" if versions else "no source has brought it"),
        Section("invitations", "Who was asked about it", asked),
        Section("responses", "What was answered", rows(connection, _ANSWERS.format(column="interaction_id"), about=key["interaction_id"])),
        _made_by(published),
    )
    return Trace(f"{INTERACTION} {key['interaction_id']}", sections)


def _without_words(row: Row) -> Row:
    return {name: value for name, value in row.items() if name not in WORDS}


def _made_by(published: Row) -> Section:
    names = ("publication_id", "published_at", "as_of", "known_at", "config_hash", "git_commit")
    return Section("publication", "The publication", [{name: published[name] for name in names}])


def _uuid(text: str) -> UUID | None:
    """Invitations of a provider or of a history have ids of their own."""
    try:
        return UUID(text)
    except ValueError:
        return None
