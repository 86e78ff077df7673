"""What the API's document says of a value is what is taken."""

import re

from admin.api.schemas import PHONE
from outreach.rules.phone_numbers import PhoneStatus, read_phone_cell
from tests.support.tables import cases

_RULE = PHONE["allOf"][0]
_PREFIXES = [f"{first}00512893" for first in range(3)] + [f"{prefix}512893" for prefix in range(100, 1000)]
_COUNTING = ["01234567890123456789", "98765432109876543210"]


@cases(
    _PREFIXES,
    [f"{prefix}{digit * 7}" for prefix in range(30, 100) for digit in "0123456789"],
    [(f"{pair:02}" * 5)[:9] for pair in range(100)] + ["9" + f"{pair:02}" * 4 for pair in range(100)],
    [line[start : start + 9] for line in _COUNTING for start in range(11)],
    ["9" + line[start : start + 8] for line in _COUNTING for start in range(11)],
    [line[start : start + 7] + "55" for line in _COUNTING for start in range(11)],
)
def test_a_number_that_the_document_allows_is_taken_and_no_other_of_its_form(nationals):
    for number in [start + national for national in nationals for start in ("0", "+84")]:
        cell = read_phone_cell(number)
        is_allowed = re.search(_RULE["pattern"], number) and not re.search(_RULE["not"]["pattern"], number)
        assert bool(is_allowed) == (cell.status is PhoneStatus.OK), number
