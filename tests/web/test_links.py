"""Links of the survey page. Whoever could forge one would vote for others, or read what they were asked about."""

from __future__ import annotations

import base64
import string
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shopkeeper.errors import ShopkeeperError
from shopkeeper.survey.links import Keys, LinkRefused, Ticket

OLD, NEW = "a" * 24, "b" * 24
KEYS = Keys.read(f"k2:{NEW},k1:{OLD}")
NOW = datetime(2026, 3, 3, 12, tzinfo=UTC)
LATER = NOW + timedelta(days=30)
MOMENTS = st.integers(1_577_836_800, 4_102_444_800).map(lambda second: datetime.fromtimestamp(second, UTC))  # 2020 to 2100


def refusal(keys: Keys, token: str, now: datetime = NOW) -> LinkRefused:
    with pytest.raises(LinkRefused) as refused:
        keys.verify(token, now)
    return refused.value


@given(st.uuids(), MOMENTS)
def test_a_token_says_what_was_signed_until_the_second_it_expires(invitation: UUID, expires_at: datetime) -> None:
    token = KEYS.sign(invitation, expires_at)
    assert KEYS.verify(token, expires_at - timedelta(seconds=1)) == Ticket(invitation, expires_at)
    expired = refusal(KEYS, token, expires_at)
    assert (expired.reason, expired.ticket) == ("expired", Ticket(invitation, expires_at))
    assert set(token) <= set(string.ascii_letters + string.digits + "-_.")
    assert token[-1].isalnum(), "mail programs cut punctuation off the end of a link"


@given(st.uuids(), MOMENTS)
def test_a_link_of_a_test_is_told_from_a_customers(invitation: UUID, expires_at: datetime) -> None:
    """Whoever gets a test e-mail must not be able to answer for the customer whose survey it shows."""
    mine, shown = (KEYS.sign(invitation, expires_at, is_test=is_test) for is_test in (False, True))
    assert KEYS.verify(shown, expires_at - timedelta(seconds=1)) == Ticket(invitation, expires_at, is_test=True)
    assert refusal(KEYS, shown, expires_at).ticket == Ticket(invitation, expires_at, is_test=True)
    assert not KEYS.verify(mine, expires_at - timedelta(seconds=1)).is_test
    assert mine != shown


@given(st.uuids(), MOMENTS, st.data())
def test_any_altered_character_is_refused(invitation: UUID, expires_at: datetime, data: st.DataObject) -> None:
    """Also the last character of the Base64 part, and characters that a lenient decoder would skip."""
    token = KEYS.sign(invitation, expires_at)
    place = data.draw(st.integers(0, len(token) - 1))
    other = data.draw(st.one_of(st.sampled_from("AZaz09-_.+/= \n%"), st.characters()).filter(lambda text: text != token[place]))
    assert refusal(KEYS, token[:place] + other + token[place + 1 :]).reason == "forged"
    assert refusal(KEYS, token[:place] + other + token[place:]).reason == "forged"
    assert refusal(KEYS, token[:place] + token[place + 1 :]).reason == "forged"


@given(st.uuids(), MOMENTS, st.integers(0, 36 * 8 - 1))
def test_any_altered_bit_is_refused(invitation: UUID, expires_at: datetime, bit: int) -> None:
    text, key_id = KEYS.sign(invitation, expires_at).split(".")
    raw = bytearray(base64.urlsafe_b64decode(text))
    assert len(raw) == 36
    raw[bit // 8] ^= 1 << bit % 8
    assert refusal(KEYS, f"{base64.urlsafe_b64encode(raw).decode()}.{key_id}").reason == "forged"


@given(st.text(max_size=80))
def test_no_text_makes_it_stumble(text: str) -> None:
    assert refusal(KEYS, text).reason == "forged"


def test_keys_rotate() -> None:
    """A new key in front must not break the links in the mailboxes; a key taken out must."""
    invitation = uuid4()
    token = Keys.read(f"k1:{OLD}").sign(invitation, LATER)
    assert KEYS.verify(token, NOW).invitation_id == invitation
    assert KEYS.sign(invitation, LATER).endswith(".k2")
    assert refusal(Keys.read(f"k2:{NEW}"), token).reason == "forged"
    assert refusal(Keys.read(f"k1:{NEW}"), token).reason == "forged"
    # The id is part of what is signed: a secret used twice does not make two links of one.
    assert refusal(Keys.read(f"k2:{OLD}"), token.replace(".k1", ".k2")).reason == "forged"


@pytest.mark.parametrize("written", ["short:secret", f"k1:{OLD},k1:{NEW}", f"K 1:{OLD}", OLD, f"k1:{OLD},"])
def test_keys_that_cannot_be_used_are_refused_without_showing_them(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOPKEEPER_LINK_KEYS", written)
    with pytest.raises(ShopkeeperError) as error:
        Keys.from_environment()
    assert "SHOPKEEPER_LINK_KEYS" in str(error.value)
    assert OLD not in str(error.value)
    assert NEW not in repr(KEYS)


def test_without_keys_one_is_made_and_kept(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:  # type: ignore[no-untyped-def]
    """The sender and the page are two processes: a key of their own each would refuse every customer."""
    monkeypatch.delenv("SHOPKEEPER_LINK_KEYS", raising=False)
    monkeypatch.setenv("SHOPKEEPER_HOME", str(tmp_path / "home"))
    token = Keys.from_environment().sign(uuid4(), LATER)
    assert Keys.from_environment().verify(token, NOW).expires_at == LATER
    assert (tmp_path / "home" / "survey-link-key").stat().st_mode & 0o777 == 0o600
