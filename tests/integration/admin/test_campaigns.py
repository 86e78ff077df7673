"""A campaign through the office's pages: written, checked, submitted, returned, approved, launched, tried out."""

import re
from html import unescape
from html.parser import HTMLParser

from sqlalchemy import select

from admin.wording.campaigns import show_warnings
from campaigns.models.campaigns import Campaign, CampaignVersion, Recipient, Segment
from campaigns.models.messages import Message
from campaigns.planning.preview import EXAMPLE_TOKEN
from campaigns.rules.content_texts import PATHS, split_content
from campaigns.rules.states import CampaignAction, CampaignState, MessageKind
from campaigns.rules.warnings import CampaignWarning
from outreach.models.accounts import Role, User
from outreach.models.contacts import Contact, ContactList, LegalBasis, Membership
from outreach.models.office import GatewayAccount, GatewayKind, GatewayState
from outreach.rules.sms_template import Template
from tests.support.admin_client import post, shows, signed_in
from tests.support.lists import SAMPLE, bring
from tests.support.servers import on_sqlite
from tests.support.wishes import opt_out
from tests.support.world import APPROVER, AUTHOR, LIST, number

database_url = on_sqlite

TEXT = "[{name} ơi, ]mời ông/bà cài Bluezone: {link} TC thôi nhận tin"


def filled(**changes):
    """The form as an officer fills it."""
    return {
        "name": "Bluezone đợt 2",
        "kind": "bluezone",
        "sender": "MTTQ",
        "lists": [f"MTTQ/{LIST}"],
        "text": TEXT,
        "unaccented": "1",
        "window_from": "00:00",
        "window_to": "24:00",
        "pace": "20",
        "wish": "save",
        **changes,
    }


def save(client, path="/admin/campaigns/new", **changes):
    answer = post(client, path, **filled(**changes))
    assert answer.status_code == 303, re.findall(r"field-error[^>]*>([^<]+)", answer.text)
    found = re.search(r"/admin/campaigns/(\d+)/", answer.location)
    return int(found[1])


def campaign(world, campaign_id):
    return world.get_one(Campaign, campaign_id)


def press(client, campaign_id, what, **data):
    return post(client, f"/admin/campaigns/{campaign_id}/{what}", **data).status_code


def begun(client, kind="bluezone"):
    """The form of a new campaign as it comes back once its kind was chosen."""
    new = form_of(client.get("/admin/campaigns/new").text)
    return form_of(post(client, "/admin/campaigns/new", **{**new, "kind": kind, "wish": "look"}).text)


def test_the_only_list_is_chosen_beforehand_and_its_choice_is_one_line(client, world):
    def shown():
        page = client.get("/admin/campaigns/new").text
        return page.count(f" checked> {LIST}"), '<details id="chosen" open' in page

    world.add_people(3)
    signed_in(client, AUTHOR)
    assert shown() == (1, False)
    world.add_list("Đoàn viên", 1)
    assert shown() == (0, True)


def test_a_campaign_goes_from_the_form_to_peoples_phones(client, world):
    world.add_people(3)
    signed_in(client, AUTHOR)
    assert "Soạn chiến dịch đầu tiên" in client.get("/admin/campaigns/").text
    new = client.get("/admin/campaigns/new").text
    assert '<option value="" selected>— chọn loại —</option>' in new
    assert form_of(new)["text"] in ("", [""])
    shows(post(client, "/admin/campaigns/new", **filled(kind="")), "Hãy chọn loại chiến dịch.", status=422)
    assert "1 đã cài" in begun(client)["text"][0]
    campaign_id = save(client, step_text=[TEXT], step_days=["2"], step_at=["18:00"], budget_vnd="5.000.000")
    again = form_of(client.get("/admin/campaigns/new").text)
    assert (again["kind"], "1 đã cài" in again["text"][0]) == (["bluezone"], True), "the kind written last"
    assert press(client, campaign_id, "submit") == 303
    assert press(client, campaign_id, "approve") == 403
    assert "Người soạn không được tự duyệt" in client.get(f"/admin/campaigns/{campaign_id}/").text

    signed_in(client, APPROVER)
    shows(client.get(f"/admin/campaigns/{campaign_id}/"), "Lần nhắc 1: sau 2 ngày, 18:00", but="A Thun")
    assert press(client, campaign_id, "approve") == 303

    signed_in(client, AUTHOR)
    assert "Tin sẽ tới 3 người" in client.get(f"/admin/campaigns/{campaign_id}/").text
    assert press(client, campaign_id, "launch") == 303
    world.sweep()
    world.send()
    assert len(world.sent_to()) == 3
    assert campaign(world, campaign_id).budget_vnd == 5_000_000
    assert 'data-live="' in client.get(f"/admin/campaigns/{campaign_id}/").text
    assert "Bluezone đợt 2" in client.get("/admin/campaigns/?state=sending").text
    assert "Không có chiến dịch nào" in client.get("/admin/campaigns/?state=paused").text


def test_what_is_wrong_stands_beside_its_field_and_nothing_typed_is_lost(author, world):
    wrong = filled(
        name="",
        text="Chào {ten}",
        lists=[],
        pace="nhanh",
        window_from="20:00",
        window_to="08:00",
        budget_vnd="0",
        starts_at="2020-08-18T08:00",
        deadline="2020-08-17T08:00",
        goal_percent="150",
        step_text=["", "Nhắc {"],
        step_days=["1", "hai"],
        step_at=["", ""],
    )
    answer = post(author, "/admin/campaigns/new", **wrong)
    assert answer.status_code == 422
    beside = set(re.findall(r'id="error-([^"]+)"', answer.text))
    assert beside == {
        "name", "text", "lists", "pace", "window", "budget_vnd", "deadline", "goal", "step-0",
    }  # fmt: skip
    shows(answer.text, "Chào {ten}", "nhanh", "20:00", "2020-08-17T08:00", "150", "Nhắc {", "hai")
    assert "budget_vnd" not in re.findall(r"field-error[^>]*>([^<]+)", answer.text)[-1]
    assert world.scalar(select(Campaign.id)) is None


def test_the_preview_counts_the_audience_and_what_it_costs(author, world):
    world.add_people(3)
    world.add_person("Y Không Số")
    world.add_person("Y Thôi", number(900))
    opt_out(world, number(900))
    accented = post(author, "/admin/campaigns/preview", **filled(unaccented="")).text
    assert '<strong class="figure">3</strong>' in accented
    assert "trong 5 người" in accented
    assert "Không có số điện thoại" in accented
    assert "Đã từ chối nhận tin" in accented
    assert "Tin có dấu:" in accented
    assert "Bỏ dấu sẽ bớt" in accented
    plain = post(author, "/admin/campaigns/preview", **filled()).text
    assert "Tin không dấu:" in plain
    assert "<mark>o</mark>i, m<mark>o</mark>i" in plain
    assert "Đang tập huấn nên chưa cần" in plain
    assert "Cần xử lý" not in plain
    assert world.scalar(select(Recipient.id)) is None


def test_brackets_that_were_filled_in_or_not_are_told_beside_the_text_and_in_the_review(author, world):
    text = "Mời[ {name}] họp lúc [7h30, 3/12] tại [địa điểm], TC từ chối"
    page = post(author, "/admin/campaigns/preview", **filled(kind="moi-du", text=text)).text
    told = "Còn phải điền: [địa điểm]. Viết nội dung thật thay cho cả dấu ngoặc. Bỏ dấu ngoặc vuông quanh “7h30, 3/12”."
    assert f'<p class="field-error">{told}</p>' in page
    assert f'<a href="#text">Tin đầu</a>: {told}' in page
    assert "mỗi người có liên kết riêng" not in page
    shows(
        post(
            author,
            "/admin/campaigns/preview",
            **filled(kind="moi-du", text=text.replace("[7h30, 3/12] tại [địa điểm]", "7h30")),
        ),
        but=("field-error", "dấu ngoặc"),
    )


def test_nobody_is_missed_before_a_list_was_chosen_and_typing_waits_for_no_count(author, world):
    nobody = "Không có ai nhận tin"
    assert nobody not in post(author, "/admin/campaigns/preview", **filled(lists=[])).text
    assert nobody not in author.get("/admin/campaigns/new").text
    quick = post(author, "/admin/campaigns/preview?quick", **filled()).text
    assert "Đang tính số người nhận" in quick
    assert "<mark>o</mark>i, m<mark>o</mark>i" in quick
    assert nobody not in quick
    assert nobody in post(author, "/admin/campaigns/preview", **filled()).text
    assert "Đang tính" not in post(author, "/admin/campaigns/preview?quick", **filled()).text


def test_a_return_needs_a_reason_and_the_next_submission_shows_what_changed(client, world):
    world.add_people(1)
    signed_in(client, AUTHOR)
    campaign_id = save(client)
    press(client, campaign_id, "submit")
    assert post(client, f"/admin/campaigns/{campaign_id}/edit", **filled()).status_code == 422
    signed_in(client, APPROVER)
    assert press(client, campaign_id, "return", reason=" ") == 422
    assert press(client, campaign_id, "return", reason="Thiếu tên cơ quan gửi") == 303
    signed_in(client, AUTHOR)
    assert "Thiếu tên cơ quan gửi" in client.get(f"/admin/campaigns/{campaign_id}/").text
    save(client, f"/admin/campaigns/{campaign_id}/edit", text=TEXT.replace("mời", "UB MTTQ mời"), pace="50")
    press(client, campaign_id, "submit")
    signed_in(client, APPROVER)
    sheet = client.get(f"/admin/campaigns/{campaign_id}/").text
    assert sheet.index("Đã sửa gì so với lần trình 1") < sheet.index('id="press-due"')
    shows(sheet, "<ins>UB MTTQ ", "<del>20</del> → <ins>50</ins>")
    assert world.all(select(CampaignVersion.n)) == [1, 2]


def test_whoever_wrote_on_a_campaign_cannot_approve_it(client, world):
    world.add_people(1)
    signed_in(client, AUTHOR)
    campaign_id = save(client)
    signed_in(client, APPROVER)
    save(client, f"/admin/campaigns/{campaign_id}/edit", name="Sửa bởi người duyệt")
    press(client, campaign_id, "submit")
    assert press(client, campaign_id, "approve") == 422
    assert campaign(world, campaign_id).state is CampaignState.SUBMITTED
    assert press(client, campaign_id, "return") == 303  # an author takes back without a reason
    assert campaign(world, campaign_id).state is CampaignState.DRAFT


def test_a_copy_brings_everything_but_the_dates(author, world):
    world.add_people(1)
    campaign_id = save(
        author,
        starts_at="2030-08-18T08:00",
        deadline="2030-08-20T21:00",
        goal_percent="50",
        step_text=[TEXT],
        step_days=["3"],
        step_at=["18:00"],
        content_of="bluezone",
        **{"c.title": "Cài Bluezone", "c.question": "Cài chưa?", "c.issuer": "UB MTTQ", "c.app.name": "Bluezone",
           "c.app.page": "https://bluezone.gov.vn"},
    )  # fmt: skip
    form = author.get(f"/admin/campaigns/new?copy={campaign_id}").text
    shows(form, "Bluezone đợt 2 (bản sao)", "Cài chưa?", 'value="18:00"', 'value="50"', "checked")
    assert "2030-08-18" not in form
    assert 'value="2030-08-18T08:00"' in author.get(f"/admin/campaigns/{campaign_id}/").text


CONTENT = {
    "phone": "0260 386 0000",
    "app": {"name": "Sổ sức khỏe", "page": "https://example.vn/tai"},
    "answers": {"need_help": {"steps": ["Mở liên kết.", "Bấm nút."]}},
    "vocabulary": {"verbs": ["tiêm", "uống"]},
    "page": {"ask": "Xin hỏi {contact}."},
    "languages": {"sed": {"title": "Tiêu đề XĐ", "page": {"next": "Tiếp XĐ"}}},
}


def form_of(page, name="campaign-form"):
    """What a browser would send back of a page's form, unchanged."""
    reader = _Fields()
    begins = page.index(f'class="{name}"')
    reader.feed(page[begins : page.index("</form>", begins)])
    return {**reader.found, "wish": "save"}


class _Fields(HTMLParser):
    def __init__(self):
        super().__init__()
        self.found = {}
        self._in = ""

    def handle_starttag(self, tag, attrs):
        said = dict(attrs)
        if tag == "select" or (tag == "textarea" and said.get("name")):
            self._in = said.get("name") or ""
        if tag == "textarea":
            self.found.setdefault(self._in, []).append("")
        elif (tag == "option" and "selected" in said) or (
            tag == "input"
            and said.get("name")
            and (said.get("type") not in ("checkbox", "radio") or "checked" in said)
        ):
            name = self._in if tag == "option" else said["name"] or ""
            self.found.setdefault(name, []).append(said.get("value") or "")

    def handle_data(self, data):
        if self.lasttag == "textarea" and self._in:
            self.found[self._in][-1] += data

    def handle_endtag(self, tag):
        if tag in ("select", "textarea"):
            self._in = ""


def test_nothing_that_residents_read_is_lost_by_saving_or_copying(author, world):
    world.add_people(1)
    original = world.draft(kind="tiem-chung", content=CONTENT)
    before = campaign(world, original).content
    page = f"/admin/campaigns/{original}/"
    save(author, f"{page}edit", **form_of(author.get(page).text))
    assert campaign(world, original).content == before
    copy = save(author, **form_of(author.get(f"/admin/campaigns/new?copy={original}").text))
    assert campaign(world, copy).content == before


def test_every_text_of_the_answer_page_can_be_written_in_the_form(author, world):
    world.add_people(1)
    new = begun(author)
    page = post(author, "/admin/campaigns/new", **{**new, "wish": "language", "add_language": "jra"}).text
    assert 'placeholder="Cần hỏi thêm, xin ông/bà gặp {contact}."' in page
    assert 'name="c.languages.jra.page.ask"' in page
    assert 'name="c.languages.sed.page.ask"' not in page
    typed = {
        **form_of(page),
        **filled(),
        "c.phone": "1022",
        "c.page.ask": "Hỏi {contact}.",
        "c.answers.need_help.steps": "Mở liên kết.\r\nBấm “Cài đặt”.",
        "c.languages.jra.title": "Tiêu đề JR",
        "c.languages.jra.answers.opt_out.thanks": "Cảm ơn JR",
    }
    kept = campaign(world, save(author, **typed)).content
    assert (kept["phone"], kept["page"]) == ("1022", {"ask": "Hỏi {contact}."})
    assert kept["answers"]["need_help"]["steps"] == ["Mở liên kết.", "Bấm “Cài đặt”."]
    assert kept["languages"] == {
        "jra": {"title": "Tiêu đề JR", "answers": {"opt_out": {"thanks": "Cảm ơn JR"}}}
    }


def test_a_campaign_with_every_text_in_six_languages_can_still_be_saved(author, world):
    world.add_people(1)
    sentence = "Ông/bà đã trả lời rồi, xin cảm ơn. " * 4
    said = {
        path: sentence.strip()
        for path in PATHS
        if path.startswith(tuple(f"languages.{code}." for code in ("sed", "bdq", "jeh", "jra", "brb", "rmx")))
        and ".reply" not in path
    }
    new = begun(author)
    typed = {**new, **filled(), **{f"c.{path}": text for path, text in said.items()}}
    kept = campaign(world, save(author, **typed)).content
    assert len(split_content(kept)[0]) > len(said)


def test_a_wrong_text_is_told_beside_its_field(author, world):
    new = begun(author)
    wrong = {
        **new,
        **filled(),
        "c.phone": "0905",
        "c.answers.installed.reply": "{ten} ơi",
        "c.page.call": "Gọi {so}",
    }
    answer = post(author, "/admin/campaigns/new", **wrong)
    assert answer.status_code == 422
    assert set(re.findall(r'id="error-([^"]+)"', answer.text)) == {
        "c.phone", "c.answers.installed.reply", "c.page.call",
    }  # fmt: skip
    shows(answer.text, "0905", "{ten} ơi", "Gọi {so}", 'href="#c.phone"', "Số điện thoại để hỏi:")


def test_a_test_message_goes_to_ones_own_number_and_stays_in_no_list(author, world):
    own = "0905000123"
    sent = post(author, "/admin/campaigns/new", **filled(wish="try", trial_number=own)).text
    assert "Đã gửi tin thử" in sent[sent.index('id="trial"') :]
    wrong = post(author, "/admin/campaigns/new", **filled(wish="try", trial_number="một hai ba"))
    assert "Số điện thoại chưa đúng" in wrong.text
    world.send()
    assert world.sent_to() == ["+84905000123"]
    message = world.scalar(select(Message).where(Message.kind == MessageKind.TEST))
    assert message.text
    assert message.text.startswith("Le Hoa oi, moi ong/ba cai Bluezone: http")
    assert world.scalar(select(Membership.contact_id)) is None
    for _ in range(9):
        post(author, "/admin/campaigns/new", **filled(wish="try", trial_number=own))
    assert (
        "Bạn đã gửi thử 10 tin"
        in post(author, "/admin/campaigns/new", **filled(wish="try", trial_number=own)).text
    )


def test_an_administrator_keeps_the_register_of_senders(client, world):
    world.officer("quantri@loa.example", Role.ADMINISTRATOR)
    signed_in(client, "quantri@loa.example")
    refused = post(client, "/admin/senders/save", name="TÊN CÓ DẤU", registered_on="", note="n")
    assert refused.status_code == 422
    assert "TÊN CÓ DẤU" in refused.text
    saved = {"name": "MTTQ", "registered_on": "2020-08-05", "note": "VNPT"}
    assert post(client, "/admin/senders/save", **saved).status_code == 303
    assert "5/8/2020" in client.get("/admin/senders/").text
    signed_in(client, AUTHOR)
    assert "được người quản trị ghi vào mục" not in post(client, "/admin/campaigns/preview", **filled()).text


def test_an_unregistered_sender_is_urgent_only_where_messages_are_real(client):
    with client.application.test_request_context():
        live, training = (
            show_warnings([CampaignWarning.SENDER_UNREGISTERED], is_live=is_live)[0]
            for is_live in (True, False)
        )
    assert (live[0], training[0]) == ("error", "info")
    assert "Nhà mạng Việt Nam chặn" in live[1]


def test_a_test_message_carries_the_officers_own_name(author, world):
    world.change(User, world.user(AUTHOR).id, name="Nguyễn Thu Hương")
    post(author, "/admin/campaigns/new", **filled(wish="try", trial_number="0905000123"))
    text = world.one(select(Message.text).where(Message.kind == MessageKind.TEST))
    assert text.startswith("Nguyen Thu Huong oi, ")


def test_who_approves_and_who_sends_is_told_that_a_columns_values_are_gone(client, world):
    world.add_people(1)
    campaign_id = world.draft(text="Mời đến lúc {giờ hẹn}. TC từ chối", fields={"giờ hẹn": "giờ hành chính"})
    path, gone = f"/admin/campaigns/{campaign_id}/", "còn giá trị của cột {giờ hẹn}"
    world.act(campaign_id, CampaignAction.SUBMIT)
    shows(signed_in(client, APPROVER).get(path), gone, but=f"{path}approve")
    world.act(campaign_id, CampaignAction.APPROVE, APPROVER)
    shows(signed_in(client, AUTHOR).get(path), gone, but=f"{path}launch")
    world.change(ContactList, world.list_id, fields=["giờ hẹn"])
    shows(client.get(path), f"{path}launch", but=gone)


def test_an_audience_with_an_exception_is_one_sentence_that_leads_to_its_fields(client, world):
    world.add_people(4)
    people = world.all(select(Contact.id).order_by(Contact.id))
    world.add_list("Danh sách trực", people[0])
    world.add_list("Hộ nghèo", *people[:3])
    signed_in(client, AUTHOR)
    asked = {"also_in": ["MTTQ/Hộ nghèo"], "except": ["MTTQ/Danh sách trực"]}
    page = post(client, "/admin/campaigns/new", **filled(**asked, wish="look")).text
    sentence = page.partition('<p class="sentence" data-part="sentence">')[2].partition("</p>")[0]
    assert " ".join(re.sub(r"<[^>]*>", "", sentence).split()) == (
        f"Người trong {LIST} và có cả trong Hộ nghèo, trừ Danh sách trực: 2 người"
    )
    for field in re.findall(r'href="#([^"]+)"', sentence):
        assert f'id="{field}"' in page, "without a script the link leads to the field"
    assert "Có trong danh sách được trừ: <strong>1</strong>" in page
    wrong = post(client, "/admin/campaigns/new", **filled(**{"except": ["MTTQ/Không có"]}, wish="save"))
    assert wrong.status_code == 422
    assert 'href="#except"' in wrong.text
    kept = post(client, "/admin/campaigns/new", **filled(**asked, wish="save_segment", segment_name="Nghèo"))
    assert "Đã lưu nhóm" in kept.text
    data = world.one(select(Segment.data))
    assert {key: data[key] for key in asked} == asked
    campaign_id = save(client, **asked)
    world.act(campaign_id, CampaignAction.SUBMIT)
    read = signed_in(client, APPROVER).get(f"/admin/campaigns/{campaign_id}/").text
    assert "<dt>Trừ người trong danh sách</dt><dd>Danh sách trực</dd>" in read
    assert "<dt>Đồng thời có trong danh sách</dt><dd>Hộ nghèo</dd>" in read


def test_an_audience_is_narrowed_kept_under_a_name_and_used_again(author, world):
    """As a storm warning needs it: some communes, then the same people again in the next campaign."""
    world.add_people(4)
    people = world.all(select(Contact.id).order_by(Contact.id))
    for person, has_one in zip(people, (True, True, False, None), strict=True):
        world.change(Contact, person, has_smartphone=has_one)
    world.add_list("Chỉ để tra cứu", basis=LegalBasis.NONE)
    asked = {"lists": [], "organisations": ["MTTQ"], "smartphone": ["yes", "unknown"], "answered": "no"}
    new = "/admin/campaigns/new"
    page = post(author, new, **filled(**asked, wish="look")).text
    assert re.search(r'figure">3</strong>\s*người sẽ nhận tin, trong 4 người', page)
    shows(page, "Không đúng điều kiện về điện thoại thông minh: <strong>1</strong>", "không được nhắn tin")

    nameless = post(author, new, **filled(**asked, wish="save_segment")).text
    assert "Hãy đặt tên cho nhóm" in nameless
    assert 'value="unknown" checked' in nameless
    kept = post(author, new, **filled(**asked, wish="save_segment", segment_name="Vùng lũ")).text
    assert "Đã lưu nhóm “Vùng lũ”" in kept
    segment = world.one(select(Segment))
    used = post(
        author, new, **filled(name="Bão số 5", lists=[], wish="use_segment", segment=str(segment.id))
    ).text
    assert 'value="Bão số 5"' in used
    assert 'value="unknown" checked' in used
    assert '<option value="no" selected' in used

    campaign_id = save(author, **asked)
    assert "Chưa rõ" in author.get(f"/admin/campaigns/{campaign_id}/").text
    assert 'value="MTTQ" checked' in author.get(f"/admin/campaigns/{campaign_id}/").text
    assert "Đã xóa nhóm" in post(author, new, **filled(wish="remove_segment", segment=str(segment.id))).text
    assert (
        "Hãy chọn một nhóm" in post(author, new, **filled(wish="use_segment", segment=str(segment.id))).text
    )


def test_rows_that_nobody_has_decided_on_are_told_where_one_reads_who_is_reached(client, world):
    bring(world, SAMPLE, LIST)
    campaign_id = world.draft()
    page = signed_in(client, APPROVER).get(f"/admin/campaigns/{campaign_id}/").text
    assert f"2 dòng của danh sách “{LIST}” còn chờ quyết định" in page
    assert f"/admin/lists/waiting?list={world.list_id}" in page


def test_a_campaign_begun_for_a_list_is_written_by_the_lists_organisation(world, client):
    other = world.organisation(below=None)
    world.change(ContactList, world.list_id, organisation_id=other)
    page = signed_in(client, AUTHOR).get(f"/admin/campaigns/new?list={world.list_id}").text
    assert re.search(r'name="c\.issuer" value="Hội Phụ nữ"', page)
    assert f'name="name" maxlength="120" value="{LIST}"' in page, "the list names it until the officer does"
    chosen = post(client, "/admin/campaigns/new", **{**form_of(page), "kind": "bluezone", "wish": "look"})
    assert "Hội Phụ nữ kính mời ông/bà" in chosen.text


def test_an_approver_reads_what_most_people_cost_and_how_many_the_approval_covers(world, client):
    world.add_people(100)
    first = world.first(select(Contact.id).order_by(Contact.id))
    world.change(Contact, first, name="Nguyen Thi Hoang Mai Phuong")
    text = "Kinh moi ong/ba[ {name}] cai Bluezone: {link} TC tu choi"
    link = f"{world.runtime.settings.link_base}/{EXAMPLE_TOKEN}"
    read = Template.parse(text).render({"name": "A Thun 99", "link": link})
    text += " x" * ((158 - len(read)) // 2)  # a longer name makes it two segments
    draft = world.draft(text=text, unaccented=True)
    world.act(draft, CampaignAction.SUBMIT)
    page = unescape(signed_in(client, APPROVER).get(f"/admin/campaigns/{draft}/").text)
    assert re.search(
        r"Phần lớn người nhận: 1 tin tính cước, 350 đồng mỗi người; .* từ 350 đến 700 đồng", page
    )
    assert "được gửi tối đa 105 người; quá số này phải trình duyệt lại" in page
    leaving = page.partition('id="leaving"')[2].partition("</div></div>")[0]
    assert "Bam Cai dat" in leaving
    assert "{link}" not in leaving
    world.act(draft, CampaignAction.APPROVE, APPROVER)
    world.change(Campaign, draft, approved_recipients=100)
    assert "Đã duyệt cho 100 người." in client.get(f"/admin/campaigns/{draft}/").text


def test_what_an_own_answer_counts_as_is_chosen_in_the_campaign(world, author):
    world.add_people(1)
    invited = {"kind": "moi-du", "content_of": "moi-du", "text": "Mời họp. TC từ chối nhận tin"}
    texts = {"1": "Tôi sẽ đến", "2": "Tôi không đến được", "3": "Tôi cần giúp đi lại"}
    invited |= {f"c.own_answers.{number}.text": text for number, text in texts.items()}
    for means, is_warned in (("not_yet", False), ("installed", True)):
        draft = save(author, **invited, name=means, own_means_1=means)
        page = unescape(author.get(f"/admin/campaigns/{draft}/").text)
        assert ("Có câu trả lời là lời hẹn mà đang được tính là đã làm" in page) is is_warned
        assert re.search(rf'<select id="own_means_1".*?<option value="{means}" selected', page, re.DOTALL)
        own = world.get_one(Campaign, draft).content["own_answers"]
        assert [own[number]["means"] for number in "123"] == [means, "no_smartphone", "need_help"]
        assert own["1"]["words"], "the kind's words stay"
    promised = {"kind": "tiem-chung", "content_of": "tiem-chung", "c.answers.installed.button": "Tôi sẽ đến"}
    shows(post(author, "/admin/campaigns/new", **filled(**promised)), "chữ trên nút là lời hẹn", status=422)


def test_who_approves_reads_who_will_be_skipped_and_what_the_cost_is_of(approver, world):
    first = world.sent(people=3)
    assert "Chưa ai trả lời." in approver.get(f"/admin/people/?campaign={first}").text
    world.reply(number(0), "1", gateway_id="SM1")
    sheet = approver.get(f"/admin/campaigns/{first}/").text
    assert re.search(r"Chưa trả lời</a>.*?<strong>2</strong>", sheet)
    assert f"/admin/people/?campaign={first}&amp;answer=installed" in sheet
    world.add_people(1, first=3)
    again = world.draft()
    world.act(again, CampaignAction.SUBMIT)
    page = approver.get(f"/admin/campaigns/{again}/").text
    assert "4 người (trong đó 3 người đã nhận đúng nội dung này" in page
    assert "chỉ còn 1 người nhận tin" in page
    most = world.runtime.settings.price_per_segment_vnd * 4
    found = re.findall(r"([\d.]+) đồng(?:</strong>)?, nhiều nhất ([\d.]+) đồng nếu ai cũng trả lời", page)
    assert len(found) == 1, "the question before an approval does not say again what its card says"
    cost, at_most = (int(each.replace(".", "")) for each in found[0])
    assert at_most >= cost + most


def test_a_notice_is_written_read_and_priced_only_where_a_gateway_sends_notices(world, client):
    world.add_people(10)
    signed_in(client, AUTHOR)
    assert "Zalo" not in client.get("/admin/campaigns/new").text
    account = GatewayAccount(
        name="B",
        kind=GatewayKind.AGGREGATOR,
        state=GatewayState.ACTIVE,
        options={"profile": "esms", "notice_account": "1397"},
        changed_at=world.now,
    )
    world.add(account)
    words = {"notice_template": "228386", "notice_text": "Mời {name} cài Bluezone: {link}"}
    for wrong in ({"notice_text": ""}, {"notice_text": "[Mời {name}]"}, {"text_b": "Bản khác {link}"}):
        page = post(client, "/admin/campaigns/new", **filled(**words | wrong))
        assert page.status_code == 422
        assert "hông báo Zalo" in "".join(re.findall(r"field-error[^>]*>([^<]+)", page.text))
        assert page.text.count('value="228386"') == 1
    reminder = {f"step_{name}": text for name, text in words.items()}
    draft = save(client, **filled(**words, **reminder, step_text=TEXT, step_days="2", step_at="08:00"))
    kept = form_of(client.get(f"/admin/campaigns/{draft}/").text)
    assert all(kept[name] == [text] for name, text in {**words, **reminder}.items())
    world.act(draft, CampaignAction.SUBMIT)
    page = unescape(signed_in(client, APPROVER).get(f"/admin/campaigns/{draft}/").text)
    assert "Thông báo Zalo" in page
    assert page.index("gửi trước; ai không nhận được") < page.index('id="press-due"')  # before the press
    assert "4.000–7.000" in page
    assert '<p class="from">Zalo</p>' in page
    assert "Mời Lê Hoa cài Bluezone: " in re.sub("<[^>]+>", "", page)
    assert "từ 4.000 đến 7.000 đồng" in page


def test_who_is_recorded_as_done_and_had_answered_otherwise_is_told_beside_them_and_has_not_promised(
    world, client
):
    text = "Mời họp 7h30 tại nhà rông. 1 tôi sẽ đến, 2 tôi còn bận, 3 cần giúp. TC để từ chối"
    content = {"own_answers": {"2": {"text": "Tôi còn bận", "means": "not_yet"}}}
    campaign = world.launch(people=4, kind="moi-du", text=text, content=content)
    for n, said in enumerate(("own-1", "own-2", "own-3")):
        world.press(campaign, said, index=n)
        world.hear(world.recipient(number(n), campaign), "installed")
    page = re.sub(r"<[^>]+>", "", signed_in(client, AUTHOR).get(f"/admin/campaigns/{campaign}/").text)
    assert "(trong đó 1 người đã báo trước) (2 người trước đó đã trả lời khác, tính ở cả hai dòng)" in page
