"""Languages of lists are kept in any spelling, settled once, and decide which text somebody gets and with which letters."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine, event, select

from outreach.contacts.contact import correct_contact
from outreach.contacts.languages import offer_languages, read_offered, read_open_spellings, settle_spelling
from outreach.contacts.move_people import load_units
from outreach.imports.change_list import merge_list, remove_list
from outreach.imports.decide_issue import decide_issue
from outreach.imports.issues import Decision
from outreach.imports.retract_decision import retract_decision
from outreach.imports.uploads import undo_import
from outreach.models.contacts import Contact, ContactList, Phone, PhoneLanguage
from outreach.rules.errors import BadInput, NotFound
from tests.support.admin_client import post, shows
from tests.support.lists import bring, local
from tests.support.servers import both_databases
from tests.support.world import AUTHOR, LIST, number

HEADER = "STT,Họ và tên,Ngôn ngữ,SĐT"


def bring_lines(world, tmp_path, *lines, name="list.csv"):
    file = tmp_path / name
    file.write_text("\n".join((HEADER, *lines)) + "\n", encoding="utf-8")
    bring(world, file, LIST)


def officer(world, email=AUTHOR):
    return world.user(email)


def languages(world):
    return world.all(select(Phone.language).order_by(Phone.e164))


@both_databases
def test_an_unknown_spelling_is_kept_and_one_answer_settles_it_for_all_and_for_later_lists(world, tmp_path):
    bring_lines(
        world,
        tmp_path,
        f"1,A Lâu,Tơ Đrá,{local(1)}",
        f"2,A Thun,tiếng Tơ-đrá,{local(2)}",
        f"3,K'Brơi,Cơ Ho,{local(3)}",
        f"4,Y Hlan,,{local(4)}",
    )
    assert languages(world) == [None, None, "kpm", None]
    assert world.do(settle_spelling, 1, code="sed", user=officer(world)) == 2
    assert languages(world) == ["sed", "sed", "kpm", None]
    bring_lines(world, tmp_path, f"1,A Brui,TƠ ĐRÁ,{local(5)}", name="later.csv")
    assert languages(world) == ["sed", "sed", "kpm", None, "sed"]
    assert world.all(select(PhoneLanguage.phone_id).where(PhoneLanguage.code.is_(None))) == []
    assert world.read(read_offered) == {"sed": "Xơ Đăng"}  # who settles it wants to write in it


def test_a_language_recorded_meanwhile_is_kept(world, tmp_path):
    bring_lines(world, tmp_path, f"1,A Lâu,Tơ Đrá,{local(1)}", f"2,A Thun,Tơ Đrá,{local(2)}")
    bring_lines(world, tmp_path, f"1,A Lâu,Gia Rai,{local(1)}", name="better.csv")
    assert world.do(settle_spelling, 1, code="sed", user=officer(world)) == 1
    assert languages(world) == ["jra", "sed"]


def test_only_known_languages_and_only_staff_of_the_whole_province(world, tmp_path):
    bring_lines(world, tmp_path, f"1,A Lâu,Tơ Đrá,{local(1)}")
    with pytest.raises(BadInput):
        world.do(settle_spelling, 1, code="xx", user=officer(world))
    with pytest.raises(BadInput):
        world.do(offer_languages, codes=["sed", "xx"], user=officer(world))
    with pytest.raises(NotFound):
        world.do(settle_spelling, 9, code="sed", user=officer(world))
    world.do(load_units, ["51"])
    neighbour = world.user(world.officer("huyen@loa.example", area="23512"))
    with pytest.raises(NotFound):
        world.do(settle_spelling, 1, code="sed", user=neighbour)
    assert languages(world) == [None]


def test_the_page_offers_languages_and_the_campaign_form_has_their_fields(author, world, tmp_path):
    bring_lines(world, tmp_path, f"1,A Lâu,Tơ Đrá,{local(1)}")
    assert "1 cách ghi chưa rõ" in author.get("/admin/lists/").text
    assert "Tơ Đrá" in author.get("/admin/lists/languages").text
    assert post(author, "/admin/lists/languages/1", language="xx").status_code == 422
    post(author, "/admin/lists/languages/1", language="sed")
    assert "Cách ghi chưa rõ" not in author.get("/admin/lists/languages").text
    answer = post(author, "/admin/lists/languages", languages=["rad", "kpm"])
    assert "2 tiếng khác" in author.get(answer.location).text
    shows(author.get("/admin/campaigns/new"), 'name="texts.rad"', 'name="texts.kpm"', but='name="texts.sed"')


def test_accents_go_only_in_the_languages_named(world, tmp_path):
    bring_lines(
        world, tmp_path, f"1,A Lâu,Ba Na,{local(1)}", f"2,Y Hlan,Xơ Đăng,{local(2)}", f"3,Lê An,,{local(3)}"
    )
    world.sent(
        text="Mời ông/bà cài",
        texts={"bdq": "Kơnh jăh", "sed": "Tơdroăng hôi"},
        unaccented=True,
        unaccented_languages=["sed"],
    )
    sent = {line["To"]: line["Body"] for line in world.simulator.ledger()}
    assert sent == {number(1): "Kơnh jăh", number(2): "Todroang hoi", number(3): "Moi ong/ba cai"}


BA_NA, JARAI, UNKNOWN = (f"1,A Lâu,{each},{local(1)}" for each in ("Ba Na", "Gia Rai", "Tơ Đrá"))


@both_databases
@pytest.mark.parametrize(
    ("rows", "undone", "left"),
    [
        ((BA_NA, f"1,A Lâu,,{local(1)}"), (1,), [None]),
        ((BA_NA, JARAI), (1,), ["jra"]),
        ((BA_NA, JARAI), (2,), ["bdq"]),
        ((BA_NA, f"2,Y Rơ,,{local(1)}"), (1,), [None]),  # of somebody else on the phone
        ((UNKNOWN, JARAI), (2,), [None]),
        ((UNKNOWN, JARAI), (1, 2), []),
    ],
)
def test_a_language_goes_with_the_file_that_said_it(world, tmp_path, rows, undone, left):
    for n, row in enumerate(rows):
        bring_lines(world, tmp_path, row, name=f"{n}.csv")
    for each in undone:
        undo_import(world.runtime, each)
    assert languages(world) == left
    open_ones = [each.text for each in world.read(read_open_spellings)]
    assert open_ones == (["Tơ Đrá"] if UNKNOWN in rows and 1 not in undone else [])


def test_a_language_that_an_officer_set_or_settled_for_a_file_that_stands_stays(world, tmp_path):
    for n, row in enumerate((BA_NA, JARAI, UNKNOWN)):
        bring_lines(world, tmp_path, row, name=f"{n}.csv")
    assert world.do(settle_spelling, 1, code="sed", user=officer(world)) == 0
    undo_import(world.runtime, 1)
    undo_import(world.runtime, 2)
    assert languages(world) == ["sed"]
    facts = {"birth_year": "", "sex": "", "village": "", "area_code": "", "has_smartphone": None}
    world.do(correct_contact, world.one(select(Contact.id)), name="A Lâu", language="rad", **facts)
    bring_lines(world, tmp_path, f"1,A Lâu,,{local(1)}", name="last.csv")
    undo_import(world.runtime, 3)
    assert languages(world) == ["rad"]


@pytest.mark.parametrize("name", ["Khác", LIST])
def test_a_language_goes_with_the_decision_or_the_list_that_said_it(world, tmp_path, name):
    bring_lines(world, tmp_path, f"1,A Lâu,,{local(1)}")
    unclear = local(1).replace("000", "OOO", 1)
    (tmp_path / "other.csv").write_text(
        f"{HEADER}\n1,A Lâu,Ba Na,{unclear}\n2,A Lâu,Ba Na,{unclear}a\n", encoding="utf-8"
    )
    bring(world, tmp_path / "other.csv", name)
    for issue, minutes in ((1, 1), (2, 2)):
        moment = world.now + timedelta(minutes=minutes)
        world.do(decide_issue, issue, Decision.TAKEN, phone=local(1), now=moment)
    assert languages(world) == ["bdq"]
    world.do(retract_decision, 1)
    assert languages(world) == ["bdq"]
    if name == LIST:
        world.do(retract_decision, 2)
    else:
        world.do(remove_list, world.one(select(ContactList.id).where(ContactList.name == name)))
    assert languages(world) == [None]


def test_a_spelling_is_asked_about_no_more_once_the_list_that_has_it_is_removed(world, tmp_path):
    bring_lines(world, tmp_path, UNKNOWN)
    brought = world.one(select(ContactList.id).where(ContactList.name == LIST))
    world.do(merge_list, brought, into=world.add_list("Khác"))
    assert [each.phones for each in world.read(read_open_spellings)] == [1]
    world.do(remove_list, brought)
    assert world.read(read_open_spellings) == []


def test_undoing_a_file_that_states_no_language_looks_up_no_phones_for_one(world, tmp_path):
    bring_lines(world, tmp_path, f"1,A Lâu,,{local(1)}")
    told = list[str]()

    def note(_connection, _cursor, statement, *_rest):
        told.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        undo_import(world.runtime, 1)
    finally:
        event.remove(Engine, "before_cursor_execute", note)
    assert not [each for each in told if each.startswith(("UPDATE phones", "DELETE FROM phone_languages"))]
