drop schema if exists ledger cascade;
create schema ledger;

-- booking days are texts, as the old ledger exports them; numbers come twice and some days do not exist
create table ledger.posting (
    posting_no text,
    debtor_no text,
    booking_day text,
    amount numeric(12, 2),
    direct_cost numeric(12, 2),
    currency char(3),
    article_no text,
    event_no text,
    changed_at timestamp not null
);

create table ledger.service_charge (
    charge_no text primary key,
    debtor_no text,
    event_no text,
    booking_day date,
    amount numeric(12, 2),
    changed_at timestamp not null
);

create table ledger.acquisition (
    entry_no text primary key,
    debtor_no text,
    channel text,
    from_day date,
    to_day date,
    amount numeric(12, 2),
    changed_at timestamp not null
);

create table ledger.wallet_survey (
    debtor_no text,
    from_day date,
    to_day date,
    spend_with_all numeric(12, 2),
    changed_at timestamp not null,
    primary key (debtor_no, from_day)
);
