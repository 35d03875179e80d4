"""Extraction: SQL databases and files into batches."""
