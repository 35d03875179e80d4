"""What the Olist files say, computed with pandas alone: nothing here comes from the pipeline that it is held against."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import pandas as pd

TIMES = {
    "orders": [
        "order_purchase_timestamp",
        "order_approved_at",
        "order_delivered_carrier_date",
        "order_delivered_customer_date",
        "order_estimated_delivery_date",
    ],
    "order_reviews": ["review_creation_date", "review_answer_timestamp"],
}
ZONE = "America/Sao_Paulo"


class Olist:
    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _table(self, name: str) -> pd.DataFrame:
        frame = pd.read_csv(self.folder / f"olist_{name}_dataset.csv", dtype=str, keep_default_na=False)
        for column in TIMES.get(name, []):
            frame[column] = pd.to_datetime(frame[column].replace("", None))
        return frame

    @cached_property
    def customers(self) -> pd.DataFrame:
        return self._table("customers")

    @cached_property
    def orders(self) -> pd.DataFrame:
        """Orders with their person."""
        persons = self.customers.set_index("customer_id")["customer_unique_id"]
        orders = self._table("orders")
        return orders.assign(person=orders["customer_id"].map(persons))

    @cached_property
    def items(self) -> pd.DataFrame:
        items = self._table("order_items")
        return items.assign(
            price=pd.to_numeric(items["price"]), freight=pd.to_numeric(items["freight_value"]), number=pd.to_numeric(items["order_item_id"])
        )

    @cached_property
    def payments(self) -> pd.DataFrame:
        payments = self._table("order_payments")
        return payments.assign(value=pd.to_numeric(payments["payment_value"]))

    @cached_property
    def reviews(self) -> pd.DataFrame:
        """Reviews with what their order says."""
        reviews = self._table("order_reviews")
        reviews["score"] = pd.to_numeric(reviews["review_score"])
        return reviews.merge(self.orders, on="order_id", how="left", validate="many_to_one")

    @cached_property
    def products(self) -> pd.DataFrame:
        products, names = self._table("products"), self.translations.set_index("product_category_name")["product_category_name_english"]
        own = products["product_category_name"].replace("", None)
        return products.assign(category=own.map(names).fillna(own))

    @cached_property
    def sellers(self) -> pd.DataFrame:
        return self._table("sellers")

    @cached_property
    def translations(self) -> pd.DataFrame:
        return pd.read_csv(self.folder / "product_category_name_translation.csv", dtype=str, encoding="utf-8-sig")

    @cached_property
    def dearest(self) -> pd.DataFrame:
        """The dearest item of each order."""
        return self.items.sort_values(["price", "number"], ascending=[False, True]).drop_duplicates("order_id").set_index("order_id")

    @cached_property
    def persons(self) -> pd.DataFrame:
        """One row per person: first purchase, and the address of the latest order."""
        orders = self.orders.merge(self.customers.drop(columns="customer_unique_id"), on="customer_id")
        orders = orders.sort_values(["order_purchase_timestamp", "order_id"])
        return orders.groupby("person").agg(
            joined_on=("order_purchase_timestamp", lambda times: times.min().date()),
            region=("customer_state", "last"),
            zip_code=("customer_zip_code_prefix", "last"),
        )

    @cached_property
    def revenue(self) -> pd.DataFrame:
        """Items of orders that were neither cancelled nor unavailable."""
        items = self.items.merge(self.orders, on="order_id", how="left")
        items = items[~items["order_status"].isin(["canceled", "unavailable"])]
        return items.assign(amount=items["price"] + items["freight"], booked_on=items["order_purchase_timestamp"].dt.date)
