{# The periods over which growth is counted: quarters and years are those of the fiscal year. #}
{% macro growth_grains() %}{{ return(['month', 'quarter', 'year']) }}{% endmacro %}

{# Where revenue of a period came from, in the order in which the rules apply (int_earned_growth__parts). #}
{% macro growth_parts() %}
{{ return(['retained', 'earned_new', 'bought_new', 'unknown_new', 'returning', 'unknown_customer']) }}
{% endmacro %}
