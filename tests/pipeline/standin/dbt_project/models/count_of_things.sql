-- one row
select
    current_build.build_id as marker,
    (select count(*) from {{ ref('dim_things') }}) as things,
    (select count(*) from {{ source('analysis', 'fits') }}) as fits
from {{ source('ops', 'current_build') }} as current_build
