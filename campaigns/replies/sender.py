"""The menu; who answers, about whose phone, and what phone it is. How a rule is written stands in `campaigns.replies.rules`."""

from campaigns.replies.labels import Label, Rule

# fmt: off
SENDER: tuple[Rule, ...] = (
    # 8. the menu
    (Label.INSTALLED, 0.97, "^ MENU{0,3} NUM1 (BREAK|ACK|FINISHED|ALREADY)* $", "em chọn số 1"),
    (Label.NOT_YET, 0.97, "^ MENU{0,3} NUM2 (BREAK|ACK)* $", "Số 2 nhé em"),
    (Label.NO_SMARTPHONE, 0.97, "^ MENU{0,3} NUM3 (BREAK|ACK)* $", "3 nhé con"),
    (Label.NEED_HELP, 0.97, "^ MENU{0,3} NUM4 (BREAK|ACK|BY)* $", "Em chọn 4"),
    # not the person
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
    # 6. asked for yes or no: "cài được không" asks, "không cài được" tells
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
    # whether, and whose: an install is never claimed on a doubt
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
# fmt: on
