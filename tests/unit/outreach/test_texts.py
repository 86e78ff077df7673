"""What nobody sees in a text, and what documents and databases refuse, goes where the text comes in."""

from outreach.rules.texts import clean_text, clean_texts
from tests.support.tables import cases


@cases(
    ("Cài\x01 Bluezone", "Cài Bluezone"),
    ("gpj.\u202exlsx", "gpj.xlsx"),
    ("hai\tcột\r\ndòng\n", "hai\tcột\r\ndòng\n"),
    ("nửa \ud800 cặp", "nửa \ufffd cặp"),
    ("\ud83d\ude00", "😀"),
    ("❤️ 👨‍👩‍👧", "❤️ 👨‍👩‍👧"),
    ("A\u200b Lâu\ufeff\uffff\x00", "A Lâu"),
    ("Y Blốc", "Y Blốc"),
)
def test_a_text_keeps_its_words_and_loses_what_nobody_sees(typed, clean):
    assert clean_text(typed) == clean
    assert clean_texts({"a": [typed, 1, None], "b": (typed,)}) == {"a": [clean, 1, None], "b": (clean,)}
