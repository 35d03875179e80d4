"""A process that hands invitations over and is killed at a named point, for tests."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any


def hand_over_until(point: str, settings: dict[str, str], company: Path, now: datetime) -> None:
    """`begun`: some are said to be sent; `half`: the file is not in its place yet; `file`: it is; `told`: some are told of."""
    os.environ |= settings
    from shopkeeper.company.load import load
    from shopkeeper.survey import claims, ledger
    from shopkeeper.survey.providers import files
    from shopkeeper.survey.providers import hand_over as module
    from shopkeeper.warehouse.engine import engine

    def dying(function: Callable[..., Any], calls: int, *, before: bool) -> Callable[..., Any]:
        left = [calls]

        def called(*arguments: Any, **named: Any) -> Any:
            left[0] -= 1
            if before and left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            result = function(*arguments, **named)
            if left[0] == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return result

        return called

    match point:
        case "begun":
            ledger.record = dying(ledger.record, 3, before=False)
        case "half":
            Path.rename = dying(Path.rename, 1, before=True)  # type: ignore[method-assign]
        case "file":
            files.write = dying(files.write, 1, before=False)
        case "told":
            claims.end = dying(claims.end, 3, before=False)
    module.hand_over(engine(), load(company, environ={}), clock=lambda: now)
