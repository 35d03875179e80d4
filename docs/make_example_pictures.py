"""Pictures of the report of the sample company and of the two real examples, for docs/reports.md: runs the pipeline on each in a home
of its own, or takes reports that are there already.

SHOPKEEPER_REAL_DATA=FOLDER .venv/bin/python docs/make_example_pictures.py     needs Chromium and the data (see examples/*/README.md)
.venv/bin/python docs/make_example_pictures.py olist=FOLDER …                  of reports that ./shopkeeper report --to FOLDER has written
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
# Company → page of its report → what its picture is called. The front page is always shown.
PAGES = {
    "sample": {
        "trust": "trust",
        "response": "response",
        "representativeness": "frame",
        "over-time": "over-time",
        "units": "units",
        "gaming": "gaming",
        "quarantine": "quarantine",
        "providers": "providers",
        "lineage": "lineage",
        "gates": "gates",
        "drivers": "drivers",
        "themes": "themes",
        "drill": "drill",
        "accounts": "accounts",
        "benchmark": "benchmark",
        "employees": "employees",
        "goals": "goals",
        "silent": "silent",
    },
    "olist": {"over-time": "over-time", "units": "units"},
    "garden_centre": {"lineage": "lineage"},
}
AS_OF = {"olist": ["--as-of", "2018-11-01"]}  # its data ends in 2018
DATA = {"olist": "OLIST_DATA", "garden_centre": "GARDEN_CENTRE_DATA"}


def made(name: str, folder: Path) -> Path:
    """Run the pipeline on this company in a home below the folder; where its report is."""
    home = folder / name
    environment = os.environ | {"SHOPKEEPER_HOME": str(home)}
    shopkeeper, company = str(ROOT / "shopkeeper"), []
    if name == "sample":
        subprocess.run([shopkeeper, "demo", "--no-airflow"], env=environment, check=True)
    else:
        environment[DATA[name]] = str(Path(os.environ["SHOPKEEPER_REAL_DATA"]) / name)
        company = ["--company", str(ROOT / "examples" / name)]
        dags = ["--dag", "ingest_sources", "--dag", "build_marts"]
        subprocess.run([shopkeeper, "run", *company, "--no-airflow", *dags, *AS_OF.get(name, [])], env=environment, check=True)
    subprocess.run([shopkeeper, "report", *company, "--to", str(home / "report")], env=environment, check=True)
    return home / "report"


def picture(chromium: Browser, name: str, site: Path) -> None:
    """The front page as it opens, on a desk and on a phone, and the pages that show most."""
    from docs.make_screenshots import with_fewer_colours

    desk = chromium.new_page(viewport={"width": 1280, "height": 800}, device_scale_factor=1.25)
    phone = chromium.new_page(viewport={"width": 390, "height": 720}, device_scale_factor=1.5)
    prefix = "report" if name == "sample" else f"report-{name}"
    shots = [(desk, "index", prefix), (phone, "index", f"{prefix}-phone")]
    shots += [(desk, page, f"{prefix}-{called}") for page, called in PAGES[name].items()]
    if "drill" in PAGES[name]:
        shots.append((phone, "drill", f"{prefix}-drill-phone"))
    for window, page, called in shots:
        window.goto((site / f"{page}.html").as_uri())
        window.screenshot(path=IMAGES / f"{called}.png")
        with_fewer_colours(IMAGES / f"{called}.png")


def main() -> None:
    sys.path.insert(0, str(ROOT))
    from tests.browser import browser

    sites = {name: Path(site) for name, _, site in (argument.partition("=") for argument in sys.argv[1:])}
    with tempfile.TemporaryDirectory(prefix="shopkeeper-examples-") as folder, browser() as chromium:
        Path(folder).chmod(0o755)
        for name in sites or PAGES:
            picture(chromium, name, sites.get(name) or made(name, Path(folder)))


if __name__ == "__main__":
    main()
