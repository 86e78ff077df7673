"""Languages that people can be written to in, by code. Pure.

Codes are those of ISO 639 (two letters where it has them, else the three of 639-3, checked against its table of
2024). The register holds the languages of the peoples of Vietnam, as the list of peoples of 1979 (Decision
121-TCTK/PPCĐ) names them, and those of foreigners who often live there. Three peoples whose language has no code of its
own (Lô Lô, Ngái, Sán Dìu) have one from the range for private use, qaa to qtz. A people with several languages has
the language of its largest group; the code is only used to match texts with people.

Which of them an installation offers, and which further spellings its lists use, is data of the office
(`outreach/contacts/languages.py`).
"""

import unicodedata
from collections.abc import Mapping

VIETNAMESE = "vi"

# code, name in Vietnamese, other spellings separated by commas
_REGISTER = """
vi|Tiếng Việt|Kinh, Việt, Việt Nam, phổ thông, tiếng phổ thông, Vietnamese
bdq|Ba Na|Ba-na, Bahnar, Banar
pcc|Giáy|Dáy, Bố Y, Bouyei
brb|Brâu|Brao
bru|Bru - Vân Kiều|Bru, Vân Kiều, Bru Vân Kiều
mlc|Cao Lan|Sán Chay, Sán Chí, Cao Lan - Sán Chí
cjm|Chăm|Chàm, Cham
crw|Chơ Ro|Chrau, Chơ-ro, Châu Ro
cje|Chu Ru|Churu, Chru
scb|Chứt|Rục, Sách
kpm|Cơ Ho|Cơ-ho, K'Ho, Kơ Ho, Koho, Cờ Ho
aou|Cơ Lao|Cờ Lao, Gelao
ktv|Cơ Tu|Cơ-tu, Katu, Ka Tu, Cà Tu
cua|Co|Cor, Cua, Kor
cnc|Cống|
ium|Dao|Dao (Mán), Yao, Iu Mien
rad|Ê Đê|Ê-đê, Ede, Ê Ðê, Rhade, Rade
jra|Gia Rai|Gia-rai, Jarai, Jrai, Gia Lai
jeh|Giẻ Triêng|Giẻ-Triêng, Gié Triêng, Giẻ, Triêng, Jeh, Dgiéh
hni|Hà Nhì|
zh|Hoa|Trung, Trung Quốc, Chinese, Quảng Đông
hre|Hrê|Hre, H'rê, Hơ Rê
kjm|Kháng|
km|Khmer|Khơ-me, Khơ Me, Khơme
kjg|Khơ Mú|Khơ-mú, Khmu
lbt|La Chí|
lha|La Ha|
lhu|La Hủ|
lo|Lào|Lao
qll|Lô Lô|
khb|Lự|
cma|Mạ|Châu Mạ
zng|Mảng|
cmo|Mnông|M'Nông, Mơ Nông, Mơ-nông, Mnong
hmn|Mông|H'Mông, Hmông, Mèo, Hmong
mtq|Mường|
qng|Ngái|
nut|Nùng|
tyh|Ơ Đu|Ơ-đu
pha|Pà Thẻn|
phh|Phù Lá|
laq|Pu Péo|
rog|Ra Glai|Ra-glai, Raglai, Rắc Lây
rmx|Rơ Măm|Rơ-măm, Romam
qsd|Sán Dìu|
slt|Si La|
tth|Tà Ôi|Tà-ôi, Ta Oi, Pa Cô, Pa Kô
tyz|Tày|
blt|Thái|Thái Đen, Thái Trắng
tou|Thổ|
puo|Xinh Mun|
sed|Xơ Đăng|Xơ-đăng, Xê Đăng, Sê Đăng, Sơ Đăng, Sedang, Xơ Đeng
sti|Xtiêng|X'Tiêng, Stiêng, Xơ Tiêng
en|Tiếng Anh|English
ja|Tiếng Nhật|Nhật Bản, Japanese
ko|Tiếng Hàn|Hàn Quốc, Korean
"""
_ROWS = [line.split("|") for line in _REGISTER.strip().splitlines()]
NAMES: dict[str, str] = {code: name for code, name, _others in _ROWS}


def spelling_key(text: str) -> str:
    """Return the key shared by spellings of a language's name: letters alone, unaccented, without "tiếng" before it."""
    plain = unicodedata.normalize("NFD", text.lower().replace("đ", "d").replace("ð", "d"))
    key = "".join(letter for letter in plain if letter.isascii() and letter.isalpha())
    return key.removeprefix("tieng") or key


_CODES = {
    spelling_key(spelling): code
    for code, name, others in _ROWS
    for spelling in (name, *filter(None, map(str.strip, others.split(","))))
}
# A group of the Ba Na whose lists name it by itself.
_CODES["rongao"] = "bdq"


def language_code(text: str, own: Mapping[str, str] | None = None) -> str | None:
    """Return the code of a language as written in lists ("tiếng Ba Na", "Xơ-đăng", "bdq"), or None.

    `own`: codes by `spelling_key` of the spellings that the installation has added; they come before the register's.
    """
    written = text.strip().lower()
    if written in NAMES:
        return written
    key = spelling_key(text)
    return (own or {}).get(key) or _CODES.get(key)
