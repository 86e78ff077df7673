"""Which passwords are taken: none that is tried first, whatever its length."""

import pytest

from outreach.rules.errors import BadInput
from outreach.rules.password_strength import check_strength
from tests.support.tables import cases, each_of


@cases(
    *each_of("mật khẩu dài | correct horse battery staple | ngôi nhà ven sông | kx8!Qp2#mz7L"),
    "trâu đỏ bay ngược" * 9,
)
def test_a_password_that_stands_many_guesses_is_taken(password):
    check_strength(password)


@cases(
    *each_of("canbo.diachi@loa.example | canbo.diachi2026 | Nguyễn Thị Blôc | nguyenthibloc1"),
    *each_of("Ủy ban MTTQ tỉnh Kon Tum | uybanmttqtinhkontum | loa-demo-2020 | Loa-Demo-2020!"),
)
def test_what_everybody_knows_of_a_user_or_of_loa_is_no_password(password):
    own = ("canbo.diachi@loa.example", "Nguyễn Thị Blôc", "Ủy ban MTTQ tỉnh Kon Tum")
    with pytest.raises(BadInput, match="password_common"):
        check_strength(password, own)


@pytest.mark.parametrize("password", ["", "x8!Qp2#mz7L"])
def test_eleven_characters_are_too_few(password):
    with pytest.raises(BadInput, match="password_short"):
        check_strength(password)


@cases(
    "1q2w3e4r5t6y",  # in the list of breached passwords itself
    *each_of(
        "qwertyuiop12 | Password1234 | P@ssw0rd2026 | 123456789012 | aaaaaaaaaaaaa | matkhau123456 | "
        "anhyeuem1234 | mattran2026! | kontumkontum | iloveyou2020"
    ),
)
def test_a_password_that_is_tried_first_is_refused(password):
    with pytest.raises(BadInput, match="password_common"):
        check_strength(password)
