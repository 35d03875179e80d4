"""E-mail addresses of a wave: which can be written to, and which several customers share."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from shopkeeper.company.programmes import Programme
from shopkeeper.survey import random_numbers
from shopkeeper.survey.current import newest, readable
from shopkeeper.survey.waves import Wave

# As mail servers take it: plain words with dots between, and a domain of at least two labels, in any script. What needs quotes
# is not written to.
_WORD, _LABEL_LETTER = r"""[^\s@<>()\[\]\\,;:".\u0001-\u001f\u007f]+""", r"""[^\s@<>()\[\]\\,;:".\u0001-\u001f\u007f!#$%&'*+/=?^_`{|}~-]"""
_LABEL = f"{_LABEL_LETTER}+(-+{_LABEL_LETTER}+)*"
ADDRESS = rf"^{_WORD}(\.{_WORD})*@({_LABEL}\.)+({_LABEL_LETTER}+-+)*{_LABEL_LETTER}{_LABEL_LETTER}+$"
# Compared inside one transaction only; a hash that strangers share by chance would cost one of them an invitation, no more.
HASH = "hashtextextended(lower(email), 0) as address"


def goes_by_email(programme: Programme) -> bool:
    channels = {programme.channel, *(arm.channel for test in programme.split_tests.values() for arm in test.arms.values() if arm.channel)}
    return "email" in channels


def well_formed(email: str) -> str:
    """SQL that is true for what mail servers take as an address; needs the bind `address_form`, which is ADDRESS."""
    return f"(length({email}) <= 254 and position('@' in {email}) <= 65 and {email} ~ :address_form)"


def settle_shared(connection: sa.Connection, programme: Programme, wave: Wave, *, known_at: datetime) -> bool:
    """Of several customers with one address, one picked at random keeps it; nobody gets two surveys for being two records.

    Makes `address_shares`: every customer whose address both a candidate and somebody else has, for the quarantine.
    Returns whether there are any.
    """
    with_addresses = "select customer_id, address from candidates where address is not null"
    if programme.after is not None:  # whoever else has the address need not have had an interaction
        of_candidates = "select address from candidates where address is not null"
        keys = f"select _key from pii.customers where {readable('customers')} and hashtextextended(lower(email), 0) in ({of_candidates})"
        among = f"select distinct customer_id from raw.customers where _key in ({keys})"
        everybody = f"({newest('customers', pii=['email'], among=among)}) as customer"
        with_addresses = (
            f"select customer_id, address from (select customer_id, {HASH} from {everybody}) as all_with where address in ({of_candidates})"
        )
    shares = connection.execute(
        sa.text(
            f"""
            create temporary table address_shares on commit drop as
            with several as (select address from ({with_addresses}) as having_one group by address having count(*) > 1)
            select customer_id, address from ({with_addresses}) as having_one
            where :by_email and address in (select address from several)
            """
        ),
        {"by_email": goes_by_email(programme), "known_at": known_at},
    )
    if not shares.rowcount:
        return False
    connection.execute(
        sa.text(
            f"""
            update candidates
            set one_of = ranked.customers, reason = case when ranked.place > 1 then 'shared_address' end
            from (
                select customer_id, row_number() over (partition by address order by pick, customer_id) as place,
                    count(*) over (partition by address) as customers
                from (
                    select distinct customer_id, address, {random_numbers.sql(wave.salt + "|address", "customer_id")} as pick
                    from candidates
                    where reason is null and address in (select address from address_shares)
                ) as sharing
            ) as ranked
            where ranked.customer_id = candidates.customer_id and ranked.customers > 1 and candidates.reason is null
            """
        )
    )
    return True


def add_neighbours(connection: sa.Connection) -> None:
    """What went to one of several customers with one address went to all of them: add it to `others`."""
    connection.execute(
        sa.text(
            """
            insert into others
            select neighbour.customer_id, others.programme, others.at, others.is_invitation
            from others
            inner join address_shares as asked on others.customer_id = asked.customer_id
            inner join address_shares as neighbour on asked.address = neighbour.address and asked.customer_id <> neighbour.customer_id
            """
        )
    )
