"""SMPP: texts as octets, statuses, receipts in the dialects of operators, ids."""

from outreach.rules import smpp
from outreach.rules.gateway import (
    Accepted,
    Cause,
    DeliveryStatus,
    OutcomeUnknown,
    Refused,
    RequestExpired,
    Throttled,
)
from outreach.rules.segments import measure
from outreach.rules.smpp import MESSAGE_STATE, RECEIPTED_ID, UCS2
from tests.support.tables import cases, each_of


@cases(
    ("Moi ong/ba cai Bluezone @ 5$ {1_2} €", 0, [39]),
    ("trang 1\ftrang 2", 0, [16]),  # a form feed is GSM-7, two units
    ("Mời ông/bà cài đặt", UCS2, [36]),
    ("x" * 160, 0, [160]),
    ("x" * 161, 0, [6 + 153, 6 + 8]),
    ("x" * 152 + "€" + "y" * 10, 0, [6 + 152, 6 + 12]),  # an escape and its character stay together
    ("đ" * 66 + "😀" + "đ" * 10, UCS2, [6 + 132, 6 + 24]),
)
def test_text_is_encoded_in_parts_and_read_again(body, data_coding, lengths):
    parts = smpp.encode_parts(body, reference=0x1FF)
    assert [len(part.octets) for part in parts] == lengths
    assert {part.data_coding for part in parts} == {data_coding}
    assert len(parts) == measure(body).segments
    places = [smpp.split_header(part.octets) if part.esm_class else (None, part.octets) for part in parts]
    assert "".join(smpp.decode_text(octets, data_coding) for _, octets in places) == body
    if len(parts) > 1:
        assert [place and tuple(place) for place, _ in places] == [
            (0xFF, len(parts), number + 1) for number in range(len(parts))
        ]


@cases(
    (0x58, Throttled()),
    (0x14, Throttled()),
    (0x08, OutcomeUnknown("smpp_0x8")),  # the centre failed while it worked on it
    (0x0A, Refused(Cause.BAD_SENDER, "0xa")),
    (0x0B, Refused(Cause.UNREACHABLE, "0xb")),  # silences no number
    (0x0E, Refused(Cause.ACCOUNT, "0xe")),
    (0x45, Refused(Cause.OTHER, "0x45")),
    (0x4FF, Refused(Cause.OTHER, "0x4ff")),  # an operator's own
)
def test_status_of_an_answer(status, outcome):
    assert smpp.read_status(status) == outcome


NORM = "id:{id} sub:001 dlvrd:001 submit date:2011261830 done date:2011261831 stat:{stat} err:{err} text:Kinh moi"


@cases(
    (NORM.format(id="17", stat="DELIVRD", err="000"), {}, True, ("17",), DeliveryStatus.DELIVERED, None),
    (NORM.format(id="17", stat="UNDELIV", err="027"), {}, True, ("17",), DeliveryStatus.UNDELIVERED, "27"),
    ("ID:AB12 STAT:EXPIRED ERR:000", {}, True, ("AB12",), DeliveryStatus.UNDELIVERED, "EXPIRED"),
    ("id: 0017 stat: REJECTD", {}, True, ("0017",), DeliveryStatus.FAILED, "REJECTD"),
    ("id:5 stat:DELIVERED", {}, True, ("5",), DeliveryStatus.DELIVERED, None),
    ("", {RECEIPTED_ID: b"a1\0", MESSAGE_STATE: b"\2"}, False, ("a1",), DeliveryStatus.DELIVERED, None),
    ("id:161 stat:ENROUTE", {RECEIPTED_ID: b"a1\0"}, True, ("a1", "161"), DeliveryStatus.SENT, None),
    (NORM.format(id="9", stat="DELIVRD", err="0"), {}, False, ("9",), DeliveryStatus.DELIVERED, None),
    (NORM.format(id="9", stat="UNKNOWN", err="0"), {}, True, ("9",), None, None),  # proves nothing
)
def test_receipt_is_read_in_the_dialects_of_operators(text, options, is_marked, ids, status, code):
    receipt = smpp.read_receipt(text, options, is_marked=is_marked)
    assert (receipt.message_ids, receipt.status, receipt.code) == (ids, status, code)


HALF_A_RECEIPT = "id:1 sub:" + "dlvrd:" * 2000 + "done date:" * 2000  # is read in no time, too


@cases("TC", "da cai roi", "id: 233000000 toi la Hoa", "stat", "id:1 stat:UNDELIV", HALF_A_RECEIPT)
def test_reply_is_no_receipt(text):
    assert smpp.read_receipt(text, {}, is_marked=False) is None
    assert text.startswith("id") or smpp.read_receipt(text, {}, is_marked=True) is None  # marked by mistake


ADDRESSES = b"\0\1\1" + b"84905000001\0" + b"\0\1" + b"8099\0"


@cases(
    (ADDRESSES + b"\0\0\0\0\0\0\0\0\0\2TC", False, (b"TC", 0, True)),
    (ADDRESSES + b"\0\0\x08\x04\x24\0\2TC", True, (b"TC", 8, True)),
    (ADDRESSES + b"\0\0\0\0\0\0\0\0\0\x09TC", False, (b"TC", 0, False)),  # cut short
    (ADDRESSES + b"\0\0\0\0\0\0\0\0\0\2TC\x04", False, (b"TC", 0, False)),
    (ADDRESSES, False, (b"", 0, False)),
)
def test_delivered_message_is_read_as_far_as_it_goes(body, is_data, read):
    delivered = smpp.read_pdu(body, is_data=is_data)
    assert (delivered.octets, delivered.data_coding, delivered.is_whole) == read
    assert (delivered.source, delivered.destination) == ("84905000001", "8099")
    for end in range(len(body)):
        smpp.read_pdu(body[:end], is_data=is_data)


@cases(
    ("17", "17"),
    *each_of("1A2B | 00001a2b", "6699"),
    ("1a2b", "0000006699"),
    ("6699", "1A2B"),
    ("42", "0042"),
)
def test_id_is_found_in_whatever_base_the_receipt_writes_it(answered, receipt):
    assert answered in smpp.possible_ids([receipt])


@cases(
    ("Kinh moi ong/ba cai", "Kinh moi ong/ba cai Bluezone", True, True),
    ("Kinh moi ong", "Kinh moi ong/ba", True, False),  # as many other messages begin
    ("M?i ?ng", "Mời ông", True, True),  # all that there is
    ("??????????????????", "ềếệểễềếệểễềếệểễềếệ", False, True),
    ("", "x", False, False),
    ("TB: mai", "Kinh", False, False),
)
def test_quotation_is_compared_by_plain_letters(quoted, body, fits, is_whole):
    assert smpp.quotes(quoted, body) is fits
    assert not fits or smpp.is_whole_quotation(quoted, body) is is_whole


@cases(
    (b"TC", 0, "TC"),
    ("đã cài".encode("utf-16-be"), 8, "đã cài"),
    ("đã cài".encode(), 0, "đã cài"),  # a centre that passes on UTF-8
    ("dã".encode("latin-1"), 0, "dã"),
    (b"a\x00b", 3, "ab"),  # no database stores NUL
    (b"1 \x1b\x65", 0, "1 €"),
    (b"\x00T\x00", 8, "T\ufffd"),
    (b"\x84\x91", 4, "\ufffd\ufffd"),  # octets that are no text
)
def test_reply_is_read_in_the_coding_that_it_has(octets, data_coding, text):
    assert smpp.decode_text(octets, data_coding) == text


A, B = Accepted("a"), Accepted("b")


@cases(
    ([A], A),
    ([A, B], Accepted("a", parts=("a", "b"))),
    ([A, OutcomeUnknown("ConnectionCut")], OutcomeUnknown("ConnectionCut")),
    ([A, Throttled()], OutcomeUnknown("parts")),  # the phone may show a piece
    ([A, Refused(Cause.OTHER, "0x45")], OutcomeUnknown("parts")),
    ([Throttled(), Refused(Cause.OTHER, "0x45")], Refused(Cause.OTHER, "0x45")),
    ([Throttled(), Throttled()], Throttled()),
    ([RequestExpired(), RequestExpired()], RequestExpired()),
    ([Throttled(), OutcomeUnknown("TimeoutError")], OutcomeUnknown("TimeoutError")),
)
def test_message_in_parts_has_one_outcome(results, outcome):
    assert smpp.join_outcomes(results) == outcome
