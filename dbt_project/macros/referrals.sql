{# A code or word as it is compared: without blanks around it, in lower case; empty is NULL. #}
{% macro plain_code(text) -%}
    nullif(lower(trim({{ text }})), '')
{%- endmacro %}

{# What one word about how a customer came says of the origin: the codes of the question `heard_from`, and the usual words of a CRM.
   NULL where nothing is said. A CRM with other words for a recommendation translates them in its query in sources.yml. #}
{% macro origin_of(word) -%}
    case
        when {{ plain_code(word) }} in (
            'friend_or_family', 'colleague', 'a friend', 'friend', 'friends', 'family', 'a colleague', 'colleagues',
            'referral', 'referred', 'recommendation', 'word of mouth'
        ) then 'referred'
        when {{ plain_code(word) }} in ('other', 'unknown') then null
        when {{ plain_code(word) }} is not null then 'bought'
    end
{%- endmacro %}
