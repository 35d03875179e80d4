"""Following a number back: to the answers behind it, the invitation, the frame, the interaction; with the rights of `cx_auditor` alone."""

from shopkeeper.quality.tracing.subject import Section, Trace
from shopkeeper.quality.tracing.trace import trace

__all__ = ["Section", "Trace", "trace"]
