"""The Data Docs: what the gates found, as pages, made again from the recorded validation results.

The library's pages take styles and scripts from seven servers on the network, and without them its index stays
empty. So what comes from outside is cut out of each page, our own style is put in, and the index is ours.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from datetime import datetime
from html import escape
from pathlib import Path
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa

from shopkeeper.quality import sites
from shopkeeper.quality.judge import EXPECTATIONS, context_copy

SITE = "data_docs"
STYLE = Path(__file__).with_suffix(".css")
_FROM_OUTSIDE = re.compile(
    r"<script\b.*?</script>|<link\b[^>]*>|<style\b.*?</style>|<footer\b.*?</footer>|<img\b[^>]*>", re.DOTALL | re.IGNORECASE
)

# Grave ones first, then the newest.
_JUDGED = sa.text("""
    select
        validations.suite,
        validations.result,
        validations.checked_at,
        coalesce('batch ' || batches.batch_id || ' from ' || batches.source, 'build ' || validations.build_id) as subject,
        count(*) as checks,
        count(*) filter (where not gate_results.succeeded and gate_results.severity = 'critical') as critical,
        count(*) filter (where not gate_results.succeeded and gate_results.severity = 'warning') as warnings
    from quality.validations
    left join ops.batches on validations.batch_id = batches.batch_id
    inner join quality.gate_results
        on validations.suite = gate_results.suite
        and (validations.batch_id = gate_results.batch_id or validations.build_id = gate_results.build_id)
    group by validations.validation_id, batches.batch_id
    order by critical desc, warnings desc, validations.subject desc, validations.suite, validations.validation_id desc
""")


def build_data_docs(engine: sa.Engine, *, now: datetime, expectations: Path = EXPECTATIONS) -> int:
    """Build the Data Docs, keep them as site `data_docs`, and return how many validations they show. They need no network."""
    with engine.connect() as connection:
        judged = connection.execute(_JUDGED).all()
    with context_copy(expectations) as context:
        for one in judged:
            _hand_over(context, one.result)
        context.build_data_docs()
        site = Path(context.root_directory) / "data_docs"
        shutil.rmtree(site / "static", ignore_errors=True)
        style = f"<style>{STYLE.read_text()}</style>"
        for page in site.rglob("*.html"):
            page.write_text(_FROM_OUTSIDE.sub("", page.read_text()).replace("</head>", f"{style}</head>"))
        (site / "index.html").write_text(_index(site, judged, style, now))
        sites.store(engine, SITE, site, now=now)
    return len(judged)


def _hand_over(context: Any, result: dict[str, Any]) -> None:
    from great_expectations.core.expectation_validation_result import ExpectationSuiteValidationResult
    from great_expectations.core.run_identifier import RunIdentifier
    from great_expectations.data_context.types.resource_identifiers import ExpectationSuiteIdentifier, ValidationResultIdentifier

    validation = ExpectationSuiteValidationResult(**result)
    key = ValidationResultIdentifier(
        expectation_suite_identifier=ExpectationSuiteIdentifier(name=validation.suite_name),
        run_id=RunIdentifier(**validation.meta["run_id"]),
        batch_identifier=validation.batch_id,
    )
    context.validation_results_store.set(key, validation)


def _index(site: Path, judged: Sequence[Any], style: str, now: datetime) -> str:
    lines = []
    for one in judged:
        pages = (site / "validations" / one.suite / one.result["meta"]["run_id"]["run_name"]).rglob("*.html")
        link = "".join(quote(page.relative_to(site).as_posix()) for page in pages)
        verdict, words = (
            ("critical", "failed") if one.critical else ("warning", "passed with warnings") if one.warnings else ("passed",) * 2
        )
        cells = (
            f'<a href="{link}">{escape(one.suite)}</a>',
            escape(one.subject),
            f'<span class="{verdict}">{words}</span>',
            f"{one.critical} critical, {one.warnings} warnings, of {one.checks}",
            f"{one.checked_at:%Y-%m-%d %H:%M} UTC",
        )
        lines.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = "".join(f"<th>{head}</th>" for head in ("Suite", "What was judged", "Verdict", "Failed checks", "Judged at"))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>Data Docs</title>{style}</head><body><h1>Data Docs</h1>"
        f"<p>What the gates found: the newest judgement of each entity and source, and of the newest build. Made {now:%Y-%m-%d %H:%M} UTC."
        "</p>"
        f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table></body></html>"
    )
