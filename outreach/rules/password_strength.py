"""Passwords that are refused: too short, breached, or guessed soon. Pure.

Offline: the package zxcvbn has the 30,000 most frequent passwords of breaches (0.8 MB with names and words) and estimates
how many guesses a password stands that is made of them, of words, names, days, rows of keys and repetitions.
"""

from __future__ import annotations

from outreach.rules.errors import BadInput

SHORTEST_PASSWORD = 12
_LEAST_GUESSES = 1e8
_MOST_READ = 72  # characters; the estimate takes longer and longer for more
# Words that people here begin with, and that the package does not know.
_OWN_WORDS = (
    *(
        "loa",
        "bluezone",
        "mttq",
        "mattran",
        "mat tran to quoc",
        "uybanmttq",
        "kontum",
        "quangngai",
        "vietnam",
    ),
    *("matkhau", "anhyeuem", "emyeuanh", "yeuem", "xinchao", "chucmung", "hanhphuc", "giadinh"),
)


def check_strength(password: str) -> None:
    """Raise BadInput if a password is too short or among those that are tried first."""
    if len(password) < SHORTEST_PASSWORD:
        raise BadInput("password_short", least=SHORTEST_PASSWORD)
    # Its words take 12 MB, and most processes never see a password.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    if float(zxcvbn(password[:_MOST_READ], user_inputs=_OWN_WORDS)["guesses"]) < _LEAST_GUESSES:
        raise BadInput("password_common")
