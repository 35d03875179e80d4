{# Post-hook of a table in frontline: an employee reads the own rows, and who leads a unit those of its people.
   docs/adr/0013-rows-of-employees.md says how it survives publishing. The security is forced upon the owner too, so the pipeline has a
   policy of its own: it is whoever owns the schemas, by no name that would tie a backup to one server. #}
{% macro own_rows_and_led_units() %}{{ return(adapter.dispatch('own_rows_and_led_units')()) }}{% endmacro %}

{% macro postgres__own_rows_and_led_units() -%}
    {%- set pipeline = "(select pg_has_role(nspowner, 'usage') from pg_catalog.pg_namespace where nspname = 'ops')" -%}
    alter table {{ this }} enable row level security, force row level security;
    drop policy if exists pipeline on {{ this }};
    create policy pipeline on {{ this }} using ({{ pipeline }}) with check ({{ pipeline }});
    drop policy if exists readers on {{ this }};
    create policy readers on {{ this }} for select to frontline_manager, desk
    using (employee_id = (select ops.current_employee()) or starts_with(unit_path, (select ops.led_unit())))
{%- endmacro %}
