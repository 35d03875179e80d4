"""From landed texts to versions in `raw` and `pii`: one batch is one transaction.

texts (COPY) → rows already known set aside → the others typed in one pass, with what is wrong beside it → rows about erased
persons left out → rejects kept whole
→ duplicates and unchanged rows left out → versions inserted → the batch recorded. Killed anywhere, nothing is there.
docs/adr/0002-batches-and-versions.md says which rows count as known, unchanged and duplicate.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from shopkeeper.warehouse import batches, erasure_list
from shopkeeper.warehouse.landing import Landing
from shopkeeper.warehouse.rows import Rows, Shape
from shopkeeper.warehouse.typing import literal


def load(
    landing: Landing,
    shape: Shape,
    *,
    kind: str,
    window: batches.Span | None,
    covers: batches.Span | None,
    now: datetime,
    run_id: str | None,
    details: dict[str, Any],
) -> batches.BatchResult:
    """Make a batch of what was landed, inside the caller's transaction; the landing table is gone afterwards.

    `window` is what the batch read, None for everything; `covers` what counts as read afterwards, None for a retry.
    """
    return _Load(landing, shape, kind=kind, window=window, covers=covers, now=now, run_id=run_id, details=details).run()


class _Load:
    def __init__(
        self,
        landing: Landing,
        shape: Shape,
        *,
        kind: str,
        window: batches.Span | None,
        covers: batches.Span | None,
        now: datetime,
        run_id: str | None,
        details: dict[str, Any],
    ) -> None:
        self.landing, self.shape, self.kind, self.window, self.covers = landing, shape, kind, window, covers
        self.now, self.run_id, self.details = now, run_id, details
        self.entity = shape.entity.name
        self.raw, self.pii = f"raw.{self.entity}", f"pii.{self.entity}"
        self.known, self.typed = f"{landing.table}_known", f"{landing.table}_typed"
        self.execute, self.scalar = landing.run, landing.scalar
        self.batch_id = int(self.scalar("select nextval(pg_get_serial_sequence('ops.batches', 'batch_id'))"))
        self._look_back()
        self.rows = Rows(landing, shape, with_pii=self.with_pii)

    def _look_back(self) -> None:
        """What earlier batches of this source mean for this one."""
        live = f"filter (where status in {batches.LIVE!r})"
        row = self.execute(
            f"""
            select
                coalesce(array_agg(batch_id) filter (where status not in {batches.LIVE!r} and accepted + deleted > 0), '{{}}'),
                coalesce(sum(accepted) {live}, 0) > 0,
                coalesce(sum(deleted) {live}, 0) > 0,
                coalesce(sum((details ->> 'pii_rows')::bigint) {live}, 0) > 0
            from ops.batches
            where entity = {literal(self.entity)} and source = {literal(self.shape.source)}
            """
        ).fetchone()
        assert row is not None
        dead, self.has_versions, self.has_deletions, had_pii = row
        self.dead = ",".join(map(str, dead))
        self.with_pii = self.shape.holds_pii or had_pii

    def _counts(self, version: str) -> str:
        """SQL that is true for a version that rows are compared with: not of a failed or withdrawn batch."""
        return f"{version}._batch_id <> all ('{{{self.dead}}}'::bigint[])" if self.dead else "true"

    def run(self) -> batches.BatchResult:
        known = self._set_known_aside()
        self._type(known)
        erased = erasure_list.leave_out(self.landing, self.typed, self.shape.entity, self.shape.source, self.batch_id)
        counted = f"select count(*), count(_reason), count(*) - count(updated_at) from {self.typed}"
        fresh, rejected, self.undated = (int(count) for count in self.execute(counted).fetchone() or (0, 0, 0))
        if rejected:
            self._reject()
        duplicates = self._drop_duplicates(known)
        accepted = self._insert() if fresh > rejected else 0
        self._close_rejects()
        deleted = self._follow_deletions(rejected) if self.shape.full_snapshot else 0
        self._note(duplicates)
        self._refresh_statistics(accepted)
        self.execute(f"drop table {self.landing.table}, {self.known}, {self.typed}")
        rows_in = known + fresh + erased
        if erased:
            self.details["erased"] = erased
        return self._record(rows_in, accepted, known + fresh - rejected - accepted, rejected + erased, deleted)

    def _set_known_aside(self) -> int:
        """Find rows that an earlier version with an updated_at already says word for word: they need no typing."""
        same = f"v._key = row._key and v._row_hash = row._row_hash and {self._counts('v')}"
        stands = "v.updated_at is not null and not v._is_deleted"
        if self.has_deletions:
            later = f"(d._loaded_at, d._batch_id) > (v._loaded_at, v._batch_id) and {self._counts('d')}"
            stands += f" and not exists (select from {self.raw} as d where d._key = v._key and d._is_deleted and {later})"
        found = f"exists (select from {self.raw} as v where {same} and {stands})"
        if self.with_pii:
            same = f"p._key = row._key and p._pii_hash = row._pii_hash and {self._counts('p')}"
            found += f" and exists (select from {self.pii} as p where {same})"
        if not self.has_versions or "updated_at" not in self.shape.texts or self.shape.window:
            found = "false"
        query = f"select _row_number, _file, _row, _key, _row_hash from ({self.rows.identified()}) as row where {found}"
        return self.execute(f"create unlogged table {self.known} as {query}").rowcount

    def _type(self, known: int) -> None:
        where = "true"
        if known:
            where = f"not exists (select from {self.known} as known where known._file = landed._file and known._row = landed._row)"
        if known == self.landing.rows:
            where = "false"
        self.execute(f"create unlogged table {self.typed} as {self.rows.typed(where)}")

    # --- rejects ------------------------------------------------------------------------------------------------------

    def _reject(self) -> None:
        self.execute(
            f"""
            insert into rejected.rows (
                entity, source, payload_hash, payload, natural_key, file, row_number, column_name, reason,
                first_batch_id, last_batch_id, times_seen
            )
            select distinct on (payload_hash)
                {literal(self.entity)}, {literal(self.shape.source)}, payload_hash, _payload, _natural_key,
                {self.rows.file_name()}, _row, nullif(_column, ''), _reason, {self.batch_id}, {self.batch_id},
                count(*) over (partition by payload_hash)
            from (
                select *, coalesce(_retry_of, md5(_payload::text)::uuid) as payload_hash from {self.typed} where _reason is not null
            ) as bad
            order by payload_hash, _row_number
            on conflict (entity, source, payload_hash) do update set
                column_name = excluded.column_name, reason = excluded.reason, natural_key = excluded.natural_key,
                file = excluded.file, row_number = excluded.row_number,
                last_batch_id = excluded.last_batch_id, times_seen = rows.times_seen + excluded.times_seen
            """
        )

    def _close_rejects(self) -> None:
        """A reject is closed by a row of the same key that passes; one without a readable key, by the same row of the same file."""
        of_source = f"entity = {literal(self.entity)} and source = {literal(self.shape.source)} and closed_by_batch_id is null"
        if not self.scalar(f"select exists (select from rejected.rows where {of_source})"):
            return
        namespace = literal(f"{self.entity}:{self.shape.source}")
        passed = f"(select _key, _file, _row, _retry_of from {self.typed} where _reason is null"
        passed += f" union all select _key, _file, _row, null from {self.known})"
        same_record = f"passed._key = ops.stable_id({namespace}, open.natural_key)"
        same_row = f"passed._row = open.row_number and {self.rows.file_name()} = open.file"
        for same in (same_record, f"open.natural_key is null and {same_row}", "passed._retry_of = open.payload_hash"):
            self.execute(
                f"""
                update rejected.rows as open set closed_by_batch_id = {self.batch_id}
                from {passed} as passed
                where {of_source} and {same}
                """
            )

    # --- versions -----------------------------------------------------------------------------------------------------

    def _drop_duplicates(self, known: int) -> int:
        """Of a key that comes more than once, the greatest updated_at stays, and of those the last in file order."""
        within = self.execute(
            f"""
            delete from {self.typed} using (
                select _row_number, row_number() over (partition by _key order by updated_at desc nulls last, _row_number desc) as place
                from {self.typed}
                where _reason is null and _key in (
                    select _key from {self.typed} where _reason is null group by _key having count(*) > 1
                )
            ) as repeated
            where repeated.place > 1 and repeated._row_number = {self.typed}._row_number
            """
        ).rowcount
        if not known or known == self.landing.rows:
            return within
        against_known = self.execute(
            f"""
            delete from {self.typed} as row using {self.known} as known, {self.raw} as v
            where row._reason is null and known._key = row._key
                and v._key = known._key and v._row_hash = known._row_hash and v.updated_at is not null
                and (row.updated_at is null or (v.updated_at, known._row_number) > (row.updated_at, row._row_number))
            """
        ).rowcount
        return within + against_known

    def _insert(self) -> int:
        """Insert the versions that are new; returns how many rows brought one."""
        accepted = self._insert_raw()
        if not self.with_pii:
            return accepted
        self.details["pii_rows"] = self._insert_pii()
        if self.has_versions:
            accepted += self.scalar(
                f"""
                select count(*) from {self.pii} as p where p._batch_id = {self.batch_id}
                    and not exists (select from {self.raw} as r where r._key = p._key and r._batch_id = {self.batch_id})
                """
            )
        return accepted

    def _insert_raw(self) -> int:
        return self.execute(
            f"""
            insert into {self.raw} (_key, _batch_id, {self.rows.plain}, _source, _row_number, _flags, _row_hash, _loaded_at)
            select _key, {self.batch_id}, {self.rows.plain}, {literal(self.shape.source)}, _row_number, _flags, _row_hash, {self._now}
            from {self._new(self.raw, "_row_hash", "v._is_deleted")} as row
            """
        ).rowcount

    def _insert_pii(self) -> int:
        """A version of personal data that holds none is worth a row only where it takes the place of one that does."""
        had_some = f"exists (select from {self.pii} as v where v._key = row._key and {self._counts('v')})" if self.has_versions else "false"
        return self.execute(
            f"""
            insert into {self.pii} (_key, _batch_id, {self.rows.personal}, updated_at, _pii_hash, _loaded_at)
            select _key, {self.batch_id}, {self.rows.personal}, updated_at, _pii_hash, {self._now}
            from {self._new(self.pii, "_pii_hash", "false")} as row
            where _has_pii or {had_some}
            """
        ).rowcount

    def _new(self, versions: str, row_hash: str, is_deleted: str) -> str:
        """A query for rows whose version is not there yet.

        With an updated_at, a version is there if any that counts has the same hash; without, if the latest has.
        A key that was deleted since is there no more.
        """
        if not self.has_versions:
            return f"(select * from {self.typed} where _reason is null)"
        same = f"v._key = row._key and v.{row_hash} = row.{row_hash} and not {is_deleted} and {self._counts('v')}"
        there = f"exists (select from {versions} as v where {same})"
        unseen = f"select row.* from {self.typed} as row where row._reason is null and not {there}"
        if not self.undated and not self.has_deletions:
            return f"({unseen})"
        other = f"v.{row_hash} <> row.{row_hash} or {is_deleted}"
        overtaken = f"""
            select row.* from {self.typed} as row
            cross join lateral (
                select {other} as is_other from {versions} as v
                where v._key = row._key and {self._counts("v")}
                    and (row.updated_at is null or v.{row_hash} = row.{row_hash} or {is_deleted})
                order by case when row.updated_at is null then v.updated_at end desc nulls last, v._loaded_at desc, v._batch_id desc
                limit 1
            ) as latest
            where row._reason is null and latest.is_other
                and {there}
                and row._key in (
                    select v._key from {self.typed} as row inner join {versions} as v using (_key)
                    where {self._counts("v")} and row._reason is null and ({other}) and (row.updated_at is null or {is_deleted})
                )
        """
        return f"({unseen} union all {overtaken})"

    def _follow_deletions(self, rejected: int) -> int:
        """Mark keys that left a full snapshot. An empty snapshot, a backfill and unreadable keys mark none."""
        latest = f"{self.landing.table}_latest"
        self.execute(
            f"""
            create unlogged table {latest} as
            select distinct on (_key) _key, _batch_id, _is_deleted from {self.raw}
            where _source = {literal(self.shape.source)} and {self._counts(self.raw)} and _batch_id <> {self.batch_id}
            order by _key, updated_at desc nulls last, _loaded_at desc, _batch_id desc
            """
        )
        previous = self.scalar(f"select count(*) from {latest} where not _is_deleted")
        present = f"(select _key from {self.typed} union all select _key from {self.known})"
        current = self.scalar(f"select count(distinct _key) from {present} as present")
        self.details["snapshot"] = {"previous": previous, "current": current}
        why_not = None
        if self.kind != "snapshot":
            why_not = "only a snapshot of now may delete"
        elif not current:
            why_not = "the snapshot is empty"
        elif rejected and self.scalar(f"select exists (select from {self.typed} where _key is null)"):
            why_not = "the keys of some rejected rows cannot be read"
        deleted = 0
        if why_not:
            self.details["snapshot"]["no_deletions_because"] = why_not
        else:
            deleted = self.execute(
                f"""
                insert into {self.raw} (
                    _key, _batch_id, {self.rows.plain}, _source, _row_number, _flags, _is_deleted, _row_hash, _loaded_at
                )
                select _key, {self.batch_id}, {self.rows.plain}, _source, 0, null, true, _row_hash, {self._now}
                from {latest} as latest
                inner join {self.raw} as last using (_key, _batch_id)
                where not latest._is_deleted and not exists (select from {present} as present where present._key = latest._key)
                """
            ).rowcount
        self.execute(f"drop table {latest}")
        return deleted

    def _refresh_statistics(self, accepted: int) -> None:
        """A build may follow at once, before Postgres looks at the tables by itself."""
        tables = [self.raw, self.pii] if self.with_pii else [self.raw]
        if accepted and accepted >= 0.1 * self.scalar(f"select reltuples from pg_class where oid = '{self.raw}'::regclass"):
            self.execute(f"analyze {', '.join(tables)}")

    # --- the record ---------------------------------------------------------------------------------------------------

    def _note(self, duplicates: int) -> None:
        files = [file.name for file in self.landing.files if file.name]
        if files:
            self.details |= {"files": len(files), "file_names": files[:20]}
        if duplicates:
            self.details["duplicates"] = duplicates
        if "score" in self.shape.texts:
            flags = self.execute(f"select _flags, count(*) from {self.typed} where _flags is not null and _reason is null group by _flags")
            if counted := dict(flags.fetchall()):
                self.details["flags"] = counted

    def _record(self, rows_in: int, accepted: int, unchanged: int, rejected: int, deleted: int) -> batches.BatchResult:
        start, end = self.window or (None, self.covers[1] if self.covers else None)
        start = None if start == batches.EARLIEST else start
        self.landing.connection.execute(
            """
            insert into ops.batches (
                batch_id, entity, source, kind, interval_start, interval_end, loaded_at,
                rows_in, accepted, unchanged, rejected, deleted, status, details, run_id
            )
            overriding system value
            values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 'landed', %s, %s)
            """,
            [
                self.batch_id, self.entity, self.shape.source, self.kind, start, end, self.now,
                rows_in, accepted, unchanged, rejected, deleted, json.dumps(self.details), self.run_id,
            ],
        )  # fmt: skip
        self.landing.connection.execute(
            "insert into ops.batch_events (batch_id, to_status, actor, recorded_at) values (%s, 'landed', 'loader', %s)",
            [self.batch_id, self.now],
        )
        if self.covers:
            self.landing.connection.execute(
                "insert into ops.coverage (entity, source, covered_from, covered_to, batch_id) values (%s, %s, %s, %s, %s)",
                [self.entity, self.shape.source, *self.covers, self.batch_id],
            )
        return batches.BatchResult(
            self.batch_id, self.entity, self.shape.source, self.kind, start, end, self.now,
            rows_in, accepted, unchanged, rejected, deleted, "landed", None, self.details, self.run_id,
        )  # fmt: skip

    @property
    def _now(self) -> str:
        return f"{literal(self.now.isoformat())}::timestamptz"
