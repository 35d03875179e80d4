-- one row per language × group of comments that mention no theme of themes.yml, in the 365 days before as_of: for a person to name,
-- not to count
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

discovered as (
    {{ analysed_in_build('discovered_themes') }}
)

select
    {{ stable_id('discovered_theme', ['discovered.language', 'cast(discovered.place as text)']) }} as discovered_id,
    discovered.language,
    discovered.label,
    discovered.product_id,
    discovered.examples as example_response_ids,
    discovered.place,
    discovered.comments,
    discovered.comments_of_product,
    discovered.comments_looked_at,
    {{ share_in_percent('discovered.comments', 'discovered.comments_looked_at') }} as share, -- noqa: RF04
    case
        when discovered.comments >= current_build.hidden_below
            then {{ nps('discovered.detractors', 'discovered.passives', 'discovered.promoters') }}
    end as nps,
    case
        when discovered.comments >= current_build.hidden_below
            then {{ adjusted_wald_low('discovered.detractors', 'discovered.passives', 'discovered.promoters') }}
    end as nps_low,
    case
        when discovered.comments >= current_build.hidden_below
            then {{ adjusted_wald_high('discovered.detractors', 'discovered.passives', 'discovered.promoters') }}
    end as nps_high
from discovered
cross join current_build
