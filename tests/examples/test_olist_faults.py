"""The README of the example says what is wrong with the data. Here each figure is counted in the files themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from olist_truth import Olist

pytestmark = pytest.mark.real_data


@pytest.fixture
def olist(real_data: Callable[[str], Path]) -> Olist:
    return Olist(real_data("olist"))


def test_the_files_hold_the_rows_that_the_readme_accounts_for(olist: Olist) -> None:
    assert len(olist.customers) == 9440
    assert len(olist.persons) == 9359
    assert (olist.customers.groupby("customer_unique_id").size() > 1).sum() == 49
    assert len(olist.orders) == olist.orders["order_id"].nunique() == 9440
    assert (len(olist.items), len(olist.revenue)) == (10136, 9791)
    assert len(olist.payments) == 10139
    assert len(olist.reviews) == 9481
    assert len(olist.products) == 6257
    assert (len(olist.sellers), olist.sellers["seller_state"].nunique()) == (1676, 18)
    assert len(olist.translations) == 71
    untranslated = olist.products[~olist.products["product_category_name"].isin(["", *olist.translations["product_category_name"]])]
    assert (len(untranslated), untranslated["product_category_name"].nunique()) == (3, 2)


def test_every_named_fault_is_there_in_the_named_number(olist: Olist) -> None:
    reviews, orders = olist.reviews, olist.orders
    answered, sent = reviews["review_answer_timestamp"], reviews["review_creation_date"]
    assert (answered < reviews["order_delivered_customer_date"]).sum() == 375
    assert (sent < reviews["order_purchase_timestamp"].dt.normalize()).sum() == 36
    assert (answered - sent > pd.Timedelta(days=30)).sum() == 79
    assert (answered - sent).max().days == 348
    assert (reviews.groupby("order_id").size() > 1).sum() == 66
    orders_per_review = reviews.groupby("review_id")["order_id"].nunique()
    assert (orders_per_review > 1).sum() == 17
    assert orders_per_review[orders_per_review > 1].sum() == 39
    assert (orders_per_review - 1).sum() == 22, "rows beyond the first of their review_id"
    assert not reviews.duplicated(["review_id", "order_id"]).any()
    assert (~orders["order_id"].isin(olist.items["order_id"])).sum() == 505
    assert (~orders["order_id"].isin(reviews["order_id"])).sum() == 25
    assert (orders["order_delivered_carrier_date"] < orders["order_approved_at"]).sum() == 113
    assert ((orders["order_status"] == "delivered") & orders["order_delivered_customer_date"].isna()).sum() == 7


def test_texts_that_break_naive_readers_are_there(olist: Olist) -> None:
    comments = olist.reviews["review_comment_message"]
    # pandas would mend nothing here: what it was given is what the file says.
    assert comments.str.contains("[\r\n]").sum() == 411
    assert comments.str.contains("\r\n").sum() == 341
    assert (comments.str.contains("\n") & ~comments.str.contains("\r\n")).sum() == 70
    assert olist.customers["customer_zip_code_prefix"].str.startswith("0").sum() == 2303
    assert olist.sellers["seller_zip_code_prefix"].str.startswith("0").sum() == 572
