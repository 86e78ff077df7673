"""Passwords that are refused: too short, breached, or guessed soon. Pure.

Offline: the package zxcvbn has the 30,000 most frequent passwords of breaches (0.8 MB with names and words) and estimates
how many guesses a password stands that is made of them, of words, names, days, rows of keys and repetitions.
"""

from collections.abc import Iterable

from outreach.rules.errors import BadInput
from outreach.rules.phone_numbers import unaccented

SHORTEST_PASSWORD = 12
_LEAST_GUESSES = 1e8
_MOST_READ = 72  # characters; the estimate takes longer and longer for more
# Words that people here begin with, and that the package does not know.
_OWN_WORDS = (
    "mat tran to quoc | loa | bluezone | mttq | mattran | uybanmttq | kontum | quangngai | vietnam | matkhau"
    " | anhyeuem | emyeuanh | yeuem | xinchao | chucmung | hanhphuc | giadinh"
)
_PUBLISHED = ("loa-demo-2020", "loademo2020")  # of the demo data


def check_strength(password: str, own: Iterable[str] = ()) -> None:
    """Raise BadInput if a password is short or tried first; `own`: what anybody knows of the user."""
    if len(password) < SHORTEST_PASSWORD:
        raise BadInput("password_short", least=SHORTEST_PASSWORD)
    # Its words take 12 MB, and most processes never see a password.
    from zxcvbn import zxcvbn  # noqa: PLC0415

    words = [form[:_MOST_READ] for text in own for form in _forms(text) if len(form) > 2]
    inputs = [*_OWN_WORDS.split(" | "), *_PUBLISHED, *words]
    if float(zxcvbn(password[:_MOST_READ], user_inputs=inputs)["guesses"]) < _LEAST_GUESSES:
        raise BadInput("password_common")


def _forms(text: str) -> set[str]:
    """Return how a text is typed in a password: with and without accents and spaces, and each side of an @ alone."""
    parts = {text.lower(), *text.lower().split("@"), *text.lower().replace("@", ".").split(".")}
    plain = parts | {unaccented(part) for part in parts}
    return plain | {"".join(part.split()) for part in plain}
