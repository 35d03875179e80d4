-- one row per label set × theme (and `all`) × language: how well the patterns of themes.yml agree with readers
with

counted as (
    {{ analysed_in_build('theme_quality') }}
),

themes as (
    select * from {{ source('ops', 'themes') }}
)

select
    {{ stable_id('theme_quality', ['counted.label_set', 'counted.theme', 'counted.language']) }} as quality_id,
    counted.label_set,
    counted.theme,
    coalesce(themes.name, 'All themes') as theme_name,
    counted.language,
    counted.n,
    counted.labelled,
    counted.found,
    counted.agreed,
    {{ share_in_percent('counted.agreed', 'counted.found') }} as precision_share,
    {{ share_in_percent('counted.agreed', 'counted.found', '-') }} as precision_low,
    {{ share_in_percent('counted.agreed', 'counted.found', '+') }} as precision_high,
    {{ share_in_percent('counted.agreed', 'counted.labelled') }} as recall_share,
    {{ share_in_percent('counted.agreed', 'counted.labelled', '-') }} as recall_low,
    {{ share_in_percent('counted.agreed', 'counted.labelled', '+') }} as recall_high
from counted
left join themes
    on counted.theme = themes.theme
