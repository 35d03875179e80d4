"""Runs a cycle and shows it: a line per finished step, a spinner with what is at work, the scores at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.markup import escape

from shopkeeper.cli.app import err, now, print_table

if TYPE_CHECKING:
    from shopkeeper.company.config import CompanyFolder
    from shopkeeper.pipeline.cycle import Order, Progress
    from shopkeeper.warehouse.supervisor import Supervisor

MARKS = {"succeeded": "[green]✓[/green]", "failed": "[red]✗[/red]", "skipped": "[dim]–[/dim]", "retrying": "[yellow]↻[/yellow]"}


class Steps:
    """`listen` takes the cycle's progress, `note` what goes on besides."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.status = console.status("starting")
        self.at_work: dict[str, str] = {}

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.status.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.status.stop()

    def listen(self, progress: Progress) -> None:
        name = f"{progress.dag_id}.{progress.step}"
        if progress.state == "running":
            self.at_work[name] = progress.note
        else:
            self.at_work.pop(name, None)
            if self.console.is_terminal:
                seconds = "" if progress.seconds is None else f"{progress.seconds:6.1f} s"
                told = progress.note.splitlines()[0] if progress.note else _told(progress.summary)
                self.console.print(f"{MARKS[progress.state]} {name:<34} {seconds:>9}  [dim]{escape(told)}[/dim]")
                for line in progress.log:
                    self.console.print(f"    [dim]{escape(line)}[/dim]")
        self._show()

    def note(self, text: str) -> None:
        self.at_work[""] = text
        self._show()

    def _show(self) -> None:
        self.status.update("  ".join(escape(f"{name} {note}".strip()) for name, note in self.at_work.items()) or "…")


def _told(summary: Mapping[str, Any]) -> str:
    """The numbers of a summary that are not nought, in words."""
    numbers = {name: value for name, value in summary.items() if isinstance(value, int) and not isinstance(value, bool) and value}
    return ", ".join(f"{name.replace('_', ' ')} {value:,}" for name, value in numbers.items())


@contextmanager
def cycle(company: CompanyFolder, supervisor: Supervisor | None) -> Iterator[Callable[[Order], None]]:
    """Yields what runs an order and shows each step: under one Airflow of `supervisor` for the whole block, or in this process.

    What is yielded raises ShopkeeperError with what failed.
    """
    from shopkeeper.pipeline.cycle import follow, run_without_airflow
    from shopkeeper.pipeline.orchestrator import airflow

    if supervisor is None:

        def in_process(order: Order) -> None:
            with Steps(err) as steps:
                run_without_airflow(company, order, steps.listen, now)

        yield in_process
        return
    with ExitStack() as stack:
        with Steps(err) as steps:
            there = stack.enter_context(airflow(supervisor, company.folder, is_scheduled=False, note=steps.note))
            steps.note(f"Airflow is at {there.url}")

        def under_airflow(order: Order) -> None:
            with Steps(err) as steps:
                follow(there, order, steps.listen, supervisor.check)

        yield under_airflow


def print_scores(title: str = "Published now") -> None:
    """What is published now: each programme's score with its interval, n and verdict."""
    import sqlalchemy as sa

    from shopkeeper.warehouse.engine import engine

    query = """
        select current_scores.programme, current_scores.metric, current_scores.nps, current_scores.nps_low, current_scores.nps_high,
            current_scores.responses, current_scores.response_rate, reliability.verdict, reliability.reasons
        from marts.nps_current as current_scores
        left join marts.metric_reliability as reliability
            on current_scores.programme = reliability.programme and current_scores.metric = reliability.metric
            and current_scores.period_grain = reliability.period_grain
            and current_scores.period_starts_on = reliability.period_starts_on
            and current_scores.period_ends_on = reliability.period_ends_on
        where current_scores.dimension = 'all'
        order by current_scores.programme, current_scores.metric
    """
    with engine().connect() as connection:
        if connection.scalar(sa.text("select to_regclass('marts.nps_current')")) is None:
            return
        rows = [
            [
                row.programme,
                row.metric,
                "hidden" if row.nps is None else f"{row.nps:.1f}",
                "" if row.nps is None else f"{row.nps_low:.1f} to {row.nps_high:.1f}",
                f"{row.responses:,}",
                "unknown" if row.response_rate is None else f"{100 * row.response_rate:.1f} %",
                row.verdict or "",
                row.reasons or "",
            ]
            for row in connection.execute(sa.text(query))
        ]
    heads = ["programme", "metric", ">score", "95 % interval", ">answers", ">response rate", "verdict", "because"]
    print_table(heads, rows, title=title, empty="nothing counts in the current window")
