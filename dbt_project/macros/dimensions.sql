{# Dimensions of nps_by_segment: name → column of the survey facts. An answer that lacks a value is in no cell of that dimension. #}
{% macro survey_dimensions() %}
{{ return({
    'all': "'all'",
    'segment': 'segment',
    'region': 'region',
    'country': 'country',
    'product': 'product_id',
    'product_category': 'product_category',
    'channel': 'channel',
    'interaction_type': 'interaction_type',
    'outcome': 'outcome',
    'team': 'team_id',
    'branch': 'branch_id',
    'org_region': 'org_region_id',
    'company': 'company_id',
    'tenure_band': 'tenure_band',
    'value_band': 'value_band',
    'share_of_wallet_band': 'share_of_wallet_band',
    'resolution_band': 'resolution_band',
}) }}
{% endmacro %}

{# Columns of the survey facts by which nps_daily_counts can be cut, any of them together. #}
{% macro drill_columns() %}
{{ return([
    'programme', 'metric', 'population', 'segment', 'region', 'country', 'acquisition_channel', 'product_id', 'product_category',
    'channel', 'interaction_type', 'interaction_subtype', 'outcome', 'team_id', 'branch_id', 'org_region_id', 'company_id',
    'tenure_band', 'value_band', 'share_of_wallet_band', 'resolution_band',
]) }}
{% endmacro %}

{# The same but programme, metric and population, in families of few combinations each: what is counted by the combinations of two
   families can be counted by two columns without reading the answers again. #}
{% macro drill_families() %}
{{ return({
    'customer': ['segment', 'tenure_band', 'value_band', 'share_of_wallet_band'],
    'origin': ['region', 'country', 'acquisition_channel'],
    'handling': ['channel', 'outcome', 'resolution_band'],
    'product': ['product_id', 'product_category'],
    'kind': ['interaction_type', 'interaction_subtype'],
    'organisation': ['team_id', 'branch_id', 'org_region_id', 'company_id'],
}) }}
{% endmacro %}

{# Dimensions of band_economics: columns of dim_customers. #}
{% macro customer_dimensions() %}
{{ return(['segment', 'region', 'country', 'tenure_band', 'acquisition_channel', 'value_band', 'share_of_wallet_band']) }}
{% endmacro %}

{# Calendar periods of nps_by_segment; answers without a date have a period of their own, `declared`. #}
{% macro calendar_grains() %}{{ return(['day', 'week', 'month', 'quarter', 'year']) }}{% endmacro %}

{# The columns that make a cell of nps_by_segment what it is. #}
{% macro cell_columns() %}
{{ return(['programme', 'metric', 'period_grain', 'period_starts_on', 'period_ends_on', 'dimension', 'dimension_value']) }}
{% endmacro %}

{# The same for a cohort of invitations, which have no metric before they are answered. #}
{% macro cohort_columns() %}
{{ return(['programme', 'period_grain', 'period_starts_on', 'period_ends_on', 'dimension', 'dimension_value']) }}
{% endmacro %}
