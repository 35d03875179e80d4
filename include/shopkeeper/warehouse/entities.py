"""The canonical entities: what comes in, column by column.

One declaration feeds the raw, pii and landing tables, the type checks of the loader, the validation of
`sources.yml`, the expectation suites' coverage test and the dbt sources. Nothing else lists these columns.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Type(StrEnum):
    """What a column holds; `warehouse.typing` says which texts are accepted for each."""

    ID = "id"  # trimmed, never blank inside; case kept unless the source says otherwise
    TEXT = "text"
    SCORE = "score"  # a whole number on the response's scale
    INTEGER = "integer"
    NUMERIC = "numeric"  # money and rates: numeric(18, 4)
    BOOLEAN = "boolean"
    DATE = "date"
    TIMESTAMP = "timestamp"  # stored as timestamptz; naive values are read in the source's timezone
    JSON = "json"


class Group(StrEnum):
    """Each entity belongs to one group, which names the asset that its passed batches wake."""

    CRM = "crm"
    FINANCE = "finance"
    SURVEY = "survey"
    PANEL = "panel"


@dataclass(frozen=True)
class Column:
    name: str
    type: Type
    description: str
    required: bool = False
    is_pii: bool = False


@dataclass(frozen=True)
class Entity:
    """`key` names the columns that make a record's natural key inside one source; `moment` is its business time."""

    name: str
    group: Group
    description: str
    key: tuple[str, ...]
    columns: tuple[Column, ...]
    moment: str | None = None

    @property
    def plain_columns(self) -> tuple[Column, ...]:
        """The columns that `raw` holds."""
        return tuple(column for column in self.columns if not column.is_pii)

    @property
    def pii_columns(self) -> tuple[Column, ...]:
        """The columns that `pii` holds; `extra` (undeclared source columns) comes on top for every entity."""
        return tuple(column for column in self.columns if column.is_pii)

    def column(self, name: str) -> Column:
        return next(column for column in self.columns if column.name == name)


def _column(name: str, kind: Type, description: str, **flags: bool) -> Column:
    return Column(name, kind, description, **flags)


def _id(name: str, description: str = "", **flags: bool) -> Column:
    return Column(name, Type.ID, description or f"The {name.removesuffix('_id').replace('_', ' ')} it belongs to.", **flags)


_UPDATED_AT = _column("updated_at", Type.TIMESTAMP, "When the source last changed the record; decides between versions.")

ENTITIES: dict[str, Entity] = {
    entity.name: entity
    for entity in (
        Entity(
            "survey_responses",
            Group.SURVEY,
            "One answer to a survey, complete or partial.",
            key=("provider", "account", "native_id"),
            moment="responded_at",
            columns=(
                _column("provider", Type.TEXT, "Who collected the answer; the source's name where it does not say."),
                _column("account", Type.TEXT, "Account at the provider, where one provider has several."),
                _id("native_id", "The provider's own id of the answer.", required=True),
                _id("invitation_id", "The invitation that it answers."),
                _id("customer_id", "Who answered, where the answer says so itself."),
                _id("interaction_id", "The interaction that it is about."),
                _column("programme", Type.TEXT, "Survey programme; `survey` where nothing is declared."),
                _column("responded_at", Type.TIMESTAMP, "When the answer was given (or last added to)."),
                _column("period_from", Type.DATE, "First day of the declared period, for undated answers."),
                _column("period_to", Type.DATE, "Last day of the declared period, for undated answers."),
                _column("started_at", Type.TIMESTAMP, "When the survey page was first opened by a person."),
                _column("scale", Type.TEXT, "Scale of the score, such as `0-10`; its bands are in company.yml."),
                _column("score", Type.SCORE, "The answer to the scored question, on its scale."),
                _column("is_complete", Type.BOOLEAN, "False for a partial answer."),
                _column("verbatim", Type.TEXT, "The customer's own words.", is_pii=True),
                _column("answers", Type.JSON, "Question role → answer, closed questions only."),
                _column("free_answers", Type.JSON, "Question role → answer in the customer's own words.", is_pii=True),
                _column("may_call_back", Type.BOOLEAN, "Whether the customer agrees to be called."),
                _column("locale", Type.TEXT, "Language and country of the survey."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "customers",
            Group.CRM,
            "A person who buys or uses; the unit that is asked.",
            key=("customer_id",),
            moment="joined_on",
            columns=(
                _id("customer_id", "The customer's id, the same in every source.", required=True),
                _id("account_id"),
                _column("contact_role", Type.TEXT, "What the customer is to the account, such as decision maker or user."),
                _column("full_name", Type.TEXT, "Name.", is_pii=True),
                _column("email", Type.TEXT, "E-mail address.", is_pii=True),
                _column("phone", Type.TEXT, "Telephone number.", is_pii=True),
                _column("has_email", Type.BOOLEAN, "Whether an e-mail address is known; derived by the loader where not mapped."),
                _column("locale", Type.TEXT, "Language and country, such as de-DE."),
                _column("timezone", Type.TEXT, "IANA timezone of the customer."),
                _column("segment", Type.TEXT, "Segment."),
                _column("region", Type.TEXT, "Region."),
                _column("country", Type.TEXT, "Country."),
                _column("joined_on", Type.DATE, "First day as a customer, in company time.", required=True),
                _column("acquisition_channel", Type.TEXT, "How the customer was won, according to the CRM."),
                _column("heard_from", Type.TEXT, "How the customer first heard of us, according to the CRM."),
                _column("status", Type.TEXT, "active, lapsed, left."),
                _column("opted_out", Type.BOOLEAN, "Asked not to be surveyed."),
                _column("do_not_contact", Type.TEXT, "Reason for never contacting the customer, else empty."),
                _column("is_staff", Type.BOOLEAN, "An employee's own customer record; its answers are excluded."),
                _id(
                    "merged_into",
                    "The customer that this record turned out to be the same person as; everything of this one is then that one's.",
                ),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "accounts",
            Group.CRM,
            "A company or household that several customers belong to.",
            key=("account_id",),
            columns=(
                _id("account_id", "The account's id.", required=True),
                _column("name", Type.TEXT, "Name of the account."),
                _column("industry", Type.TEXT, "Industry."),
                _id("owner_employee_id", "The employee who owns the account."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "interactions",
            Group.CRM,
            "Something that happened between a customer and the company: a purchase, a call, a claim, a visit.",
            key=("interaction_id",),
            moment="occurred_at",
            columns=(
                _id("interaction_id", "The interaction's id.", required=True),
                _id("customer_id", required=True),
                _column("occurred_at", Type.TIMESTAMP, "When it happened or began.", required=True),
                _column("resolved_at", Type.TIMESTAMP, "When it was settled for the customer."),
                _column("channel", Type.TEXT, "Channel."),
                _column("interaction_type", Type.TEXT, "Type of interaction."),
                _column("interaction_subtype", Type.TEXT, "What kind of that type, such as the type of a claim."),
                _column("outcome", Type.TEXT, "How it ended."),
                _id("product_id"),
                _id("employee_id", "The employee who served the customer."),
                _id("org_unit_id", "The unit that served the customer."),
                _column("attributes", Type.JSON, "Declared attributes; each becomes a candidate driver."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "complaints",
            Group.CRM,
            "A complaint recorded in the CRM.",
            key=("complaint_id",),
            moment="opened_at",
            columns=(
                _id("complaint_id", "The complaint's id.", required=True),
                _id("customer_id"),
                _id("interaction_id"),
                _column("opened_at", Type.TIMESTAMP, "When it was made."),
                _column("resolved_at", Type.TIMESTAMP, "When it was settled."),
                _column("category", Type.TEXT, "Category."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "org_units",
            Group.CRM,
            "A unit of the company and its place in the hierarchy, from a date on.",
            key=("org_unit_id", "valid_from"),
            moment="valid_from",
            columns=(
                _id("org_unit_id", "The unit's id.", required=True),
                _column("valid_from", Type.DATE, "First day of this row; empty means always."),
                _id("parent_id", "The unit above; empty for the company."),
                _column("kind", Type.TEXT, "team, branch, region or company."),
                _column("name", Type.TEXT, "Name of the unit."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "employees",
            Group.CRM,
            "An employee and where he or she works, from a date on.",
            key=("employee_id", "valid_from"),
            moment="valid_from",
            columns=(
                _id("employee_id", "The employee's id.", required=True),
                _column("valid_from", Type.DATE, "First day of this row; empty means always."),
                _id("org_unit_id"),
                _id("manager_id", "The employee's supervisor."),
                _column("role", Type.TEXT, "Role."),
                _column("email", Type.TEXT, "Work e-mail address.", is_pii=True),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "products",
            Group.CRM,
            "A product or service.",
            key=("product_id",),
            columns=(
                _id("product_id", "The product's id.", required=True),
                _column("name", Type.TEXT, "Name."),
                _column("category", Type.TEXT, "Category."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "calls",
            Group.CRM,
            "A telephone call, with what speech analytics made of it.",
            key=("call_id",),
            columns=(
                _id("call_id", "The call's id.", required=True),
                _id("interaction_id"),
                _column("speech_sentiment", Type.NUMERIC, "Sentiment, -1 to 1."),
                _column("failed_interaction_score", Type.NUMERIC, "0 to 1; high means that the call failed the customer."),
                _column("topics", Type.TEXT, "Topics, separated by commas."),
                _column("recording_url", Type.TEXT, "Link to the recording.", is_pii=True),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "offers",
            Group.CRM,
            "An offer made to a customer.",
            key=("offer_id",),
            moment="presented_at",
            columns=(
                _id("offer_id", "The offer's id.", required=True),
                _id("interaction_id"),
                _id("customer_id"),
                _column("offer_type", Type.TEXT, "Type of offer."),
                _column("presented_at", Type.TIMESTAMP, "When it was made."),
                _column("accepted_at", Type.TIMESTAMP, "When it was accepted; empty where it was not."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "contact_outcomes",
            Group.CRM,
            "What the CRM says happened on a call-back.",
            key=("attempt_id",),
            moment="attempted_at",
            columns=(
                _id("attempt_id", "The attempt's id.", required=True),
                _id("work_order_id"),
                _column("attempted_at", Type.TIMESTAMP, "When."),
                _column("reached", Type.BOOLEAN, "Whether the customer was reached."),
                _column("learned", Type.TEXT, "What was learned.", is_pii=True),
                _column("action_taken", Type.TEXT, "What was done.", is_pii=True),
                _column("action_cost", Type.NUMERIC, "What it cost, in the company's currency."),
                _column("follow_up_on", Type.DATE, "Next step due."),
                _id("employee_id", "Who called."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "revenue",
            Group.FINANCE,
            "A posting of revenue, with its direct cost.",
            key=("revenue_id",),
            moment="booked_on",
            columns=(
                _id("revenue_id", "The posting's id.", required=True),
                _id("customer_id", required=True),
                _column("booked_on", Type.DATE, "Posting date, in company time.", required=True),
                _column("amount", Type.NUMERIC, "Revenue, in `currency`.", required=True),
                _column("direct_cost", Type.NUMERIC, "Direct cost of what was sold, in `currency`."),
                _column("currency", Type.TEXT, "ISO 4217; the company's currency where empty."),
                _id("product_id"),
                _id("interaction_id"),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "service_costs",
            Group.FINANCE,
            "What serving a customer cost.",
            key=("cost_id",),
            moment="booked_on",
            columns=(
                _id("cost_id", "The posting's id.", required=True),
                _id("customer_id"),
                _id("interaction_id"),
                _column("booked_on", Type.DATE, "Posting date."),
                _column("amount", Type.NUMERIC, "Cost, in the company's currency."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "acquisition_costs",
            Group.FINANCE,
            "What winning a customer cost, or a channel in a period.",
            key=("cost_id",),
            moment="period_from",
            columns=(
                _id("cost_id", "The posting's id.", required=True),
                _id("customer_id"),
                _column("acquisition_channel", Type.TEXT, "Channel, where the cost is not of one customer."),
                _column("period_from", Type.DATE, "First day of the period."),
                _column("period_to", Type.DATE, "Last day of the period."),
                _column("amount", Type.NUMERIC, "Cost, in the company's currency."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "category_spend",
            Group.FINANCE,
            "What a customer spends with everyone in the category.",
            key=("customer_id", "period_from"),
            moment="period_from",
            columns=(
                _id("customer_id", required=True),
                _column("period_from", Type.DATE, "First day of the period.", required=True),
                _column("period_to", Type.DATE, "Last day of the period."),
                _column("amount", Type.NUMERIC, "Spend with everyone, in the company's currency."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "referrals",
            Group.CRM,
            "One customer brought another.",
            key=("referral_id",),
            moment="referred_on",
            columns=(
                _id("referral_id", "The referral's id.", required=True),
                _id("referrer_customer_id", "Who recommended us."),
                _id("referred_customer_id", "Who came."),
                _column("referred_on", Type.DATE, "When the recommendation was recorded."),
                _column("converted_on", Type.DATE, "When the referred person became a customer."),
                _column("would_have_come_anyway", Type.BOOLEAN, "Whether the referred customer would have come anyway."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "survey_invitations",
            Group.SURVEY,
            "A survey sent to a customer: history, or a provider's own sends.",
            key=("invitation_id",),
            moment="sent_at",
            columns=(
                _id("invitation_id", "The invitation's id.", required=True),
                _id("customer_id"),
                _id("interaction_id"),
                _column("programme", Type.TEXT, "Survey programme."),
                _column("sent_at", Type.TIMESTAMP, "When it was sent."),
                _column("disposition", Type.TEXT, "The provider's own code of how it ended, where it says so."),
                _UPDATED_AT,
            ),
        ),
        Entity(
            "benchmark_responses",
            Group.PANEL,
            "An answer of a panel about a competitor; never blended with own scores.",
            key=("native_id",),
            moment="responded_at",
            columns=(
                _id("native_id", "The panel's own id of the answer.", required=True),
                _column("competitor", Type.TEXT, "Whom it is about."),
                _column("panel", Type.TEXT, "Panel."),
                _column("responded_at", Type.TIMESTAMP, "When."),
                _column("score", Type.SCORE, "0 to 10."),
                _column("weight", Type.NUMERIC, "Panel weight."),
                _UPDATED_AT,
            ),
        ),
    )
}


def entities_of(group: Group) -> tuple[Entity, ...]:
    """The entities of one group, in declaration order."""
    return tuple(entity for entity in ENTITIES.values() if entity.group is group)
