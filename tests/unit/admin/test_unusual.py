"""What of a campaign's form is set to something else than usual, and so stands open."""

from admin.views.campaign_fields import USUAL, fill_form, find_unusual
from campaigns.planning.kinds import load_kinds
from tests.support.tables import cases

KINDS = load_kinds()


def form_with(**values):
    form = fill_form({**USUAL, "kind": "bluezone", "content": {"issuer": "Hội Phụ nữ"}}, kinds=KINDS)
    for name, value in values.items():
        form.setlist(name.replace("__", "."), value if isinstance(value, list) else [value])
    return form


@cases(
    ({}, "", []),
    ({"name": "Đợt 2", "lists": ["PN/Tổ 1"], "text": "Mời", "window_from": "", "starts_at": "2026-12-01T08:00"}, "", []),
    ({"areas": ["23227"], "except": ["PN/Tổ 2"]}, "whom", ["địa bàn", "trừ người trong danh sách"]),
    ({"answered": "no"}, "whom", ["điều kiện khác"]),
    ({"unaccented": ""}, "words", ["gửi có dấu"]),
    ({"text_b": "Khác", "hold_out": "10"}, "words", ["hai nội dung để so", "nhóm đối chứng"]),
    ({"step_text": [""]}, "words", ["nhắc lại"]),
    ({"texts__bahnar": "Klei"}, "words", ["ngôn ngữ khác"]),
    ({"c__question": "Đã cài chưa?"}, "words", ["câu hỏi, trang trả lời, lời đáp"]),
    ({"c__issuer": "Sở Y tế"}, "words", ["câu hỏi, trang trả lời, lời đáp"]),
    ({"c__issuer": "Tỉnh đoàn"}, "", []),
    ({"c__question": "Của loại cũ?", "content_of": "tiem-chung"}, "", []),
    ({"pace": "", "budget_vnd": "5.000.000"}, "when", ["tốc độ gửi", "ngân sách"]),
    ({"urgent": "1"}, "when", ["cảnh báo khẩn cấp"]),
    ({"goal_source": "Niên giám"}, "when", ["mục tiêu"]),
)  # fmt: skip
def test_only_what_is_unusual_is_named(values, card, named):
    found = find_unusual(form_with(**values), kinds=KINDS, issuers={"Hội Phụ nữ", "Tỉnh đoàn"})
    assert {key: names for key, names in found.items() if names} == ({card: named} if card else {})
