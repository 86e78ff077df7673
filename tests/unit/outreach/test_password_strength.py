"""Which passwords are taken: none that is tried first, whatever its length."""

from __future__ import annotations

import pytest

from outreach.rules.errors import BadInput
from outreach.rules.password_strength import check_strength


@pytest.mark.parametrize(
    "password",
    [
        "mật khẩu dài",
        "correct horse battery staple",
        "ngôi nhà ven sông",
        "kx8!Qp2#mz7L",
        "trâu đỏ bay ngược" * 9,
    ],
)
def test_a_password_that_stands_many_guesses_is_taken(password: str) -> None:
    check_strength(password)


@pytest.mark.parametrize("password", ["", "x8!Qp2#mz7L"])
def test_eleven_characters_are_too_few(password: str) -> None:
    with pytest.raises(BadInput, match="password_short"):
        check_strength(password)


@pytest.mark.parametrize(
    "password",
    [
        "1q2w3e4r5t6y",  # in the list of breached passwords itself
        "qwertyuiop12",
        "Password1234",
        "P@ssw0rd2026",
        "123456789012",
        "aaaaaaaaaaaaa",
        "matkhau123456",
        "anhyeuem1234",
        "mattran2026!",
        "kontumkontum",
        "iloveyou2020",
    ],
)
def test_a_password_that_is_tried_first_is_refused(password: str) -> None:
    with pytest.raises(BadInput, match="password_common"):
        check_strength(password)
