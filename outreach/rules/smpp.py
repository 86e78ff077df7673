"""SMPP 3.4: texts as octets, statuses as outcomes, receipts in the operators' dialects, ids. Pure.

Numbers of sections are those of the SMPP Protocol Specification v3.4, issue 1.2. A session is `outreach.sms.smpp`.
"""

import hashlib
import hmac
import re
import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from outreach.rules import gateway
from outreach.rules.segments import BASIC, Encoding, measure, split

UCS2, LATIN1, ASCII = 8, 3, 1  # data_coding (5.2.19); 0 is the centre's default alphabet, GSM 03.38
HAS_HEADER = 0x40  # in esm_class: the text begins with a user data header (5.2.12)
# Optional parameters (5.3.2).
RECEIPTED_ID, MESSAGE_STATE, PAYLOAD, OUR_REFERENCE = 0x001E, 0x0427, 0x0424, 0x0204
SAR_REFERENCE, SAR_TOTAL, SAR_NUMBER = 0x020C, 0x020E, 0x020F
_ESCAPE = 0x1B
_FROM_GSM = {i if i < _ESCAPE else i + 1: letter for i, letter in enumerate(BASIC)}
_FROM_GSM_EXTENSION = {
    0x0A: "\f", 0x14: "^", 0x28: "{", 0x29: "}", 0x2F: "\\", 0x3C: "[", 0x3D: "~", 0x3E: "]", 0x40: "|", 0x65: "€",
}  # fmt: skip
_TO_GSM = str.maketrans(
    {letter: chr(code) for code, letter in _FROM_GSM.items()}
    | {letter: chr(_ESCAPE) + chr(code) for code, letter in _FROM_GSM_EXTENSION.items()}
)


class SubmitPart(NamedTuple):
    """One `submit_sm` of a message: its octets, their data_coding, and esm_class."""

    octets: bytes
    data_coding: int
    esm_class: int = 0


def encode_text(text: str, encoding: Encoding) -> bytes:
    """Return a text in GSM-7, a septet an octet, or in UCS-2."""
    return (
        text.translate(_TO_GSM).encode("latin-1") if encoding is Encoding.GSM7 else text.encode("utf-16-be")
    )


def encode_parts(body: str, *, reference: int) -> list[SubmitPart]:
    """Return the parts of a body; several carry a header with `reference` (3GPP TS 23.040, 9.2.3.24.1)."""
    measured = measure(body)
    data_coding = 0 if measured.encoding is Encoding.GSM7 else UCS2
    texts = split(measured)
    if len(texts) <= 1:
        return [SubmitPart(encode_text(measured.text, measured.encoding), data_coding)]
    return [
        SubmitPart(
            bytes((5, 0, 3, reference & 0xFF, len(texts), number)) + encode_text(text, measured.encoding),
            data_coding,
            HAS_HEADER,
        )
        for number, text in enumerate(texts, start=1)
    ]


def whole_part(body: str) -> SubmitPart:
    """Return a body as one part, for `message_payload`: the centre splits it."""
    measured = measure(body)
    return SubmitPart(
        encode_text(measured.text, measured.encoding), 0 if measured.encoding is Encoding.GSM7 else UCS2
    )


def decode_text(octets: bytes, data_coding: int) -> str:
    """Return a received text; what cannot be read becomes U+FFFD. Without NUL, which no database stores."""
    if data_coding & 0xEC == UCS2:  # also with a message class
        text = octets.decode("utf-16-be", "replace")
    elif data_coding in (ASCII, LATIN1):
        text = octets.decode("latin-1")
    elif octets.isascii():
        text = _decode_gsm(octets)
    else:  # not GSM-7, whatever the centre says
        try:
            text = octets.decode("utf-8")
        except UnicodeDecodeError:  # of another alphabet, or of octets that are no text, nothing is guessed
            text = octets.decode(*(("utf-8", "replace") if data_coding & 0x0F else ("latin-1",)))
    return text.replace("\0", "")


def _decode_gsm(octets: bytes) -> str:
    letters, escaped = [], False
    for octet in octets:
        if octet == _ESCAPE and not escaped:
            escaped = True
            continue
        table = _FROM_GSM_EXTENSION if escaped else _FROM_GSM
        letters.append(table.get(octet) or _FROM_GSM.get(octet, "\ufffd"))
        escaped = False
    return "".join(letters)


class Concatenation(NamedTuple):
    """Place of a received part in its message."""

    reference: int
    total: int
    number: int


def split_header(octets: bytes) -> tuple[Concatenation | None, bytes]:
    """Take the user data header off a text. Returns the part's place, or None, and the text's octets."""
    length = octets[0] if octets else 0
    header, text, place = octets[1 : length + 1], octets[length + 1 :], None
    while len(header) >= 2:
        element, size = header[0], header[1]
        data, header = header[2 : size + 2], header[size + 2 :]
        if element == 0 and len(data) == 3:
            place = Concatenation(data[0], data[1], data[2])
        elif element == 8 and len(data) == 4:
            place = Concatenation(data[0] << 8 | data[1], data[2], data[3])
    return (place if place and 1 <= place.number <= place.total and place.total > 1 else None), text


# Statuses of `submit_sm_resp` (5.1.3). The operators' own begin at 0x400.
_THROTTLED = {0x14, 0x58, 0x64}  # queue full, throttled, temporary error
# The centre failed while it worked on the message: it may have it all the same.
_UNCLEAR = {0x08, 0xFE, 0xFF}
_CAUSES = {
    0x01: gateway.Cause.BAD_TEXT,  # length
    0x04: gateway.Cause.ACCOUNT,  # not bound in a way that may send
    0x0A: gateway.Cause.BAD_SENDER,
    # No BAD_NUMBER, which would silence the number: centres also say so of numbers that they have no route to.
    0x0B: gateway.Cause.UNREACHABLE,
    0x0C: gateway.Cause.OTHER,
    0x0D: gateway.Cause.ACCOUNT,  # bind failed
    0x0E: gateway.Cause.ACCOUNT,  # password
    0x0F: gateway.Cause.ACCOUNT,  # system id
    0x48: gateway.Cause.BAD_SENDER,  # type of number
    0x49: gateway.Cause.BAD_SENDER,
    0x50: gateway.Cause.UNREACHABLE,
    0x51: gateway.Cause.UNREACHABLE,
    0x61: gateway.Cause.OTHER,  # scheduled time
    0x62: gateway.Cause.EXPIRED,  # validity period
    0x66: gateway.Cause.BLOCKED,  # rejected for good
}


def read_status(status: int) -> gateway.Outcome:
    """Return the outcome of a request that was answered with a status other than 0."""
    if status in _THROTTLED:
        return gateway.Throttled()
    if status in _UNCLEAR:
        return gateway.OutcomeUnknown(f"smpp_{status:#x}")
    return gateway.Refused(_CAUSES.get(status, gateway.Cause.OTHER), f"{status:#x}")


ALREADY_BOUND = 0x05
# A centre that knows no transceiver: unknown command, wrong state, bind failed.
NO_TRANSCEIVER = {0x03, 0x04, 0x0D}


def is_refused_login(status: int) -> bool:
    """Return whether a bind was refused because of the account, not because the centre is busy."""
    return _CAUSES.get(status) is gateway.Cause.ACCOUNT


def join_outcomes(results: Sequence[gateway.Outcome]) -> gateway.Outcome:
    """Return a message's outcome from its parts'; of only some accepted a person has to decide."""
    accepted = [outcome for outcome in results if isinstance(outcome, gateway.Accepted)]
    if len(accepted) == len(results):
        ids = tuple(outcome.gateway_id for outcome in accepted)
        return gateway.Accepted(ids[0], gateway.DeliveryStatus.ACCEPTED, parts=ids if len(ids) > 1 else ())
    for outcome in results:
        if isinstance(outcome, gateway.OutcomeUnknown):
            return outcome
    if accepted:
        return gateway.OutcomeUnknown("parts")
    # The first that is final: the others will fail likewise.
    return next((outcome for outcome in results if isinstance(outcome, gateway.Refused)), results[0])


_STATES: Mapping[str, tuple[gateway.DeliveryStatus | None, gateway.Cause | None]] = {
    "ENROUTE": (gateway.DeliveryStatus.SENT, None),
    "DELIVRD": (gateway.DeliveryStatus.DELIVERED, None),
    "EXPIRED": (gateway.DeliveryStatus.UNDELIVERED, gateway.Cause.EXPIRED),
    "DELETED": (gateway.DeliveryStatus.FAILED, gateway.Cause.OTHER),
    "UNDELIV": (gateway.DeliveryStatus.UNDELIVERED, gateway.Cause.UNREACHABLE),
    "ACCEPTD": (gateway.DeliveryStatus.ACCEPTED, None),
    "UNKNOWN": (None, None),  # the centre does not know: no report
    "REJECTD": (gateway.DeliveryStatus.FAILED, gateway.Cause.BLOCKED),
}
_LONG_NAMES = {"DELIVERED": "DELIVRD", "UNDELIVERABLE": "UNDELIV", "UNDELIVERED": "UNDELIV", "ACCEPTED": "ACCEPTD",
               "REJECTED": "REJECTD", "FAILED": "REJECTD"}  # fmt: skip
# By message_state (5.2.28).
_BY_NUMBER = {bytes([number]): state for number, state in enumerate(_STATES, start=1)}
# Appendix B; operators differ in case, in spaces, and in which of the fields there are.
_FIELDS = re.compile(r"\b(id|stat|err)\s*:\s*([^\s:]+)", re.IGNORECASE)
# All of Appendix B, which a resident does not type by chance. Each field is sought once: else 13 KB of them take minutes.
_WHOLE_RECEIPT = re.compile(
    r"\s*id\s*:\s*\S+\s+sub\s*:(?>.*?\bdlvrd\s*:)(?>.*?\bdone date\s*:)(?>.*?\bstat\s*:)",
    re.IGNORECASE | re.DOTALL,
)
_TEXT = re.compile(r"\btext\s*:\s?(.*)", re.IGNORECASE | re.DOTALL)


class ReceiptText(NamedTuple):
    """Receipt as it was read; `status` is None where the centre itself does not know."""

    message_ids: tuple[str, ...]
    status: gateway.DeliveryStatus | None
    cause: gateway.Cause | None
    code: str | None
    text: str


def read_receipt(text: str, options: Mapping[int, bytes], *, is_marked: bool) -> ReceiptText | None:
    """Read a receipt from its text and its optional parameters. Returns None for a message of a resident.

    `is_marked`: esm_class says that it is one, and an id or a state is enough. Without that it needs both, and from where no
    resident writes: the optional parameters, or all fields of the standard's text.
    """
    fields = {name.lower(): value for name, value in reversed(_FIELDS.findall(text))}
    by_option = options.get(RECEIPTED_ID, b"").split(b"\0")[0].decode("latin-1").strip()
    number = options.get(MESSAGE_STATE, b"")[:1]
    state = _BY_NUMBER.get(number)
    if state is None and (named := fields.get("stat", "").upper()):
        state = _LONG_NAMES.get(named, named[:7])
    message_ids = tuple(dict.fromkeys(filter(None, (by_option, fields.get("id", "").strip()))))
    has_id, has_state = bool(message_ids), state in _STATES
    is_centres = bool(by_option and number) or _WHOLE_RECEIPT.match(text) is not None
    if not (has_id or has_state if is_marked else has_id and has_state and is_centres):
        return None
    status, cause = _STATES.get(state or "", (None, None))
    error = fields.get("err", "").lstrip("0")
    quoted = _TEXT.search(text)
    return ReceiptText(message_ids, status, cause, error[:24] or (state if cause else None),
                       quoted[1].strip()[:20] if quoted else "")  # fmt: skip


def gateway_id(message_id: str, attempt_id: int) -> str:
    """Return the id under which an attempt is kept: centres count anew, so theirs alone may be another message's."""
    return f"{message_id[:44]}#{attempt_id}"


def id_of_centre(gateway_id: str) -> str:
    """Return the centre's own id in what `gateway_id` returned."""
    return gateway_id.partition("#")[0]


def reference_of(attempt_id: int, *, secret_key: str) -> int:
    """Return our reference of a message (16 bits), which some centres give back with the receipt.

    Keyed, so that another system behind the same account, which may count from 1 as well, does not hit it.
    """
    digest = hmac.new(f"smpp/{secret_key}".encode(), str(attempt_id).encode(), hashlib.sha256).digest()
    return int.from_bytes(digest[:2], "big")


# How an id may be written that was read as a decimal and as a hexadecimal number.
_SPELLINGS = (
    (r"[0-9]{1,20}", 10, ("d", "x", "X", "08x", "08X", "010d")),
    (r"[0-9A-Fa-f]{1,16}", 16, ("x", "X", "d", "010d", "08x", "08X")),
)


def possible_ids(message_ids: Sequence[str]) -> frozenset[str]:
    """Return the ids that a receipt may mean.

    Some centres answer `submit_sm` in hexadecimal and write decimal into the receipt, or the other way round, with
    zeros in front or without.
    """
    spellings = set(message_ids)
    for message_id in message_ids:
        for digits, base, forms in _SPELLINGS:
            if re.fullmatch(digits, message_id):
                spellings |= {format(int(message_id, base), form) for form in forms}
    return frozenset(spelling[:44] for spelling in spellings)


def _plain(text: str) -> str:
    return re.sub(r"[^0-9a-z]", "", text.lower())


def quotes(quoted: str, body: str) -> bool:
    """Return whether a receipt's quotation is of this text: equal as far as both are plain letters. An empty one is of none."""
    plain = _plain(quoted)
    return bool(plain) and _plain(body[:60]).startswith(plain)


# A centre quotes 20 characters. Fewer fit too many texts, unless they are all that there is.
_WHOLE_QUOTATION, _FEWEST_LETTERS = 15, 6


def is_whole_quotation(quoted: str, body: str) -> bool:
    """Return whether a quotation that fits this text is long enough to tell it from others."""
    return len(quoted) >= min(_WHOLE_QUOTATION, len(body)) and len(_plain(quoted)) >= min(
        _FEWEST_LETTERS, len(_plain(body))
    )


class InboundPdu(NamedTuple):
    """A `deliver_sm` or `data_sm` (4.6.1, 4.7.1), as far as it can be read; `is_whole` if that is all of it."""

    source: str = ""
    destination: str = ""
    esm_class: int = 0
    data_coding: int = 0
    octets: bytes = b""
    options: Mapping[int, bytes] = MappingProxyType({})
    is_whole: bool = False

    def number(self, tag: int, *, size: int = 2) -> int:
        """Return an optional parameter that is a number of so many octets, whatever the centre has sent; 0 without it."""
        return int.from_bytes(self.options.get(tag, b"")[:size], "big")


# service_type, the two addresses with their kinds, and esm_class; then what is between that and the text, by command.
_ADDRESSES = re.compile(rb"[^\0]*\0..([^\0]*)\0..([^\0]*)\0(.?)", re.DOTALL)
_DELIVER_REST = re.compile(rb"..[^\0]*\0[^\0]*\0..(.).(.)", re.DOTALL)
_DATA_REST = re.compile(rb".(.)()", re.DOTALL)


def read_pdu(body: bytes, *, is_data: bool) -> InboundPdu:
    """Read the body of a `deliver_sm`, or of a `data_sm`, which has its text in `message_payload`. Never raises."""
    head = _ADDRESSES.match(body)
    if head is None:
        return InboundPdu()
    read = InboundPdu(head[1].decode("latin-1"), head[2].decode("latin-1"), ord(head[3] or b"\0"))
    rest = (_DATA_REST if is_data else _DELIVER_REST).match(body, head.end())
    if rest is None:
        return read
    at = rest.end() + ord(rest[2] or b"\0")
    octets, options = body[rest.end() : at], {}
    while at + 4 <= len(body):
        tag, length = struct.unpack_from(">HH", body, at)
        options[tag] = body[at + 4 : at + 4 + length]
        at += 4 + length
    return read._replace(
        data_coding=ord(rest[1]),
        octets=options.get(PAYLOAD) or octets,
        options=options,
        is_whole=at == len(body),
    )
