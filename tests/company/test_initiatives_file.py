"""initiatives.csv: a mistake in it is told by row and column before anything is proposed; what is right is read as it stands."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from shopkeeper.company.initiatives import COLUMNS, Known, read_initiatives

KNOWN = Known(
    programmes=("transactional", "employees"),
    employee_programmes=("employees",),
    themes=("slow_payment",),
    values={"value_band": ("low", "high")},
)
GOOD = "letters,Letters in plain words,Communications,2026-09-30,100,50,transactional,value_band,low,slow_payment,4,0.5,nps,B01 B02"
PLAIN = "clerk,A clerk,,,,,transactional,,,,,,,"


def _read(folder: Path, *rows: str) -> tuple[list[str], list[str]]:
    (folder / "initiatives.csv").write_text("\n".join([",".join(COLUMNS), *rows]) + "\n")
    found, problems = read_initiatives(folder / "initiatives.csv", KNOWN)
    return [one.initiative_id for one in found], [str(problem) for problem in problems]


def test_what_is_right_is_read(tmp_path: Path) -> None:
    assert _read(tmp_path, GOOD, "", PLAIN) == (["letters", "clerk"], [])
    (letters, clerk), _ = read_initiatives(tmp_path / "initiatives.csv", KNOWN)
    assert (letters.due_on, letters.cost, letters.confidence) == (date(2026, 9, 30), Decimal(50), Decimal("0.5"))
    assert (clerk.dimension, clerk.dimension_value, clerk.measure) == ("all", "all", None)
    assert read_initiatives(tmp_path / "nothing.csv", KNOWN) == ((), ())


# An initiative for a segment that does not exist helps nobody, and ranks by nobody; one with a person's address is published.
@pytest.mark.parametrize(
    ("before", "after", "place"),
    [
        ("letters,", "Letters!,", "initiative_id"),
        ("letters,", "clerk,", "initiative_id"),
        ("Letters in plain words", "", "title"),
        ("Communications", "ann@example.com", "owner"),
        ("2026-09-30", "30.9.2026", "due_on"),
        (",100,50,", ",100,0,", "cost"),
        (",100,50,", ",much,50,", "budget"),
        (",4,0.5,", ",4,50,", "confidence"),
        (",4,0.5,", ",4000,0.5,", "expected_effect"),
        ("transactional", "transactonal", "programme"),
        ("transactional", "employees", "programme"),
        ("value_band,low", "value_bnd,low", "dimension"),
        ("value_band,low", "value_band,lowest", "dimension_value"),
        ("value_band,low", "value_band,", "dimension_value"),
        ("value_band,low", "all,low", "dimension_value"),
        ("slow_payment", "slow_paiment", "theme"),
        ("nps,B01 B02", "csat,B01 B02", "measure"),
        ("nps,B01 B02", "nps,", "measure_units"),
        ("nps,B01 B02", ",B01 B02", "measure"),
    ],
)
def test_each_mistake_is_told_by_its_row_and_column(tmp_path: Path, before: str, after: str, place: str) -> None:
    assert before in GOOD
    found, (problem,) = _read(tmp_path, PLAIN, GOOD.replace(before, after, 1))
    assert found == ["clerk"]
    assert problem.startswith(f"initiatives.csv row 3 › {place}: ")


def test_heads_and_bytes_are_judged_first(tmp_path: Path) -> None:
    path = tmp_path / "initiatives.csv"
    for content, said in ((b"initiative_id,titel,programme\n", "titel"), (b"\xff\xfe", "UTF-8"), (b"", "no column")):
        path.write_bytes(content)
        found, problems = read_initiatives(path, KNOWN)
        assert found == ()
        assert said in " ".join(map(str, problems))
    (problem,) = _read(tmp_path, f"{GOOD},more")[1]
    assert problem.startswith(f"initiatives.csv row 2: has {len(COLUMNS) + 1} cells, not {len(COLUMNS)}")
