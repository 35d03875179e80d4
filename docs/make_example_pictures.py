"""Pictures of the report of the two real examples: runs the pipeline on each in a home of its own and looks at the report's first page.

SHOPKEEPER_REAL_DATA=FOLDER .venv/bin/python docs/make_example_pictures.py     needs Chromium and the data (see examples/*/README.md)
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
# Example → the variable that says where its data is, and the page that shows most.
EXAMPLES = {"olist": ("OLIST_DATA", "units"), "garden_centre": ("GARDEN_CENTRE_DATA", "lineage")}


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from docs.make_screenshots import with_fewer_colours
    from tests.browser import browser

    data = Path(os.environ["SHOPKEEPER_REAL_DATA"])
    with tempfile.TemporaryDirectory(prefix="shopkeeper-examples-") as folder, browser() as chromium:
        Path(folder).chmod(0o755)
        for name, (variable, page) in EXAMPLES.items():
            home = Path(folder) / name
            environment = os.environ | {variable: str(data / name), "SHOPKEEPER_HOME": str(home)}
            shopkeeper = [str(ROOT / "shopkeeper")]
            company = ["--company", str(ROOT / "examples" / name)]
            subprocess.run(
                [*shopkeeper, "run", *company, "--no-airflow", "--dag", "ingest_sources", "--dag", "build_marts"],
                env=environment,
                check=True,
            )
            subprocess.run([*shopkeeper, "report", *company, "--to", str(home / "report")], env=environment, check=True)
            desk = chromium.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=1.25)
            for shown, picture in (("index", f"report-{name}.png"), (page, f"report-{name}-{page}.png")):
                desk.goto((home / "report" / f"{shown}.html").as_uri())
                desk.screenshot(path=IMAGES / picture)
                with_fewer_colours(IMAGES / picture)


if __name__ == "__main__":
    main()
