-- one row per answer of a panel that was given before as_of: its latest version, with its band and whom it is about
{{ config(post_hook="{{ analyze() }}") }}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

versions as (
    select * from {{ ref('stg_benchmark_responses') }}
),

latest as (
    {{ latest_version('versions') }}
),

-- panels ask the recommendation question, whose bands are fixed, whatever scales a company uses itself
recommendation as (
    select
        7 as passive_from,
        9 as promoter_from
)

select
    latest._key as answer_id,
    coalesce(trim(latest.panel), latest._source) as panel,
    -- small letters and capitals make no other company
    min(trim(latest.competitor)) over (partition by lower(trim(latest.competitor))) as competitor,
    coalesce(lower(trim(latest.competitor)) = current_build.panel_name, false) as is_own,
    {{ nps_band('latest.score', 'recommendation') }} as band,
    case when latest.weight > 0 then cast(round(latest.weight, 6) as numeric(18, 6)) end as weight,
    {{ company_date('latest.responded_at', 'current_build.company_timezone') }} as responded_on
from latest
cross join current_build
cross join recommendation
where
    latest.responded_at < current_build.as_of
    and latest.score is not null
    and nullif(trim(latest.competitor), '') is not null
