"""Shopkeeper: the operational infrastructure of a Net Promoter System, as a batch data pipeline."""

__version__ = "0.1.0"
