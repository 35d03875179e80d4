"""Makes the pictures of docs/explorer.md: opens each dashboard over the marts of a home where the demo has run.

SHOPKEEPER_HOME=FOLDER .venv/bin/python docs/make_explorer_pictures.py     needs Chromium and what ./shopkeeper test installs
"""

from __future__ import annotations

import sys
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tests.browser import browser
    from tests.integration.explorer_pages import DASHBOARDS, log_in, open_dashboard

    from shopkeeper.cli.app import warehouse
    from shopkeeper.pipeline.explorer import start
    from shopkeeper.pipeline.orchestrator import free_port
    from shopkeeper.warehouse.embedded import home
    from shopkeeper.warehouse.supervisor import Supervisor

    with warehouse(), Supervisor(home() / "explorer") as supervisor, browser() as chromium:
        running = start(supervisor, port=free_port(8088), note=print)
        base = running.url.removesuffix("/dashboard/list/")
        page = log_in(chromium, base, running.user, running.password_file.read_text())
        for slug in DASHBOARDS:
            picture = IMAGES / f"explorer-{slug}.png"
            seen = open_dashboard(page, base, slug, picture)
            if seen.wrong:
                sys.exit(f"{slug}: {seen.wrong}")
            # A dashboard has few colours: a palette makes the file a third as large.
            Image.open(picture).convert("RGB").quantize(96, dither=Image.Dither.NONE).save(picture, optimize=True)


if __name__ == "__main__":
    main()
