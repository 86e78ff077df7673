"""Personal links: a recipient's id encrypted to a token of eight letters.

Nothing is stored and no two recipients can share a token. Without the key a token cannot be told from chance: of 31**8
(8.5e11) tokens a million recipients have three each, of which one is made, so one guess in 280,000 hits.

A former key still opens the links that were made with it. A token must never open another recipient's page under a
former key, so the newest key passes over tokens that would be a recipient's under a former one: it enciphers the id
plus 2**32, or plus twice as much, instead.
The alphabet leaves out 0 o 1 l i, which people mistake for one another when they copy a link by hand;
every letter is in GSM-7.
"""

import hashlib
import re

from outreach.rules.keys import split_keys

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"
LENGTH = 8
_SPACE = len(ALPHABET) ** LENGTH
_HALF = 1 << 20  # two halves of 20 bits: the smallest even split that covers the space
_ROUNDS = 6
_VALUES = {letter: value for value, letter in enumerate(ALPHABET)}

_TOKEN_IN_LINK = re.compile(rf"(?<=/)[{ALPHABET}]{{{LENGTH}}}(?!\w)", re.IGNORECASE)


def mask_tokens(text: str) -> str:
    """Return a text with its link tokens hidden: a token allows its holder to answer as the resident."""
    return _TOKEN_IN_LINK.sub("•" * LENGTH, text)


# Ids of recipients under a key that is followed by another one are below this; more than a province ever has.
_MOST_IDS = 1 << 30
# Ids from here on are of copies to control phones, whose links end with the key that made them.
FIRST_CONTROL_COPY = 1 << 31
_NEXT = 1 << 32  # what is added to an id whose token is passed over
_TRIES = 3  # each passes over a token in 800; the third is taken as it is


class LinkCipher:
    """Tokens of the newest of `keys` (as in `outreach.rules.keys`), and ids of tokens of any of them."""

    def __init__(self, keys: str) -> None:
        newest, *former = map(_Permutation, split_keys(keys))
        # Oldest first: each key has passed over the tokens of those before it.
        self._newest, self._former = newest, former[::-1]

    def token(self, recipient_id: int) -> str:
        """Return the token of a recipient. Raises ValueError if the id is out of range."""
        if not 0 < recipient_id < _NEXT:
            raise ValueError("recipient number out of range")
        for attempt in range(_TRIES):
            number = self._newest.encipher(recipient_id + attempt * _NEXT)
            if self._former_id(number) is None:
                break
        letters = []
        for _ in range(LENGTH):
            number, value = divmod(number, len(ALPHABET))
            letters.append(ALPHABET[value])
        return "".join(letters)

    def recipient_id(self, token: str) -> int | None:
        """Return the recipient id of a token, or None if it cannot be one. Case is ignored."""
        token = token.lower()
        if len(token) != LENGTH or any(letter not in _VALUES for letter in token):
            return None
        number = 0
        for letter in reversed(token):
            number = number * len(ALPHABET) + _VALUES[letter]
        return self._former_id(number) or _id_in(self._newest.decipher(number))

    def _former_id(self, number: int) -> int | None:
        for key in self._former:
            recipient_id = _id_in(key.decipher(number))
            if recipient_id and recipient_id < _MOST_IDS:
                return recipient_id
        return None


def _id_in(number: int) -> int | None:
    """Return the id that was enciphered as this number, without what was added to it."""
    added, recipient_id = divmod(number, _NEXT)
    return recipient_id or None if added < _TRIES else None


class _Permutation:
    """Keyed permutation of the numbers below 31**8: a Feistel network, repeated until in range."""

    def __init__(self, secret_key: str) -> None:
        # One keyed hash per round: copying it costs less than building a new one.
        self._keyed = [
            hashlib.blake2b(
                key=hashlib.blake2b(f"link/{round_number}/{secret_key}".encode(), digest_size=32).digest(),
                digest_size=3,
            )
            for round_number in range(_ROUNDS)
        ]

    def encipher(self, number: int) -> int:
        number = self._encipher(number)
        while number >= _SPACE:
            number = self._encipher(number)
        return number

    def decipher(self, number: int) -> int:
        number = self._decipher(number)
        while number >= _SPACE:
            number = self._decipher(number)
        return number

    def _mix(self, round_number: int, half: int) -> int:
        mixed = self._keyed[round_number].copy()
        mixed.update(half.to_bytes(3, "big"))
        return int.from_bytes(mixed.digest(), "big") & (_HALF - 1)

    def _encipher(self, number: int) -> int:
        left, right = divmod(number, _HALF)
        for round_number in range(_ROUNDS):
            left, right = right, left ^ self._mix(round_number, right)
        return left * _HALF + right

    def _decipher(self, number: int) -> int:
        left, right = divmod(number, _HALF)
        for round_number in reversed(range(_ROUNDS)):
            left, right = right ^ self._mix(round_number, left), left
        return left * _HALF + right
