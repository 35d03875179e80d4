{# Control charts: which there are, and what makes a point a signal. docs/over-time-and-units.md says why these and no others. #}

{# Chart → how its value comes from counts: the sum of what answers are worth and the sum of the squares, the lowest possible value, and
   whether limits come from how much the value moves from period to period (XmR) rather than from the number of answers. #}
{% macro control_charts() %}
{{ return({
    'promoter_share': {'total': 'promoters', 'squares': 'promoters', 'lowest': 0, 'is_xmr': false},
    'detractor_share': {'total': 'detractors', 'squares': 'detractors', 'lowest': 0, 'is_xmr': false},
    'nps': {'total': 'promoters - detractors', 'squares': 'promoters + detractors', 'lowest': -1, 'is_xmr': false},
    'nps_xmr': {'total': 'promoters - detractors', 'squares': 'promoters + detractors', 'lowest': -1, 'is_xmr': true},
}) }}
{% endmacro %}

{# Fewer periods than these have no limits: a centre out of seven periods moves with each of them. #}
{% macro fewest_charted_periods() %}8{% endmacro %}

{# A mean moving range is so many standard deviations of single values (d2 for two values). #}
{% macro moving_range_per_sigma() %}1.128{% endmacro %}

{# Centre and sigma of each point of `points`, from the points for which `condition` holds, as columns with a prefix. #}
{% macro centre_and_sigma(prefix, condition) -%}
    {%- set chart = 'partition by programme, metric, period_grain, chart, phase, is_shown' -%}
    case
            when is_xmr then avg(case when {{ condition }} then value end) over ({{ chart }})
            else
                cast(sum(case when {{ condition }} then total end) over ({{ chart }}) as numeric(38, 18))
                / sum(case when {{ condition }} then answers end) over ({{ chart }})
        end as {{ prefix }}_centre,
        cast(sum(case when {{ condition }} then squares end) over ({{ chart }}) as numeric(38, 18))
        / sum(case when {{ condition }} then answers end) over ({{ chart }}) as {{ prefix }}_mean_of_squares,
        avg(case when {{ condition }} then moving_range end) over ({{ chart }})
        / {{ moving_range_per_sigma() }} as {{ prefix }}_sigma_of_moves
{%- endmacro %}

{# One limit of a point, so many sigmas from its centre. #}
{% macro control_limit(prefix, sigmas, sign) -%}
    case
            when is_xmr then {{ prefix }}_centre {{ sign }} {{ sigmas }} * {{ prefix }}_sigma_of_moves
            else {{ limit_of_mean(prefix ~ '_centre', prefix ~ '_mean_of_squares', 'n_effective', sigmas, sign) }}
        end
{%- endmacro %}

{# How many of the last `count` points, this one with them, fulfil a condition. #}
{% macro of_the_last(count, condition) -%}
    sum(case when {{ condition }} then 1 else 0 end) over (
            partition by programme, metric, period_grain, chart, phase, is_shown
            order by period_starts_on
            rows between {{ count - 1 }} preceding and current row
        )
{%- endmacro %}
