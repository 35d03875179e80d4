-- one row per programme, employee and signal that somebody games the score: how often it was seen in the 540 days before as_of, and how
-- often it was to be expected by employees of other branches. For review, never proof. Read under row-level security.
{{
    config(
        post_hook=["{{ own_rows_and_led_units() }}", "{{ analyze() }}"],
        indexes=[{'columns': ['gaming_signal_id'], 'unique': true}, {'columns': ['employee_id']}],
    )
}}

with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

signals as (
    {{ analysed_in_build('gaming_signals') }}
    where analysed.dimension = 'employee'
),

employees as (
    select * from {{ ref('int_employees__today') }}
)

select
    {{ stable_id('gaming_signal', ['signals.programme', 'signals.dimension', 'signals.unit', 'signals.signal']) }} as gaming_signal_id,
    signals.unit as employee_id,
    employees.org_unit_id,
    employees.unit_path,
    signals.programme,
    signals.signal,
    {{ gaming_columns('signals') }}
from signals
cross join current_build
left join employees
    on signals.unit = employees.employee_id
