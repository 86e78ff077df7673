"""The answer page's own sentences in Vietnamese. Pure.

A campaign may change any of them (`content.page`), and so may each of its languages; what it leaves out stays
Vietnamese. `{…}` are filled in when the page is written.
"""

from __future__ import annotations

PAGE_WORDS = {
    "given": "Ông/bà đã trả lời: {said}",
    "recorded": "Đã ghi nhận. Cảm ơn ông/bà.",
    "undo": "Tôi bấm nhầm, xin chọn lại",
    "undo_stop": "Tôi bấm nhầm, tôi vẫn nhận tin",
    "left_alone": "Số điện thoại này không nhận tin nữa, theo yêu cầu trước đây của ông/bà.",
    "store": "Nút này mở trang tải chính thức của {app}.",
    "come_back": "Cài xong, xin ông/bà quay lại đây và bấm “{installed}”.",
    "again": "Nếu có thay đổi, xin chọn lại",
    "next": "Tiếp theo",
    "next_installed": "Ông/bà không phải làm gì thêm và không nhận tin nhắc nữa.",
    "next_not_yet": "Chúng tôi không nhắc lại nữa. Khi nào xong, xin mở lại trang này và bấm “{installed}”.",
    "next_need_help": "Cán bộ gọi điện hoặc đến gặp ông/bà. Ông/bà không cần gửi lại yêu cầu.",
    "next_no_smartphone": "Ông/bà không nhận tin nhắc nữa.",
    "next_refuse": "Ông/bà không nhận tin nhắc nữa.",
    "next_opt_out": "Từ bây giờ không còn tin nào gửi đến số này, ngoài một tin xác nhận (nếu có).",
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
    "about_data_text": "Họ tên, năm sinh, giới tính, số điện thoại, thôn và xã, ngôn ngữ, việc có điện thoại thông minh hay không, nếu danh sách của {organisation} có ghi; việc đã mở trang này, các nút đã bấm và câu trả lời.",
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
    "said_opt_out": "Không nhận tin nữa",
    "said_wrong_number": "Nhầm số",
}
