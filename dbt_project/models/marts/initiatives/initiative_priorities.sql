-- one row per initiative: whom it is for, what they are worth, where it ranks, and what it brought once it was done.
-- Priority is customers affected × adjusted value × confidence ÷ cost. The effect is empty unless its verdict is `usable`.
with

initiatives as (
    select * from {{ ref('int_initiatives__told') }}
),

responses as (
    select * from {{ ref('fct_survey_responses') }}
    where
        excluded_reason is null
        and band = 'detractor'
        and customer_id is not null
),

readings as (
    select * from {{ source('analysis', 'theme_readings') }}
),

mentions as (
    {{ array_items('readings', 'themes', ['response_id'], 'theme') }}
),

customers as (
    select * from {{ ref('dim_customers') }}
),

lifetime_values as (
    select * from {{ ref('customer_lifetime_values') }}
),

conversions as (
    select * from {{ ref('band_conversion_values') }}
    where
        metric = 'nps'
        and from_band = 'detractor'
        and to_band = 'promoter'
        and is_usable
),

effects as (
    {{ analysed_in_build('initiative_effects') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

unhappy as (
    select responses.*
    from responses
    cross join current_build
    where responses.responded_on between {{ add_days('current_build.as_of_on', -365) }} and {{ add_days('current_build.as_of_on', -1) }}
),

-- who was unhappy in the last year where the initiative is to help, and wrote of its theme where it has one
affected as (
    select
        initiatives.initiative_id,
        count(distinct unhappy.customer_id) as customers_affected
    from initiatives
    inner join unhappy
        on
            (initiatives.programme is null or initiatives.programme = unhappy.programme)
            and initiatives.dimension_value = case initiatives.dimension
                {% for dimension, column in survey_dimensions().items() -%}
                when '{{ dimension }}' then {{ column if dimension == 'all' else 'unhappy.' ~ column }}
                {% endfor -%}
            end
    left join mentions
        on
            unhappy.response_id = mentions.response_id
            and initiatives.theme = mentions.theme
    where
        initiatives.theme is null
        or mentions.response_id is not null
    group by initiatives.initiative_id
),

-- where moving a customer could not be estimated: how much more promoters are expected to bring than detractors, as they are
means as (
    select
        avg(case when customers.latest_band = 'promoter' then lifetime_values.lifetime_value_expected end)
        - avg(case when customers.latest_band = 'detractor' then lifetime_values.lifetime_value_expected end) as difference
    from customers
    inner join lifetime_values
        on customers.customer_id = lifetime_values.customer_id
),

valued as (
    select
        initiatives.*,
        coalesce(affected.customers_affected, 0) as customers_affected,
        case
            when segments.band_conversion_id is not null then 'conversion of the segment'
            when everybody.band_conversion_id is not null then 'conversion of all customers'
            when means.difference is not null then 'lifetime values, not adjusted'
        end as value_source,
        cast(coalesce(segments.effect, everybody.effect, means.difference) as numeric(18, 2)) as value_per_customer,
        cast(coalesce(segments.effect_low, everybody.effect_low) as numeric(18, 2)) as value_per_customer_low,
        cast(coalesce(segments.effect_high, everybody.effect_high) as numeric(18, 2)) as value_per_customer_high
    from initiatives
    cross join means
    left join affected
        on initiatives.initiative_id = affected.initiative_id
    left join conversions as everybody
        on everybody.segment = 'all'
    left join conversions as segments
        on
            initiatives.dimension = 'segment'
            and initiatives.dimension_value = segments.segment
            and everybody.band_conversion_id is not null
),

weighed as (
    select
        *,
        cast(customers_affected * value_per_customer as numeric(18, 2)) as value_at_stake,
        cast(customers_affected * value_per_customer * confidence / cost as numeric(18, 4)) as priority
    from valued
),

ranks as (
    select
        initiative_id,
        row_number() over (
            order by priority desc, initiative_id asc
        ) as place
    from weighed
    where
        priority is not null
        and state in ('proposed', 'funded', 'in_progress')
)

select
    weighed.initiative_id,
    weighed.title,
    weighed.state,
    weighed.came_from,
    weighed.owner,
    weighed.programme,
    weighed.dimension,
    weighed.dimension_value,
    weighed.theme,
    weighed.value_source,
    weighed.measure,
    weighed.measure_programme,
    weighed.measure_units,
    weighed.you_said,
    weighed.we_did,
    coalesce(effects.verdict, 'not judged') as effect_verdict,
    cast(ranks.place as integer) as rank,
    cast(weighed.customers_affected as bigint) as customers_affected,
    weighed.budget,
    weighed.cost,
    weighed.value_per_customer,
    weighed.value_per_customer_low,
    weighed.value_per_customer_high,
    weighed.value_at_stake,
    weighed.expected_effect,
    weighed.confidence,
    weighed.priority,
    effects.effect,
    effects.effect_low,
    effects.effect_high,
    effects.placebo_p,
    effects.trend_p,
    effects.treated_units,
    effects.comparable_units,
    effects.responses,
    weighed.for_customers,
    weighed.is_registered_before_start,
    weighed.due_on,
    weighed.started_on,
    weighed.done_on,
    effects.before_starts_on,
    effects.before_ends_on,
    effects.after_starts_on,
    effects.after_ends_on,
    weighed.proposed_at,
    weighed.measure_registered_at
from weighed
left join effects
    on weighed.initiative_id = effects.initiative_id
left join ranks
    on weighed.initiative_id = ranks.initiative_id
