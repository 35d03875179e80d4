-- one row per programme whose answers are weighted: which variables its margins are made of
with

variables as (
    select * from {{ source('ops', 'weighting_variables') }}
)

select
    programme,
    {{ has_variables() | join(',\n    ') }}
from variables
group by programme
