"""Typed configuration of one company: loads a company folder, explains every error."""
