"""What customers who did not answer would probably have said."""

from __future__ import annotations
