"""Personal links: a recipient's number, enciphered to eight letters. Pure.

Nothing is stored and nothing can collide. Without the key a token cannot be told from chance: of 31**8
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

_TOKEN_IN_A_LINK = re.compile(rf"(?<=/)[{ALPHABET}]{{{LENGTH}}}(?!\w)", re.IGNORECASE)


def mask_tokens(text: str) -> str:
    """A text with its links' secrets hidden: whoever has one may answer as the resident."""
    return _TOKEN_IN_A_LINK.sub("•" * LENGTH, text)


class LinkCipher:
    """A keyed permutation of the numbers below 31**8 (a Feistel network, walked until inside)."""

    def __init__(self, secret_key: str) -> None:
        # Each round's hash with its key already taken in: a copy of it costs less than a new one.
        self._keyed = [
            hashlib.blake2b(
                key=hashlib.blake2b(f"link/{turn}/{secret_key}".encode(), digest_size=32).digest(),
                digest_size=3,
            )
            for turn in range(_ROUNDS)
        ]

    def token(self, recipient_id: int) -> str:
        """The token of a recipient. Raises ValueError for a number that does not fit."""
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
        """The number behind a token; None for what cannot be one. Case is forgiven."""
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

    def _mix(self, turn: int, half: int) -> int:
        mixed = self._keyed[turn].copy()
        mixed.update(half.to_bytes(3, "big"))
        return int.from_bytes(mixed.digest(), "big") & (_HALF - 1)

    def _encipher(self, number: int) -> int:
        left, right = divmod(number, _HALF)
        for turn in range(_ROUNDS):
            left, right = right, left ^ self._mix(turn, right)
        return left * _HALF + right

    def _decipher(self, number: int) -> int:
        left, right = divmod(number, _HALF)
        for turn in reversed(range(_ROUNDS)):
            left, right = right ^ self._mix(turn, left), left
        return left * _HALF + right
