-- one row per unit and period in which orders took part in the randomised delay: what calling back at once did to the next score, against
-- waiting. Intention to treat: a customer counts for the arm that was drawn, whatever happened then. Those who did not answer again
-- are spoken for by those of the same arm and stratum who did. docs/adr/0012-effect-of-closing-the-loop.md has the formulas.
{{ config(post_hook="{{ analyze() }}") }}

with

customers as (
    select
        team_id,
        branch_id,
        org_region_id,
        company_id,
        arm,
        stratum,
        mark,
        opened_on as dated_on
    from {{ ref('int_closed_loop__comparison') }}
),

placed as (
    {{ in_units_and_periods('customers', ['arm', 'stratum', 'mark']) }}
),

strata as (
    select
        {{ loop_cell_columns() | join(',\n        ') }},
        stratum,
        sum(case when arm = 'treated' and mark is not null then 1 else 0 end) as answers_treated,
        sum(case when arm = 'delayed' and mark is not null then 1 else 0 end) as answers_delayed
    from placed
    group by
        {{ loop_cell_columns() | join(',\n        ') }},
        stratum
),

-- a stratum in which too few of an arm answered cannot speak for its silent ones alone
merged as (
    select
        *,
        case
            when least(answers_treated, answers_delayed) >= {{ smallest_stratum() }} then stratum
            else 'others'
        end as merged_stratum
    from strata
),

others as (
    select
        {{ loop_cell_columns() | join(',\n        ') }}
    from merged
    where merged_stratum = 'others'
    group by
        {{ loop_cell_columns() | join(',\n        ') }}
    having
        least(sum(answers_treated), sum(answers_delayed)) < {{ smallest_stratum() }}
),

-- nor can the others together: then everybody of an arm speaks for everybody
weighting as (
    select
        merged.*,
        case when others.dimension is null then merged.merged_stratum else 'all' end as weighting_stratum
    from merged
    left join others
        on {{ is_same_loop_cell('merged', 'others') }}
),

groups as (
    select
        placed.{{ loop_cell_columns() | join(',\n        placed.') }},
        placed.arm,
        weighting.weighting_stratum,
        cast(count(*) as numeric(38, 18)) as customers,
        cast(count(placed.mark) as numeric(38, 18)) as answers,
        cast(sum(placed.mark) as numeric(38, 18)) as sum_of_marks,
        cast(sum(placed.mark * placed.mark) as numeric(38, 18)) as sum_of_squares
    from placed
    inner join weighting
        on
            placed.stratum = weighting.stratum
            and {{ is_same_loop_cell('placed', 'weighting') }}
    group by
        placed.{{ loop_cell_columns() | join(',\n        placed.') }},
        placed.arm,
        weighting.weighting_stratum
),

-- the weight of an answer is how many customers of its arm and stratum there are for each that answered
arms as (
    select
        {{ loop_cell_columns() | join(',\n        ') }},
        arm,
        sum(customers) as customers,
        sum(answers) as answers,
        sum(case when answers > 0 then customers end) as weight,
        sum(case when answers > 0 then customers * customers / answers end) as squared_weight,
        sum(case when answers > 0 then customers / answers * sum_of_marks end) as weighted_marks,
        sum(case when answers > 0 then customers / answers * customers / answers * sum_of_marks end) as twice_weighted_marks,
        sum(case when answers > 0 then customers / answers * customers / answers * sum_of_squares end) as twice_weighted_squares
    from groups
    group by
        {{ loop_cell_columns() | join(',\n        ') }},
        arm
),

-- standard error: the root of the sum of w²(y - mean)², over the sum of w
estimated as (
    select
        *,
        weighted_marks / weight as mean,
        (
            twice_weighted_squares
            - 2 * weighted_marks / weight * twice_weighted_marks
            + weighted_marks / weight * weighted_marks / weight * squared_weight
        ) / (weight * weight) as variance,
        weight * weight / squared_weight as n_effective
    from arms
),

compared as (
    select
        {{ loop_cell_columns() | join(',\n        ') }},
        {% for arm in ['treated', 'delayed'] -%}
        sum(case when arm = '{{ arm }}' then customers else 0 end) as customers_{{ arm }},
        sum(case when arm = '{{ arm }}' then answers else 0 end) as answers_{{ arm }},
        max(case when arm = '{{ arm }}' then mean end) as mean_{{ arm }},
        max(case when arm = '{{ arm }}' then greatest(variance, 0) end) as variance_{{ arm }},
        coalesce(max(case when arm = '{{ arm }}' then n_effective end), 0) as n_effective_{{ arm }},
        {% endfor -%}
        count(*) as arms
    from estimated
    group by
        {{ loop_cell_columns() | join(',\n        ') }}
)

select
    *,
    mean_treated - mean_delayed as effect,
    {{ z_95() }} * sqrt(variance_treated + variance_delayed) as half_width,
    least(n_effective_treated, n_effective_delayed) as smallest_effective_n
from compared
