{# Differences between two groups that share no customers, with 95 % intervals. #}

{# One end of Newcombe's interval (hybrid score, method 10) for share less other_share, from the shares and the ends of their own
   Wilson intervals: `sign` is '-' for the lower and '+' for the upper end; `toward` and `away` are the ends of the two intervals on
   that side (lower: low and other_high; upper: high and other_low). Source: Newcombe (1998), Statistics in Medicine 17, 873-890. #}
{% macro newcombe(share, toward, other_share, away, sign) -%}
    {{ share }} - {{ other_share }} {{ sign }} sqrt(
            ({{ share }} - {{ toward }}) * ({{ share }} - {{ toward }})
            + ({{ other_share }} - {{ away }}) * ({{ other_share }} - {{ away }})
        )
{%- endmacro %}

{# One end of the interval for the difference of two scores, in points, from adjusted centres and variances (see macros/nps.sql). #}
{% macro nps_difference_end(centre, variance, other_centre, other_variance, sign) -%}
    cast(round(100 * greatest(-2, least(2,
            {{ centre }} - {{ other_centre }} {{ sign }} {{ z_95() }} * sqrt({{ variance }} + {{ other_variance }})
        )), 4) as numeric(9, 4))
{%- endmacro %}
