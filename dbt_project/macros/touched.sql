{# Rows of a kept mart (as the last build left it) that refer to something that this build knows differently: their ids. #}
{% macro touched_by_references(mart, key) -%}
    {%- set columns = {
        'customer': 'customer_id',
        'invitation': 'invitation_id',
        'interaction': 'interaction_id',
        'product': 'product_id',
        'org_unit': 'org_unit_id',
    } -%}
    {%- for kind, column in columns.items() -%}
    select kept.{{ key }}
    from {{ as_left_by_last_build(mart) }} as kept
    inner join {{ ref('int_references__touched') }} as touched
        on kept.{{ column }} = touched.id
    where touched.kind = '{{ kind }}'
    union
    {% endfor -%}
    select kept.{{ key }}
    from {{ as_left_by_last_build(mart) }} as kept
    inner join {{ ref('int_references__touched') }} as touched
        on
            kept.customer_id = touched.id
            and kept.reference_on > touched.after_on
            and kept.reference_on <= touched.until_on
    where touched.kind = 'value'
    union
    -- the first batch ever of customers or of revenue changes what the lack of a customer or of revenue means
    select kept.{{ key }}
    from {{ as_left_by_last_build(mart) }} as kept
    where
        exists (
            select 1
            from {{ ref('int_batches__new') }} as arrived
            where
                arrived.entity in ('customers', 'revenue')
                and not exists (
                    select 1
                    from {{ source('marts_next', '_applied') }} as applied
                    inner join {{ source('ops', 'batches') }} as batches
                        on applied.batch_id = batches.batch_id
                    where batches.entity = arrived.entity
                )
        )
{%- endmacro %}
