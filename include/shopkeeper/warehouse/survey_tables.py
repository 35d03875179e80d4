"""Tables of the survey trigger and the survey system: waves, the ledger of invitations, blocks, and answers from the page.

The ledger is append-only: `invitations` says who is asked, `invitation_events` what became of it, and the state of an
invitation follows from its events. `send_queue` is a work list that could be made again from both.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB, UUID

from shopkeeper.warehouse.tables import metadata, moment

WAVES = Table(
    "waves",
    metadata,
    Column("wave_id", UUID(), primary_key=True, comment="ids.stable('wave', programme | name)"),
    Column("programme", Text, nullable=False),
    Column("name", Text, nullable=False, comment="First day of a cadence's wave, else the end of what it covers."),
    Column("salt", Text, nullable=False, comment="programme|name: what the permanent random numbers are made with."),
    moment("covers_from", required=True),
    moment("covers_to", required=True),
    moment("as_of", required=True),
    Column("config_hash", Text, nullable=False, comment="Of the programme as it was; see Programmes.config_hash."),
    # JSON, because JSONB forgets the order of keys, and that of questions and arms has a meaning.
    Column("config", JSON, nullable=False, comment="The programme as it was, whole: a wave keeps to it when the file changes."),
    Column("method", Text, nullable=False, comment="Waves with different methods are not put on one trend line."),
    Column("delivery", Text, nullable=False, comment="sandbox or live, as it was when the wave was drawn"),
    Column("plan_id", BigInteger, comment="The approved plan that it follows."),
    Column("candidates", BigInteger, nullable=False),
    Column("turned_away", BigInteger, nullable=False),
    Column("drawn", BigInteger, nullable=False),
    moment("drawn_at", required=True),
    Column("run_id", Text),
    Column("quarantine", JSON, comment="The quarantine over all programmes as it was; empty in old waves."),
    UniqueConstraint("programme", "name"),
    CheckConstraint("delivery in ('sandbox', 'live')", name="delivery"),
    Index(None, "programme", "covers_to"),
    schema="ops",
    comment="Each wave, frozen when it was drawn. Its frame is quality.wave_frames.",
)

WAVE_EVENTS = Table(
    "wave_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("wave_id", UUID(), nullable=False),
    Column("event", Text, nullable=False, comment="tested, approved or cancelled"),
    Column("note", Text),
    Column("actor", Text, nullable=False),
    moment("recorded_at", required=True),
    Index(None, "wave_id"),
    schema="ops",
    comment="Append-only: who tested, approved or cancelled which wave.",
)

WAVE_FRAMES = Table(
    "wave_frames",
    metadata,
    Column("wave_id", UUID(), nullable=False),
    Column("customer_id", Text, nullable=False, comment="The employee in an employee programme."),
    Column("interaction_id", Text, comment="What would be asked about; empty in relationship and employee programmes."),
    Column("stratum", Text),
    Column("random_number", Double, comment="Permanent random number in [0, 1) under the wave's salt."),
    Column("outcome", Text, nullable=False, comment="drawn, not_drawn or turned_away"),
    Column("reason", Text, comment="Why turned away; one code each, in the order in which they are judged."),
    Column("inclusion_probability", Numeric(14, 12), comment="Chance of having been drawn; empty where nobody can know it."),
    Index(None, "wave_id", postgresql_using="brin"),
    schema="quality",
    comment="The frozen frame of each wave: every candidate, drawn or not, and why not. Without personal data.",
)

PLANS = Table(
    "plans",
    metadata,
    Column("plan_id", BigInteger, Identity(always=True), primary_key=True),
    Column("programme", Text, nullable=False),
    Column("config_hash", Text, nullable=False),
    Column("margin", Numeric(6, 2), nullable=False, comment="Points of half-width that each cell is planned for."),
    Column("cells", JSONB, nullable=False, comment="Per cell: customers, answers needed, rate, design effect, invitations."),
    Column("invitations", BigInteger, nullable=False),
    moment("made_at", required=True),
    Column("made_by", Text, nullable=False),
    moment("approved_at"),
    Column("approved_by", Text),
    schema="ops",
)

INVITATIONS = Table(
    "invitations",
    metadata,
    Column("invitation_id", UUID(), primary_key=True, comment="ids.stable('invitation', wave | customer | interaction)"),
    Column("wave_id", UUID(), nullable=False),
    Column("programme", Text, nullable=False),
    Column("customer_id", Text, comment="Empty in an employee programme."),
    Column("employee_id", Text, comment="Who is asked in an employee programme."),
    Column("interaction_id", Text),
    Column("provider", Text, nullable=False),
    Column("channel", Text, nullable=False),
    Column("locale", Text, nullable=False),
    Column("stratum", Text),
    Column("inclusion_probability", Numeric(14, 12)),
    Column("design_weight", Numeric(18, 6), comment="1 / inclusion_probability; empty where that is."),
    Column("arms", JSONB, nullable=False, server_default=text("'{}'"), comment="Split test → arm."),
    moment("invited_at", required=True),
    moment("due_at", required=True),
    moment("expires_at", required=True),
    Index(None, "customer_id", "due_at"),
    Index(None, "wave_id"),
    schema="ops",
    comment="One row per invitation, written before anything is sent and never changed.",
)

# What can happen to an invitation. `message` says to which of its e-mails, where it is about one.
SENDING_EVENTS = ("claimed", "released", "sending", "sent", "deferred", "refused", "doubtful", "not_sent")
ANSWER_EVENTS = (
    "delivered",
    "bounced",
    "complained",
    "opened",
    "started",
    "partial",
    "completed",
    "declined",
    "opted_out",
    "expired",
    "offered",
    "agreed",
    "called_back",
    "reached",
    "answered",
)

INVITATION_EVENTS = Table(
    "invitation_events",
    metadata,
    Column("event_id", BigInteger, Identity(always=True), primary_key=True),
    Column("invitation_id", UUID(), nullable=False),
    Column("message", Text, comment="invitation or reminder: which e-mail it is about, if one"),
    Column("event", Text, nullable=False),
    Column("code", Text, comment="The provider's or the mail server's own code, never its text."),
    Column("reason", Text, comment="Why, in our own words; never an address."),
    Column("actor", Text, nullable=False, server_default="shopkeeper"),
    moment("occurred_at", required=True),
    Column(
        "recorded_at", moment("recorded_at").type, nullable=False, server_default=text("clock_timestamp()"), comment="known_at cuts here."
    ),
    CheckConstraint(f"event in {(*SENDING_EVENTS, *ANSWER_EVENTS)!r}", name="event"),
    CheckConstraint("message in ('invitation', 'reminder')", name="message"),
    Index(None, "invitation_id"),
    Index(None, "recorded_at", postgresql_using="brin", postgresql_with={"autosummarize": "on"}),
    schema="ops",
    comment="Append-only: everything that happened to an invitation. Its state follows from here.",
)

SEND_QUEUE = Table(
    "send_queue",
    metadata,
    Column("invitation_id", UUID(), nullable=False),
    Column("message", Text, nullable=False),
    moment("due_at", required=True),
    Column("attempts", Integer, nullable=False, server_default=text("0"), comment="Temporary refusals so far."),
    Column("worker", BigInteger, comment="Advisory lock of the worker that has claimed it; a worker that died holds none."),
    PrimaryKeyConstraint("invitation_id", "message"),
    Index(None, "due_at", postgresql_where=text("worker is null")),
    schema="ops",
    comment="What is still to be sent. A row leaves when its e-mail was sent, refused, is doubtful, or is not to be sent.",
)

PAUSES = Table(
    "pauses",
    metadata,
    Column("pause_id", BigInteger, Identity(always=True), primary_key=True),
    Column("programme", Text, comment="Empty means every programme."),
    Column("reason", Text, nullable=False),
    Column("paused_by", Text, nullable=False),
    moment("paused_at", required=True),
    Column("resumed_by", Text),
    moment("resumed_at"),
    schema="ops",
    comment="While one is open nothing is sent.",
)

CONTACT_BLOCKS = Table(
    "contact_blocks",
    metadata,
    Column("block_id", BigInteger, Identity(always=True), primary_key=True),
    Column("kind", Text, nullable=False, comment="hard_bounce, soft_bounces, complaint, opted_out or do_not_contact"),
    Column("customer_id", Text, comment="Whom not to ask; a person, whatever the address."),
    Column("address_hash", Text, comment="Where not to write: sha256 of the address in small letters."),
    Column("reason", Text, comment="In the words of whoever asked for it."),
    Column("invitation_id", UUID(), comment="The invitation that led to it."),
    Column("blocked_by", Text, nullable=False),
    moment("blocked_at", required=True),
    Column("lift_reason", Text),
    Column("lifted_by", Text),
    moment("lifted_at"),
    CheckConstraint("customer_id is not null or address_hash is not null", name="somebody"),
    CheckConstraint("kind in ('hard_bounce', 'soft_bounces', 'complaint', 'opted_out', 'do_not_contact')", name="kind"),
    Index(None, "customer_id"),
    Index(None, "address_hash"),
    schema="pii",
    comment="The suppression list: never contacted while not lifted. On top of what the CRM says.",
)

MAILED_ADDRESSES = Table(
    "mailed_addresses",
    metadata,
    Column("invitation_id", UUID(), primary_key=True),
    Column("address_hash", Text, nullable=False, comment="sha256 of the address in small letters, as in contact_blocks."),
    Index(None, "address_hash"),
    schema="pii",
    comment="Where each invitation was sent, so that nobody is asked twice for being two customers.",
)

SURVEY_SUBMISSIONS = Table(
    "survey_submissions",
    metadata,
    Column("submission_id", BigInteger, Identity(always=True), primary_key=True),
    Column("invitation_id", UUID(), nullable=False),
    Column("score", Integer),
    Column("is_complete", Boolean, nullable=False, comment="The customer pressed the last button."),
    Column("answers", JSONB, nullable=False, server_default=text("'{}'"), comment="Question role → answer, closed questions."),
    Column("free_answers", JSONB, nullable=False, server_default=text("'{}'"), comment="Question role → the customer's own words."),
    Column("may_call_back", Boolean),
    Column("locale", Text, nullable=False),
    moment("started_at"),
    Column("client_hash", Text, comment="Keyed hash of address and browser: tells whether two answers came from one device."),
    Column("received_at", moment("received_at").type, nullable=False, server_default=text("clock_timestamp()")),
    Column("batch_id", BigInteger, comment="The batch that it has joined; empty until one is closed."),
    Index(None, "invitation_id"),
    Index(None, "submission_id", postgresql_where=text("batch_id is null")),
    schema="pii",
    comment="What the survey page was sent, as it came: each row adds to what the same invitation said before.",
)

PROVIDER_MESSAGES = Table(
    "provider_messages",
    metadata,
    Column("message_id", BigInteger, Identity(always=True), primary_key=True),
    Column("provider", Text, nullable=False, comment="Its name under providers in programmes.yml."),
    Column("native_id", Text, nullable=False, comment="The webhook-id: the same message again is the same message."),
    Column("payload", JSONB, nullable=False, comment="As it came, whole."),
    Column("call_id", Text, comment="The call that it is about, if one."),
    Column("customer_id", Text, comment="Who called."),
    Column("reply", Text, comment="What a hang-up was answered: call_back, or why there is to be none."),
    Column("received_at", moment("received_at").type, nullable=False, server_default=text("clock_timestamp()")),
    moment("settled_at"),
    Column("batch_id", BigInteger, comment="The batch that its answer has joined."),
    UniqueConstraint("provider", "native_id"),
    Index(None, "provider", "call_id"),
    Index(None, "customer_id"),
    Index(None, "message_id", postgresql_where=text("settled_at is null")),
    schema="pii",
    comment="What providers told by webhook, written before it is acknowledged. Settled once it is an answer or in the ledger.",
)

RESPONSE_FLAGS = Table(
    "response_flags",
    metadata,
    Column("_key", UUID(), nullable=False, comment="Of raw.survey_responses."),
    Column("_batch_id", BigInteger, nullable=False),
    Column("flag", Text, nullable=False, comment="speeder, straight_line, duplicate, gibberish or own_staff"),
    Column("excludes", Boolean, nullable=False, comment="Whether the answer is left out of scores for it."),
    PrimaryKeyConstraint("_batch_id", "_key", "flag"),
    schema="ops",
    comment="Doubts about an answer's quality. They mark it and never delete it.",
)
