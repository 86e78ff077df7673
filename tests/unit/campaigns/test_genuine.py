"""Whether a message may be ours: its words and its links, never a person."""

from campaigns.rules.genuine import LONGEST, MessageMatch, compare_message
from tests.support.tables import cases, each_of

STEP = "[{name}, ]UBMTTQ tinh moi ong/ba cai Bluezone: {link} Tra loi 1 neu da cai. Tu choi: TC"
WITH_ADDRESS = "Chi tiet tai bluezone.gov.vn/tai. Can giup nhan so 4."
ONLY_FIELDS = "{name} {link}"
STOPPED = "Da nhan yeu cau tu choi luc {time}. Tu bay gio chung toi khong gui tin den so nay nua."
VISIT = "Moi ong/ba di tiem luc {hour} tai tram y te xa."
CODE = "Ma xac nhan cua ong/ba: {code}. Nhap tren trang vd.vn/hoi."
TEMPLATES = (STEP, WITH_ADDRESS, ONLY_FIELDS, STOPPED, VISIT, CODE)
HOSTS = {"loa.example.vn", "vd.vn"}


@cases(
    *each_of(
        "Nguyen Thi A, UBMTTQ tinh moi ong/ba cai Bluezone: https://loa.example.vn/abcd2345 Tra loi 1 neu da cai. Tu choi: TC | "
        "UBMTTQ tỉnh mời ông/bà cài Bluezone: https://vd.vn/abcd2345. Trả lời 1 nếu đã cài. Từ chối: TC | "
        "ubmttq tinh moi ong/ba  cai bluezone vd.vn/abcd2345 tra loi 1 neu da cai tu choi TC | "
        "Chi tiet tai bluezone.gov.vn/tai. Can giup nhan so 4.",
        MessageMatch.SAME,
    ),
    # A time differs by person, and so does a code.
    (STOPPED.format(time="10:20 ngay 01/10/2026"), MessageMatch.SAME),
    (VISIT.format(hour="7 gio 30, ngay 5/12"), MessageMatch.SAME),
    (CODE.format(code="012345"), MessageMatch.SAME),
    (VISIT.format(hour="7 gio, chuyen tien vao 012345"), MessageMatch.DIFFERENT),
    (VISIT.format(hour="45/67/8910"), MessageMatch.DIFFERENT),
    # The words are ours, the link is not.
    *each_of(
        "UBMTTQ tinh moi ong/ba cai Bluezone: https://loa-example.vn/abcd2345 Tra loi 1 neu da cai. Tu choi: TC | "
        "Nhan qua tai bit.ly/3abc | Tai http://1.2.3.4/a.apk | dang nhap vietcombank.com.top de nhan tien",
        MessageMatch.FOREIGN_LINK,
    ),
    # Something was added, before, after or where the name stands.
    *each_of(
        "UBMTTQ tinh moi ong/ba cai Bluezone: vd.vn/a Tra loi 1 neu da cai. Tu choi: TC Chuyen tien vao 0123 | "
        "Chuyen 0011 2233 4455, UBMTTQ tinh moi ong/ba cai Bluezone: vd.vn/a Tra loi 1 neu da cai. Tu choi: TC",
        MessageMatch.DIFFERENT,
    ),
    # Whatever a phone makes a link of stands where the name does; a title before a name is none.
    *(
        (
            f"{name}, UBMTTQ tinh moi ong/ba cai Bluezone: vd.vn/a Tra loi 1 neu da cai. Tu choi: TC",
            MessageMatch.DIFFERENT,
        )
        for name in (
            "Qua tai evil.ru",
            "EVIL.page",
            "https://nhận.vn",
            "a.evil.tk",
            "evil-a.ru",
            "evil。dev",
            "https://vđ.vn",
        )
    ),
    (
        "BS.Lan UBND.Xa, UBMTTQ tinh moi ong/ba cai Bluezone: vd.vn/a Tra loi 1 neu da cai. Tu choi: TC",
        MessageMatch.SAME,
    ),
    *(
        (
            f"UBMTTQ tinh moi ong/ba cai Bluezone: {link} Tra loi 1 neu da cai. Tu choi: TC",
            MessageMatch.DIFFERENT,
        )
        for link in (
            "https://vd.vnậ.com/a",
            "https://vd.vn．ru",
            "https://vd.vn@evil.ru",
            "https://vd.vn-nhận.com/a",
        )
    ),
    # A page's field cuts what is longer.
    (VISIT.format(hour="7 gio") + "\n" * LONGEST + "http://evil.vn", MessageMatch.DIFFERENT),
    *each_of("UBMTTQ tinh moi ong/ba cai Bluezone: | Ban xong.Xin cam on", MessageMatch.DIFFERENT),
    ("", MessageMatch.DIFFERENT),
    ("a" * 100_000, MessageMatch.DIFFERENT),
)
def test_a_message_is_told_from_others_by_its_words_and_links(text, verdict):
    assert compare_message(text, TEMPLATES, HOSTS) is verdict


def test_only_the_beginning_is_compared():
    assert compare_message("a" * LONGEST + " bit.ly/abc", TEMPLATES, HOSTS) is MessageMatch.DIFFERENT
