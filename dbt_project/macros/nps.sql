{# Scores and intervals from counts. Formulas and the numbers that they must give: docs/adr/0003-incremental-marts.md and
   Rocks (2016), Interval Estimation for the "Net Promoter Score", arXiv 1601.07235. All are points (x 100) of numeric(9, 4),
   and empty where nobody answered. #}

{# Net Promoter Score. #}
{% macro nps(detractors, passives, promoters) -%}
    cast(round(
        100 * cast({{ promoters }} - {{ detractors }} as numeric(38, 18))
        / nullif({{ detractors }} + {{ passives }} + {{ promoters }}, 0), 4
    ) as numeric(9, 4))
{%- endmacro %}

{# Answers, once three quarters of a detractor, one and a half passives and three quarters of a promoter are added. #}
{% macro _adjusted_answers(detractors, passives, promoters, deff) -%}
    (cast({{ detractors }} + {{ passives }} + {{ promoters }} as numeric(38, 18)) / {{ deff }} + 3)
{%- endmacro %}

{# Centre of the adjusted Wald interval, -1 to 1. `deff`, the design effect, shrinks the counts before the additions. #}
{% macro adjusted_wald_centre(detractors, passives, promoters, deff=1) -%}
    (
        cast({{ promoters }} - {{ detractors }} as numeric(38, 18)) / {{ deff }}
        / {{ _adjusted_answers(detractors, passives, promoters, deff) }}
    )
{%- endmacro %}

{# Variance of that centre. #}
{% macro adjusted_wald_variance(detractors, passives, promoters, deff=1) -%}
    (
        (
            (cast({{ promoters }} + {{ detractors }} as numeric(38, 18)) / {{ deff }} + 1.5)
            / {{ _adjusted_answers(detractors, passives, promoters, deff) }}
            - {{ adjusted_wald_centre(detractors, passives, promoters, deff) }}
            * {{ adjusted_wald_centre(detractors, passives, promoters, deff) }}
        )
        / {{ _adjusted_answers(detractors, passives, promoters, deff) }}
    )
{%- endmacro %}

{% macro _adjusted_wald(detractors, passives, promoters, deff, sign) -%}
    case
        when {{ detractors }} + {{ passives }} + {{ promoters }} > 0
            then cast(round(100 * greatest(-1, least(1,
                {{ adjusted_wald_centre(detractors, passives, promoters, deff) }}
                {{ sign }} {{ z_95() }} * sqrt({{ adjusted_wald_variance(detractors, passives, promoters, deff) }})
            )), 4) as numeric(9, 4))
    end
{%- endmacro %}

{# Lower and upper end of the 95 % adjusted Wald interval, clipped to -100 and 100. #}
{% macro adjusted_wald_low(detractors, passives, promoters, deff=1) -%}
    {{ _adjusted_wald(detractors, passives, promoters, deff, '-') }}
{%- endmacro %}

{% macro adjusted_wald_high(detractors, passives, promoters, deff=1) -%}
    {{ _adjusted_wald(detractors, passives, promoters, deff, '+') }}
{%- endmacro %}

{# z of the difference between two cells that share no answers, from adjusted centres and variances. #}
{% macro adjusted_z(centre, variance, earlier_centre, earlier_variance) -%}
    cast(round(
        ({{ centre }} - {{ earlier_centre }}) / nullif(sqrt({{ variance }} + {{ earlier_variance }}), 0), 6
    ) as numeric(12, 6))
{%- endmacro %}

{# How much wider several answers of one customer make the interval: the variance with customers as clusters over the variance as if
   all answers were independent, at least 1. From answers n, their bands, customers, and sums over customers of m², s² and s·m, where a
   customer gave m answers with s more promoters than detractors among them. Where all answers are alike the ratio says nothing,
   and customers are taken to answer alike: sum of m² over n. One customer alone is one answer. #}
{% macro design_effect(answers, promoters, detractors, customers, sum_m_squared, sum_s_squared, sum_s_m) -%}
    {%- set mean -%} (cast({{ promoters }} - {{ detractors }} as numeric(38, 18)) / {{ answers }}) {%- endset -%}
    {%- set variance -%} (cast({{ promoters }} + {{ detractors }} as numeric(38, 18)) / {{ answers }} - {{ mean }} * {{ mean }}) {%- endset -%}
    case
        when {{ answers }} = {{ customers }} then 1
        when {{ customers }} = 1 then {{ answers }}
        when {{ promoters }} = {{ answers }} or {{ detractors }} = {{ answers }} or {{ promoters }} + {{ detractors }} = 0
            then round(cast({{ sum_m_squared }} as numeric(38, 18)) / {{ answers }}, 10)
        else greatest(1, round(
            cast({{ customers }} as numeric(38, 18)) / ({{ customers }} - 1)
            * (
                cast({{ sum_s_squared }} as numeric(38, 18))
                - 2 * {{ mean }} * {{ sum_s_m }}
                + {{ mean }} * {{ mean }} * {{ sum_m_squared }}
            )
            / ({{ answers }} * {{ variance }})
            * ({{ answers }} - 1) / {{ answers }}, 10
        ))
    end
{%- endmacro %}
