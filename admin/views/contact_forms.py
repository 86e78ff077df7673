"""Forms of a person's page and of the directory."""

from __future__ import annotations

from flask_babel import lazy_gettext as _l

from admin.forms import ChoiceField, Form, RadioField, RowField, TextField, labelled
from campaigns.models.replies import HEARD, AnswerPlace
from outreach.contacts.contact import Closing
from outreach.rules.languages import NAMES as LANGUAGES

_NUMBER_EXAMPLE = "0905 000 123"


class CorrectForm(Form):
    name = TextField(_l("Họ tên"), maxlength=120, required=True, codes=("name_missing",))
    birth_year = TextField(_l("Năm sinh"), inputmode="numeric", maxlength=40, codes=("birth_year_wrong",))
    sex = ChoiceField(_l("Giới tính"), labelled(("m", "f"), "sex"), empty=_l("Chưa rõ"))
    village = TextField(_l("Thôn, tổ dân phố"), maxlength=120)
    area_code = ChoiceField(_l("Xã, phường"), name="area", empty=_l("Chưa rõ"), codes=("commune_unknown",))
    has_smartphone = ChoiceField(
        _l("Điện thoại thông minh"),
        [("yes", _l("Có")), ("no", _l("Không có"))],
        name="smartphone",
        coerce={"yes": True, "no": False}.get,
        empty=_l("Chưa biết"),
    )
    language = ChoiceField(
        _l("Ngôn ngữ"),
        list(LANGUAGES.items()),
        empty=_l("chưa ghi, dùng tiếng Việt"),
        codes=("language_unknown",),
    )


class SearchForm(Form):
    text = TextField(_l("Tên hoặc số điện thoại"), name="q", filters=[lambda text: text.strip()[:100]])


class AddNumberForm(Form):
    number = TextField(
        _l("Số điện thoại"),
        hint=_l("Tin được gửi đến số đầu tiên còn nhận tin."),
        inputmode="tel",
        required=True,
        maxlength=40,
        autocomplete="off",
        placeholder=_NUMBER_EXAMPLE,
        codes=("number_wrong", "number_known"),
    )


class NumberForm(Form):
    phone_id = RowField(name="phone")


class RemoveNumberForm(Form):
    ids, key_fields = "remove", ("phone_id",)

    phone_id = RowField(name="phone")
    right_number = TextField(
        _l("Số đúng"),
        hint=_l("Để trống nếu chỉ gỡ số này."),
        name="number",
        filters=[str.strip],
        inputmode="tel",
        maxlength=40,
        autocomplete="off",
        placeholder=_NUMBER_EXAMPLE,
        codes=("number_wrong", "number_known"),
    )
    note = TextField(
        _l("Căn cứ"),
        required=True,
        maxlength=300,
        placeholder=_l("Ví dụ: gõ nhầm khi lập danh sách"),
        codes=("unblock_note_missing",),
    )
    opted_out = RadioField(
        _l("Ai đã từ chối nhận tin ở số này?"),
        [
            ("person", _l("Người này đã từ chối nhận tin: các số khác của họ cũng ngừng nhận tin")),
            ("other", _l("Số này của người khác: người này chưa từ chối")),
        ],
        name="who",
        coerce=lambda text: text != "other",
        default="person",
    )


class SuppressForm(Form):
    ids, key_fields = "suppress", ("phone_id",)

    phone_id = RowField(name="phone")
    reason = ChoiceField(
        _l("Lý do"),
        labelled((Closing.OPT_OUT, Closing.WRONG_NUMBER), "suppression"),
        coerce=Closing,
    )
    note = TextField(
        _l("Căn cứ"),
        required=True,
        maxlength=300,
        placeholder=_l("Ví dụ: bà báo trực tiếp ngày 5/9"),
        codes=("unblock_note_missing",),
    )


class LiftForm(Form):
    ids, key_fields = "lift", ("phone_id", "reason")

    phone_id = RowField(name="phone")
    reason = ChoiceField(coerce=Closing, type="hidden")
    note = TextField(
        _l("Căn cứ"),
        required=True,
        maxlength=300,
        placeholder=_l("Ví dụ: ông gọi điện yêu cầu nhận tin lại"),
        codes=("unblock_note_missing",),
    )


class MergeForm(Form):
    other_id = RowField(name="other")


class DifferentForm(Form):
    other_id = RowField(name="other")


class UnmergeForm(Form):
    merge_id = RowField(name="merge")


class AnswerForm(Form):
    """What a resident said at the door, by phone or at a meeting."""

    ids, key_fields = "answer", ("campaign_id",)

    campaign_id = RowField(name="campaign")
    word = ChoiceField(
        _l("Người dân nói"),
        name="answer",
        empty=_l("Hãy chọn"),
        required=True,
        codes=("answer_not_chosen",),
    )
    place = ChoiceField(
        _l("Nghe ở đâu"), labelled(HEARD, "place"), coerce=AnswerPlace, empty=_l("Hãy chọn"), required=True
    )
    note = TextField(_l("Ghi chú (nếu cần)"), maxlength=300, autocomplete="off")
