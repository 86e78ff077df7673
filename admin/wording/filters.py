"""Template filters: labels of all enumerated values, and numbers in the form of the page's language.

What a message's status means, what an officer can do and whether it is charged has its one source here: pages show it beside the
status, and a test compares the guide's table with it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from flask import Flask, g, has_app_context
from flask_babel import format_decimal, get_locale
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from admin.wording.errors import show_error, show_stored_error
from campaigns.analytics.open_tasks import FirstStep
from campaigns.cases.conversation import Event
from campaigns.models.campaigns import TemplateState
from campaigns.models.figures import ReportChannel
from campaigns.models.privacy import RequestKind
from campaigns.models.replies import AnswerPlace
from campaigns.planning.kinds import KindFacts, facts_of, load_kinds, made_kinds
from campaigns.rules.activities import ActivityKind
from campaigns.rules.cases import CaseKind, CaseOutcome
from campaigns.rules.checks import Check, Level
from campaigns.rules.control_phones import ControlLook
from campaigns.rules.goals import GoalScope
from campaigns.rules.kind_words import KindWords, read_words
from campaigns.rules.own_answers import OPT_OUT_OF_DRIVE
from campaigns.rules.privacy import Childhood
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.document import SMALLEST_SHARE
from campaigns.rules.reports.document import percent as percent_in_vietnamese
from campaigns.rules.safety import CryState, Need
from campaigns.rules.sending_hours import VIETNAM
from campaigns.rules.states import CampaignState, Exclusion, MessageState, SkipReason
from campaigns.rules.visits import VisitFate, VisitOutcome, VisitReason
from campaigns.rules.webhooks import EventKind
from outreach.accounts.security_events import SecurityEvent
from outreach.contacts.contact import Closing
from outreach.imports.issues import IssueStatus, WaitingRows
from outreach.models.accounts import NoticeKind, OrganisationKind, Right, Role
from outreach.models.contacts import LegalBasis, UploadState
from outreach.models.office import GatewayState
from outreach.rules.gateway import Cause, Proof
from outreach.rules.identity import Likeness, mask_number
from outreach.rules.kept_values import PREFIX, Unfit
from outreach.rules.list_columns import PHONE, SENSITIVE, Column
from outreach.rules.phone_numbers import Operator, PhoneStatus
from outreach.rules.quiet_days import Period

# Labels by family, as templates name it, and value.
_DAY_NAMES = (
    _l("Thứ Hai"),
    _l("Thứ Ba"),
    _l("Thứ Tư"),
    _l("Thứ Năm"),
    _l("Thứ Sáu"),
    _l("Thứ Bảy"),
    _l("Chủ nhật"),
)

FAMILIES: dict[str, dict[Any, Any]] = {
    "notice": {
        NoticeKind.APPROVAL: _l("Chiến dịch chờ duyệt"),
        NoticeKind.RETURNED: _l("Chiến dịch bị trả lại"),
        NoticeKind.COMMENT: _l("Góp ý về chiến dịch chờ trả lời"),
        NoticeKind.READY: _l("Danh sách đã đọc xong, chờ xem lại và nhập"),
        NoticeKind.FAILED: _l("Tệp danh sách không đọc được"),
        NoticeKind.CASES: _l("Việc đã nhận hơn một ngày chưa xong"),
        NoticeKind.REPORT: _l("Báo cáo ngày chờ phê duyệt"),
        NoticeKind.FIRST: _l("Các bước của chiến dịch đầu tiên, ở trang chủ"),
    },
    "first_step": {
        FirstStep.LIST: _l("Nhập danh sách người nhận"),
        FirstStep.TEXT: _l("Soạn chiến dịch"),
        FirstStep.TEST: _l("Gửi tin thử đến điện thoại của mình"),
        FirstStep.SUBMITTED: _l("Trình phê duyệt"),
        FirstStep.APPROVED: _l("Được duyệt"),
        FirstStep.SENT: _l("Bấm gửi"),
        FirstStep.ANSWERED: _l("Xử lý câu trả lời đầu tiên"),
        FirstStep.REPORT: _l("Tải kết quả gửi hoặc báo cáo ngày"),
    },
    "first_step_help": {
        FirstStep.LIST: _l(
            "Tải lên tệp Excel hoặc CSV của một tổ chức; hệ thống kiểm tra từng số trước khi lưu."
        ),
        FirstStep.TEXT: _l("Viết tin, chọn người nhận, xem trước trên điện thoại, biết trước chi phí."),
        FirstStep.TEST: _l(
            "Ở trang chiến dịch, dưới “Tin trên máy người nhận”: bấm Gửi thử để đọc tin như người dân đọc."
        ),
        FirstStep.SUBMITTED: _l("Ở chiến dịch, mục Duyệt: bấm Trình phê duyệt."),
        FirstStep.APPROVED: _l("Người khác đọc và duyệt; bị trả lại thì sửa rồi trình lần nữa."),
        FirstStep.SENT: _l("Duyệt xong, mở chiến dịch và bấm gửi; theo dõi ngay trên trang đó."),
        FirstStep.ANSWERED: _l("Ở Hộp thư trả lời: phân loại, nhắn trả lời hoặc ghi kết quả."),
        FirstStep.REPORT: _l("Ở Báo cáo ngày, hoặc ở kết quả gửi của chiến dịch."),
    },
    "check": {
        Check.VERSIONS: _l("Phiên bản các phần mềm"),
        Check.ENCODING: _l("Bảng mã của cơ sở dữ liệu"),
        Check.DATABASE: _l("Đọc, ghi cơ sở dữ liệu"),
        Check.CONNECTIONS: _l("Kết nối đến cơ sở dữ liệu"),
        Check.QUEUE: _l("Hàng đợi (Redis)"),
        Check.WORKERS: _l("Tiến trình xử lý (worker)"),
        Check.JOBS: _l("Công việc nền"),
        Check.CLOCK: _l("Đồng hồ máy chủ"),
        Check.KEYS: _l("Khóa bí mật"),
        Check.GATEWAY: _l("Đăng nhập nhà cung cấp tin nhắn"),
        Check.CERTIFICATE: _l("Chứng thư của trang web"),
        Check.CALLBACKS: _l("Báo kết quả gửi tin từ ngoài vào"),
        Check.MAIL: _l("Máy chủ thư"),
        Check.DUTY: _l("Người trực được báo"),
        Check.DISK: _l("Ổ đĩa"),
        Check.BACKUPS: _l("Sao lưu"),
        Check.EXCHANGE: _l("Trao đổi lời từ chối"),
    },
    "check_level": {Level.OK: _l("Đạt"), Level.WARNING: _l("Cần chú ý"), Level.FAULT: _l("Lỗi")},
    "security": {
        SecurityEvent.LOGIN_REFUSED: _l("Sai mật khẩu hoặc tài khoản"),
        SecurityEvent.CODE_REFUSED: _l("Sai mã xác thực"),
        SecurityEvent.LOGIN_BRAKED: _l("Đăng nhập quá nhiều lần"),
        SecurityEvent.FORBIDDEN: _l("Mở trang không được phép"),
        SecurityEvent.API_REFUSED: _l("API bị từ chối"),
        SecurityEvent.WEBHOOK_REFUSED: _l("Thông báo sai chữ ký"),
        SecurityEvent.LINKS_GUESSED: _l("Dò liên kết cá nhân"),
        SecurityEvent.NUMBERS_QUOTA: _l("Xem số điện thoại quá nhiều lần"),
    },
    "operator": {
        Operator.VIETTEL: "Viettel",
        Operator.MOBIFONE: "MobiFone",
        Operator.VINAPHONE: "VinaPhone",
        Operator.VIETNAMOBILE: "Vietnamobile",
        Operator.GMOBILE: "Gmobile",
        Operator.ITEL: "Itel",
        Operator.WINTEL: "Wintel",
        Operator.OTHER: _l("nhà mạng khác"),
    },
    "gateway_state": {
        GatewayState.TESTING: _l("Đang thử"),
        GatewayState.ACTIVE: _l("Đang hoạt động"),
        GatewayState.DRAINING: _l("Ngừng giao tin"),
        GatewayState.CLOSED: _l("Đã đóng"),
    },
    "control_look": {
        ControlLook.CLEAR: _l("Đúng và đủ"),
        ControlLook.GARBLED: _l("Sai chữ, sai dấu"),
        ControlLook.CUT: _l("Thiếu chữ, bị chia"),
        ControlLook.SENDER: _l("Sai tên người gửi"),
    },
    "template_state": {
        TemplateState.ASKED: _l("Đã đề nghị"),
        TemplateState.ACCEPTED: _l("Đã duyệt"),
        TemplateState.REFUSED: _l("Bị từ chối"),
    },
    "gateway_proof": {
        Proof.HANDSET: _l("Máy nhận xác nhận"),
        Proof.OPERATOR: _l("Nhà mạng báo, chưa chắc từ máy nhận"),
        Proof.NOTHING: _l("Không có báo cáo đáng tin"),
    },
    "case": {
        CaseKind.HELP: _l("Cần giúp"),
        CaseKind.QUESTION: _l("Câu hỏi"),
        CaseKind.OPT_OUT: _l("Từ chối cần kiểm tra"),
        CaseKind.UNCLEAR: _l("Chưa rõ ý"),
        CaseKind.UNMATCHED: _l("Chưa rõ người gửi"),
    },
    "outcome": {
        CaseOutcome.CALLED: _l("Đã gọi điện"),
        CaseOutcome.VISITED: _l("Đã đến tận nơi"),
        CaseOutcome.MESSAGED: _l("Đã trả lời bằng tin nhắn"),
        CaseOutcome.SOLVED: _l("Người dân đã tự làm được"),
        CaseOutcome.UNREACHED: _l("Không liên lạc được"),
        CaseOutcome.CLASSIFIED: _l("Đã phân loại"),
        CaseOutcome.WITHDRAWN: _l("Người dân rút lại"),
    },
    "timeline": {
        Event.SENT: _l("Đã gửi tin"),
        Event.WAITING: _l("Tin trả lời chờ gửi"),
        Event.REPORT: _l("Báo kết quả gửi"),
        Event.SAID: _l("Trả lời"),
        Event.OPENED: _l("Trang trả lời được mở"),
        Event.PRESSED: _l("Bấm nút cài đặt"),
        Event.MASKED: _l("Tin và câu trả lời về sức khỏe, đã che"),
        Event.VISIT: _l("Cán bộ đến nhà"),
        Event.ASKED: _l("Yêu cầu về dữ liệu"),
        Event.RESPONDED: _l("Đã phản hồi yêu cầu"),
        Event.FINISHED: _l("Đã trả lời yêu cầu"),
        Event.CONSENT: _l("Đồng ý nhận tin"),
        Event.CONSENT_WITHDRAWN: _l("Rút lại sự đồng ý"),
        Event.SUPPRESSED: _l("Ngừng gửi tin đến số"),
        Event.LIFTED: _l("Bỏ chặn số"),
        Event.OPTED_OUT: _l("Từ chối nhận tin"),
        Event.ASKED_AGAIN: _l("Nhận tin trở lại"),
        Event.REMOVED: _l("Gỡ số"),
        Event.RESTORED: _l("Lấy lại số"),
        Event.IMPORTED: _l("Nhập vào danh sách"),
        Event.IMPORTED_AGAIN: _l("Có trong tệp nhập lại"),
        Event.MERGED: _l("Gộp với"),
    },
    "place": {
        AnswerPlace.HOME: _l("tại nhà"),
        AnswerPlace.PHONE: _l("qua điện thoại"),
        AnswerPlace.MEETING: _l("tại cuộc họp"),
        AnswerPlace.ROSTER: _l("theo danh sách cơ quan"),
    },
    "request": {
        RequestKind.EXPORT: _l("Xem dữ liệu về mình"),
        RequestKind.CORRECT: _l("Sửa dữ liệu"),
        RequestKind.OBJECT: _l("Phản đối việc xử lý dữ liệu"),
        RequestKind.ERASE: _l("Xóa dữ liệu"),
        RequestKind.WITHDRAW: _l("Rút lại sự đồng ý"),
        RequestKind.RESTRICT: _l("Hạn chế xử lý dữ liệu"),
    },
    "childhood": {Childhood.CHILD: _l("trẻ em"), Childhood.PERHAPS: _l("có thể là trẻ em")},
    "channel": {
        ReportChannel.FORM: _l("cán bộ nhập"),
        ReportChannel.LINK: _l("qua liên kết"),
        ReportChannel.FILE: _l("từ tệp"),
        ReportChannel.ROSTER: _l("từ danh sách"),
    },
    "upload": {
        UploadState.CHECKING: _l("Đang kiểm tra"),
        UploadState.READY: _l("Chờ xác nhận"),
        UploadState.STORING: _l("Đang lưu"),
        UploadState.UNDOING: _l("Đang gỡ"),
        UploadState.DONE: _l("Đã nhập xong"),
        UploadState.FAILED: _l("Không nhập được"),
        UploadState.CANCELLED: _l("Đã hủy"),
    },
    "column": {
        "": _l("không dùng"),
        SENSITIVE: _l("Dân tộc, tôn giáo: không đọc, không lưu"),
        PHONE: _l("Số điện thoại"),
        Column.STT: _l("Số thứ tự"),
        Column.FAMILY_NAME: _l("Họ và tên đệm"),
        Column.MIDDLE_NAME: _l("Tên đệm"),
        Column.NAME: _l("Họ tên"),
        Column.BIRTH: _l("Năm sinh"),
        Column.BIRTH_OF_MEN: _l("Năm sinh (nam)"),
        Column.BIRTH_OF_WOMEN: _l("Năm sinh (nữ)"),
        Column.SEX: _l("Giới tính"),
        Column.VILLAGE: _l("Thôn, tổ dân phố"),
        Column.COMMUNE: _l("Xã, phường"),
        Column.DISTRICT: _l("Huyện, thành phố"),
        Column.UNIT: _l("Chi hội, đơn vị"),
        Column.NOTE: _l("Ghi chú"),
        Column.SMARTPHONE: _l("Có điện thoại thông minh"),
        Column.LANGUAGE: _l("Ngôn ngữ"),
        Column.CORRECTS: _l("Mã dòng của tệp cần sửa"),
        PREFIX: _l("Dùng để điền vào tin nhắn, đặt tên là"),
    },
    "unfit": {
        Unfit.LONG: _l("dài quá 60 ký tự"),
        Unfit.LINK: _l("có liên kết hoặc địa chỉ thư điện tử"),
        Unfit.PHONE: _l("có số điện thoại hoặc dãy số dài"),
        Unfit.ORDER: _l("bảo người nhận trả tiền, gửi mã, gọi hoặc tải gì đó"),
        Unfit.SIGNS: _l("có ký tự không dùng được trong tin nhắn"),
    },
    "row": {
        PhoneStatus.OK: _l("Hợp lệ"),
        PhoneStatus.REVIEW: _l("Chờ quyết định"),
        PhoneStatus.REJECT: _l("Không hợp lệ"),
        IssueStatus.QUESTION: _l("Cần hỏi thêm"),
    },
    "row_reason": {
        "missing": _l("không có số điện thoại"),
        "no_phone_stated": _l("danh sách ghi là không có điện thoại"),
        "placeholder": _l("số điền cho có, không phải số thật"),
        "ditto": _l("ghi “như trên”"),
        "spreadsheet_error": _l("ô báo lỗi của bảng tính"),
        "date_like": _l("ô bị bảng tính đổi thành ngày tháng"),
        "lossy_scientific": _l("ô bị bảng tính đổi dạng và mất chữ số"),
        "id_number": _l("số CMND/CCCD, không phải số điện thoại"),
        "service_number": _l("số dịch vụ, không phải thuê bao"),
        "foreign_number": _l("số nước ngoài"),
        "landline": _l("số điện thoại bàn"),
        "invalid_prefix": _l("đầu số không tồn tại"),
        "too_short": _l("thiếu chữ số, có thể số bị tách sang ô khác"),
        "too_long": _l("thừa chữ số"),
        "no_valid_number": _l("không đọc được số nào đúng"),
        "letter_substitution": _l("có chữ cái lẫn trong số"),
        "second_number_too_short": _l("số thứ hai thiếu chữ số"),
        "concatenated_numbers": _l("hai số viết liền nhau"),
        "unparsed_remainder": _l("còn phần chưa đọc được trong ô"),
        "two_people": _l("một dòng ghi nhiều người"),
        "changed_name": _l("số này đã có một người tên gần giống"),
        "was_erased": _l("người này đã yêu cầu xóa dữ liệu"),
        "other_commune": _l("xã, phường khác với danh bạ"),
        "birth_unclear": _l("chưa rõ là năm sinh hay tuổi"),
    },
    "suppression": {
        Closing.OPT_OUT: _l("Người dân từ chối nhận tin"),
        Closing.WRONG_NUMBER: _l("Nhầm số"),
        Closing.DO_NOT_CALL: _l("Danh sách không quảng cáo (DoNotCall)"),
    },
    "source": {
        "sms": _l("tin nhắn"),
        "page": _l("trang trả lời"),
        "officer": _l("cán bộ ghi"),
        "roster": _l("danh sách cơ quan"),
        "gateway": _l("nhà cung cấp tin nhắn"),
        "register": _l("danh sách quốc gia"),
        "door": _l("nói khi cán bộ đến nhà"),
        "request": _l("yêu cầu về dữ liệu cá nhân"),
        "consent": _l("văn bản đồng ý"),
        "import": _l("danh sách nhập"),
        "exchange": _l("đã nói với cơ quan khác"),
    },
    "sex": {"m": _l("Nam"), "f": _l("Nữ"), "male": _l("Nam"), "female": _l("Nữ")},
    "basis": {
        LegalBasis.CONSENT: _l("Người dân đã đồng ý"),
        LegalBasis.MEMBERSHIP: _l("Hội viên, đoàn viên của tổ chức"),
        LegalBasis.DUTY: _l("Nhiệm vụ được giao, có văn bản"),
        LegalBasis.NONE: _l("Không được nhắn tin"),
    },
    "publicity": {
        ActivityKind.RADIO: _l("Phát thanh"),
        ActivityKind.TELEVISION: _l("Truyền hình"),
        ActivityKind.NEWSPAPER: _l("Báo viết"),
        ActivityKind.PORTAL: _l("Cổng thông tin, trang mạng"),
        ActivityKind.LOUDSPEAKER: _l("Loa truyền thanh"),
        ActivityKind.MEETING: _l("Họp thôn, tổ dân phố"),
        ActivityKind.VISITS: _l("Đến từng nhà"),
        ActivityKind.OPERATORS: _l("Nhà mạng nhắn tin tới mọi thuê bao"),
    },
    "why_visit": {
        VisitReason.NO_PHONE: _l("Chưa có số điện thoại"),
        VisitReason.FAILED: _l("Tin không đến được"),
        VisitReason.NO_ANSWER: _l("Cần hỏi tại nhà"),
        VisitReason.CHECK: _l("Cần hỏi tại nhà"),
    },
    "found": {
        VisitOutcome.INSTALLED: _l("Đã thực hiện"),
        VisitOutcome.NOT_YET: _l("Chưa thực hiện"),
        VisitOutcome.NO_SMARTPHONE: _l("Không có điện thoại thông minh"),
        VisitOutcome.NEED_HELP: _l("Cần giúp"),
        VisitOutcome.REFUSE: _l("Không đồng ý"),
        VisitOutcome.OPT_OUT: _l("Không nhận tin nữa"),
        VisitOutcome.ABSENT: _l("Không gặp"),
        VisitOutcome.CALL: _l("Muốn được gọi lại"),
    },
    "fate": {
        VisitFate.REPLACED: _l("Kết quả này thay kết quả của cán bộ khác."),
        VisitFate.OPTED_OUT: _l(
            "Người này đã từ chối nhận tin. Xin đừng đến nữa. Ghi nhầm thì nhờ cán bộ xã sửa."
        ),
        VisitFate.ANSWERED: _l("Người này đã tự trả lời sau đó. Câu trả lời của họ được giữ."),
        VisitFate.VISITED: _l("Cán bộ khác đã ghi kết quả. Kết quả ấy được giữ."),
        VisitFate.GONE: _l("Dữ liệu của người này đã xóa hoặc họ phản đối. Không ghi gì."),
        VisitFate.UNKNOWN: _l("Phiếu này không giao cho đồng chí. Không ghi gì."),
    },
    "right": {
        Right.CONTACTS_WRITE: _l("gửi danh sách người vào"),
        Right.CAMPAIGNS_READ: _l("đọc chiến dịch"),
        Right.FIGURES_READ: _l("đọc số liệu"),
        Right.CAMPAIGNS_WRITE: _l("soạn chiến dịch và trình phê duyệt"),
        Right.REPLIES_READ: _l("đọc câu trả lời và từ chối nhận tin"),
        Right.REPLIES_WRITE: _l("gửi câu trả lời và từ chối nhận tin vào"),
        Right.WEBHOOKS_WRITE: _l("đăng ký nhận thông báo tự động"),
        Right.MESSAGES_SEND: _l("gửi cho từng người trong chiến dịch đã duyệt"),
    },
    "event": {
        EventKind.ANSWER_RECORDED: _l("có câu trả lời"),
        EventKind.INSTALL_REPORTED: _l("có người báo đã xong"),
        EventKind.INSTALL_WITHDRAWN: _l("báo đã xong được rút lại"),
        EventKind.OPT_OUT: _l("có người từ chối nhận tin"),
        EventKind.CAMPAIGN_STATE: _l("chiến dịch đổi trạng thái"),
        EventKind.MESSAGE_FINAL: _l("kết quả gửi tin, gộp từng lượt"),
        EventKind.PING: _l("tin thử"),
    },
    "state": {
        CampaignState.DRAFT: _l("Bản nháp"),
        CampaignState.SUBMITTED: _l("Chờ duyệt"),
        CampaignState.APPROVED: _l("Đã duyệt"),
        CampaignState.SCHEDULED: _l("Đã hẹn giờ"),
        CampaignState.SENDING: _l("Đang gửi"),
        CampaignState.PAUSED: _l("Tạm dừng"),
        CampaignState.COMPLETED: _l("Đã gửi xong"),
        CampaignState.CANCELLED: _l("Đã hủy"),
    },
    "message": {
        MessageState.QUEUED: _l("Chờ gửi"),
        MessageState.SENDING: _l("Đang gửi"),
        MessageState.ACCEPTED: _l("Nhà cung cấp tin nhắn đã nhận"),
        MessageState.SENT: _l("Đã chuyển nhà mạng"),
        MessageState.DELIVERED: _l("Nhà mạng báo đã đến máy"),
        MessageState.UNDELIVERED: _l("Không đến máy"),
        MessageState.FAILED: _l("Bị từ chối"),
        MessageState.UNKNOWN: _l("Đang xác minh"),
        MessageState.SKIPPED: _l("Bỏ qua"),
        MessageState.CANCELLED: _l("Đã hủy"),
        MessageState.NO_REPORT: _l("Không có báo cáo"),
    },
    "answer": {
        Label.INSTALLED: _l("Đã thực hiện"),
        Label.NOT_YET: _l("Chưa thực hiện"),
        Label.NO_SMARTPHONE: _l("Không có điện thoại thông minh"),
        Label.NEED_HELP: _l("Cần giúp"),
        Label.REFUSE: _l("Không đồng ý"),
        Label.OPT_OUT: _l("Không nhận tin nữa"),
        Label.WRONG_NUMBER: _l("Nhầm số"),
        Label.QUESTION: _l("Câu hỏi"),
        Label.UNCLEAR: _l("Chưa rõ"),
        OPT_OUT_OF_DRIVE: _l("Không nhận tin về việc này nữa"),
    },
    "excluded": {
        Exclusion.NO_PHONE: _l("Không có số điện thoại"),
        Exclusion.OPTED_OUT: _l("Đã từ chối nhận tin"),
        Exclusion.WRONG_NUMBER: _l("Số báo nhầm"),
        Exclusion.DO_NOT_CALL: _l("Trong danh sách không quảng cáo (DoNotCall)"),
        Exclusion.NO_BASIS: _l("Chỉ có trong danh sách không được nhắn tin"),
        Exclusion.EXCEPTED: _l("Có trong danh sách được trừ"),
        Exclusion.NOT_ALSO_IN: _l("Không có trong mọi danh sách phải có"),
        Exclusion.OUTSIDE_AREA: _l("Ngoài địa bàn"),
        Exclusion.OTHER_LANGUAGE: _l("Dùng ngôn ngữ khác"),
        Exclusion.SMARTPHONE: _l("Không đúng điều kiện về điện thoại thông minh"),
        Exclusion.ANSWERS: _l("Không đúng điều kiện về câu trả lời trước đây"),
        Exclusion.SHARED_PHONE: _l("Chung số với người khác đã có trong danh sách"),
        Exclusion.SAME_PERSON: _l("Đã gộp với một người khác cũng trong chiến dịch"),
    },
    "alike": {
        Likeness.NAME_AND_NUMBER: _l("cùng số điện thoại, tên giống nhau"),
        Likeness.NAME_AND_BIRTH: _l("tên giống nhau, cùng năm sinh"),
        Likeness.NUMBER_AND_BIRTH: _l("cùng số điện thoại, cùng năm sinh"),
    },
    "quiet": {"holidays": _l("nghỉ lễ, Tết")} | {f"weekday.{n}": name for n, name in enumerate(_DAY_NAMES)},
    "day_name": {str(n): name for n, name in enumerate(_DAY_NAMES)},
    "skip": {
        SkipReason.SUPPRESSED: _l("Đã từ chối nhận tin"),
        SkipReason.ANSWERED: _l("Đã trả lời"),
        SkipReason.UNREACHABLE: _l("Không liên lạc được"),
        SkipReason.DEADLINE: _l("Quá thời hạn"),
        SkipReason.HELD_OUT: _l("Giữ lại để đo tác dụng"),
        SkipReason.REPEATED: _l("Đã nhận tin cùng nội dung trong 24 giờ"),
        "joined_later": _l("Vào chiến dịch sau bước này"),
    },
    "cause": {
        Cause.BAD_NUMBER: _l("Số không tồn tại"),
        Cause.NOT_MOBILE: _l("Không phải số di động"),
        Cause.OPTED_OUT: _l("Đã từ chối tại nhà cung cấp tin nhắn"),
        Cause.UNREACHABLE: _l("Máy tắt hoặc ngoài vùng phủ sóng"),
        Cause.BLOCKED: _l("Nhà mạng chặn"),
        Cause.BAD_SENDER: _l("Tên người gửi chưa được phép"),
        Cause.BAD_TEXT: _l("Nội dung không được chấp nhận"),
        Cause.ACCOUNT: _l("Lỗi tài khoản dịch vụ tin nhắn"),
        Cause.EXPIRED: _l("Hết hạn chờ"),
        Cause.BUSY: _l("Nhà cung cấp tin nhắn hoặc nhà mạng quá tải"),
        Cause.SAMPLE_NUMBER: _l("Số mẫu, không gửi thật"),
        Cause.NO_ACCOUNT: _l("Số không có Zalo"),
        Cause.DECLINED: _l("Không nhận thông báo Zalo"),
        Cause.NOTICE_LIMIT: _l("Hết số thông báo Zalo trong ngày"),
        Cause.OTHER: _l("Nguyên nhân khác"),
    },
    "role": {
        Role.ADMINISTRATOR: _l("Quản trị"),
        Role.STAFF: _l("Cán bộ"),
        Role.APPROVER: _l("Người duyệt"),
        Role.LEADER: _l("Lãnh đạo"),
        Role.AUDITOR: _l("Kiểm tra"),
        Role.VILLAGE: _l("Cán bộ thôn"),
    },
    "kind": {
        OrganisationKind.FRONT: _l("Ủy ban Mặt trận"),
        OrganisationKind.MASS: _l("Tổ chức chính trị - xã hội"),
        OrganisationKind.AGENCY: _l("Cơ quan, đơn vị"),
    },
    "cry": {
        CryState.NEW: _l("Chưa ai nhận"),
        CryState.TAKEN: _l("Có cán bộ nhận"),
        CryState.ON_THE_WAY: _l("Đội đang đi"),
    },
    "need": {
        Need.WOUNDED: _l("bị thương, ốm nặng"),
        Need.BIRTH: _l("sắp sinh"),
        Need.BOAT: _l("thuyền, xuồng"),
        Need.ISOLATED: _l("bị cô lập"),
        Need.MEDICINE: _l("thuốc"),
        Need.FOOD: _l("đồ ăn, nước uống"),
    },
    "scope": {
        GoalScope.RESIDENTS: _l("người dân"),
        GoalScope.STAFF: _l("cán bộ, người lao động cơ quan"),
        GoalScope.MEMBERS: _l("đoàn viên, hội viên"),
        GoalScope.AUDIENCE: _l("người nhận tin của chiến dịch"),
    },
}
# In the order in which the form offers them.
MEANINGS = ("", PHONE, Column.NAME, PREFIX, *(each for each in Column if each is not Column.NAME))


@dataclass(frozen=True, slots=True)
class StatusWords:
    """Sentences about one status."""

    means: Any
    todo: Any
    charged: Any


_NOTHING = _l("Không phải làm gì.")
_CHARGED, _FREE = _l("Có tính cước."), _l("Không tính cước.")
STATUSES: dict[str, dict[Any, StatusWords]] = {
    "message": {
        MessageState.QUEUED: StatusWords(
            _l("Chưa đến lượt, chưa đến giờ được gửi, hoặc số này đã nhận đủ tin trong 24 giờ."),
            _l("Muốn giữ lại thì tạm dừng chiến dịch."),
            _l("Chưa tính cước."),
        ),
        MessageState.SENDING: StatusWords(
            _l("Đang giao tin cho nhà cung cấp, mất vài giây."), _NOTHING, _l("Chưa tính cước.")
        ),
        MessageState.ACCEPTED: StatusWords(
            _l("Nhà cung cấp đã nhận tin, chưa báo đến máy hay không."),
            _l("Chờ báo kết quả, thường trong vài phút."),
            _CHARGED,
        ),
        MessageState.SENT: StatusWords(
            _l("Nhà cung cấp đã chuyển tin cho nhà mạng, chưa báo đến máy hay không."),
            _l("Chờ báo kết quả; máy đang tắt thì nhà mạng gửi lại trong một, hai ngày."),
            _CHARGED,
        ),
        MessageState.DELIVERED: StatusWords(
            _l("Tin đã đến máy; chưa chắc người nhận đã đọc."),
            _l("Chờ trả lời; người chưa trả lời được nhắc ở lần sau."),
            _CHARGED,
        ),
        MessageState.UNDELIVERED: StatusWords(
            _l(
                "Nhà mạng không giao được tin: máy tắt lâu, ngoài vùng phủ sóng, số không còn dùng hoặc bị chặn."
            ),
            _l("Xem nguyên nhân; sửa số nếu sai, hoặc đưa vào phiếu đến nhà."),
            _l("Thường vẫn tính cước, tùy hợp đồng."),
        ),
        MessageState.FAILED: StatusWords(
            _l("Nhà cung cấp từ chối ngay, tin không đi."),
            _l("Xem nguyên nhân; sửa số nếu sai. Lỗi tài khoản hoặc tên người gửi thì báo người quản trị."),
            _FREE,
        ),
        MessageState.UNKNOWN: StatusWords(
            _l(
                "Mất liên lạc đúng lúc gửi, chưa biết tin đã đi hay chưa. Hệ thống đang tra, không gửi hai lần."
            ),
            _l("Chờ; nếu hệ thống hỏi thì quyết định ở trang chiến dịch."),
            _l("Tính cước nếu tin đã đi."),
        ),
        MessageState.SKIPPED: StatusWords(
            _l("Đến lượt thì có lý do không gửi, ghi ở mục Lý do bỏ qua."), _NOTHING, _FREE
        ),
        MessageState.CANCELLED: StatusWords(
            _l("Chiến dịch bị hủy trước khi tin này được gửi."),
            _l("Vẫn muốn gửi thì lập chiến dịch mới."),
            _FREE,
        ),
        MessageState.NO_REPORT: StatusWords(
            _l("Nhà cung cấp đã nhận tin nhưng quá ba ngày không báo kết quả."),
            _l("Người chưa trả lời được nhắc ở lần sau, hoặc đưa vào phiếu đến nhà."),
            _CHARGED,
        ),
    },
    "skip": {
        SkipReason.SUPPRESSED: StatusWords(
            _l("Số này đã từ chối nhận tin, hoặc báo nhầm số, sau khi chiến dịch bắt đầu."), _NOTHING, _FREE
        ),
        SkipReason.ANSWERED: StatusWords(
            _l("Người này đã trả lời hoặc đang chờ cán bộ, nên không bị nhắc nữa."), _NOTHING, _FREE
        ),
        SkipReason.UNREACHABLE: StatusWords(
            _l("Tin trước không đến được máy."), _l("Sửa số nếu sai, hoặc đưa vào phiếu đến nhà."), _FREE
        ),
        SkipReason.DEADLINE: StatusWords(
            _l("Chưa kịp gửi thì đã hết hạn của chiến dịch."),
            _l("Vẫn cần báo thì lập chiến dịch mới, hoặc đưa vào phiếu đến nhà."),
            _FREE,
        ),
        SkipReason.HELD_OUT: StatusWords(
            _l("Được chọn ngẫu nhiên vào nhóm đối chứng, để biết tin nhắn có tác dụng hay không."),
            _NOTHING,
            _FREE,
        ),
        SkipReason.REPEATED: StatusWords(
            _l("Số này vừa nhận tin cùng nội dung trong 24 giờ, từ chiến dịch này hoặc chiến dịch khác."),
            _NOTHING,
            _FREE,
        ),
    },
}


def explain(value: Any, family: str = "message") -> StatusWords:
    """Return the sentences about a message's state (`message`) or why it was not sent (`skip`)."""
    return STATUSES[family][value]


LABELS: dict[str, Any] = {
    f"{family}.{getattr(value, 'value', value)}": word
    for family, table in FAMILIES.items()
    for value, word in table.items()
} | {
    # Where the kind is known these two answers are named after its action.
    f"{family}.{label.value}.{kind}": word
    for kind, (done, not_done) in {
        "bluezone": (_l("Đã cài"), _l("Chưa cài")),
        "tiem-chung": (_l("Đã tiêm"), _l("Chưa tiêm")),
        "bao-lu": (_l("Đã xong"), _l("Chưa xong")),
        "giay-to": (_l("Đã làm giấy tờ"), _l("Chưa làm giấy tờ")),
        "khao-sat": (_l("Đã trả lời phiếu"), _l("Chưa trả lời phiếu")),
    }.items()
    for label, word in ((Label.INSTALLED, done), (Label.NOT_YET, not_done))
    for family in ("answer", "found")
}


def label_of(value: Any, family: str, kind: str = "") -> str:
    """Return the label of a value: `{{ campaign.state | label("state") }}`.

    In the words of a campaign kind if it has any.
    """
    key = f"{family}.{getattr(value, 'value', value)}"
    if kind and f"{key}.{kind}" not in LABELS and (kind in load_kinds() or _made_kind(kind)):
        if key == "found.not_yet" and (promise := kind_words(kind).promise):
            return promise
        if key in ("answer.installed", "found.installed"):
            return _("Đã %(done)s", done=kind_words(kind).done)
        if key in ("answer.not_yet", "found.not_yet"):
            return _("Chưa %(done)s", done=kind_words(kind).done)
    if key in ("answer.no_smartphone", "found.no_smartphone") and not (kind and kind_has_app(kind)):
        return kind_words(kind).unable or _("Không làm được")
    return str(LABELS.get(f"{key}.{kind}") or LABELS[key])


def made_kinds_read() -> dict[str, KindFacts]:
    """Return the kinds made in the office, read once a request; none outside of one."""
    if not has_app_context() or "kinds_of" not in g:
        return {}
    if "made_kinds" not in g:
        with g.kinds_of.read() as session:
            g.made_kinds = made_kinds(session)
    return g.made_kinds


def _made_kind(kind: str) -> KindFacts | None:
    return None if not kind or kind in load_kinds() else made_kinds_read().get(kind)


def kind_titles() -> dict[str, str]:
    """Return what every kind is called, by name."""
    every = {name: facts_of(content) for name, content in load_kinds().items()} | made_kinds_read()
    return {name: facts.title for name, facts in every.items()}


def kind_words(kind: str) -> KindWords:
    """Return the words of a kind, as `words_of` does where a session is at hand."""
    made = _made_kind(kind)
    return made.words if made else read_words(load_kinds().get(kind, {}))


def kind_has_app(kind: str) -> bool:
    """Return whether a kind is about an app. Assumed for an unknown kind."""
    made = _made_kind(kind)
    return made.has_app if made else bool(load_kinds().get(kind, {"app": True}).get("app"))


def has_outcome(kind: str, outcome: VisitOutcome) -> bool:
    """Return whether a visit in a campaign of a kind may end so: who cannot is told only where the kind asks for it."""
    return outcome is not VisitOutcome.NO_SMARTPHONE or kind_has_app(kind) or bool(kind_words(kind).unable)


def listed_values(values: Mapping[str, str]) -> str:
    """Return what lists say of a person, by the names of their fields: "giờ hẹn: 8h00"."""
    return " · ".join(f"{name}: {value}" for name, value in values.items())


def number(value: float | None) -> str:
    """Format a number: 540.438, a dash for None."""
    if isinstance(value, int):  # the usual case, and Babel is slow
        return f"{value:,}" if str(get_locale()) == "en" else f"{value:,}".replace(",", ".")
    return "–" if value is None else str(format_decimal(value))


def percent(share: float | None) -> str:
    """Format a share: 50,3% as in the report, a dash for None."""
    if share is None:
        return "–"
    text = percent_in_vietnamese(share)
    if str(get_locale()) == "vi":
        return text
    return "below 0.1%" if 0 < share < SMALLEST_SHARE else text.replace(",", ".")


def moment(value: datetime | None) -> str:
    """Format a moment in Vietnam's time: 08:05 15/8/2020."""
    if value is None:
        return "–"
    local = value.astimezone(VIETNAM)
    return f"{local:%H:%M} {local.day}/{local.month}/{local.year}"


def clock(value: datetime) -> str:
    """Format a time in Vietnam: 08:05."""
    return f"{value.astimezone(VIETNAM):%H:%M}"


def duration(span: timedelta) -> str:
    """Format a span, rounded down to its largest unit: 5 phút, 3 giờ, 2 ngày."""
    minutes = max(0, int(span.total_seconds() // 60))
    if minutes >= 2880:
        return _("%(n)s ngày", n=number(minutes // 1440))
    if minutes >= 60:
        return _("%(n)s giờ", n=number(minutes // 60))
    return _("%(n)s phút", n=minutes) if minutes else _("dưới 1 phút")


def day(iso: str | None) -> str:
    """Format an ISO date: 15/8/2020, "" for None."""
    return "/".join(part.lstrip("0") for part in reversed(iso.split("-"))) if iso else ""


def rows_waiting(waiting: Iterable[WaitingRows]) -> str:
    """Word how many rows of imports wait, each kind under its one name; "" for none."""
    imports = list(waiting)
    review, asked = sum(each.review for each in imports), sum(each.questions for each in imports)
    parts = (
        _("%(count)s dòng chờ quyết định", count=number(review)) if review else "",
        _("%(count)s dòng cần hỏi thêm", count=number(asked)) if asked else "",
    )
    return ", ".join(filter(None, parts))


def period(days: Period) -> str:
    """Word days without sending: ngày 10/2/2027 đến 16/2/2027 (nghỉ Tết)."""
    first, last = day(days.first.isoformat()), day(days.last.isoformat())
    text = _("ngày %(day)s", day=first) if first == last else _("ngày %(a)s đến %(b)s", a=first, b=last)
    return f"{text} ({quiet_reason(days.why)})" if days.why else text


def quiet_reason(why: str) -> str:
    """Word why nothing is sent on a day: a name from the settings, a weekday, a public holiday."""
    return str(LABELS.get(f"quiet.{why}", why)) or _("ngày không gửi")


def gateway_fault(fault: str) -> str:
    """Word a fault of the gateway, by its key in `campaigns.rules.delivery.fault_of`, and what to do about it."""
    if fault == "certificate":
        return _(
            "Chứng thư bảo mật của nhà cung cấp tin nhắn không hợp lệ nên không kết nối được. Hãy báo người quản trị kiểm tra địa "
            "chỉ nhà cung cấp tin nhắn, đồng hồ máy chủ và thời hạn chứng thư."
        )
    if fault == "connection":
        return _(
            "Không kết nối được tới nhà cung cấp tin nhắn. Hãy báo người quản trị kiểm tra đường mạng và địa chỉ nhà cung cấp tin nhắn."
        )
    status = fault.removeprefix("http_")
    if status == fault:
        return _(
            "Nhà cung cấp tin nhắn không trả lời, hoặc trả lời không đọc được. Hãy báo người quản trị hỏi nhà cung cấp tin nhắn."
        )
    if status.startswith("5"):
        return _(
            "Nhà cung cấp tin nhắn đang lỗi (HTTP %(status)s). Hãy báo người quản trị hỏi nhà cung cấp tin nhắn.",
            status=status,
        )
    return _(
        "Câu trả lời (HTTP %(status)s) không phải của nhà cung cấp tin nhắn: có thể một máy chủ trung gian chặn đường. Hãy báo người "
        "quản trị kiểm tra tường lửa, proxy và địa chỉ nhà cung cấp tin nhắn.",
        status=status,
    )


# What areas are called, for the catalogue; other kinds stay as they are written.
_UNIT_KINDS = (
    _l("huyện"),
    _l("thành phố"),
    _l("thị xã"),
    _l("quận"),
    _l("xã"),
    _l("phường"),
    _l("thị trấn"),
    _l("đặc khu"),
    _l("tỉnh"),
)


def name_of_level(kinds: str) -> str:
    """Return the name of a level of areas, from its kinds as `name_level` puts them: "Xã, phường, đặc khu"."""
    words = kinds.lower().split(", ")
    name = ", ".join(_(kind) for kind in words)
    return name[:1].upper() + name[1:]


def install_filters(app: Flask) -> None:
    """Register the template filters."""
    app.jinja_env.filters.update(
        label=label_of,
        explained=explain,
        level=name_of_level,
        number=number,
        percent=percent,
        moment=moment,
        clock=clock,
        duration=duration,
        day=day,
        period=period,
        rows_waiting=rows_waiting,
        quiet_reason=quiet_reason,
        gateway_fault=gateway_fault,
        mask_number=mask_number,
        stored_error=show_stored_error,
        problem=show_error,
        listed_values=listed_values,
    )
