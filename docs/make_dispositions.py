"""Writes docs/dispositions.md and the dbt seed from `shopkeeper.survey.dispositions`.

.venv/bin/python docs/make_dispositions.py          writes both
.venv/bin/python docs/make_dispositions.py --check  exits with 1 where one is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from shopkeeper.survey.dispositions import page, seed

ROOT = Path(__file__).resolve().parents[1]
WRITTEN = {ROOT / "docs" / "dispositions.md": page, ROOT / "dbt_project" / "seeds" / "dispositions.csv": seed}


def main() -> int:
    stale = [file for file, content in WRITTEN.items() if not file.exists() or file.read_text() != content()]
    if "--check" in sys.argv:
        for file in stale:
            print(f"{file.relative_to(ROOT)} is out of date: run .venv/bin/python docs/make_dispositions.py")
        return 1 if stale else 0
    for file in stale:
        file.write_text(WRITTEN[file]())
    return 0


if __name__ == "__main__":
    sys.exit(main())
