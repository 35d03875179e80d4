"""Whom to ask, when and how often; sending, answers, providers."""
