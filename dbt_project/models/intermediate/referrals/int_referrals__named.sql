-- one row per customer who said in a survey that somebody recommended us: which customer that was, by which rule, or why nobody knows.
-- Reads personal data (the answer, and names, addresses and numbers of customers) and lets nothing out but ids.
with

told as (
    select * from {{ ref('int_referrals__told') }}
    where {{ origin_of('heard_from') }} = 'referred'
),

answers as (
    {{ versions_in_build('survey_responses', 'pii') }}
),

ranked_answers as (
    select
        _key,
        free_answers,
        row_number() over (
            partition by _key
            order by updated_at desc nulls last, _loaded_at desc, _batch_id desc
        ) as recency
    from answers
),

persons as (
    {{ versions_in_build('customers', 'pii') }}
),

ranked_persons as (
    select
        _key,
        full_name,
        email,
        phone,
        row_number() over (
            partition by _key
            order by updated_at desc nulls last, _loaded_at desc, _batch_id desc
        ) as recency
    from persons
),

records as (
    select distinct
        _key,
        customer_id
    from {{ ref('stg_customers') }}
),

customers as (
    select * from {{ ref('int_customers__latest') }}
),

survivors as (
    select * from {{ ref('int_customers__survivors') }}
),

rules as (
    {{ naming_rules() }}
),

named as (
    select
        told.customer_id,
        told.response_id,
        told.would_have_come_anyway,
        told.told_on,
        tellers.region,
        nullif(trim({{ json_text('newest.free_answers', 'recommended_by') }}), '') as words
    from told
    left join customers as tellers
        on told.customer_id = tellers.customer_id
    left join ranked_answers as newest
        on
            told.response_key = newest._key
            and newest.recency = 1
),

-- what a merged record was known by, its survivor is known by
known as (
    select
        customers.customer_id,
        customers.region,
        lower(records.customer_id) as customer_number,
        {{ plain_code('newest.email') }} as email,
        {{ plain_phone('newest.phone') }} as phone,
        {{ plain_name('newest.full_name') }} as full_name
    from ranked_persons as newest
    inner join records
        on
            newest._key = records._key
            and newest.recency = 1
    left join survivors
        on records.customer_id = survivors.customer_id
    inner join customers
        on {{ survivor_of('records.customer_id') }} = customers.customer_id
),

-- a customer may have no personal data at all, and still be named by number
numbers as (
    select
        customers.customer_id,
        lower(records.customer_id) as customer_number
    from records
    left join survivors
        on records.customer_id = survivors.customer_id
    inner join customers
        on {{ survivor_of('records.customer_id') }} = customers.customer_id
),

found as (
    select
        named.customer_id,
        'customer number' as match_rule,
        numbers.customer_id as referrer_customer_id
    from named
    inner join numbers
        on lower(named.words) = numbers.customer_number
    union
    select
        named.customer_id,
        'e-mail' as match_rule,
        known.customer_id as referrer_customer_id
    from named
    inner join known
        on {{ plain_code('named.words') }} = known.email
    union
    -- one of the two may lack the code of the country or of the town
    select
        named.customer_id,
        'telephone' as match_rule,
        known.customer_id as referrer_customer_id
    from named
    inner join known
        on
            right({{ plain_phone('named.words') }}, 8) = right(known.phone, 8)
            and (
                {{ plain_phone('named.words') }} like '%' || known.phone
                or known.phone like '%' || {{ plain_phone('named.words') }}
            )
    union
    select
        named.customer_id,
        'full name' as match_rule,
        known.customer_id as referrer_customer_id
    from named
    inner join known
        on {{ plain_name('named.words') }} = known.full_name
    union
    select
        named.customer_id,
        'full name in region' as match_rule,
        known.customer_id as referrer_customer_id
    from named
    inner join known
        on
            {{ plain_name('named.words') }} = known.full_name
            and named.region = known.region
),

counted as (
    select
        customer_id,
        match_rule,
        count(*) as candidates,
        min(referrer_customer_id) as referrer_customer_id
    from found
    group by
        customer_id,
        match_rule
),

-- the surest rule that leaves exactly one customer
matched as (
    select
        counted.customer_id,
        counted.referrer_customer_id,
        counted.match_rule,
        rules.confidence,
        row_number() over (
            partition by counted.customer_id
            order by rules.place
        ) as place
    from counted
    inner join rules
        on counted.match_rule = rules.match_rule
    where counted.candidates = 1
),

ambiguous as (
    select distinct customer_id
    from counted
)

select
    named.customer_id,
    named.response_id,
    matched.referrer_customer_id,
    matched.match_rule,
    matched.confidence,
    case
        when matched.customer_id is not null then null
        when named.words is null then 'nobody named'
        when ambiguous.customer_id is not null then 'several customers fit'
        else 'no customer fits'
    end as why_no_edge,
    named.would_have_come_anyway,
    named.told_on
from named
left join matched
    on
        named.customer_id = matched.customer_id
        and matched.place = 1
left join ambiguous
    on named.customer_id = ambiguous.customer_id
