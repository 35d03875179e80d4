drop schema if exists crm cascade;
create schema crm;

create table crm.segment (code text primary key, title text not null);
create table crm.article (article_no text primary key, title text not null, family text not null);

create table crm.unit (
    unit_code text not null,
    from_date date not null,
    belongs_to text,
    level char(1) not null,
    title text not null,
    primary key (unit_code, from_date)
);

create table crm.staff_post (
    staff_no text not null,
    from_date date not null,
    unit_code text,
    superior_no text,
    post text not null,
    mail text,
    primary key (staff_no, from_date)
);

create table crm.company (
    company_no text primary key,
    title text not null,
    trade text,
    key_account_no text,
    changed_at timestamp not null
);

create table crm.person (
    person_no text primary key,
    company_no text,
    company_post text,
    first_name text,
    last_name text,
    mail text,
    phone_no text,
    lang text,
    segment_code text,
    sales_region text,
    country_code text,
    customer_since date,
    won_through text,
    first_heard text,
    state text,
    refuses_surveys boolean,
    block_reason text,
    works_here boolean,
    newsletter boolean,
    changed_at timestamp not null
);

-- no primary key: an export of an older system, in which numbers come twice
create table crm.contact_event (
    event_no text,
    person_no text,
    started_at timestamp,
    settled_at timestamp,
    medium text,
    kind text,
    damage text,
    result text,
    article_no text,
    staff_no text,
    unit_code text,
    wait_minutes numeric(8, 1),
    transfers integer,
    changed_at timestamp not null
);

create table crm.call_record (
    call_no text primary key,
    event_no text,
    sentiment numeric(6, 4),
    failure_score numeric(6, 4),
    topics text,
    recording text,
    changed_at timestamp not null
);

create table crm.grievance (
    grievance_no text primary key,
    person_no text,
    event_no text,
    raised_at timestamp,
    settled_at timestamp,
    area text,
    changed_at timestamp not null
);

create table crm.proposal (
    proposal_no text primary key,
    event_no text,
    person_no text,
    proposal_type text,
    made_at timestamp,
    accepted_at timestamp,
    changed_at timestamp not null
);

create table crm.recommendation (
    recommendation_no text primary key,
    recommender_no text,
    newcomer_no text,
    recommended_on date,
    came_on date,
    anyway boolean,
    changed_at timestamp not null
);

-- the three tables of Shopkeeper's write-back; docs/crm-write-back.md describes the first two
create table crm.task (
    external_id text primary key,
    version bigint not null,
    link text not null,
    customer_id text not null,
    interaction_id text,
    reason text not null,
    state text not null,
    close_reason text,
    owner_employee_id text,
    org_unit_id text,
    is_call_wanted boolean not null,
    attempts integer not null,
    opened_at timestamptz not null,
    due_at timestamptz,
    close_due_at timestamptz,
    reached_at timestamptz,
    closed_at timestamptz,
    crm_id text generated always as ('TASK-' || left(external_id, 8)) stored,
    crm_state text,
    crm_close_reason text,
    crm_owner_employee_id text,
    crm_changed_at timestamptz
);

create table crm.survey_result (
    external_id text primary key,
    version bigint not null,
    link text not null,
    score integer,
    scale text not null,
    band text,
    programme text,
    answered_at timestamptz not null
);

create table crm.callback (
    callback_no text primary key,
    task_no text,
    called_at timestamp not null,
    was_reached boolean not null,
    findings text,
    remedy text,
    remedy_cost numeric(10, 2),
    next_step_on date,
    staff_no text,
    changed_at timestamp not null
);
