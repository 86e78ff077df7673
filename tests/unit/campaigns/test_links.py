"""Tokens of personal links: readable, distinct, not to be guessed."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaigns.rules.links import ALPHABET, LENGTH, LinkCipher
from outreach.rules.segments import measure
from tests.support.tables import cases

CIPHER = LinkCipher("k" * 32)
IDS = 2**32


@given(st.integers(1, IDS - 1))
@settings(max_examples=100, deadline=None)
def test_a_token_leads_back_to_its_recipient(recipient_id):
    token = CIPHER.token(recipient_id)
    assert len(token) == LENGTH
    assert set(token) <= set(ALPHABET)
    assert CIPHER.recipient_id(token) == recipient_id


@pytest.mark.parametrize("recipient_id", [1, 2, IDS - 2, IDS - 1])
def test_the_first_and_the_last_number_have_a_token(recipient_id):
    assert CIPHER.recipient_id(CIPHER.token(recipient_id)) == recipient_id


@pytest.mark.parametrize("recipient_id", [-1, 0, IDS, IDS + 1])
def test_a_number_that_does_not_fit_has_none(recipient_id):
    with pytest.raises(ValueError, match="range"):
        CIPHER.token(recipient_id)


def test_no_two_recipients_share_a_token():
    assert len({CIPHER.token(number) for number in range(1, 2001)}) == 2000


def test_neighbours_have_nothing_in_common():
    """Each of the eight places changes between most neighbours: nobody counts up from their own link."""
    tokens = [CIPHER.token(number) for number in range(1, 301)]
    for place in range(LENGTH):
        same = sum(a[place] == b[place] for a, b in pairwise(tokens))
        assert same < 40  # by chance 300/31, about 10


def test_another_key_gives_other_tokens():
    other = LinkCipher("l" * 32)
    assert not {CIPHER.token(n) for n in range(1, 201)} & {other.token(n) for n in range(1, 201)}
    assert other.recipient_id(CIPHER.token(1)) != 1


def test_after_a_change_of_keys_old_and_new_links_open_and_none_opens_anothers_page():
    """Each key passes over tokens that the former ones have given; among 4,000 there are some five of each."""
    keys = ["c" * 32, "b" * 32, "a" * 32]
    first, second, third = (LinkCipher("\n".join(keys[at:])) for at in (2, 1, 0))
    ids = range(1, 4_001)
    for recipient_id in ids:
        assert third.recipient_id(third.token(recipient_id)) == recipient_id
    for recipient_id in ids[::20]:
        for earlier in (first, second):
            assert third.recipient_id(earlier.token(recipient_id)) == recipient_id
    assert any(third.token(number) != LinkCipher(keys[0]).token(number) for number in ids)
    # A former key that is taken out ends its own links and no others.
    alone = LinkCipher(keys[0])
    assert all(alone.recipient_id(third.token(number)) == number for number in ids)
    assert not [number for number in ids[::20] if alone.recipient_id(first.token(number)) == number]


def test_a_guess_hardly_ever_hits_a_recipient():
    """Tokens of other keys are as good as guesses; none of 500 belongs to the first million recipients."""
    found = [CIPHER.recipient_id(LinkCipher(f"guess {i}").token(1)) for i in range(500)]
    assert not [number for number in found if number and number <= 1_000_000]


def test_capital_letters_are_forgiven():
    assert CIPHER.recipient_id(CIPHER.token(42).upper()) == 42


@pytest.mark.parametrize("letter", "01loi")
def test_letters_that_people_mistake_for_each_other_do_not_occur(letter):
    assert letter not in ALPHABET
    assert CIPHER.recipient_id(f"2345678{letter}") is None


@cases("", "2", "2345678", "234567892", "2345 789", "2345678é", "favicon.", "İ2345678", "İ234567")
def test_what_cannot_be_a_token_leads_nowhere(token):
    assert CIPHER.recipient_id(token) is None


def test_a_link_does_not_make_a_text_unicode():
    assert measure(ALPHABET).encoding == "GSM-7"
