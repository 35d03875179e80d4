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

{# A name as it is compared: in lower case, without accents, dots and commas, with single blanks. #}
{% macro plain_name(name) -%}
    {%- set bare = "translate(lower(trim(" ~ name ~ ")), 'áàâäãåéèêëíìîïóòôöõúùûüñç.,', 'aaaaaaeeeeiiiiooooouuuunc')" -%}
    nullif(trim(replace(replace(replace({{ bare }}, ' ', '<>'), '><', ''), '<>', ' ')), '')
{%- endmacro %}

{# The digits of a telephone number without zeros in front; NULL for what holds anything else or is too short to be one. #}
{% macro plain_phone(text) -%}
    {%- set digits = "trim(leading '0' from translate(" ~ text ~ ", ' ()-/.+', ''))" -%}
    case when char_length({{ digits }}) >= 8 and translate({{ digits }}, '0123456789', '') = '' then {{ digits }} end
{%- endmacro %}

{# How sure each rule is that finds out who was named: our judgement, not an estimate. #}
{% macro naming_rules() -%}
    {%- for rule, confidence in [
        ('customer number', '1.00'), ('e-mail', '0.95'), ('telephone', '0.90'), ('full name', '0.80'), ('full name in region', '0.60'),
    ] -%}
    select
        '{{ rule }}' as match_rule,
        {{ loop.index }} as place,
        cast({{ confidence }} as numeric(3, 2)) as confidence
    {% if not loop.last %}union all
    {% endif -%}
    {%- endfor -%}
{%- endmacro %}
