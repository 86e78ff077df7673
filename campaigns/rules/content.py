"""Content of a campaign: the texts residents read (app, question, answers, page) and their vocabulary.

`PAGE_WORDS` are the answer page's own sentences in Vietnamese. A campaign may change any of them (`content.page`), and
so may each of its languages; the others stay Vietnamese. `{…}` are filled in when the page is rendered.

A kind of campaign is a file in campaigns/planning/kinds; a campaign names its kind and may change any part of it.
The labels are always the same; what `installed` means to people ("đã cài", "đã tiêm") is wording. A kind with
`own_answers` asks a question of its own; each of its answers amounts to a label (campaigns/rules/own_answers.py).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from campaigns.rules.kind_words import KindWords, read_words
from campaigns.rules.own_answers import OwnAnswer, read_own_answers
from campaigns.rules.replies.asked import BLUEZONE, MENU, Asked, read_question
from campaigns.rules.replies.labels import USES, Label
from outreach.rules.errors import BadCampaign, BadTemplate
from outreach.rules.languages import NAMES as LANGUAGES
from outreach.rules.sms_template import Template

PAGE_WORDS = {
    "given": "Ông/bà đã trả lời: {said}",
    "recorded": "Đã ghi nhận. Cảm ơn ông/bà.",
    "undo": "Tôi bấm nhầm, xin chọn lại",
    "undo_stop": "Tôi bấm nhầm, tôi vẫn nhận tin",
    "left_alone": "Số điện thoại này không nhận tin nữa, theo yêu cầu trước đây của ông/bà.",
    "store": "Nút này mở trang tải chính thức của {app}.",
    "come_back": "Cài xong, xin ông/bà quay lại đây và bấm “{installed}”.",
    "again": "Nếu có thay đổi, xin chọn lại",
    "remind": "Chưa, nhắc tôi sau",
    "remind_next": "Ông/bà được nhắc trong lần nhắn tin sau, nếu còn. Khi nào xong, xin mở lại trang này và bấm “{installed}”.",
    "trust": "Trang chính thức của {issuer}: {domain}. Không thu tiền, không hỏi mã OTP, mật khẩu hay số tài khoản.",
    "other": "Điều khác",
    "call_me": "Gọi cho tôi",
    "own_question": "Ông/bà muốn hỏi hoặc nói gì?",
    "send_question": "Gửi cho cán bộ",
    "asked": "Đã gửi cho cán bộ. Cán bộ sẽ gọi điện hoặc nhắn tin lại cho ông/bà.",
    "urgent": "Nếu đang nguy hiểm, xin gọi ngay số dưới đây. Tin của ông/bà đã được báo cho cán bộ trực.",
    "wrong_number": "Nhầm số, tôi không phải người được nhắn",
    "next": "Tiếp theo",
    "next_installed": "Ông/bà không phải làm gì thêm và không nhận tin nhắc nữa.",
    "next_not_yet": "Chúng tôi không nhắc lại nữa. Khi nào xong, xin mở lại trang này và bấm “{installed}”.",
    "next_need_help": "Cán bộ gọi điện hoặc đến gặp ông/bà. Ông/bà không cần gửi lại yêu cầu.",
    "next_no_smartphone": "Ông/bà không nhận tin nhắc nữa.",
    "next_refuse": "Ông/bà không nhận tin nhắc nữa.",
    "next_opt_out": "Từ bây giờ không còn tin nào gửi đến số này, ngoài một tin xác nhận (nếu có).",
    "next_opt_out_drive": "Từ bây giờ không còn tin nào về việc này gửi đến số này; tin về việc khác thì vẫn gửi.",
    "next_wrong_number": "Số này được bỏ khỏi danh sách nhắn tin.",
    "steps": "Muốn tự làm, xin theo từng bước",
    "ask": "Cần hỏi thêm, xin ông/bà gặp {contact}.",
    "call": "Gọi {phone}",
    "about": "Ai gửi tin này? Dùng thông tin gì? Từ chối thế nào?",
    "about_title": "Về tin nhắn này",
    "about_who": "Ai gửi?",
    "about_who_text": "{issuer} gửi tin nhắn có liên kết này.",
    "about_why": "Vì sao?",
    "about_data": "Dùng thông tin gì?",
    "about_data_text": "Họ tên, năm sinh, giới tính, số điện thoại, thôn và xã, ngôn ngữ, việc có điện thoại thông minh hay không, nội dung riêng trong tin như giờ hẹn, nếu danh sách của {organisation} có ghi; việc đã mở trang này, các nút đã bấm và câu trả lời.",
    "about_use": "Những thông tin này chỉ dùng để nhắn tin cho chiến dịch này và các đợt sau cùng loại, tổng hợp kết quả, giúp người cần giúp và không nhắn lại người đã trả lời.",
    "about_object": "Từ chối, xem lại hoặc xóa thông tin",
    "about_object_text": "Bấm nút dưới đây: từ lúc đó không còn tin nào gửi đến số này.",
    "about_object_reply": "Trả lời tin nhắn bằng chữ TC cũng được như vậy.",
    "about_rights": "Muốn xem, sửa hoặc xóa thông tin của mình, xin gặp {contact}. Yêu cầu được trả lời trong 2 ngày làm việc.",
    "about_back": "Quay lại trang trả lời",
    "issuer_contact": "tổ chức gửi tin này",
    "said_installed": "Đã làm xong",
    "said_not_yet": "Chưa",
    "said_no_smartphone": "Không có điện thoại thông minh",
    "said_need_help": "Cần người giúp",
    "said_refuse": "Không đồng ý",
    "said_opt_out": "Không nhận tin nào nữa",
    "said_opt_out_drive": "Không nhận tin về việc này nữa",
    "opt_out_drive_thanks": "Đã ghi nhận yêu cầu.",
    "said_wrong_number": "Nhầm số",
    # On the page of a warning of danger alone.
    "safety_question": "Ông/bà có an toàn không?",
    "safety_safe": "Tôi và gia đình an toàn",
    "safety_help": "Tôi cần giúp",
    "safety_other": "Người khác cần giúp",
    "safety_call": "Đang nguy hiểm: gọi 112",
    "safety_said_safe": "Đã ghi nhận: ông/bà và gia đình an toàn.",
    "safety_said_help": "Đã báo cho cán bộ trực: có người cần giúp.",
    "safety_settled": "Cán bộ đã ghi là giúp xong. Nếu vẫn cần giúp, xin bấm lại.",
    "safety_change": "Có thay đổi, xin bấm lại",
    "safety_detail": "Ghi thêm cho người đến giúp",
    "safety_optional": "Không bắt buộc, ghi được gì xin ghi nấy. Sửa được cho đến khi giúp xong.",
    "safety_people": "Bao nhiêu người?",
    "safety_needs": "Cần gì?",
    "safety_wounded": "Có người bị thương, ốm nặng",
    "safety_birth": "Có người sắp sinh",
    "safety_boat": "Thuyền, xuồng",
    "safety_isolated": "Bị cô lập, không ra được",
    "safety_medicine": "Thuốc",
    "safety_food": "Đồ ăn, nước uống",
    "safety_place": "Ở đâu? Xã, thôn, gần chỗ nào dễ thấy",
    "safety_position": "Gửi vị trí của tôi",
    "safety_why": "Vị trí chỉ lấy một lần khi ông/bà bấm, để người đi cứu tìm đến. Chỉ cán bộ lo việc này xem được; xóa sau {days} ngày kể từ khi hết đợt bão lũ.",
    "safety_asking": "Đang tìm vị trí…",
    "safety_refused": "Điện thoại không cho biết vị trí. Xin ghi nơi ở vào ô bên trên rồi bấm gửi.",
    "safety_located": "Đã có vị trí của ông/bà.",
    "safety_forget": "Xóa vị trí đã gửi",
    "safety_send": "Gửi cho cán bộ",
    "safety_saved": "Đã nhận. Cán bộ trực đang xem.",
}


# `asked`: what the suggested message asks for, with gaps to fill in; without it, the title. `health`: what residents answer is
# about their health, a mark of the kind and no text.
_TEXTS = ("title", "question", "issuer", "asked", "why", "contact")
_PARTS = {*_TEXTS, "phone", "app", "answers", "vocabulary", "page", "words", "own_answers", "health"}
# Fields of an acknowledgement SMS, and of the page's sentences and steps.
REPLY_FIELDS = frozenset({"name", "link", "time"})
PAGE_FIELDS = frozenset(
    {"said", "app", "installed", "contact", "phone", "issuer", "organisation", "domain", "days"}
)
APP = ("name", "page", "android", "ios", "button")
APP_BUTTON = "Cài đặt ứng dụng"


@dataclass(frozen=True, slots=True)
class AnswerWording:
    """One answer's button, thanks, acknowledgement SMS and steps to do next; "" for none."""

    button: str = ""
    thanks: str = ""
    reply: str = ""
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class App:
    """The app to install and the only addresses that may be linked to."""

    name: str
    page: str
    android: str = ""
    ios: str = ""
    button: str = APP_BUTTON

    def address_for(self, user_agent: str) -> str:
        """Return the address of the store for a user agent, else the official page."""
        agent = user_agent.lower()
        if self.android and "android" in agent:
            return self.android
        if self.ios and ("iphone" in agent or "ipad" in agent):
            return self.ios
        return self.page


@dataclass(frozen=True, slots=True)
class Content:
    """All texts of a campaign on the answer page and in replies, and the vocabulary of its replies."""

    title: str
    question: str
    issuer: str
    asked: str = ""
    why: str = ""
    contact: str = ""
    phone: str = ""  # to call, as displayed
    app: App | None = None
    answers: Mapping[Label, AnswerWording] = field(default_factory=dict)
    vocabulary: Asked = BLUEZONE
    page: Mapping[str, str] = field(default_factory=lambda: PAGE_WORDS)
    language: str = "vi"
    languages: tuple[str, ...] = ("vi",)  # into which the texts are translated
    vietnamese: frozenset[str] = frozenset()  # texts that a page in another language shows in Vietnamese
    words: KindWords = field(default_factory=KindWords)
    own_answers: tuple[OwnAnswer, ...] = ()  # to its question, in place of those by label

    def heard(self, translated: Sequence[OwnAnswer] = ()) -> Asked:
        """Return what a reply is read against: the campaign's own answers to its question, also as `translated`, else the menu's.

        Help is third in a menu where no answer before it says that one is unable; "4", as in older texts, asks for it as well.
        """
        if self.own_answers:
            words = {each.number: each.text for each in translated}
            answers = [
                replace(offered, words=(*offered.words, *words.get(offered.number, "").splitlines()))
                for offered in (each.offered for each in self.own_answers)
            ]
            if self.vocabulary is BLUEZONE:
                return read_question(self.question, answers)
            return replace(self.vocabulary, answers=tuple(answers), question=self.question, is_own=True)
        unable = self.answers.get(Label.NO_SMARTPHONE)
        if unable and unable.reply:
            return self.vocabulary
        return replace(self.vocabulary, answers=(*MENU[:2], replace(MENU[3], number=3), MENU[3]))

    @property
    def dialled(self) -> str:
        """Return the phone number as needed in a link."""
        return re.sub(r"[^0-9+]", "", self.phone)

    def wording(self, label: Label) -> AnswerWording:
        """Return the texts of an answer, empty if there are none."""
        return self.answers.get(label, AnswerWording())


@dataclass(frozen=True, slots=True)
class PageChoice:
    """Answer to the campaign's question that the page offers: the value that its button sends, and the button's text."""

    value: str
    text: str


def page_choices(content: Content) -> tuple[PageChoice, ...]:
    """Return the answers that a campaign's page offers to its question, in their order."""
    if content.own_answers:
        return tuple(PageChoice(own.value, own.text) for own in content.own_answers)
    texts = {label: content.wording(label).button for label, use in USES.items() if use.is_choice}
    texts[Label.NOT_YET] = texts[Label.NOT_YET] or content.page["remind"]
    return tuple(PageChoice(label.value, text) for label, text in texts.items() if text)


def render_reply(text: str, values: Mapping[str, str]) -> str:
    """Return a person's acknowledgement SMS; an old text with wrong fields as it is, with the time."""
    try:
        return Template.parse(text, allowed=REPLY_FIELDS).render(values)
    except BadTemplate:
        return text.replace("{time}", values.get("time", ""))


def merge(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return `base` overridden by `changes`, recursively table by table. False leaves out what is no mark."""
    merged = dict(base)
    for key, value in changes.items():
        current = merged.get(key)
        if value is False and not isinstance(current, bool | None):
            del merged[key]
        elif isinstance(current, Mapping) and isinstance(value, Mapping):
            merged[key] = merge(current, value)
        else:
            merged[key] = value
    return merged


def read_content(data: Mapping[str, Any], language: str | None = None) -> Content:
    """Read content in a language, else Vietnamese. Raises BadCampaign for a wrong part in any language."""
    languages = _table(data, "languages")
    if unknown := sorted(set(languages) - set(LANGUAGES)):
        raise BadCampaign("content_language_unknown", language=unknown[0], codes=list(LANGUAGES))
    plain = {key: value for key, value in data.items() if key != "languages"}
    vietnamese = content = _read(plain, "vi")
    for code in languages:
        translated = _read(merge(plain, _translation_of(plain, _table(languages, code))), code)
        if code == language:
            content = replace(translated, vietnamese=_texts_of(vietnamese))
    return replace(content, languages=("vi", *languages))


def _texts_of(content: Content) -> frozenset[str]:
    wordings = content.answers.values()
    return frozenset(
        {
            *(content.title, content.question, content.issuer, content.why, content.contact),
            *content.page.values(),
            content.app.button if content.app else "",
            *(text for wording in wordings for text in (wording.button, wording.thanks, *wording.steps)),
            *(text for own in content.own_answers for text in (own.text, own.thanks)),
        }
    )


def _translation_of(plain: Mapping[str, Any], language: Mapping[str, Any]) -> dict[str, Any]:
    """Return a language's texts without the empty ones, and without the app and the own answers that the campaign has not."""
    texts = _without_blank(language)
    own = plain.get("own_answers") or {}
    if isinstance(own, Mapping) and isinstance(translated := texts.get("own_answers"), Mapping):
        texts["own_answers"] = {number: each for number, each in translated.items() if own.get(number)}
    if not plain.get("app"):
        texts.pop("app", None)
    return texts


def _without_blank(table: Mapping[str, Any], depth: int = 3) -> dict[str, Any]:
    return {
        key: _without_blank(value, depth - 1) if isinstance(value, Mapping) and depth else value
        for key, value in table.items()
        if value not in ("", [])
    }


def _read(data: Mapping[str, Any], language: str) -> Content:
    if unknown := sorted(set(data) - _PARTS):
        raise BadCampaign("content_parts_unknown", parts=unknown)
    for name in ("title", "question", "issuer"):
        if not str(data.get(name, "")).strip():
            raise BadCampaign("content_part_missing", name=name)
    phone = str(data.get("phone", "")).strip()
    if phone and not re.fullmatch(r"\+?[0-9(][0-9 .()-]{1,22}", phone):
        raise BadCampaign("content_phone_wrong")
    page = _table(data, "page")
    if unknown := sorted(set(page) - set(PAGE_WORDS)):
        raise BadCampaign("content_page_unknown", names=unknown)
    texts: dict[str, Any] = {name: str(data.get(name, "")) for name in _TEXTS}
    return Content(
        **texts,
        phone=phone,
        app=_read_app(data["app"]) if data.get("app") else None,
        answers={_label(name): _read_wording(name, words) for name, words in _table(data, "answers").items()},
        vocabulary=_read_vocabulary(_table(data, "vocabulary")),
        page=PAGE_WORDS | {name: str(value) for name, value in page.items() if str(value).strip()},
        language=language,
        words=read_words(data),
        own_answers=read_own_answers(data),
    )


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = data.get(name, {})
    if not isinstance(value, Mapping):
        raise BadCampaign("content_part_not_table", name=name)
    return value


def _read_vocabulary(data: Mapping[str, Any]) -> Asked:
    if not data:
        return BLUEZONE
    parts = ("verbs", "done", "things", "other_things")
    if not data.get("verbs") or set(data) - set(parts):
        raise BadCampaign("content_vocabulary_wrong")
    verbs, done, things, other_things = (_words(data, part) for part in parts)
    return Asked(verbs, done, things, other_things, MENU)


def _words(vocabulary: Mapping[str, Any], name: str) -> tuple[str, ...]:
    words = vocabulary.get(name, [])
    if not isinstance(words, list):
        raise BadCampaign("content_words_wrong", name=name)
    return tuple(map(str, words))


def _label(name: str) -> Label:
    try:
        return Label(name)
    except ValueError:
        raise BadCampaign("label_unknown", name=name, labels=[label.value for label in Label]) from None


def _read_wording(name: str, words: Any) -> AnswerWording:
    if not isinstance(words, Mapping) or set(words) - {"button", "thanks", "reply", "steps"}:
        raise BadCampaign("content_answer_wrong", name=name)
    steps = words.get("steps", [])
    if not isinstance(steps, list):
        raise BadCampaign("content_steps_wrong", name=name)
    texts = {key: str(value) for key, value in words.items() if key != "steps"}
    return AnswerWording(**texts, steps=tuple(filter(None, (str(step).strip() for step in steps))))


def _read_app(data: Any) -> App:
    if not isinstance(data, Mapping) or not {"name", "page"} <= set(data) <= {*APP}:
        raise BadCampaign("content_app_wrong")
    for name in ("page", "android", "ios"):
        if data.get(name) and not _is_https(str(data[name])):
            raise BadCampaign("content_address_wrong", name=name)
    return App(**{key: str(value) for key, value in data.items() if value or key in ("name", "page")})


def _is_https(address: str) -> bool:
    try:
        parts = urlsplit(address)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname)
