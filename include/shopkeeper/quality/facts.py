"""Facts about one batch as a whole, as the one row that the suite `batch` judges."""

from __future__ import annotations


def batch_facts(batch_id: int) -> str:
    """SQL for one row: the batch's counts beside those of the last good snapshot and of up to ten good windows before it.

    `rows_per_hour` is NULL where the batch has no interval.
    """
    return f"""select * from (
            with batch as (
                select
                    *,
                    rows_in / nullif(extract(epoch from interval_end - interval_start) / 3600, 0) as rows_per_hour
                from ops.batches
                where status in ('passed', 'waived') or batch_id = {batch_id:d}
            ),
            judged as (
                select * from batch where batch_id = {batch_id:d}
            ),
            earlier as (
                select batch.*
                from batch
                inner join judged
                    on batch.entity = judged.entity and batch.source = judged.source and batch.kind = judged.kind
                where batch.batch_id < judged.batch_id
                order by batch.batch_id desc
                limit 10
            )
            select
                batch_id,
                kind,
                rows_in,
                accepted,
                unchanged,
                rejected - coalesce((details ->> 'erased')::bigint, 0) as rejected,
                deleted,
                rows_per_hour,
                coalesce(jsonb_array_length(details -> 'columns_added'), 0) as columns_added,
                coalesce(jsonb_array_length(details -> 'columns_dropped'), 0) as columns_dropped,
                (select count(*) from earlier where rows_per_hour is not null) as judged_before,
                (select percentile_cont(0.5) within group (order by rows_per_hour) from earlier) as usual_rows_per_hour,
                (select rows_in from earlier order by batch_id desc limit 1) as previous_rows_in
            from judged
        ) as facts"""
