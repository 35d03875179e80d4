-- one row per programme, branch or team, and signal that somebody games the score: how often it was seen in the 540 days before as_of, and
-- how often it was to be expected by the other units. For review, never proof.
with

current_build as (
    select * from {{ source('ops', 'current_build') }}
),

signals as (
    {{ analysed_in_build('gaming_signals') }}
    where analysed.dimension <> 'employee'
)

select
    {{ stable_id('gaming_signal', ['signals.programme', 'signals.dimension', 'signals.unit', 'signals.signal']) }} as gaming_signal_id,
    signals.programme,
    signals.dimension,
    signals.unit as dimension_value,
    signals.signal,
    {{ gaming_columns('signals') }}
from signals
cross join current_build
