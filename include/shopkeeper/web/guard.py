"""What stands between the world and the pages: who is asking, how often, how much they send, and what their browser may do."""

from __future__ import annotations

import asyncio
import hashlib
import math
import mmap
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shopkeeper.errors import fail

TRUSTED_PROXIES = "SHOPKEEPER_TRUSTED_PROXIES"
Networks = tuple[IPv4Network | IPv6Network, ...]

# Nothing from elsewhere, nothing inline, no frames, and no address of ours (it holds the token) told to anybody.
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "x-robots-tag": "noindex, nofollow",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Limits:
    """Requests a minute, and bytes. A whole office may stand behind one client address, so its limit is the wider one."""

    per_link: int = 40
    per_client: int = 600
    body_bytes: int = 128 * 1024
    body_seconds: float = 10


LIMITS = Limits()


class SecurityHeaders:
    """Adds HEADERS to every response, refusals and faults included; a response's own value stays."""

    def __init__(self, app: ASGIApp, *, is_https: bool = False) -> None:
        self.app = app
        self.headers = HEADERS | ({"strict-transport-security": "max-age=31536000"} if is_https else {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, guarded)


# --- who is asking ----------------------------------------------------------------------------------------------------


def networks(written: str) -> Networks:
    """`127.0.0.1, 10.0.0.0/8` as networks. Raises ShopkeeperError for anything else."""
    try:
        return tuple(ip_network(part.strip()) for part in written.split(",") if part.strip())
    except ValueError:
        hint = "write addresses or networks of your proxies, such as 127.0.0.1,10.0.0.0/8"
        raise fail(TRUSTED_PROXIES, "holds something that is no IP address or network", hint) from None


def client_of(request: Request, trusted: Networks) -> str:
    """The address of the client that a request counts for; see client_address."""
    return client_address(request.client.host if request.client else None, request.headers.getlist("x-forwarded-for"), trusted)


def client_address(peer: str | None, forwarded_for: Sequence[str], trusted: Networks) -> str:
    """Who is asking: the peer, or where it is a declared proxy, the last address in X-Forwarded-For that is no such proxy.

    Whatever stands further left was written by the client, who may write anything. IPv6 clients count by their /64, because one
    household has all of it.
    """
    client = _address(peer or "")
    hops = [hop for line in forwarded_for for hop in line.split(",")]
    while client is not None and any(client in network for network in trusted) and hops:
        hop = _address(hops.pop().strip())
        if hop is None:
            break
        client = hop
    if isinstance(client, IPv6Address):
        return str(ip_network((client, 64), strict=False))
    return str(client)


def is_among(peer: str, trusted: Networks) -> bool:
    """Whether an address is one of these networks'."""
    address = _address(peer)
    return address is not None and any(address in network for network in trusted)


def _address(written: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(written)
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


# --- how often --------------------------------------------------------------------------------------------------------


class Counter:
    """Counts requests per key over the last minute, in memory of fixed size that all workers of a server share.

    Each key counts in two places that a keyed hash picks, and the smaller count is believed: a flood of made-up keys fills no
    memory, and nobody can aim at somebody else's place. Two workers at once may lose one count; that is allowed.
    """

    ROWS, SLOTS, SLOT, MINUTE = 2, 1 << 16, struct.Struct("<III"), 60.0

    def __init__(self, secret: str, path: Path | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._secret, self._clock = secret.encode()[:64], clock
        size = self.ROWS * self.SLOTS * self.SLOT.size
        if path is None:
            self._memory = mmap.mmap(-1, size)
        else:
            with path.open("a+b") as file:
                file.truncate(size)
                self._memory = mmap.mmap(file.fileno(), size)

    def seconds_to_wait(self, limit: int, *key: str) -> int:
        """0 when one more request of this key is within `limit` a minute, and counts it; else whole seconds until it may be."""
        minute, into = divmod(self._clock(), self.MINUTE)
        places = [self._read(offset, int(minute)) for offset in self._offsets(key)]
        left_of_last_minute = 1 - into / self.MINUTE
        if min(current + before * left_of_last_minute for _, current, before in places) >= limit:
            return max(1, math.ceil(self.MINUTE - into))
        for offset, current, before in places:
            self.SLOT.pack_into(self._memory, offset, int(minute), current + 1, before)
        return 0

    def _read(self, offset: int, minute: int) -> tuple[int, int, int]:
        written, current, before = self.SLOT.unpack_from(self._memory, offset)
        if written == minute:
            return offset, current, before
        return offset, 0, current if written == minute - 1 else 0

    def _offsets(self, key: Sequence[str]) -> list[int]:
        digest = hashlib.blake2b("\x1f".join(key).encode(), digest_size=4 * self.ROWS, key=self._secret).digest()
        picks = struct.unpack(f"<{self.ROWS}I", digest)
        return [(row * self.SLOTS + pick % self.SLOTS) * self.SLOT.size for row, pick in enumerate(picks)]


# --- how much ---------------------------------------------------------------------------------------------------------


async def read_body(request: Request, limits: Limits) -> bytes:
    """The whole body. Raises HTTPException 413 when it is or says it is too long, 408 when it does not come to an end."""
    declared = request.headers.get("content-length", "0")
    if not declared.isdigit() or int(declared) > limits.body_bytes:
        raise HTTPException(413)
    try:
        return await asyncio.wait_for(_read(request, limits.body_bytes), limits.body_seconds)
    except TimeoutError:
        raise HTTPException(408) from None


async def _read(request: Request, limit: int) -> bytes:
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > limit:
            raise HTTPException(413)
    return bytes(body)
