{# Rows of one entity (or of another table that says their batch) in the batches of the current build: what is known, and nothing that came later or failed its gate. #}
{% macro versions_in_build(entity, schema='raw') -%}
    select raw_rows.*
    from {{ source(schema, entity) }} as raw_rows
    inner join {{ source('ops', 'build_batches') }} as build_batches
        on raw_rows._batch_id = build_batches.batch_id
    inner join {{ source('ops', 'current_build') }} as current_build
        on build_batches.build_id = current_build.build_id
{%- endmacro %}

{# The latest version of each record in a relation of versions; records that the source deleted are left out.
   Latest is the greatest (updated_at, unknown first; then load time, batch). `identity` is what makes one record: `_key`, or the
   columns that other records refer to it by, where sources share an id. #}
{% macro latest_version(relation, identity=['_key']) -%}
    select *
    from (
        select
            *,
            row_number() over (
                partition by {{ identity | join(', ') }}
                order by updated_at desc nulls last, _loaded_at desc, _batch_id desc, _key asc
            ) as recency
        from {{ relation }}
    ) as ranked
    where recency = 1 and not _is_deleted
{%- endmacro %}

{# What the analyses of the current build wrote to one table of schema `analysis`; rows of other builds lie there too. #}
{% macro analysed_in_build(table) -%}
    select analysed.*
    from {{ source('analysis', table) }} as analysed
    inner join {{ source('ops', 'current_build') }} as current_build
        on analysed.build_id = current_build.build_id
{%- endmacro %}
