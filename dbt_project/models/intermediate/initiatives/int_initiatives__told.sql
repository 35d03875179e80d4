-- one row per initiative: state, plan, measure and word as its events tell; the last of each kind holds
with

events as (
    select * from {{ ref('stg_initiative_events') }}
),

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

ranked as (
    select
        *,
        case
            when event in ('proposed', 'revised') then 'plan'
            when event = 'measure_registered' then 'measure'
            when event = 'told' then 'word'
        end as kind,
        row_number() over (
            partition by
                initiative_id,
                case
                    when event in ('proposed', 'revised') then 'plan'
                    when event in ('measure_registered', 'told') then event
                    else 'move'
                end
            order by event_id desc
        ) as recency
    from events
),

-- what each event moved the initiative to, the last such event holding; a plan alone is a proposal
moves as (
    select
        initiative_id,
        max(came_from) as came_from,
        coalesce(
            max(
                case
                    when recency = 1 and event = 'started' then 'in_progress'
                    when recency = 1 and event in ('funded', 'done', 'verified', 'dropped') then event
                end
            ),
            'proposed'
        ) as state,
        max(case when event = 'started' then happened_on end) as started_on,
        max(case when event = 'done' then happened_on end) as done_on,
        min(occurred_at) as proposed_at
    from ranked
    group by initiative_id
),

told as (
    select
        moves.initiative_id,
        planned.title,
        moves.state,
        moves.came_from,
        planned.owner,
        planned.programme,
        planned.dimension,
        planned.dimension_value,
        planned.theme,
        measures.measure,
        measures.measure_programme,
        measures.measure_dimension,
        measures.measure_value,
        measures.measure_units,
        words.you_said,
        words.we_did,
        planned.budget,
        planned.cost,
        planned.expected_effect,
        planned.confidence,
        coalesce(words.for_customers, false) as for_customers,
        coalesce(
            {{ company_date('measures.occurred_at', 'current_build.company_timezone') }} <= moves.started_on, false
        ) as is_registered_before_start,
        planned.due_on,
        moves.started_on,
        moves.done_on,
        moves.proposed_at,
        measures.occurred_at as measure_registered_at
    from moves
    cross join current_build
    inner join ranked as planned
        on
            moves.initiative_id = planned.initiative_id
            and planned.kind = 'plan'
            and planned.recency = 1
    left join ranked as measures
        on
            moves.initiative_id = measures.initiative_id
            and measures.kind = 'measure'
            and measures.recency = 1
    left join ranked as words
        on
            moves.initiative_id = words.initiative_id
            and words.kind = 'word'
            and words.recency = 1
)

select * from told
