"""What the fork server of `test_loop_kills` imports beforehand."""

import shopkeeper.closed_loop.cycle
import shopkeeper.closed_loop.notice
import shopkeeper.company.load
import shopkeeper.messages.sending
import shopkeeper.warehouse.engine  # noqa: F401
