{# Points by which a goal's parts may fall short of it. #}
{% macro goal_tolerance() %}{{ return(1) }}{% endmacro %}

{# Percent of a goal's answers that have to be among its parent's: units move, and answers stay where they were given. #}
{% macro least_share_inside_parent() %}{{ return(95) }}{% endmacro %}
