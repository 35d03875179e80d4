-- A customer whose records point at each other, or at nobody, is counted twice: as two customers who each brought half.
-- A warning, because each record is kept as it is and only the CRM can say which of them is the customer.
{{ config(severity='warn') }}

select
    customer_id,
    merged_into,
    why_not_followed
from {{ ref('int_customers__survivors') }}
where why_not_followed is not null
