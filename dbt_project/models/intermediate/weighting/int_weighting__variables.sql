-- one row per programme whose answers are weighted: which variables its margins are made of
with

variables as (
    select * from {{ source('ops', 'weighting_variables') }}
)

select
    programme,
    {% for variable in weighting_variables() -%}
    max(case when variable = '{{ variable }}' then 1 else 0 end) = 1 as has_{{ variable }}{{ ',' if not loop.last }}
    {% endfor %}
from variables
group by programme
