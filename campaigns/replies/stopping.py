"""Who asks to be left alone, what only looks like it, and what nobody meant for us. How a rule is written stands in `campaigns.replies.rules`."""

from campaigns.replies.labels import Label, Rule

# fmt: off
STOPPING: tuple[Rule, ...] = (
    # what stops is the app
    (Label.NEED_HELP, 0.80, "LINK ~? STRIKE", "link bị chặn"),
    (Label.NEED_HELP, 0.85, "THING PAST STOP", "Rất tiếc, Bluezone đã dừng"),
    (Label.NEED_HELP, 0.85, "HALF ~{0,2} (STOP|DUNG)", "tải nửa chừng nó dừng"),
    (Label.NEED_HELP, 0.85, "NUMBER ALREADY DUNG", "tải tới 90% rồi đứng"),
    (Label.NEED_HELP, 0.85, "VERB ~? NUMBER (STOP|DUNG) $", "tải tới 90% thì dừng"),
    # 1. leave me alone
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
# fmt: on
