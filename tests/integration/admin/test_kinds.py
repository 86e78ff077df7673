"""A kind made in the office, from its page to the report; and no page or document that has a word of another kind.

The texts of a campaign that was launched, corrected while it runs.
The form and the sheet of a campaign with texts by language, two texts to compare, and people held out.
Columns of a list in the campaign's form: offered, previewed with a value, refused where a sentence would have a hole.
"""

import json
import re
from datetime import UTC, datetime
from html import unescape
from io import BytesIO

import pytest
from pypdf import PdfReader
from sqlalchemy import select, update

from admin.views.inbox import labels_of
from admin.wording.campaigns import show_lifts
from admin.wording.filters import label_of
from campaigns.agencies.reports import address_of, make_link, read_counts, submit_by_officer
from campaigns.analytics.reach import _measure
from campaigns.lifecycle import change_campaign, create_campaign
from campaigns.models.campaigns import Campaign, Drive, Recipient, Step
from campaigns.models.figures import AgencyReport
from campaigns.models.messages import Message
from campaigns.models.replies import AnswerSource, Case
from campaigns.models.reports import FileKind, Purpose, ReportMail
from campaigns.planning.drafts import describe_campaign
from campaigns.planning.drives import choose_drive
from campaigns.planning.kinds import create_kind, edit_kind, load_kinds, office_kinds
from campaigns.reports.documents import build_without_issuing, words_of
from campaigns.reports.issue_report import compose_letter
from campaigns.reports.settings import default_data, save_form
from campaigns.rules.agencies import StaffCounts
from campaigns.rules.draft import read_draft
from campaigns.rules.kind_words import read_words
from campaigns.rules.reach import ReachMeasure, ReachTotals
from campaigns.rules.replies.labels import Label
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignAction, MessageState
from outreach.models.accounts import Area, AreaLevel, AuditEvent, AuditValues, OrganisationKind, Role
from outreach.models.contacts import Contact, KeptValue
from outreach.rules.errors import BadInput, NotAllowed, WrongState
from tests.integration.admin.test_campaigns import begun, filled, form_of, save
from tests.integration.campaigns.test_answer_page import everything, read, token_of
from tests.integration.campaigns.test_answer_page import press as press_button
from tests.support.admin_client import post, shows, signed_in
from tests.support.admin_client import token as session_token
from tests.support.errors import refuses
from tests.support.lists import bring, local
from tests.support.servers import on_sqlite
from tests.support.tables import cases
from tests.support.uploads import checked, confirmed
from tests.support.world import APPROVER, AUTHOR, LIST, TEXT, number

database_url = on_sqlite

MADE = {
    **load_kinds()["khao-sat"],
    "title": "Khám sức khỏe định kỳ",
    "question": "Ông/bà đã khám sức khỏe năm nay chưa?",
    "why": "Khám sớm để chữa sớm.",
    "answers": {
        "installed": {"button": "Tôi đã khám rồi", "reply": "Cam on ong/ba da di kham."},
        "not_yet": {"button": "Tôi chưa khám", "reply": "Moi ong/ba den tram y te."},
        "need_help": {"button": "Tôi cần người giúp", "reply": "Can bo se lien he."},
        "opt_out": load_kinds()["khao-sat"]["answers"]["opt_out"],
    },
    "own_answers": {
        "1": {"text": "Đã khám ở trạm", "means": "installed", "reply": "Cam on ong/ba da kham o tram."},
        "2": {"text": "Đã khám ở nơi khác", "means": "installed"},
        "3": {"text": "Còn bận mùa", "means": "not_yet"},
    },
    "page": {},
    "vocabulary": {"verbs": ["khám", "đi khám", "khám sức khỏe"], "things": ["trạm y tế", "sức khỏe"]},
    "words": {"done": "khám sức khỏe", "agencies": True},
}
ADMINISTRATOR = "quantri@loa.example"
# Words that no other kind may show, found in plain text without regard to case.
OWN_WORDS = {
    "bluezone": ("bluezone", "đã cài", "chưa cài", "cài đặt ứng dụng", "nút cài đặt", "cai xong"),
    "tiem-chung": ("tiêm", "vắc xin"),
    "hen-tiem": ("tiêm", "vắc xin"),
    "moi-du": ("đến dự",),
    "bao-lu": ("tránh bão", "chuẩn bị xong", "chuẩn bị tránh"),
    "giay-to": ("làm giấy tờ", "làm xong giấy tờ", "căn cước"),
    "khao-sat": ("phiếu lấy ý kiến", "trả lời phiếu", "khảo sát", "hài lòng", "làm thủ tục nào"),
    "kham-suc-khoe-dinh-ky": ("khám sức khỏe", "khám ở trạm", "còn bận mùa"),
}

NO_GOAL = "chưa đặt mục tiêu"
# Words of a kind that others may use as well.
PLAIN_WORDS = {"bao-lu": ("đã xong",), "moi-du": ("sẽ đến",)}


@pytest.fixture
def made(world):
    """The kind made in the office; its name."""
    return world.do(create_kind, dict(MADE)).code


def typed_of(page):
    """What the page's form would send as it is."""
    fields = {}
    for tag in re.findall(r"<input[^>]*>", page):
        name, value = re.search(r' name="([^"]+)"', tag), re.search(r' value="([^"]*)"', tag)
        if name and ('type="checkbox"' not in tag or " checked" in tag):
            fields[name[1]] = value[1] if value else ""
    fields |= dict(re.findall(r'<textarea[^>]* name="([^"]+)"[^>]*>([^<]*)</textarea>', page))
    for name, options in re.findall(r'(?s)<select name="(own_means_\d)"(.*?)</select>', page):
        fields[name] = next(iter(re.findall(r'value="([^"]*)" selected', options)), "")
    dropped = ("csrf_token", "wish", "q", "tried")
    return {unescape(name): unescape(value) for name, value in fields.items() if name not in dropped}


def test_a_kind_is_made_by_four_questions_tried_and_then_chosen_in_a_campaign(author, world):
    url = "/admin/kinds/new"
    page = author.get(url).text
    for step, answers in (
        (1, {"c.title": "Sơ tán vùng trũng", "words_done": "sơ tán"}),
        (2, {"c.question": "Gia đình đã sơ tán chưa?"}),
        (3, {"c.own_answers.1.text": "Nhà tôi đã đi"} | {f"c.own_answers.{n}.text": "" for n in (2, 3)}),
    ):
        # One question is shown; the others and what was typed before go along.
        assert len(re.findall(r'<fieldset class="stack"[^>]* hidden', page)) == 3
        typed = typed_of(page) | answers
        page = post(author, url, **typed, wish=f"step-{step + 1}").text
    typed = typed_of(page)
    refused = post(author, url, **typed, wish="save")
    assert refused.status_code == 422
    assert "Cần từ hai đến chín câu trả lời" in unescape(refused.text) or "Câu trả lời" in refused.text
    assert "Sơ tán vùng trũng" in refused.text, "what was typed stays"
    typed |= {"c.own_answers.4.text": "Còn ở nhà", "own_means_4": "not_yet"}
    tried = post(author, url, **typed, wish="try", tried="còn ở nhà ạ\n1\nsơ tán rồi\nđừng nhắn nữa").text
    # Words for understanding are proposed from question and answers.
    shows(tried, "(2. Còn ở nhà)", "(1. Nhà tôi đã đi)", "Đã sơ tán", "Không nhận tin nữa")
    saved = post(author, url, **typed, wish="save")
    assert saved.status_code == 303
    campaign = author.get(saved.location).text  # what a new kind is made for comes next
    assert f"selected>{typed['c.title']}<" in campaign
    shows(author.get("/admin/kinds/so-tan-vung-trung/page?answer=own-2"), "Ông/bà đã trả lời: Còn ở nhà")
    assert "Sơ tán vùng trũng" in author.get("/admin/kinds/").text
    assert '<option value="so-tan-vung-trung">' in author.get("/admin/campaigns/new").text
    assert "kind.create" in world.all(select(AuditEvent.action))


def test_a_kind_is_made_by_naming_the_thing_to_be_done_and_pressing_on(author, world):
    """Question, answers and what it is called once done follow from it; a newcomer was refused for an empty question."""
    url, page = "/admin/kinds/new", author.get("/admin/kinds/new").text
    assert "Lưu và soạn chiến dịch" in page  # all else is proposed, so that the first answer is enough
    saved = post(author, url, **typed_of(page) | {"c.title": "Vận động trồng cây đầu năm"}, wish="save")
    assert saved.status_code == 303
    composer = author.get(saved.location).text
    assert typed_of(composer)["name"] == "Vận động trồng cây đầu năm"
    says = "ông/bà[ {name}] trồng cây đầu năm. Trả lời: 1 đã xong, 2 chưa, 3 cần giúp, TC"
    assert says in composer  # not “mời ông/bà vận động”, and nothing twice
    assert "Đã lưu loại chiến dịch" not in composer  # which stands there, chosen
    made = world.read(office_kinds)["van-dong-trong-cay-dau-nam"]
    assert (made["question"], made["words"]["done"]) == (
        "Ông/bà đã trồng cây đầu năm chưa?",
        "trồng cây đầu năm",
    )
    assert [(each["text"], each["means"]) for each in made["own_answers"].values()] == [
        ("Đã trồng cây đầu năm", "installed"),
        ("Chưa trồng cây đầu năm", "not_yet"),
        ("Cần giúp", "need_help"),
    ]


@pytest.mark.parametrize("source", [*load_kinds()])
def test_a_kind_made_from_another_has_none_of_its_words_and_is_not_refused_for_what_all_kinds_say(
    author, world, source
):
    url = f"/admin/kinds/new?of={source}"
    new = {
        "c.title": "Sơ tán vùng trũng",
        "words_done": "sơ tán",
        "c.question": "Gia đình đã sơ tán chưa?",
        "c.own_answers.1.text": "Nhà tôi đã đi",
        "own_means_1": "installed",
        "c.own_answers.2.text": "Còn ở nhà",
        "own_means_2": "not_yet",
        **{f"c.app.{part}": "" for part in ("name", "page", "android", "ios", "button")},
        **{f"c.own_answers.{n}.text": "" for n in range(3, 10)},
        **{f"c.own_answers.{n}.{part}": "" for n in (1, 2) for part in ("thanks", "reply")},
    }
    saved = post(author, url, **(typed_of(author.get(url).text) | new), wish="save")
    assert saved.status_code == 303, re.findall(r'(?s)id="errors".*?</ul>', unescape(saved.text))
    made = world.read(office_kinds)["so-tan-vung-trung"]
    told = json.dumps(made, ensure_ascii=False).lower()
    assert [word for word in OWN_WORDS[source] if word in told] == []
    assert "không gửi tin đến số này nữa" in told


def test_a_changed_kind_changes_no_campaign_and_nobody_below_the_province_makes_one(world, made):
    world.add_people(2)
    campaign_id = draft(world, made)
    before = describe(world, campaign_id)
    changed = {
        **MADE,
        "question": "Đã khám chưa?",
        "why": "Câu khác.",
        "languages": {"sed": {"why": "Câu nữa."}},
    }
    changed |= {"app": {"name": "Sổ", "page": "https://so.example"}, "page": {"asked": "Đã gửi."}}
    world.do(edit_kind, made, changed, since="")
    with refuses(WrongState, says="Người khác vừa sửa"):  # two who edit it at once
        world.do(edit_kind, made, dict(MADE), since="")
    assert describe(world, campaign_id) == before
    with refuses(BadInput, says="từ chỉ việc"):
        world.do(edit_kind, made, {**MADE, "vocabulary": {}}, since="")
    world.officer("pn@loa.example", Role.STAFF, world.organisation())
    with pytest.raises(NotAllowed):
        world.do(create_kind, dict(MADE), by="pn@loa.example")


def test_kinds_of_one_title_have_drives_of_their_own(world):
    kinds = [world.do(create_kind, dict(MADE)).code for _ in range(3)]
    assert [world.get_one(Drive, world.drive(kind)).kind for kind in kinds] == kinds


def describe(world, campaign_id):
    kinds = world.read(office_kinds)
    data = world.read(describe_campaign, world.get_one(Campaign, campaign_id), kinds=kinds)
    return {**data, "content": read_draft(data, kinds=kinds).content}


def draft(world, kind):
    kinds = world.read(office_kinds)
    data = {"name": "Đợt một", "kind": kind, "text": f"Moi ong/ba xem {len(kind)}: {{link}}"}
    read = read_draft({**data, "lists": ["Hội viên"], "sender": "MTTQ"}, kinds=kinds)
    return world.do(create_campaign, read).id


def plain(page):
    """The text of a page, without what lists all kinds and without code."""
    shown = re.sub(r"(?s)<(script|style|select|datalist)\b.*?</\1>", " ", page)
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", shown)).lower().split())


def test_every_page_form_and_document_has_the_words_of_its_kind_alone(author, world, made):
    world.add_people(5)
    agency = world.organisation("SYT", "Sở Nội vụ", kind=OrganisationKind.AGENCY, below=None)
    world.officer(ADMINISTRATOR, Role.ADMINISTRATOR)
    world.add(Area(code="62", name="Miền", kind="Tỉnh", level=AreaLevel.PROVINCE))
    late = world.organisation("STC", "Sở Tài chính", kind=OrganisationKind.AGENCY, below=None)
    found = []
    for kind in (*load_kinds(), made):
        texts = render_all(author, world, kind, agency, late)
        others = {word for words in OWN_WORDS.values() for word in words} - {*OWN_WORDS[kind]}
        assert len(texts) >= 25
        for name, text in texts.items():
            if name != "home":  # campaigns of all kinds stand there
                found += [f"{kind}: {name} has “{word}”" for word in others if word in text]
        words = read_words(load_kinds().get(kind, MADE))
        # Where the kind has no goal, nobody is asked for one.
        asked = ("progress", "agencies", "report.docx")
        found += [f"{kind}: {name}: goal" for name in asked if (NO_GOAL in texts[name]) is not words.goal]
        done = ("progress", "agencies", "agency's form", *(["mail"] if words.agencies else []), "reach.csv")
        found += [
            f"{kind}: {name} does not say “đã …”" for name in done if f"đã {words.done}" not in texts[name]
        ]
        own = OWN_WORDS[kind] + PLAIN_WORDS.get(kind, ())
        shown = (
            "sheet",
            "visit sheet",
            "printed visit sheet",
            "progress",
            "answer page",
            "report.docx",
            "report.pdf",
            "report.xlsx",
        )
        for name in (
            *shown,
            *(("reach", "reach.csv", "reach.xlsx", "status", "api") if has_own(kind) else ()),
        ):
            if not any(word in texts[name] for word in own):
                found.append(f"{kind}: {name} has none of its own words")
    assert not found, "\n".join(found)


def has_own(kind):
    return bool(load_kinds().get(kind, MADE).get("own_answers"))


def render_all(client, world, kind, agency, late):
    """Send, answer and report a campaign of a kind, for which one agency hands in and one is late; the text of every page, message and document by what it is."""
    campaign_id, now = draft(world, kind), datetime.now(UTC)
    form_page = client.get(f"/admin/campaigns/{campaign_id}/").text
    world.begin(campaign_id)
    world.sweep()
    world.answers(
        campaign_id,
        {0: Label.INSTALLED, 1: Label.NOT_YET, 2: Label.NEED_HELP},
        own={0: 1} if has_own(kind) else None,
        source=AnswerSource.SMS,
        at=now,
    )
    drive = world.get_one(Campaign, campaign_id).drive_id
    world.do(choose_drive, drive, now=datetime.now(UTC))
    today, base = now.astimezone(VIETNAM).date(), world.runtime.settings.public_base_url
    world.do(submit_by_officer, agency, StaffCounts(10, 10, 4), day=today, note="", now=now)
    link = world.do(make_link, agency, holder="Chị Hoa", days=7, now=now)
    agency_form = address_of(link, world.runtime.settings).removeprefix(base)
    world.do(save_form, drive, world.read(default_data, kind=kind), now=now)
    to = {"drive_id": drive, "day": today.isoformat(), "organisation_id": late}
    asks_agencies = read_words(load_kinds().get(kind, MADE)).agencies
    mail = ReportMail(purpose=Purpose.CHASE, **to)
    letter = world.read(compose_letter, mail) if asks_agencies else None
    case = world.first(select(Case.id).order_by(Case.id.desc()))
    world.execute(update(Message).values(state=MessageState.NO_REPORT))
    sheet = world.make_sheet(campaign_id, officer="Anh Tư", check_percent=0, now=now)
    sent = world.all(select(Message.text).where(Message.campaign_id == campaign_id))
    _made, token = world.token(ADMINISTRATOR, name=f"Cổng {kind}")
    post(client, f"/admin/campaigns/{campaign_id}/answers")  # of a kind about health nobody is named before
    files = build_without_issuing(world.runtime, drive, today, now=now)
    reach = f"/admin/campaigns/{campaign_id}/reach/"
    pages = {
        "home": "/admin/",
        "sheet": f"/admin/campaigns/{campaign_id}/",
        "answer page": f"/admin/campaigns/{campaign_id}/page",
        "after done": f"/admin/campaigns/{campaign_id}/page?answer=installed",
        "after help": f"/admin/campaigns/{campaign_id}/page?answer=need_help",
        "about": f"/admin/campaigns/{campaign_id}/page?about=1",
        "texts": f"/admin/campaigns/{campaign_id}/texts",
        "kind's page": f"/admin/kinds/{kind}/page",
        "progress": "/admin/progress/",
        "reach": reach,
        "installs": f"/admin/campaigns/{campaign_id}/installs/",
        "people": f"/admin/people/?campaign={campaign_id}",
        "inbox": f"/admin/inbox/?campaign={campaign_id}",
        "case": f"/admin/inbox/{case}/",
        "agencies": "/admin/agencies/",
        "agency": f"/admin/agencies/{agency}/",
        "agency's form": agency_form,
        "goals": "/admin/goals/",
        "activities": "/admin/publicity/",
        "visits": "/admin/rounds/",
        "visit sheet": f"/admin/rounds/{sheet}/",
        "printed visit sheet": f"/admin/rounds/{sheet}/sheet",
        "report": "/admin/report/",
        "report preview": "/admin/report/preview",
        "report form": "/admin/report/form",
    }
    answers = {name: client.get(path, follow_redirects=True) for name, path in pages.items()}
    assert {name: answer.status_code for name, answer in answers.items() if answer.status_code != 200} == {}
    texts = {name: plain(answer.text) for name, answer in answers.items()}
    texts["form"] = plain(form_page)
    texts["status"] = json.dumps(world.status(campaign_id), ensure_ascii=False).lower()
    told = client.get(f"/api/v1/campaigns/{campaign_id}", headers={"Authorization": f"Bearer {token}"})
    assert told.status_code == 200, told.text
    texts["api"] = json.dumps(told.json, ensure_ascii=False).lower()
    for form in ("csv", "xlsx"):
        sent_file = post(client, f"{reach}file", form=form).data
        texts[f"reach.{form}"] = (
            sent_file.decode() if form == "csv" else " ".join(words_of(sent_file, FileKind.XLSX))
        ).lower()
    texts["mail"] = f"{letter.subject} {letter.body}".lower() if letter else ""
    texts["messages"] = " ".join(filter(None, sent)).lower()
    for kind_of_file in (FileKind.DOCX, FileKind.XLSX):
        texts[f"report.{kind_of_file.value}"] = " ".join(words_of(files[kind_of_file], kind_of_file)).lower()
    pdf = PdfReader(BytesIO(files[FileKind.PDF]))
    texts["report.pdf"] = " ".join(" ".join(page.extract_text() for page in pdf.pages).lower().split())
    return texts


@pytest.mark.parametrize("kind", ["bao-lu", "bluezone"])
def test_an_agency_is_awaited_only_where_the_kind_asks_agencies(author, world, kind):
    world.launch(people=1, kind=kind, name="Đợt một", text="Mời ông/bà làm. Soạn TC để từ chối")
    world.organisation("SX", "Sở Xây dựng", kind=OrganisationKind.AGENCY)
    page = author.get("/admin/agencies/").text
    assert ("Chưa gửi số liệu ngày" in page) is read_words(load_kinds()[kind]).agencies
    assert "Sở Xây dựng" in page


@pytest.mark.parametrize(("kind", "counted"), [("bao-lu", 120), ("bluezone", 100)])
def test_where_everybody_counts_all_staff_do(world, kind, counted):
    world.launch(kind=kind, text="Mời ông/bà làm. Soạn TC để từ chối")
    agency = world.organisation("SX", "Sở Xây dựng", kind=OrganisationKind.AGENCY)
    typed = read_counts("120", "100" if kind == "bluezone" else "", "90")
    user, today = world.user(AUTHOR), world.now.astimezone(VIETNAM).date()
    world.do(submit_by_officer, agency, typed, day=today, note="", user=user)
    assert world.all(select(AgencyReport.with_smartphone)) == [counted]


# Campaigns without an app, a vaccination or a storm: nothing of the app on their pages; and the answer
# page tried out.


WITHOUT_APP = [kind for kind in load_kinds() if not load_kinds()[kind].get("app")]


def choose(client, kind, **typed):
    """The form as it comes back once another kind was chosen."""
    new = form_of(client.get("/admin/campaigns/new").text)
    return post(client, "/admin/campaigns/new", **{**new, **typed, "kind": kind, "wish": "look"}).text


@pytest.mark.parametrize("kind", WITHOUT_APP)
def test_another_kind_brings_its_own_message(author, world, kind):
    form = form_of(choose(author, kind))
    assert "mời ông/bà[ {name}] " in form["text"][0]
    assert form["text"] != begun(author)["text"]
    assert "Bluezone" not in form["text"][0]


def test_a_message_that_was_rewritten_stays_and_is_doubted_where_it_names_the_app(author, world):
    page = choose(author, "bao-lu", text="Mời cài Bluezone. TC thôi nhận tin")
    assert form_of(page)["text"] == ["Mời cài Bluezone. TC thôi nhận tin"]
    assert "Tin còn nhắc ứng dụng của loại chiến dịch khác" in page


@pytest.mark.parametrize("kind", WITHOUT_APP)
def test_answers_are_called_after_the_action(client, kind):
    with client.application.test_request_context():
        done, not_done = label_of(Label.INSTALLED, "found", kind), label_of(Label.NOT_YET, "found", kind)
    assert done.startswith("Đã ")
    assert not_done.startswith("Sẽ " if kind in ("hen-tiem", "moi-du") else "Chưa ")
    assert Label.NO_SMARTPHONE not in labels_of(kind)
    assert Label.NO_SMARTPHONE in labels_of("bluezone")


@cases(
    ("", "Ông/bà đã cài Bluezone trên điện thoại này chưa?"),
    ("?answer=need_help", "Ông/bà đã trả lời: Tôi cần người giúp"),
    ("?answer=install", "Cài xong, xin ông/bà quay lại đây"),
    ("?answer=opt_out", "Tôi bấm nhầm, tôi vẫn nhận tin"),
    ("?answer=undo", "Tôi đã cài xong"),
    ("?answer=%00", "Tôi đã cài xong"),
    ("?about", "Về tin nhắn này"),
)
def test_the_answer_page_is_tried_out_and_nothing_is_recorded(client, world, query, shown):
    world.add_people(1)
    signed_in(client, AUTHOR)
    campaign_id = save(client)
    signed_in(client, APPROVER)
    before = everything(world)
    response = client.get(f"/admin/campaigns/{campaign_id}/page{query}")
    assert shown in response.text
    assert "không có gì được ghi lại" in response.text
    assert 'method="post"' not in response.text
    assert everything(world) == before
    assert client.post(f"/admin/campaigns/{campaign_id}/page", data={"answer": "opt_out"}).status_code == 405


def test_a_translation_is_seen_as_its_readers_see_it(author, world):
    world.add_people(1)
    campaign_id = world.draft(content={"languages": {"sed": {"title": "Tiêu đề XĐ"}}})
    assert f'/admin/campaigns/{campaign_id}/page/sed"' in author.get(f"/admin/campaigns/{campaign_id}/").text
    assert "Tiêu đề XĐ" in author.get(f"/admin/campaigns/{campaign_id}/page/sed").text
    assert "Tiêu đề XĐ" not in author.get(f"/admin/campaigns/{campaign_id}/page").text


@pytest.mark.parametrize("wish", ["step-", "step-12", "step-x"])
def test_a_question_that_there_is_not_is_no_fault(author, world, wish):
    assert post(author, "/admin/kinds/new", wish=wish).status_code == 200


def test_a_kind_is_kept(author, world):
    world.add_people(1)
    typed = {
        **form_of(choose(author, "bao-lu")),
        **filled(kind="bao-lu", text="Mời chuẩn bị. TC thôi nhận tin"),
    }
    campaign_id = save(author, **typed)
    kept = world.one(select(Campaign).where(Campaign.id == campaign_id))
    assert (kept.kind, kept.content) == ("bao-lu", world.read(office_kinds)["bao-lu"])


SECOND = "duyet2@loa.example"


@pytest.fixture
def running(world):
    world.add_people(3)
    world.officer(SECOND, Role.APPROVER)
    campaign = world.launch(content={"vocabulary": {"verbs": ["cài"]}, "phone": "1022"})
    world.send()  # a reply belongs to what was sent
    return campaign


def test_a_correction_shows_at_once_on_pages_and_in_what_is_sent_back_from_then_on(client, world, running):
    token = token_of(world, running, 2)
    press_button(client, token, "installed")
    assert "Cảm ơn ông/bà đã cài Bluezone." in read(client, token)
    world.reply(number(0), "1", gateway_id="SM1")
    path = f"/admin/campaigns/{running}/texts"
    signed_in(client, APPROVER)
    typed = {
        **form_of(client.get(path).text, "texts-form"),
        "c.answers.installed.thanks": "Cảm ơn ông bà.",
        "c.answers.installed.reply": "Da nhan, cam on ong ba.",
        "c.page.again": "Xin bấm lại nếu cần",
        "c.app.page": "https://example.vn/gia-mao",
    }
    assert post(client, path, **typed).status_code == 303
    assert "Cảm ơn ông bà." not in read(client, token)
    confirm(client, running)
    page = read(client, token)
    assert "Cảm ơn ông bà." in page
    assert "Xin bấm lại nếu cần" in page
    world.reply(number(1), "1", gateway_id="SM2")
    first, second = world.all(select(Message.text).where(Message.step_id.is_(None)).order_by(Message.id))
    assert first.startswith("Cam on ong/ba da cai Bluezone.")
    assert second == "Da nhan, cam on ong ba."
    content = world.get_one(Campaign, running).content
    entry = world.one(select(AuditEvent).where(AuditEvent.action == "campaign.correct"))
    changes = world.one(select(AuditValues.changes).where(AuditValues.event_id == entry.id))
    assert content["app"]["page"] == "https://bluezone.gov.vn/taiapp"
    assert content["vocabulary"] == {"verbs": ["cài"]}
    assert changes
    assert set(changes) == {
        "content.answers.installed.thanks", "content.answers.installed.reply", "content.page.again",
    }  # fmt: skip
    assert changes["content.page.again"] == ["", "Xin bấm lại nếu cần"]
    assert "Cảm ơn ông bà." in client.get(f"/admin/campaigns/{running}/").text


def confirm(client, campaign):
    """Confirm the proposed texts as another approver, and sign in as the first again."""
    sheet = f"/admin/campaigns/{campaign}/"
    assert 'class="primary">Xác nhận sửa' not in client.get(sheet).text, "its author may not confirm"
    signed_in(client, SECOND)
    assert "Có câu sửa chờ xác nhận." in client.get("/admin/").text
    page = client.get(sheet).text
    (proposed_at,) = set(re.findall(r'name="proposed_at" value="([^"]+)"', page))
    assert post(client, f"{sheet}texts/confirm", proposed_at=proposed_at).status_code == 303
    signed_in(client, APPROVER)


def test_who_corrects_after_somebody_else_or_wrongly_is_told_and_keeps_what_was_typed(
    approver, world, running
):
    path = f"/admin/campaigns/{running}/texts"
    seen = form_of(approver.get(path).text, "texts-form")
    wrong = post(approver, path, **{**seen, "c.phone": "0905", "c.answers.need_help.reply": "{ten} ơi"})
    assert wrong.status_code == 422
    assert 'id="error-c.answers.need_help.reply"' in wrong.text
    assert "{ten} ơi" in wrong.text
    assert 'id="error-form"' not in wrong.text
    assert post(approver, path, **{**seen, "c.question": ""}).status_code == 422
    added = post(approver, path, **{**seen, "wish": "language", "add_language": "sed"})
    assert 'name="c.languages.sed.title"' in added.text
    assert post(approver, path, **{**seen, "c.why": "Vì sức khỏe."}).status_code == 303
    confirm(approver, running)
    late = post(approver, path, **{**seen, "csrf_token": session_token(approver), "c.why": "Vì mọi người."})
    assert late.status_code == 422
    assert "Người khác vừa sửa" in late.text
    assert "Vì mọi người." in late.text


def test_an_author_may_propose_but_not_confirm_and_only_for_what_was_launched(author, world, running):
    draft = world.draft()
    assert "Sửa câu chữ" in author.get(f"/admin/campaigns/{running}/").text
    assert post(author, f"/admin/campaigns/{running}/texts/confirm", proposed_at="").status_code == 403
    assert "Sửa câu chữ" in author.get(f"/admin/campaigns/{running}/").text
    assert "Sửa câu chữ" not in author.get(f"/admin/campaigns/{draft}/").text
    assert author.get(f"/admin/campaigns/{draft}/texts").status_code == 302
    refused = post(author, f"/admin/campaigns/{draft}/texts", wish="save", **{"c.title": "Khác"})
    assert refused.status_code == 422
    assert "Chiến dịch chưa gửi" in refused.text


EXTRAS = {
    "text_b": "Xin cài: {link}",
    "hold_out": 0.1,
    "texts": {"sed": "sed: {link}"},
    "step": [{"text": "Nhắc: {link}", "after_days": 2, "hold_out": 0.25, "texts": {"jra": "jra: {link}"}}],
    "content": {
        "page": {"next": "Sau đó"},
        "languages": {"sed": {"title": "sed:"}},
        "phone": "0260 386 0000",
    },
}


def test_what_a_campaign_says_in_other_texts_outlives_the_form_and_stands_on_the_sheet(author, world):
    world.add_people(1)
    campaign = world.draft(**EXTRAS)
    before = [(s.text, s.text_b, s.texts, s.hold_out) for s in world.all(select(Step).order_by(Step.number))]
    page = author.get(f"/admin/campaigns/{campaign}/").text
    answer = post(author, f"/admin/campaigns/{campaign}/edit", **form_of(page))
    assert answer.status_code == 303, re.findall(r'class="field-error"[^>]*>([^<]*)', answer.text)
    assert [
        (s.text, s.text_b, s.texts, s.hold_out) for s in world.all(select(Step).order_by(Step.number))
    ] == before
    content = world.one(select(Campaign)).content
    assert content["page"] == {"next": "Sau đó"}
    assert content["languages"] == {"sed": {"title": "sed:"}}
    assert content["phone"] == "0260 386 0000"
    page = f"/admin/campaigns/{campaign}/"
    written = author.get(page).text
    shows(written, "Xin cài: {link}", "sed: {link}", "jra: {link}")
    assert post(author, f"{page}submit").status_code == 303
    read = author.get(page).text
    shows(read, "10,0% số người", "25,0% số người", "sed: http", "jra: http", "tính theo bản tốn nhất")


def test_a_share_that_is_no_number_is_said_beside_its_field(author, world):
    answer = post(author, "/admin/campaigns/new", wish="save", hold_out="mười", text_b="{ten}")
    assert answer.status_code == 422
    assert "là một con số phần trăm" in answer.text
    assert "từ 0 đến 0.5" in post(author, "/admin/campaigns/new", wish="save", hold_out="80").text


def test_the_sheet_says_in_a_sentence_what_a_step_brought(author, world):
    campaign = world.launch(people=40, hold_out=0.5)
    world.execute(update(Recipient).values(clicked_at=None))
    world.send()
    for e164 in world.sent_to()[:3]:
        world.reply(e164, "1", gateway_id=f"SM-{e164}")
    page = author.get(f"/admin/campaigns/{campaign}/").text
    assert "Từng tin có tác dụng đến đâu" in page
    assert "người giữ lại không nhắn có 0,0%" in page
    assert number(0) not in page


@cases(
    ({0: (500, 20), 1: (500, 60)}, "Tin này có tác dụng."),
    ({0: (500, 60), 1: (500, 20)}, "nên xem lại nội dung"),
    ({0: (50, 2), 1: (50, 3)}, "Chưa đủ số liệu"),
    ({1: (500, 20), 2: (500, 60)}, "Nội dung thứ hai tốt hơn."),
    ({1: (500, 60), 2: (500, 20)}, "Nội dung thứ nhất tốt hơn."),
)
def test_the_verdict_follows_the_interval(client, arms, said):
    with client.application.test_request_context():
        counts = ReachTotals()
        for arm, (people, installed) in arms.items():
            counts.add(ReachMeasure.ARMS, str(arm), people)
            counts.add(ReachMeasure.ARMS_INSTALLED, str(arm), installed)
        shown = show_lifts([_measure(2, counts)])
    assert said in shown[0]["verdict"]
    assert len(shown) == 1
    assert "khoảng tin cậy 95%" in shown[0]["sure"]


HOURS = """Họ tên,SĐT,{giờ hẹn}
A Thun,0905000121,9h00
Y Rơ,0905000122,
A Thun,0905000121,8h00
Y Hlan,0905000123,
Y Rơ,0905000122,7h30
Y Rơ,0905000122,7h30
"""
FIELD_TEXT = "Mời ông/bà[ {name}] đến lúc {giờ hẹn}: {link} TC từ chối"


# What everybody who writes, approves or launches sees: one person's own value, marked, and what the others have.
FILLED = '<span class="filled">8h30</span>'
BY_PERSON = "Giờ hẹn: theo từng người (8h30; 1 người chưa có: giờ hành chính)"


def test_an_import_tells_whose_rows_differ_what_is_taken_and_who_has_no_value(client, world):
    page = checked(client, world, HOURS)
    assert "giờ hẹn: 2 người có, 1 người trống." in page
    assert "1 người có nhiều dòng ghi khác nhau" in page
    assert "A Thun (giờ hẹn: 9h00, không lấy 8h00)." in page
    assert '<td data-label="{giờ hẹn}">7h30</td>' in page  # of the rows as they will be stored
    page = confirmed(client, world)
    assert "A Thun (giờ hẹn: 9h00)." in page  # taken; what was not taken is kept nowhere
    said = select(KeptValue.value).join(Contact, Contact.id == KeptValue.contact_id)
    assert world.all(said.order_by(Contact.name)) == ["9h00", "7h30"]


def test_who_shares_a_phone_and_is_not_addressed_is_named_before_and_after_the_launch(
    author, world, tmp_path
):
    file = tmp_path / "list.csv"
    file.write_text(f"Họ tên,SĐT\nA Thun,{local(1)}\nY Rơ,{local(1)}\nY Hlan,{local(2)}\n", encoding="utf-8")
    bring(world, file, LIST)
    assert "Y Rơ (tin ghi tên A Thun)" in post(author, "/admin/campaigns/preview", **filled()).text
    campaign_id = world.launch()
    page = author.get(f"/admin/campaigns/{campaign_id}/").text
    link = f"/admin/people/?campaign={campaign_id}&amp;result=excluded.shared_phone"
    assert link in page
    people = author.get(link.replace("&amp;", "&")).text
    assert ("Y Rơ" in people, "A Thun" in people) == (True, False)


def test_who_shares_a_phone_in_another_organisations_list_is_named_to_no_officer_of_the_first(client, world):
    women, youth = world.organisation(), world.organisation("TN", "Đoàn Thanh niên")
    world.add_list("Phụ nữ", world.add_person("Y Mơn", number(1)), owner=women)
    world.add_list(
        "Thanh niên", *(world.add_person(name, number(2)) for name in ("A Thun", "Y Rơ")), owner=youth
    )
    whole = world.officer("tinh@loa.example")
    data = {"name": "Bluezone", "text": TEXT, "lists": ["PN/Phụ nữ", "TN/Thanh niên"], "sender": "MTTQ"}
    draft = world.do(create_campaign, read_draft(data, kinds=load_kinds()), by=whole).id
    assert world.get_one(Campaign, draft).organisation_id == women
    world.do(change_campaign, draft, CampaignAction.SUBMIT, terms=None, by=whole)
    for email, is_named in ((whole, True), (world.officer("pn@loa.example", organisation_id=women), False)):
        page = signed_in(client, email).get(f"/admin/campaigns/{draft}/").text
        assert "<strong>1</strong>" in page
        assert ("Y Rơ" in page, "A Thun" in page) == (is_named, is_named)


def test_names_that_look_wrong_are_shown_before_a_text_addresses_people_by_them(author, world, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(f"Họ tên,SĐT\nNguyễn Văn A 2,{local(1)}\nY Rơ,{local(2)}\n", encoding="utf-8")
    bring(world, file, LIST)
    said = "tên trông chưa đúng: “Nguyễn Văn A 2”. Hãy sửa"
    named = "Mời ông/bà[ {name}] cài Bluezone: {link} TC từ chối"
    assert said in post(author, "/admin/campaigns/preview", **filled(text=named)).text
    assert said in author.get(f"/admin/campaigns/{world.draft(text=named)}/").text
    nobody = post(author, "/admin/campaigns/preview", **filled(text=named.replace("[ {name}]", ""))).text
    assert "trông chưa đúng" not in nobody


def test_a_column_of_the_list_is_written_into_the_text(client, world, tmp_path):
    file = tmp_path / "list.csv"
    file.write_text(f"Họ tên,SĐT,{{giờ hẹn}}\nA Thun,{local(1)},8h30\nY Rơ,{local(2)},\n", encoding="utf-8")
    bring(world, file, LIST)
    signed_in(client, AUTHOR)
    assert "<code>{giờ hẹn}</code>" in client.get(f"/admin/lists/{world.list_id}/").text
    new = client.get(f"/admin/campaigns/new?list={world.list_id}").text
    assert 'name="field.giờ hẹn"' in new
    assert 'data-insert="{giờ hẹn}"' in new

    refused = post(client, "/admin/campaigns/new", **filled(text=FIELD_TEXT, **{"field.giờ hẹn": ""}))
    assert refused.status_code == 422
    assert "sẽ nhận một câu thiếu chữ" in refused.text
    unfinished = post(
        client, "/admin/campaigns/preview", **filled(text=FIELD_TEXT, **{"field.giờ hẹn": ""})
    ).text
    assert "Moi ong/ba Le Hoa den luc 8h30" in " ".join(re.sub(r"<[^>]+>", "", unfinished).split())
    assert "Tin còn chỗ chưa điền." in unfinished
    assert 'href="#fields" data-box>điền ô “Người chưa có giờ hẹn thì ghi”' in unfinished
    told = post(
        client, "/admin/campaigns/writing", key="k" * 24, **filled(text=FIELD_TEXT, **{"field.giờ hẹn": ""})
    )
    assert told.json["wrong"] == [{"at": "fields", "name": "Chữ ghi cho người chưa có"}]
    odd = post(client, "/admin/campaigns/new", **filled(text=FIELD_TEXT, **{"field.giờ hẹn": "bit.ly/x"}))
    assert "Chữ thay thế cho {giờ hẹn} không dùng được" in odd.text
    assert "câu thiếu chữ" not in odd.text
    shows(post(client, "/admin/campaigns/new", **filled(text=FIELD_TEXT.replace("giờ", "gio"))), "{gio hẹn}")

    preview = post(
        client, "/admin/campaigns/preview", **filled(text=FIELD_TEXT, **{"field.giờ hẹn": "giờ hành chính"})
    ).text
    assert FILLED in preview
    assert BY_PERSON in " ".join(re.sub(r"<[^>]+>", "", preview).split())

    campaign_id = save(client, text=FIELD_TEXT, **{"field.giờ hẹn": "giờ hành chính"})
    assert world.get_one(Campaign, campaign_id).fields == {"giờ hẹn": "giờ hành chính"}
    page = client.get(f"/admin/campaigns/{campaign_id}/").text
    assert form_of(page)["field.giờ hẹn"] in ("giờ hành chính", ["giờ hành chính"])
    post(client, f"/admin/campaigns/{campaign_id}/submit")
    asked = signed_in(client, APPROVER).get(f"/admin/campaigns/{campaign_id}/").text
    question, _, cards = asked.split('id="leaving"')[1].partition("</details>")
    for part in (question, cards):
        assert FILLED in part
        assert BY_PERSON in " ".join(re.sub(r"<[^>]+>", "", part).split())
    post(client, f"/admin/campaigns/{campaign_id}/return", reason="Sửa giờ.")
    signed_in(client, AUTHOR)
    assert post(client, f"/admin/campaigns/{campaign_id}/test", trial_number="0905000123").status_code == 303
    assert "den luc 8h30" in world.one(select(Message.text))
    copy = client.get(f"/admin/campaigns/new?copy={campaign_id}").text
    assert re.search(r'name="field.giờ hẹn"[^>]*value="giờ hành chính"', copy)
    saved = post(
        client, f"/admin/campaigns/{campaign_id}/edit", **filled(text=FIELD_TEXT.replace("{giờ hẹn}", "8h"))
    )
    assert saved.status_code == 303
    assert world.get_one(Campaign, campaign_id).fields == {}
