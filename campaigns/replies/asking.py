"""Who will not, and who asks. How a rule is written stands in `campaigns.replies.rules`."""

from campaigns.replies.labels import Label, Rule

# fmt: off
ASKING: tuple[Rule, ...] = (
    # no
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
    # 5. asking
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
# fmt: on
