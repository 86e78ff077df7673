"""Whether a wish to be left alone holds for a message, as a table of cases."""

from outreach.rules.wishes import SaidWish, WishSource, find_wish, kind_scope, scopes_of
from tests.support.tables import cases

SMS, PAGE, DOOR, REQUEST, CONSENT = (
    WishSource[name] for name in ("SMS", "PAGE", "DOOR", "REQUEST", "CONSENT")
)
HUSBAND, WIFE, SHARED, HERS = 1, 2, 10, 20


def wish(source, *, number=None, person=None, scope="", id=1):
    people, numbers = (frozenset(filter(None, [each])) for each in (person, number))
    return SaidWish(id, scope, source, people, numbers)


def back(of, id=9):
    return SaidWish(id, "", SMS, undoes=of)


BY_SMS = wish(SMS, number=SHARED, person=HUSBAND)
AT_THE_DOOR = wish(DOOR, number=SHARED, person=HUSBAND)
OF_DRIVE = wish(PAGE, number=SHARED, person=HUSBAND, scope="drive:3")


@cases(
    ([], HUSBAND, SHARED, False),
    # Said from a number: it closes the number, the people who have it, and all their numbers.
    ([BY_SMS], HUSBAND, SHARED, True),
    ([BY_SMS], WIFE, SHARED, True),
    ([BY_SMS], WIFE, HERS, True),
    ([BY_SMS], None, SHARED, True),
    ([BY_SMS], None, HERS, False),
    # Told to an officer: the number it was about and that person alone.
    ([AT_THE_DOOR], HUSBAND, 30, True),
    ([AT_THE_DOOR], WIFE, SHARED, True),
    ([AT_THE_DOOR], WIFE, HERS, False),
    # Of somebody without a number of their own: nothing of the phone that they use.
    ([wish(DOOR, person=WIFE)], WIFE, SHARED, True),
    ([wish(DOOR, person=WIFE)], HUSBAND, SHARED, False),
    # What takes it back names it; what it does not name holds.
    ([BY_SMS, back(1)], HUSBAND, SHARED, False),
    ([BY_SMS, back(7)], HUSBAND, SHARED, True),
    ([BY_SMS, back(1), wish(PAGE, number=SHARED, id=12)], HUSBAND, SHARED, True),
    ([back(1), BY_SMS], HUSBAND, SHARED, False),
)
def test_a_wish_holds_for_its_number_and_its_person(rows, person, number, left_alone):
    numbers = {HUSBAND: [SHARED, 30], WIFE: [SHARED, HERS]}.get(person or 0, [])
    found = find_wish(rows, person=person, number=number, numbers_of_person=numbers)
    assert (found is not None) is left_alone


@cases(
    (OF_DRIVE, {"drive": 3, "kind": "bluezone"}, False, True),
    (OF_DRIVE, {"drive": 4, "kind": "bluezone"}, False, False),
    (OF_DRIVE, {}, False, False),
    (wish(CONSENT, person=HUSBAND, scope=kind_scope("khao-sat")), {"kind": "khao-sat"}, False, True),
    (wish(CONSENT, person=HUSBAND, scope=kind_scope("khao-sat")), {"kind": "bluezone"}, False, False),
    (wish(CONSENT, person=HUSBAND, scope=kind_scope("")), {"kind": "bluezone"}, False, True),
    (wish(SMS, number=SHARED, scope="organisation:5"), {"organisation": 5}, False, True),
    (wish(SMS, number=SHARED, scope="organisation:5"), {"organisation": 6}, False, False),
    (wish(SMS, number=SHARED, scope="channel:sms"), {}, False, True),
    (wish(SMS, number=SHARED, scope="channel:zalo"), {}, False, False),
    # A warning that has a legal basis passes an opt-out from everything, not what is about it or a right.
    (BY_SMS, {"drive": 3}, True, False),
    (AT_THE_DOOR, {"drive": 3}, True, False),
    (OF_DRIVE, {"drive": 3}, True, True),
    (wish(REQUEST, person=HUSBAND), {"drive": 3}, True, True),
    (wish(CONSENT, person=HUSBAND), {"drive": 3}, True, True),
)
def test_a_wish_holds_for_what_it_is_about(row, message, passes, left_alone):
    scopes = scopes_of(**message)
    found = find_wish([row], person=HUSBAND, number=SHARED, scopes=scopes, passes=passes)
    assert (found is not None) is left_alone


def test_what_is_about_everything_is_named_before_what_is_about_one_matter():
    rows = [OF_DRIVE, wish(SMS, number=SHARED, id=8), wish(PAGE, number=SHARED, id=9)]
    found = find_wish(rows, person=HUSBAND, number=SHARED, scopes=scopes_of(drive=3))
    assert found.id == 8
