"""Patterns over meanings that decide the label of a reply (data).

They say which meanings, in which order, make which label. The first rule that matches decides (docs/replies.md).

A rule is a regular expression whose letters are the meanings of `campaigns.rules.replies.vocabulary`, in the order in
which the reply has them; spaces do not count. `~` is any meaning but BREAK, so `~{0,2}` stays within a clause. Small
words (PART) and the speaker's own pronoun (SELF) are already left out. BREAK is a comma or a full stop,
MARK a question mark, NUMBER a number other than the menu's, X any other word. Each rule has a label, a confidence and
an example reply that it decides.
"""

from __future__ import annotations

from campaigns.rules.replies.labels import Label, Rule

# Expanded before a rule is compiled; a group may use those below it.
GROUPS = {
    "WELL": "(?!.*(NOTYET|NOKNOW|ERROR|UNABLE|NOT ~{0,3} (CAN|WORK)|WORK NOT))",
    "END": "(BREAK|$)",
    "ASKED": "(MARK|SO|TAGQ|BREAK|$)",
    "HALLO": "(ACK|YES|DA|BREAK|NUMWORD|X)",
    "MENU": "(ACK|YES|DA|BREAK|NUMWORD)",
    "INTENT": "(PLAN|SOON|BY)",
    "PAST": "(DID|JUST)",
    "SOON": "(LATER|TODAY)",
    "TAGQ": "(HUH|EH)",
    "STOP": "(KEYWORD|HALT)",
}
# Polite words before and after the message. A bare "ok rồi" is kept: it need not mean installed.
COURTESY = "^ ((ACK|YES|DA)* BREAK | YES | ACK (?=..))+ (?=.) | (?<=.) (BREAK|ACK|YES|ENOUGH)+ $"


# fmt: off
REFUSAL_AND_QUESTION_PATTERNS: tuple[Rule, ...] = (
    # refusal
    (Label.REFUSE, 0.80, "(WHAT|VERB WHAT) BUT VERB", "cài chi mà cài"),
    (Label.REFUSE, 0.80, "VERB WHAT NUMBER? VERB", "tải chi tải"),
    (Label.REFUSE, 0.85, "NEVER", "thôi khỏi cài đi"),
    (Label.REFUSE, 0.85, "REJECT", "từ chối cài đặt"),
    (Label.REFUSE, 0.85, "REFUSE", "nhất định không cài"),
    (Label.REFUSE, 0.90, "NOT WANT", "tôi thấy không cần"),
    (Label.REFUSE, 0.85, "NOT (USE|DUNG|THING|DO)", "không dùng app này"),
    (Label.REFUSE, 0.85, "DONT ~* VERB", "đừng bắt cài nữa"),
    (Label.REFUSE, 0.85, "DUNG VERB END", "dung cai nua"),
    (Label.QUESTION, 0.75, "VERB WHATFOR (MARK|SO|TAGQ)", "cài làm gì vậy"),
    (Label.REFUSE, 0.60, "VERB WHATFOR", "cài làm gì cho mệt"),
    (Label.REFUSE, 0.60, "WHAT FOR", "cài chi cho nặng máy"),
    (Label.OPT_OUT, 0.60, "ANNOY", "nhắn miết, thôi nghe"),
    (Label.NEED_HELP, 0.70, "^ X? VERB (FOR|FORKIN) $", "anh xuống cài cho em đi"),
    # 5. question
    (Label.QUESTION, 0.90, "SOURCE", "sao bạn biết số tôi"),
    (Label.QUESTION, 0.75, "^ WHY MSG", "sao lại nhắn cho tôi"),
    (Label.QUESTION, 0.90, "WHO", "ai gửi tin này vậy"),
    (Label.QUESTION, 0.90, "WHOIS", "bạn là ai sao biết tôi"),
    (Label.QUESTION, 0.90, "HOW HAVE (OWNER|NUMWORD)", "sao bạn có số của tôi"),
    (Label.QUESTION, 0.85, "(VERB|THING|LINK|DO|RISK|COST|NEED) ~* (HOW|WHAT|WHY|WHATFOR|DAU|TAGQ|MARK)",
     "cài có tác dụng gì"),
    (Label.QUESTION, 0.85, "(HOW|WHY|WHAT|WHATFOR) ~* (VERB|THING|LINK|DO)", "tại sao phải cài"),
    (Label.QUESTION, 0.75, "^ X? (WHAT|HOW|WHY|WHATFOR) ASKED", "cài chi rứa hè"),
    (Label.QUESTION, 0.75, "COST", "tốn bao nhiêu tiền"),
    (Label.QUESTION, 0.75, "LINK", "cho em đường link"),
    (Label.QUESTION, 0.75, "(HAVE|CAN) (RISK|WHAT)", "cài vô có lợi gì"),
    (Label.QUESTION, 0.60, "^ HAVE ~{0,2} (DEVICE|WHAT|KEEP|KNOW) ~{0,2} NOT ASKED", "có nóng máy không"),
    (Label.QUESTION, 0.75, "(NEED|WANT) X{1,2} NOT $", "cần mạng không"),
    (Label.QUESTION, 0.60, "(WORK|STORE|RISK) ~* (WHAT|TAGQ|MARK)", "vào trang nào"),
    (Label.QUESTION, 0.60, "VERB ~* OR ~", "cài cho cả nhà hay một người"),
    (Label.QUESTION, 0.60, "X OR X", "tin này thật hay giả"),
    (Label.QUESTION, 0.60, "WHAT ~* WORK", "gõ chữ gì để tìm"),
    (Label.QUESTION, 0.60, "^ (X|HAVE|TIN|NEED)* RISK (SO|NOT)* $", "tin này thật không"),
)


# fmt: off
ACTION_PATTERNS: tuple[Rule, ...] = (
    # 3.-5. does not work, cannot, does not know how; but not_yet where there is a plan
    (Label.INSTALLED, 0.85, "(?<![NOT NOTYET]) VERB CAN ALREADY (?!.*(NOT|NOKNOW|ERROR|HELP|REMOVED))", "cài được rồi"),
    (Label.INSTALLED, 0.90, "REMOVED .* VERB AGAIN? (ALREADY|FINISHED)", "xóa đi cài lại rồi"),
    (Label.INSTALLED, 0.90, "(PAST|DA) VERB AGAIN (?!.*(BUT|ERROR|NOT))", "máy mới cài lại rồi"),
    (Label.INSTALLED, 0.90, "HELP FOR ALREADY", "đoàn thanh niên tới nhà cài cho rồi"),
    (Label.INSTALLED, 0.85, "NOT ~? CAN (BREAK|BUT) ~{0,2} CAN ALREADY $", "hôm qua không được nhưng nay được rồi"),
    (Label.INSTALLED, 0.85, "ERROR .* TODAY (CAN|FINISHED)+ ALREADY $", "lúc nãy lỗi giờ xong rồi"),
    (Label.INSTALLED, 0.85, "(PAST|DA) BY ~{0,2} VERB WELL", "da nho nguoi cai"),
    (Label.INSTALLED, 0.88, "(BY|HELP) ~{0,3} (VERB|DO) ~{0,2} (ALREADY|FINISHED) WELL", "em nhờ bạn cài rồi ạ"),
    (Label.INSTALLED, 0.88, "(VERB|DO) [^NOT NOTYET BREAK]{0,2} (HELP ~?|(FOR|FORKIN) [^X]?) (ALREADY|FINISHED) WELL",
     "vợ cài cho tôi rồi"),
    (Label.INSTALLED, 0.85, "VERB THING? (ALREADY|FINISHED) BREAK? NOT WANT HELP", "cài rồi, không cần giúp"),
    (Label.INSTALLED, 0.85, "HELP BREAK ~* (VERB|DO) (ALREADY|FINISHED)", "cán bộ xã hướng dẫn, em cài xong rồi"),
    (Label.INSTALLED, 0.85, "(ERROR|CAN) .* BREAK (PAST|DA) VERB $", "hồi sáng lỗi giờ ok rồi, đã cài"),
    (Label.REFUSE, 0.80, "REMOVED .* (NOT|NEVER) WANT* (USE|AGAIN|VERB|WANT $) (?!~? CAN)", "gỡ rồi, tốn pin không xài nữa"),
    (Label.NOT_YET, 0.85, "^ [^REFUSE]* REMOVED THING? ALREADY (?!.*(VERB|WORK|HELP|HOW|REFUSE|NOT))", "xóa app rồi vì đầy máy"),
    (Label.NOT_YET, 0.85, "WHEN (PLAN|(X|WORK|HAVE|WANT){1,3}) VERB", "chừng nào có mạng mới cài được"),
    (Label.NOT_YET, 0.80, "(NOT|NOTYET) ~{0,3} (CAN|WORK) .*? (INTENT (?!.*(ERROR|HELP|NOT|HOW))|SOON BY)",
     "không vô được, mai cài"),
    (Label.NOT_YET, 0.80, "(NOKNOW (?!WHERE|HOW)|ERROR) .* (PLAN|BY) .* VERB (?!~* (NOT|ERROR))",
     "chưa cài vì điện thoại hết dung lượng, để xóa bớt hình rồi cài"),
    (Label.QUESTION, 0.75, "NOKNOW ~{0,2} VERB ~{0,2} (PURPOSE|WHATFOR|RISK)", "không biết cài để làm gì"),
    (Label.NEED_HELP, 0.92, "(NOT|NOTYET) ~{0,4} CAN", "cài mãi không được"),
    (Label.NEED_HELP, 0.90, "UNABLE", "không thể cài đặt"),
    (Label.NEED_HELP, 0.90, "NOKNOW ~{0,3} (VERB|HOW|WORK|DO|USE|WHERE|THING)", "không biết cài sao"),
    (Label.NEED_HELP, 0.85, "KNOW VERB DAU", "tui có biết cài mô"),
    (Label.NEED_HELP, 0.88, "(NOT|WORK NOT) (WORK|MO) (?!MSG)", "mở không lên"),
    (Label.NEED_HELP, 0.88, "NOT FINISHED (?!ALREADY)", "cài hoài không xong"),
    (Label.NEED_HELP, 0.88, "WORK THING NOT HAVE", "tìm bluezone không có"),
    (Label.NEED_HELP, 0.88, "NOT ACK", "không nhận được tin nhắn xác nhận"),
    (Label.NEED_HELP, 0.88, "(DEVICE|THING|STORE|HE) NOT FOR (VERB|$)", "máy không cho cài"),
    (Label.NOT_YET, 0.80, "ERROR ~* BREAK SOON [^NOT ERROR BREAK HOW WHAT HELP CAN]* VERB (?!~* (NOT|ERROR))", "hết dung lượng, mai xóa bớt rồi cài"),
    (Label.NEED_HELP, 0.75, "^ LINK NOT $", "link hong"),
    (Label.NEED_HELP, 0.88, "ERROR", "hết dung lượng rồi"),
    (Label.NOT_YET, 0.80, "PLAN [^BREAK HELP NOT]{0,3} VERB HELP FOR? $", "đợi con về cài giùm"),
    (Label.QUESTION, 0.80, "MSG HELP? X? LINK", "gửi giùm cái link với"),
    (Label.NEED_HELP, 0.85, "HELP", "nhờ hướng dẫn giúp"),
    (Label.NEED_HELP, 0.70, "CALL AGAIN", "nhờ gọi lại"),
    (Label.QUESTION, 0.88, "^ WHERE", "ở đâu mà có số tôi"),
    (Label.QUESTION, 0.88, "(VERB|THING|LINK|STORE|DO|HELP) ~* WHERE", "em cài ở đâu được ạ"),
    (Label.NOT_YET, 0.85, "WHEN VERB? DAU", "có bao giờ cài đâu"),
    (Label.QUESTION, 0.85, "(?<!NOTYET) WHEN ~* (VERB|DEADLINE)", "bao giờ hết hạn"),
    (Label.QUESTION, 0.85, "PLAN NEED VERB $", "khi nào thì phải cài"),
    (Label.QUESTION, 0.85, "HOW KNOW (PAST|DA)? VERB", "làm sao biết đã cài thành công"),
    (Label.QUESTION, 0.85, "^ WANT WHAT PLAN", "cần gì để cài"),
    (Label.QUESTION, 0.80, "DEADLINE", "hạn chót là ngày nào"),
    (Label.QUESTION, 0.80, "VERB X? WHEN ASKED", "hạn cài đến ngày nào"),
    (Label.QUESTION, 0.85, "VERB (SOON|FOR)? HOW ASKED", "cài thế nào vậy em"),
    (Label.QUESTION, 0.85, "HOW ~{0,2} VERB (?!~? (ALREADY|FINISHED|CAN))", "làm thế nào để cài"),
    (Label.QUESTION, 0.85, "(VERB|THING) ~* PURPOSE", "cài để làm gì vậy"),
    (Label.QUESTION, 0.85, "^ X? PURPOSE", "cái này để làm gì"),
    (Label.QUESTION, 0.85, "^ (TIN|MSG) WHAT ASKED", "tin nhan nay la gi"),
    (Label.QUESTION, 0.85, "VERB MO (SO|TAGQ)", "cai mo rua"),
    # not yet, not any more
    (Label.NOT_YET, 0.90, "NOT HAVE (VERB|WHAT ALL)", "hem có cài nha"),
    (Label.NOT_YET, 0.85, "(STOP|PAST HUY|DA HUY) VERB ~? ALREADY", "đã hủy cài đặt rồi"),
    (Label.NOT_YET, 0.85, "(PAST|DA) (STOP|HUY) VERB", "đã hủy cài đặt"),
    (Label.REFUSE, 0.85, "REMOVED .* REFUSE", "đã xóa, vớ vẩn"),
    (Label.REFUSE, 0.85, "REFUSE .* REMOVED", "rác, xóa rồi"),
    (Label.NOT_YET, 0.80, "NOT WANT* VERB .* SOON VERB", "không cài liền, tối cài"),
    (Label.REFUSE, 0.92, "NOT [^BREAK NOTYET]? WANT* VERB", "app rác, không cài"),
    (Label.NOT_YET, 0.80, "SAID (PAST|DA)? VERB THING? ALREADY", "ai nói cài rồi"),
    (Label.NOT_YET, 0.85, "VERB ALREADY DAU (BUT|$)", "cài rồi đâu mà nói"),
    (Label.NOT_YET, 0.80, "(VERB|HAVE) .* ((BUT|BREAK)? TODAY (ALL|NOT HAVE?) ALREADY?|NOT BUT) $", "có cài mà giờ hết rồi"),
    (Label.NOT_YET, 0.80, "(FINISHED|VERB) (WHEN|DAU) DAU", "cài xong hồi nào đâu"),
    (Label.NOT_YET, 0.80, "WHATFOR (PAST|DA) VERB", "làm gì đã cài"),
    (Label.NOT_YET, 0.80, "DOUBT .* NOTYET $", "tưởng cài rồi, coi lại thì chưa"),
    (Label.NOT_YET, 0.80, "(PASTTIME HAVE .*|HAVE BUT) DIED", "hôm trước có, bữa ni mất rồi"),
    (Label.NOT_YET, 0.80, "(VERB|FINISHED) [CAN HAVE]? HALF", "cài được một nửa"),
    (Label.NOT_YET, 0.80, "LATER VERB THING? FINISHED (?!ALREADY)", "mai cài xong báo"),
    (Label.NOT_YET, 0.93, "NOHAVE", "tui đâu có cài"),
    (Label.NOT_YET, 0.92, "(HAVE|PAST|DA) (VERB|WHAT)? THING? (WHEN? DAU|MO)", "có cài đâu mà dùng"),
    (Label.NOT_YET, 0.92, "(DAU|MO) (PAST|DA) VERB", "đâu đã cài"),
    (Label.NOT_YET, 0.92, "NOT DONE", "not installed yet"),
    (Label.NOT_YET, 0.80, "VERB DAU BUT", "cài đâu mà cài"),
    (Label.NOT_YET, 0.90, "REMOVED ~{0,2} (ALREADY|AGAIN|END|PASTTIME)", "mất điện thoại"),
    (Label.NOT_YET, 0.90, "(VERB|THING|DEVICE) .* DIED", "điện thoại mất rồi"),
    (Label.INSTALLED, 0.85,
     "NOTYET .* (BREAK|MARK|BUT) [^KIN OTHERTHING BREAK PLAN DOUBT]{0,2} VERB ~{0,2} "
     "(FINISHED|ALREADY) (ALREADY|BREAK|BUT|$)",
     "chưa cài hồi nào? cài lâu rồi mà"),
    (Label.UNCLEAR, 0.60, "^ HE NOTYET (VERB|HAVE) THING? $", "nó chưa cài"),
    (Label.REFUSE, 0.75, "NOTYET WANT (?!.* (PLAN|LATER))", "chưa thích cài"),
    (Label.NOT_YET, 0.95,
     "(?<!OTHERTHING) NOTYET ~{0,2} "
     "(VERB|THING|FINISHED|HAVE|DO|AGAIN|MO|DAU|DONE|WHAT)",
     "đang tải chưa xong"),
    (Label.NOT_YET, 0.90,
     "(^|BREAK|BUT|KIN|THING|DEVICE|VERB|YES|DA|ACK|PLAN|SOON|NOT|ALREADY|NUM2|BREAK WORK) NOTYET "
     "(END|ALREADY)",
     "chưa, tối nay cài"),
    (Label.NOT_YET, 0.85, "BUT ~{0,3} NOTYET $", "nói cài rồi chứ thật ra chưa"),
    (Label.NOT_YET, 0.85, "^ NOTYET X{1,2} $", "chưa tới lượt"),
    (Label.NOT_YET, 0.85, "PLAN (VERB|FINISHED)", "vâng em sẽ cài sớm"),
    (Label.NOT_YET, 0.75, "(^|YES|ACK) WANT VERB", "đồng ý cài"),
    (Label.NOT_YET, 0.75, "VERB (BUT|CAN) PLAN", "cài mà không có thời gian"),
    (Label.NOT_YET, 0.80, "(ALREADY|PLAN ~*) VERB $", "tôi sẽ nhờ con cài"),
    (Label.NOT_YET, 0.85, "(?<!PAST) (?<!DA) VERB (PLAN|SOON|NOW (?!NUMBER))", "có wifi em cài liền"),
    # done, unless in doubt
    (Label.NEED_HELP, 0.75, "VERB ~? (ALREADY|FINISHED) .* NOKNOW", "cài xong hiện tiếng Anh, không hiểu"),
    (Label.UNCLEAR, 0.50, "(DOUBT|TOLD) .* (ALREADY|FINISHED|DID VERB|HAVE)", "chắc cài rồi, để coi lại"),
    (Label.UNCLEAR, 0.50, "^ [^VERB BREAK BUT BY HELP FOR PLAN LATER]* KIN [^BREAK BUT BY HELP FOR FORKIN PLAN SOON]* (VERB|HAVE) "
     "[^VERB HELP FOR FORKIN BREAK MARK TAGQ WHAT HOW NOT]* $",
     "con trai đã cài"),
    (Label.UNCLEAR, 0.50, "(HE|^ OWNER) ((PAST|DA|HAVE|ALL)* VERB THING? ALL? (ALREADY|FINISHED)+|(PAST|DA) VERB) (?!.* VERB)", "nó cài rồi"),
    (Label.UNCLEAR, 0.50, "^ WORK (VERB ALREADY|(PAST|DA) VERB) $", "vo cai roi"),
    (Label.UNCLEAR, 0.50, "VERB X DEVICE X{2,} ALREADY", "cài ở máy nhà Bông Nga rồi"),
    (Label.UNCLEAR, 0.50, "VERB THING? FOR (WORK|X{1,3}) ALREADY", "cài cho Hoa rồi"),
    (Label.UNCLEAR, 0.50, "DEVICE OWNER? X{1,3} VERB THING? ALREADY", "máy của Lan cài rồi"),
    (Label.UNCLEAR, 0.50, "X{3} VERB THING? ALREADY $", "bên Hội Phụ nữ cài rồi"),
    (Label.UNCLEAR, 0.50, "(ALREADY|FINISHED) BUT PASTTIME? X (X|$)", "cài rồi mà hiện lung tung"),
    (Label.UNCLEAR, 0.50, "^ VERB THING? ALREADY HUH $", "cài rồi à"),
    (Label.UNCLEAR, 0.50, "VERB THING? FINISHED ALREADY? PLAN? SAY", "cài xong rồi nói"),
    (Label.UNCLEAR, 0.50, "VERB X (?!DEVICE|NUM2) [^BREAK PASTTIME]* (ALREADY|FINISHED)", "cài bên máy công ty rồi"),
    (Label.UNCLEAR, 0.60, "VERB THING? WRONGNO", "cài nhầm app khác rồi"),
    (Label.UNCLEAR, 0.60, "^ [^THING]* OTHERTHING [^THING]* $", "có cài facebook rồi"),
    (Label.UNCLEAR, 0.60, "VERB THING? ALREADY? BUT? X? (DEVICE OWNER? KIN|KIN ALREADY)", "cài trên máy con tôi rồi"),
    (Label.UNCLEAR, 0.60, "VERB THING? ALREADY? BUT X KIN $", "đã cài nhưng ở máy cũ"),
    (Label.NOT_YET, 0.80, "(?<![PAST DA VERB]) FINISHED VERB $", "ăn cơm xong cài"),
    # the person who has it may be the sender by name, or somebody else
    (Label.INSTALLED, 0.75, "^ (YES|DA|BREAK)* (X|HUY|DUNG){1,3} (PAST|DA)* VERB THING? ALL? (ALREADY|FINISHED)+ $", "Y Bông cài rồi"),
    (Label.INSTALLED, 0.96, "(PAST|DA) (HAVE|CAN|DO)? VERB (?!~? (WHAT|WHATFOR|PURPOSE|RISK|HOW|TAGQ|HELP $))",
     "mới cài hôm qua nè"),
    (Label.INSTALLED, 0.96, "VERB [^BREAK NOT NOTYET OTHERTHING REMOVED WHAT HOW]{0,5} (ALREADY|FINISHED)",
     "Ok em, anh cài rồi"),
    (Label.INSTALLED, 0.90, "VERB OTHERTHING THING ALREADY", "cài cả zalo cả bluezone rồi"),
    (Label.INSTALLED, 0.85, "VERB ~{0,2} PASTTIME (?!DAU)", "rồi ạ em cài hôm qua"),
    (Label.INSTALLED, 0.85, "HAVE THING PASTTIME", "Có bluezone lâu rồi"),
    (Label.INSTALLED, 0.85, "^ ALREADY BREAK PASTTIME", "rồi, từ lâu"),
    (Label.INSTALLED, 0.92, "(^|BREAK|DEVICE|KIN|ALL|DA|PAST|YES|ACK) HAVE THING? X? DEVICE? ALREADY", "máy tui có sẵn rồi"),
    (Label.INSTALLED, 0.85, "(PAST|DA) HAVE THING? X? DEVICE? END", "Đã có ứng dụng trong máy"),
    (Label.INSTALLED, 0.85, "^ HAVE THING X? DEVICE END", "có bluezone trên máy"),
    (Label.INSTALLED, 0.85, "^ HAVE PASTTIME+ ALREADY? $", "có từ tháng trước rồi"),
    (Label.INSTALLED, 0.85, "THING HAVE ~{0,3} ALREADY", "bluezone co trong may roi"),
    (Label.INSTALLED, 0.92, "^ (YES|DA|PAST|PASTTIME|BREAK|ALL|DO)* ALREADY (BREAK|ACK)* $", "hôm qua rồi"),
    (Label.INSTALLED, 0.92,
     "^ (YES|DA|PAST|HAVE|BREAK|ALL|DO|ACK|ALREADY)* FINISHED "
     "(BREAK|ACK|ALREADY|FINISHED|ALL|PASTTIME)* $",
     "tui làm xong rồi đó"),
    (Label.INSTALLED, 0.85, "PLAN WORK THING", "đang bật bluezone"),
    (Label.INSTALLED, 0.85, "(PAST|DA) (WORK|USE) THING", "đã kích hoạt bluezone"),
    (Label.INSTALLED, 0.85, "(USE|DUNG) THING (ALREADY|PASTTIME)", "dùng bluezone từ lâu"),
    (Label.INSTALLED, 0.85, "INUSE THING", "đang xài bluezone nè"),
    (Label.INSTALLED, 0.85, "^ (YES|DA|PAST|THING|DEVICE)* INUSE ALREADY? $", "đang sử dụng rồi nhé"),
    (Label.INSTALLED, 0.90, "(PAST|DA) FINISHED", "đã hoàn tất cài đặt"),
    (Label.INSTALLED, 0.90, "DONE", "Installed already"),
    (Label.INSTALLED, 0.75, "^ HAVE VERB THING? $", "có cài nha"),
    (Label.INSTALLED, 0.70, "DENY VERB", "ai noi toi chua cai"),
    # later
    (Label.NOT_YET, 0.80, "DENY WANT .* PLAN", "không phải không muốn, tại chưa rảnh"),
    (Label.NOT_YET, 0.80, "PLAN ~* BREAK WORK VERB $", "đang ở rẫy, về cài"),
    (Label.NOT_YET, 0.80, "INTENT ~* VERB", "đợi con về cài cho"),
    (Label.NOT_YET, 0.70, "^ (ACK|YES|DA|BREAK|ENOUGH|FOR|ASK|PLAN|SOON)* (PLAN|SOON) (BREAK|PLAN|SOON|ACK|WANT|DID|ALREADY)* $", "chưa có thời gian"),
    (Label.NOT_YET, 0.70, "SOON DO $", "tối mình làm"),
    (Label.NOT_YET, 0.60, "^ DEVICE PLAN X{0,3} $", "máy đang sửa ngoài tiệm"),
    (Label.NOT_YET, 0.60, "^ PLAN BREAK PLAN", "chưa kịp, bận đám cưới"),
    (Label.NOT_YET, 0.60, "^ PLAN ~* DEVICE JUST? $", "tui chờ thằng con mua máy mới"),
    (Label.NOT_YET, 0.60, "^ NOKNOW BREAK PLAN", "chưa biết, để coi"),
    (Label.NOT_YET, 0.60, "DEVICE NOT HAVE $", "máy vợ có, máy tui không có"),
    (Label.NOT_YET, 0.60, "^ PLAN KIN WORK $", "đợi con gái về"),
    (Label.NOT_YET, 0.60, "^ PLAN ALL", "đợi hết mùa cà phê"),
)


# fmt: off
MENU_AND_SENDER_PATTERNS: tuple[Rule, ...] = (
    # 8. the menu
    (Label.INSTALLED, 0.97, "^ MENU{0,3} NUM1 (BREAK|ACK|FINISHED|ALREADY)* $", "em chọn số 1"),
    (Label.NOT_YET, 0.97, "^ MENU{0,3} NUM2 (BREAK|ACK)* $", "Số 2 nhé em"),
    (Label.NO_SMARTPHONE, 0.97, "^ MENU{0,3} NUM3 (BREAK|ACK)* $", "3 nhé con"),
    (Label.NEED_HELP, 0.97, "^ MENU{0,3} NUM4 (BREAK|ACK|BY)* $", "Em chọn 4"),
    # wrong person
    (Label.WRONG_NUMBER, 0.95, "(?<![VERB REMOVED]) WRONGNO (?!NOT|TAGQ|VERB|NEED)", "số này đổi chủ rồi"),
    (Label.WRONG_NUMBER, 0.90, "OWNER ~{0,2} (NOTBE|DIED|NOT HERE)", "người đó mất rồi"),
    (Label.WRONG_NUMBER, 0.90, "NOTBE OWNER", "đây không phải số của Y Mai"),
    (Label.WRONG_NUMBER, 0.90,
     "NOTBE [^VERB NOT NOTYET NUM1 NUM2 NUM3 NUM4 SMART THING DEVICE RISK WANT NEED BREAK]{1,3} "
     "(BREAK|BUT|$)",
     "em không phải Hiền"),
    (Label.WRONG_NUMBER, 0.85, "OWNER ~{0,2} (PAST (X|USE)|TODAY (USE|DUNG))", "sim này tôi mới mua"),
    (Label.WRONG_NUMBER, 0.85, "NOT HAVE X{1,3} HERE", "khong co Tuan o day"),
    (Label.WRONG_NUMBER, 0.85, "HERE NOT HAVE X", "ở đây không có Tuấn"),
    (Label.WRONG_NUMBER, 0.85, "STRANGE (?!~? (USE|VERB|WORK|HELP|HAVE|SMART|DEVICE))", "không có người này"),
    (Label.WRONG_NUMBER, 0.80, "NOKNOW X{1,3} WHOIS", "khong biet Tuan la ai"),
    (Label.WRONG_NUMBER, 0.80, "^ X{1,2} WHOIS", "Y Hlan là ai"),
    (Label.WRONG_NUMBER, 0.70, "^ X{1,2} BREAK NOKNOW $", "A Thun nào, không biết"),
    (Label.WRONG_NUMBER, 0.70, "^ NOTBE BREAK X{1,2} $", "không phải, tôi là Lan"),
    (Label.WRONG_NUMBER, 0.80, "^ X{1,3} DIED", "Anh Thun mất rồi"),
    (Label.WRONG_NUMBER, 0.80, "DIED BREAK OWNER", "ba tôi mất rồi, số này tôi dùng"),
    # 6. yes-or-no question: "cài được không" asks, "không cài được" states
    (Label.NEED_HELP, 0.80, "HELP ~{0,3} NOT (MARK|$)", "có ai giúp không"),
    (Label.NEED_HELP, 0.80, "NOT (MARK|BREAK) ~* NOKNOW (VERB|DO)", "ai cài giúp dân không, tôi không biết làm"),
    (Label.QUESTION, 0.70, "VERB ALREADY? NOTYET MARK", "đã cài chưa?"),
    (Label.QUESTION, 0.70, "VERB OR NOT", "cài hay không cài"),
    (Label.QUESTION, 0.70, "(PAST|DA) VERB THING? NOTYET (SO|TAGQ|$)", "làm sao biết đã cài chưa"),
    (Label.QUESTION, 0.70, "VERB FINISHED NOTYET", "anh cài xong chưa"),
    (Label.UNCLEAR, 0.70, "(NOKNOW|DOUBT) [^BREAK VERB]* VERB THING? ALREADY? OR? NOTYET $", "không biết cài chưa nữa"),
    (Label.QUESTION, 0.90, "(VERB|CAN|COST|RISK|NEED|THING|WORK) ~{0,3} NOT ASKED", "có tốn pin không ạ"),
    (Label.QUESTION, 0.85, "VERB (ALREADY|FINISHED) ~{0,2} (WHAT|WHATFOR|HOW|WHY|NEED) (?!NOT|ANNOY|MSG)", "cài rồi làm gì nữa"),
    (Label.QUESTION, 0.85, "VERB THING (ALREADY|FINISHED) (NEED|WHATFOR|HOW) (?!NOT|ANNOY|MSG|BUT)", "cài bluezone xong phải làm gì nữa"),
    (Label.QUESTION, 0.80, "VERB (ALREADY|FINISHED) ~{1,6} TAGQ MARK", "cài rồi thì bật cả ngày hả?"),
    (Label.QUESTION, 0.85, "NOT VERB [^CAN BREAK]? (HOW|NEED|RISK)", "không cài bị phạt à"),
    (Label.NOT_YET, 0.85, "ASK ~* ALREADY VERB", "để mình hỏi con rồi cài"),
    (Label.QUESTION, 0.80, "ASK [^BREAK NOT]* (VERB|THING|COST|RISK|HOW|WHERE|WHAT|LINK)", "cho tôi xin link"),
    (Label.QUESTION, 0.80, "REMOVED THING? (HOW|WHERE)", "muốn xóa app thì làm sao"),
    # the sender and somebody else: rule 2, only the sender's phone counts
    (Label.INSTALLED, 0.75,
     "^ DEVICE? (PAST|DA)? VERB THING? ALREADY ~* BREAK? BUT? DEVICE? KIN [^REMOVED BREAK]* "
     "$",
     "máy tôi cài rồi, máy vợ chưa"),
    (Label.INSTALLED, 0.75, "^ KIN ~* BREAK BUT VERB THING? ALREADY $", "ba mẹ em không có smartphone, còn em thì cài rồi ạ"),
    # the phone itself
    (Label.NO_SMARTPHONE, 0.93, "BRICK", "Máy tôi là máy bấm"),
    (Label.NO_SMARTPHONE, 0.93, "CALLONLY", "đt này chỉ gọi thôi"),
    (Label.NO_SMARTPHONE, 0.93, "(NOT|NOTYET|NOTBE|NOHAVE|STRANGE|DAU) [^VERB WORK BREAK]{0,4} SMART", "chưa có smartphone"),
    (Label.NO_SMARTPHONE, 0.93, "SMART DAU", "có smartphone đâu mà cài"),
    (Label.NO_SMARTPHONE, 0.90, "SMART BREAK? ~{0,2} NOT HAVE? END", "điện thoại quẹt tui không có"),
    (Label.NO_SMARTPHONE, 0.85, "NOKIA", "nokia thôi con"),
    (Label.NO_SMARTPHONE, 0.85, "NOT HAVE DEVICE END", "không có điện thoại"),
    (Label.NO_SMARTPHONE, 0.85, "NOT HAVE X? WHAT WORK X? CAN", "nhà không có cái máy nào lên mạng được"),
    # whether, and whose phone: an install is never counted on a doubt
    (Label.INSTALLED, 0.85, "VERB THING ALREADY? (BREAK|BUT)+ (NOTYET VERB? OTHERTHING|OTHERTHING NOTYET)", "cài bluezone rồi, chưa cài zalo"),
    (Label.NOT_YET, 0.85, "VERB .* ALREADY ~* (BREAK|BUT) DEVICE? [JUST X]? NOTYET (VERB|$)", "máy cũ cài rồi, máy mới chưa"),
    (Label.NOT_YET, 0.80, "(NOTYET|PLAN|WHEN|LATER) .* JUST (BY|VERB|DO) (?!.*(ALREADY|FINISHED|PASTTIME))",
     "ở rẫy không có sóng, về làng mới cài"),
    (Label.UNCLEAR, 0.60,
     "^ [^NOTYET]* (DOUBT|TOLD) [^BREAK BUT NOT NOTYET PLAN LATER MARK]* (VERB|HAVE|DONE|FINISHED|ALREADY) "
     "(?!.*(NOT|NOTYET|NOKNOW|ERROR|REMOVED|HELP|SOON|PLAN|HOW|WHAT|TAGQ|MARK))",
     "hình như cài rồi"),
    (Label.UNCLEAR, 0.60,
     "^ [^VERB BY HELP BREAK FOR NOT NOTYET]* KIN [^VERB BY HELP BREAK NOT NOTYET PLAN SOON]{0,2} (VERB|HAVE) THING? "
     "(CAN|ALL)* (ALREADY|FINISHED)+ PASTTIME? $",
     "máy con tôi cài rồi"),
    (Label.UNCLEAR, 0.60, "^ [^VERB KIN BREAK BY]* VERB THING? HELP? (FORKIN|(FOR|HELP) KIN) (ALREADY|FINISHED)+ $",
     "cài cho mẹ rồi"),
    (Label.UNCLEAR, 0.60, "ALREADY (OR NOTYET|.* DOUBT)", "cài rồi hay chưa không nhớ"),
    (Label.UNCLEAR, 0.60, "(?<!PAST) SAY (PAST|DA|HAVE)? VERB (THING|ALREADY|FINISHED)* (BUT|PASTTIME)? $", "mẹ bảo cài rồi"),
)


# fmt: off
OPT_OUT_PATTERNS: tuple[Rule, ...] = (
    # the app stops, not the messages
    (Label.NEED_HELP, 0.80, "LINK ~? STRIKE", "link bị chặn"),
    (Label.NEED_HELP, 0.85, "THING PAST STOP", "Rất tiếc, Bluezone đã dừng"),
    (Label.NEED_HELP, 0.85, "HALF ~{0,2} (STOP|DUNG)", "tải nửa chừng nó dừng"),
    (Label.NEED_HELP, 0.85, "NUMBER ALREADY DUNG", "tải tới 90% rồi đứng"),
    (Label.NEED_HELP, 0.85, "VERB ~? NUMBER (STOP|DUNG) $", "tải tới 90% thì dừng"),
    # 1. opt-out
    (Label.OPT_OUT, 0.60, "NAMED (?!BREAK (DEVICE|PAST|DA|NOTYET)* (VERB|FINISHED))", "chặn nè"),
    (Label.OPT_OUT, 0.95, "^ HALLO{0,2} KEYWORD (?!NOT|WHAT|PURPOSE|VERB $)", "Stop nhé em"),
    (Label.OPT_OUT, 0.98, "(DONT|STOP|REJECT) ~{0,2} (MSG|CALL|TIN|ANNOY)", "ngừng gửi tin nhắn"),
    (Label.OPT_OUT, 0.98, "NEVER FOR ~{0,2} MSG", "thôi miễn cho tôi khoản nhắn tin"),
    (Label.OPT_OUT, 0.98, "DUNG HAVE? (MSG|CALL|ANNOY)", "dung phien toi nua"),
    (Label.OPT_OUT, 0.95, "STRIKE", "loại tôi ra khỏi ds"),
    (Label.OPT_OUT, 0.95, "(REMOVED|DROP|HUY) (X|VERB|HELP|FOR|NOW|ALL){0,2} (NUMWORD|OWNER|NAME) (?!ALREADY)", "xóa giùm số tôi"),
    (Label.OPT_OUT, 0.95, "DROP [^BREAK NOT NOTYET ALREADY]{0,3} (MSG|TIN)", "tắt giùm cái tin nhắn này"),
    (Label.OPT_OUT, 0.90, "(NOT|NEVER|DONT|DUNG) WANT* FOR? (USE|KEEP) (NUMWORD|OWNER|NAME)", "đừng lưu số tôi nữa"),
    (Label.OPT_OUT, 0.85, "ANNOY .* ANNOY", "nhắn hoài, phiền quá"),
    (Label.OPT_OUT, 0.95, "SOURCE .* REMOVED", "sao có số tôi? xóa đi"),
    (Label.OPT_OUT, 0.85, "(NOTBE|OWNER|WRONGNO|STRANGE) ~* BREAK REMOVED HELP? END", "nhầm số, xóa đi"),
    (Label.OPT_OUT, 0.80, "REMOVED HELP END", "xóa giùm"),
    (Label.OPT_OUT, 0.85, "NOT WANT ~{0,3} LIST", "không muốn nằm trong danh sách"),
    (Label.OPT_OUT, 0.60, "^ HUY WHAT $", "huy chi"),
    (Label.QUESTION, 0.80, "(STOP|HUY) (WHAT|PURPOSE)", "nhắn TC để làm gì"),
    (Label.OPT_OUT, 0.95, "^ ~{0,3} (STOP|REJECT) (BREAK|HELP|THING|FOR|$)", "tôi muốn hủy"),
    (Label.OPT_OUT, 0.90, "^ (HALLO|ENOUGH|WANT|FOR|ASK){0,3} (DUNG|HUY|DONT)+ (BREAK|HELP|TIN|NUMBER|THING (?!PAST|PASTTIME|ALREADY)|NOW|$|ALL (?!ALREADY))", "đừng"),
    (Label.OPT_OUT, 0.95, "HUY RISK? (MSG|TIN|CALL)", "huy sms"),
    (Label.OPT_OUT, 0.85, "HUY (HOW|NOW)", "muon huy thi lam sao"),
    (Label.OPT_OUT, 0.85, "(WANT|PLAN|HOW|FOR|WHAT) HUY (?!VERB|ASK|BREAK)", "nhan gi de huy"),
    (Label.OPT_OUT, 0.80, "(STOP|HUY) HELP? VERB (WORK|MSG|TIN)", "huy dum cai dang ky nay"),
    (Label.OPT_OUT, 0.70, "(DUNG|DONT) WORK NOT ASKED", "dung nhan duoc khong"),
    (Label.OPT_OUT, 0.95, "(NOT|NEVER|ENOUGH) (CAN|NEED)? WANT* (MSG|ANNOY|CALL OWNER) (?!CAN)", "không cần nhận tin"),
    (Label.OPT_OUT, 0.95, "ALL WANT+ (MSG|TIN)", "minh het muon nhan tin"),
    (Label.OPT_OUT, 0.95, "(MSG|ANNOY) .* BREAK NEVER $", "mày nhắn nữa coi, dẹp đi"),
    (Label.OPT_OUT, 0.90, "(NOT|NEVER) WANT+ TIN", "khong can tin nay"),
    (Label.OPT_OUT, 0.90, "(MSG|REFUSE|ANNOY|TIN) .* BREAK DUNG HELP? $", "nhan hoai, dung"),
    (Label.OPT_OUT, 0.90, "SOURCE WORK $", "lấy số tui ra"),
    (Label.OPT_OUT, 0.80, "(?<!NOT WANT) STOP (?!VERB|THING)", "nhắn hoài, dừng đi"),
    (Label.OPT_OUT, 0.60, "^ (STOP|HUY) VERB $", "huy dum cai"),
    (Label.OPT_OUT, 0.60, "^ HALLO? ((DONT|DUNG) WRONGNO|DONT X|TIN REFUSE) $", "đừng nhắm nữa"),
    (Label.OPT_OUT, 0.60, "^ HALLO{0,2} USE MSG $", "dùng nhắn nữa"),
    (Label.UNCLEAR, 0.90, "SPAM", "bán đất mặt tiền giá rẻ"),
    (Label.UNCLEAR, 0.90, "AWAY (?!.* (VERB|ALREADY|NOTYET|NOT))", "Xin lỗi tôi đang họp"),
)


# Order matters: an opt-out beats everything, and whose phone it is comes before what was done.
RULES: tuple[Rule, ...] = (*OPT_OUT_PATTERNS, *MENU_AND_SENDER_PATTERNS, *ACTION_PATTERNS, *REFUSAL_AND_QUESTION_PATTERNS)


# fmt: on


# fmt: on


# fmt: on


# fmt: on
