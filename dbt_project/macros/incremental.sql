{# How marts that are kept between builds find what a build touches. docs/adr/0003-incremental-marts.md says why. #}

{# The marts that are kept and made from what a build touches alone. fct_employee_responses, nps_daily_counts, nps_pair_counts and
   _answering_counts are kept too, and made from whole marts where they are not there. #}
{% macro kept_marts() %}
{{ return([
    'fct_survey_invitations', 'fct_survey_responses', 'fct_response_weights', '_frame_members', '_weighting_cells', '_weighting_counts',
    '_weighted_period_counts', '_cohort_counts', '_nps_counts', '_nps_weighted_sums', 'nps_by_segment',
]) }}
{% endmacro %}

{# A kept mart as the last build left it. Not a ref: models read it before it is brought up to date, and it then reads them. #}
{% macro as_left_by_last_build(name, schema=none) %}
{{ return(api.Relation.create(database=target.database, schema=schema or target.schema, identifier=name)) }}
{% endmacro %}

{# Whether this build adds to the kept marts; with --full-refresh it makes them anew. Without all of them there it can do neither:
   what is missing would be made from what is touched alone. Other commands than build then show how marts are made anew. #}
{% macro adds_to_kept_marts() %}
    {#- while dbt parses, nothing is there to look at: it must see the refs of the branch that has more of them -#}
    {%- if not execute -%}
        {{ return(true) }}
    {%- endif -%}
    {%- if flags.FULL_REFRESH -%}
        {{ return(false) }}
    {%- endif -%}
    {%- set missing = [] -%}
    {%- for name in kept_marts() -%}
        {%- if load_relation(as_left_by_last_build(name)) is none -%}
            {%- do missing.append(name) -%}
        {%- endif -%}
    {%- endfor -%}
    {%- if missing and flags.WHICH in ('build', 'run') -%}
        {%- do exceptions.raise_compiler_error(target.schema ~ ' lacks ' ~ missing | join(', ') ~ ': run dbt with --full-refresh') -%}
    {%- endif -%}
    {{ return(missing | length == 0) }}
{% endmacro %}

{# Pre-hook of a kept mart: forget the rows that this build writes anew, and those that are no more. #}
{% macro forget(key, touched) -%}
    {%- if adds_to_kept_marts() and load_relation(this) is not none -%}
    delete from {{ this }} where {{ key }} in (select {{ key }} from {{ touched }})
    {%- else -%}
    select 1
    {%- endif -%}
{%- endmacro %}

{# Statistics for the planner: a table just made has none, and what follows joins to it. #}
{% macro analyze() -%}
    analyze {{ this }}
{%- endmacro %}

{# Run before the first model. Tables of one row or none without statistics pass for thousands of rows, and each join to them for as
   many, or for hardly any: a planner that expects one row of a large history compares each with all others. #}
{% macro analyze_state() -%}
    {%- set relations = [
        source('ops', 'current_build'), source('ops', 'build_batches'), source('ops', 'batches'), source('ops', 'scales'),
        source('ops', 'bands'), source('ops', 'exchange_rates'), source('ops', 'employee_programmes'), source('marts_next', '_applied'),
        source('marts_next', '_applied_state'),
    ] -%}
    {%- if execute -%}
        {%- for relation in relations if load_relation(relation) is not none -%}
    analyze {{ relation }};
        {%- endfor -%}
    {%- endif -%}
{%- endmacro %}
