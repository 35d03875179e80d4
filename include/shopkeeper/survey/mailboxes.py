"""The mailbox that bounces come back to: a Maildir on this machine, or a folder on an IMAP server."""

from __future__ import annotations

import imaplib
import mailbox
import re
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

from shopkeeper.errors import fail

SETTING = "BOUNCE_MAILBOX"
TIMEOUT_SECONDS = 60
# An e-mail's bytes, and what marks it as seen.
Mail = tuple[bytes, Callable[[], None]]


@contextmanager
def open_mailbox(url: str) -> Iterator[Iterator[Mail]]:
    """The e-mails that have not been seen, oldest first. `url` is the path of a Maildir, or imaps://user:password@host/folder.

    Raises ShopkeeperError when the mailbox cannot be opened; errors never show the password.
    """
    if "://" not in url:
        yield _maildir(Path(url).expanduser())
    elif url.startswith("imaps://"):
        with _imap(url) as mails:
            yield mails
    else:
        raise fail(SETTING, "is neither a folder nor an imaps:// URL", "write the path of a Maildir, or imaps://user:password@host/folder")


def _maildir(folder: Path) -> Iterator[Mail]:
    if not (folder / "new").is_dir():
        raise fail(f"{SETTING} {folder}", "is no Maildir", "name the folder that holds cur, new and tmp")
    box = mailbox.Maildir(folder, create=False)
    for key in sorted(box.keys()):
        message = box.get_message(key)
        if "S" in message.get_flags():
            continue

        def mark_as_seen(key: str = key, message: mailbox.MaildirMessage = message) -> None:
            message.add_flag("S")
            message.set_subdir("cur")
            with suppress(KeyError):  # somebody has taken it away meanwhile
                box[key] = message

        yield box.get_bytes(key), mark_as_seen


@contextmanager
def _imap(url: str) -> Iterator[Iterator[Mail]]:
    parts = urlsplit(url)
    where = f"{SETTING} imaps://{parts.hostname}"
    if not parts.hostname or not parts.username:
        raise fail(where, "lacks a host or a user", "write imaps://user:password@host/folder; %-encode special characters of the password")
    folder = unquote(parts.path.strip("/")) or "INBOX"
    try:
        server = imaplib.IMAP4_SSL(parts.hostname, parts.port or 993, ssl_context=ssl.create_default_context(), timeout=TIMEOUT_SECONDS)
    except OSError as error:
        raise fail(
            where, f"cannot be reached ({type(error).__name__})", "correct host and port, and see that its certificate is valid"
        ) from None
    try:
        server.login(unquote(parts.username), unquote(parts.password or ""))
        if server.select(f'"{folder}"')[0] != "OK":
            raise fail(where, f"has no folder {folder}", "correct the folder at the end of the URL")
        yield _unseen(server, where)
    except imaplib.IMAP4.error as error:
        what = "refuses the login" if "AUTH" in str(error).upper() or "LOGIN" in str(error).upper() else "breaks off"
        raise fail(where, what, "correct user and password; %-encode special characters") from None
    finally:
        with suppress(imaplib.IMAP4.error, OSError):
            server.logout()


def _unseen(server: imaplib.IMAP4, where: str) -> Iterator[Mail]:
    status, found = server.uid("search", "UNSEEN")
    if status != "OK":
        raise fail(where, "cannot be searched", "see the mail server's log")
    for uid in re.findall(r"\d+", (found[0] or b"").decode()):
        status, data = server.uid("fetch", uid, "(BODY.PEEK[])")
        content = next((part[1] for part in data if isinstance(part, tuple)), None)
        if status != "OK" or content is None:
            continue

        def mark_as_seen(uid: str = uid) -> None:
            server.uid("store", uid, "+FLAGS", r"(\Seen)")

        yield content, mark_as_seen
