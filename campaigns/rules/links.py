"""Personal links: a recipient's id encrypted to a token of eight letters.

Nothing is stored and no two recipients can share a token. Without the key a token cannot be told from chance: of 31**8
(8.5e11) tokens a million are in use, so one guess in 850,000 hits.
The alphabet leaves out 0 o 1 l i, which people mistake for one another when they copy a link by hand;
every letter is in GSM-7.
"""

from __future__ import annotations

import hashlib
import re

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


class LinkCipher:
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

    def token(self, recipient_id: int) -> str:
        """Return the token of a recipient. Raises ValueError if the id is out of range."""
        if not 0 < recipient_id < _SPACE:
            raise ValueError("recipient number out of range")
        number = self._encipher(recipient_id)
        while number >= _SPACE:
            number = self._encipher(number)
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
        number = self._decipher(number)
        while number >= _SPACE:
            number = self._decipher(number)
        return number or None

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
