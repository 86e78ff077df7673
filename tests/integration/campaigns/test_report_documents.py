"""The form of an official report (Decree 30/2020, Appendix I; the 15 points), read from the documents themselves."""

import json
import re
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from io import BytesIO

import pytest
from docx import Document
from docx.enum.section import WD_ORIENT
from docx.oxml.ns import qn
from docx.shared import Cm, Mm, Pt
from pypdf import PdfReader
from python_calamine import CalamineWorkbook

from campaigns.models.reports import FileKind
from campaigns.reports.documents import build_files, words_of
from campaigns.reports.writers.pdf import write_pdf
from campaigns.rules.goals import people_for
from campaigns.rules.promises import OwnCount
from campaigns.rules.replies.labels import Label
from campaigns.rules.reports.compose import compose, compose_correction
from campaigns.rules.reports.document import Paragraph, long_day, percent, read_notes, said, short_day
from campaigns.rules.reports.snapshot import (
    ChangeKind,
    OfficialInstallFigure,
    Outreach,
    OwnAnswerFigures,
    SmartphoneOwners,
    Target,
    find_changes,
    read_snapshot,
)
from tests.support.admin_client import shows
from tests.support.report_sample import DAY, FORM, sample
from tests.support.tables import cases

NOW = datetime(2020, 8, 5, 6, 31, tzinfo=UTC)


@pytest.fixture(scope="module")
def files():
    return build_files(compose(sample(), FORM), made_at=NOW)


@pytest.fixture(scope="module")
def docx(files):
    return Document(BytesIO(files[FileKind.DOCX]))


def paragraphs(docx):
    """All of them, also within tables."""
    inside = [
        line for table in docx.tables for row in table.rows for cell in row.cells for line in cell.paragraphs
    ]
    return [*docx.paragraphs, *inside]


def find(docx, text):
    return next(line for line in paragraphs(docx) if line.text.startswith(text))


def look(line):
    """Size in points, bold, italic."""
    [run] = line.runs
    return run.font.size.pt, bool(run.bold), bool(run.italic)


def rules_of(cell):
    """The widths in millimetres of the rules drawn in a cell."""
    width = cell.width
    return [
        (width - line.paragraph_format.left_indent - line.paragraph_format.right_indent) / Mm(1)
        for line in cell.paragraphs
        if line._p.find(f"{qn('w:pPr')}/{qn('w:pBdr')}") is not None
    ]


def test_points_1_to_3_paper_margins_and_font(docx):
    upright, *appendices = docx.sections
    assert (round(upright.page_width / Mm(1)), round(upright.page_height / Mm(1))) == (210, 297)
    assert [each.orientation for each in appendices] == [
        WD_ORIENT.PORTRAIT,
        WD_ORIENT.LANDSCAPE,
        WD_ORIENT.PORTRAIT,
    ]
    for section in docx.sections:
        assert 20 <= section.top_margin / Mm(1) <= 25.01
        assert 20 <= section.bottom_margin / Mm(1) <= 25.01
        assert 30 <= section.left_margin / Mm(1) <= 35.01
        assert 15 <= section.right_margin / Mm(1) <= 20.01
    for line in paragraphs(docx):
        for run in line.runs:
            fonts = run._r.rPr.rFonts if run._r.rPr is not None else None
            if run.text:
                assert {fonts.get(qn(f"w:{script}")) for script in ("ascii", "hAnsi", "cs")} == {
                    "Times New Roman"
                }
                assert str(run.font.color.rgb) == "000000"


def test_point_4_page_numbers_above_hidden_on_the_first_page_and_an_appendix_counts_by_itself(docx):
    for n, section in enumerate(docx.sections):
        assert section.different_first_page_header_footer
        assert section.first_page_header.paragraphs[0].text == ""
        [line] = section.header.paragraphs
        assert "PAGE" in line._p.xml
        assert line.alignment == 1
        assert {each.get(qn("w:val")) for each in line._p.iter(qn("w:sz"))} == {"28"}  # half points
        start = section._sectPr.find(qn("w:pgNumType"))
        assert (start is not None and start.get(qn("w:start")) == "1") == (n > 0)


def test_points_5_to_8_the_head(docx):
    issuing, country = docx.tables[0].rows[0].cells
    assert [line.text for line in country.paragraphs][:2] == [
        "CỘNG HÒA XÃ HỘI CHỦ NGHĨA VIỆT NAM",
        "Độc lập - Tự do - Hạnh phúc",
    ]
    assert [look(line) for line in country.paragraphs[:2]] == [(12, True, False), (13, True, False)]
    assert rules_of(country) == [pytest.approx(56.1, abs=1)]  # as wide as the motto at 13 points
    *superior, issuer, _rule = issuing.paragraphs
    assert [look(line) for line in superior] == [(12, False, False)] * 2
    assert look(issuer) == (12, True, False)
    [rule] = rules_of(issuing)
    assert 42.5 / 3 <= rule <= 42.5 / 2  # BAN THƯỜNG TRỰC at 12 points is 42.5 mm wide
    number, day = (cell.paragraphs[0] for cell in docx.tables[0].rows[1].cells)
    assert re.fullmatch(r"Số: {3,}/BC-MTTQ-BTT", number.text)
    assert look(number) == (13, False, False)
    assert day.text == "Kon Tum, ngày 05 tháng 8 năm 2020"
    assert look(day) == (13, False, True)


def test_points_9_to_12_title_addressees_bases_and_body(docx):
    assert look(find(docx, "BÁO CÁO")) == (14, True, False)
    subject = find(docx, "Kết quả vận động cài đặt ứng dụng Bluezone")
    assert look(subject) == (14, True, False)
    assert subject.alignment == 1
    assert look(find(docx, "Kính gửi:")) == (14, False, False)
    assert [line.text[-1] for line in docx.paragraphs if line.text.startswith(("- Ủy ban", "- Ban Chỉ"))] == [
        ";",
        ".",
    ]
    bases = [line for line in docx.paragraphs if line.text.startswith(("Căn cứ", "Thực hiện chỉ đạo"))]
    assert [line.text[-1] for line in bases] == [";", "."]
    assert {look(line) for line in bases} == {(14, False, True)}
    body = find(docx, "Ban Thường trực Ủy ban")
    assert look(body) == (14, False, False)
    shape = body.paragraph_format
    assert shape.first_line_indent == Cm(1.27)
    assert body.alignment == 3
    assert shape.space_before >= Pt(6)
    assert 1 <= shape.line_spacing <= 1.5


def test_points_13_and_14_who_signs_and_who_gets_a_copy(docx):
    copies, signing = (
        next(table for table in docx.tables if "Nơi nhận:" in table.cell(0, 0).text).rows[0].cells
    )
    lines = [line for line in signing.paragraphs if line.text]
    assert [line.text for line in lines] == ["TM. BAN THƯỜNG TRỰC", "KT. CHỦ TỊCH", "PHÓ CHỦ TỊCH"]
    assert {look(line) for line in lines} == {(14, True, False)}
    assert signing.paragraphs[-1].text == ""  # the name is the signer's to write
    title, *listed = copies.paragraphs
    assert look(title) == (12, True, True)
    assert {look(line) for line in listed} == {(11, False, False)}
    assert all(line.text.startswith("- ") and line.text.endswith(";") for line in listed[:-1])
    assert listed[-1].text == "- Lưu: VT, BTT."


def test_point_15_numbers_and_tables_over_pages(docx, files):
    words = " ".join(words_of(files[FileKind.DOCX], FileKind.DOCX))
    assert "540.438" in words
    assert "50,3%" in words
    tables = [table for table in docx.tables if table.style.name == "Table Grid"]
    assert len(tables) == 5
    for table in tables:
        for n, row in enumerate(table.rows):
            properties = row._tr.trPr
            assert properties.find(qn("w:cantSplit")) is not None
            assert (properties.find(qn("w:tblHeader")) is not None) == (n == 0)


def test_the_pdf_says_the_same_in_the_same_form(files):
    pdf = PdfReader(BytesIO(files[FileKind.PDF]))
    pages = [" ".join(page.extract_text().split()) for page in pdf.pages]
    sizes = [(round(float(page.mediabox.width) / 72 * 25.4), page.mediabox.height) for page in pdf.pages]
    assert sizes[0][0] == 210
    assert 297 in [width for width, _ in sizes]
    fonts = {
        str(font.get_object()["/BaseFont"]).partition("+")[2]
        for page in pdf.pages
        for font in page["/Resources"]["/Font"].values()
    }
    assert fonts <= {f"LiberationSerif{face}" for face in ("", "-Bold", "-Italic", "-BoldItalic")}
    assert "Độc lập - Tự do - Hạnh phúc" in pages[0]
    assert "ngày 05 tháng 8 năm 2020" in pages[0]
    assert not pages[0].startswith("1 ")
    assert pages[1].startswith("2 ")
    first = next(n for n, page in enumerate(pages) if "Phụ lục II " in page)
    assert pages[first].startswith("Phụ lục II")
    assert pages[first + 1].startswith("2 TT Xã, phường, thị trấn")  # its own numbers, and the header again


@pytest.mark.parametrize("lines", range(12, 22, 2))
def test_the_signature_stands_on_no_page_of_its_own(lines):
    report = compose(sample(), FORM)
    last = report.blocks[-1]
    assert isinstance(last, Paragraph)
    report = replace(report, blocks=[*[Paragraph("Một dòng.")] * lines, last], appendices=[])
    pages = [" ".join(page.extract_text().split()) for page in PdfReader(BytesIO(write_pdf(report))).pages]
    [signed] = [page for page in pages if "Nơi nhận:" in page]
    assert " ".join(last.text.split())[-30:] in signed


def test_the_sheets_hold_numbers_that_look_as_in_the_report(files):
    book = CalamineWorkbook.from_filelike(BytesIO(files[FileKind.XLSX]))
    districts = book.get_sheet_by_name("Huyện, thành phố").to_python()
    head = next(n for n, row in enumerate(districts) if row[0] == "TT")
    assert districts[head + 1][1:8] == [
        "Thành phố Kon Tum",
        31250,
        "05/8/2020",
        62125,
        pytest.approx(0.503, abs=1e-3),
        634,
        pytest.approx(634 / 62125, abs=1e-4),
    ]
    assert districts[head - 1][0] == "Đơn vị tính: người"
    assert districts[head + 2][1:4] == ["Huyện Đắk Glei", "", ""]  # not known: a blank, never 0
    with zipfile.ZipFile(BytesIO(files[FileKind.XLSX])) as archive:
        styles = archive.read("xl/styles.xml").decode()
        sheets = [archive.read(name).decode() for name in archive.namelist() if "worksheets/sheet" in name]
        defined = archive.read("xl/workbook.xml").decode()
        assert len([name for name in archive.namelist() if name.startswith("xl/media/")]) == 3
    assert set(re.findall(r'<name val="([^"]+)"', styles)) == {
        "Times New Roman",
        "Calibri",
    }  # Calibri: of no cell
    assert '0"."000' in styles.replace("&quot;", '"')
    assert all('paperSize="9"' in sheet for sheet in sheets)
    assert all('<headerFooter differentFirst="1"><oddHeader>&amp;C' in sheet for sheet in sheets)
    assert defined.count("_xlnm.Print_Titles") == 5


def test_a_long_remark_is_read_to_its_end_in_the_sheet_as_well():
    remark = " ".join(f"Ý thứ {n} của ngày hôm nay." for n in range(300))
    built = build_files(
        compose(sample(), FORM, notes=read_notes({"remark": [remark[:1000]] * 10})), made_at=NOW
    )
    with zipfile.ZipFile(BytesIO(built[FileKind.XLSX])) as book:
        heights = re.findall(r' ht="([\d.]+)"', book.read("xl/worksheets/sheet1.xml").decode())
    assert max(map(float, heights)) <= 409
    rows = CalamineWorkbook.from_filelike(BytesIO(built[FileKind.XLSX])).get_sheet_by_index(0).to_python()
    assert " ".join(str(row[0]) for row in rows).count("Ý thứ 0 của") == 10


def test_no_text_of_a_report_is_run_or_linked():
    """Whoever may fill in the template would else have a leader's spreadsheet call out."""
    form = replace(
        FORM,
        issuer='=HYPERLINK("http://evil.example";"x")',
        subject="=1+1",
        proposals=("http://evil.example/a", "+1"),
        copies=("=1+1", "http://evil.example/b"),
    )
    book = build_files(compose(sample(), form), made_at=NOW)[FileKind.XLSX]
    with zipfile.ZipFile(BytesIO(book)) as archive:
        for name in archive.namelist():
            part = archive.read(name).decode("utf-8", "replace")
            assert not re.search(r"<f[ >]", part), name
            assert "evil.example" not in part or name.startswith(("docProps/", "xl/sharedStrings")), name


def test_a_fresh_build_says_the_same(files):
    kept = read_snapshot(json.loads(json.dumps(sample().as_data())))
    assert kept.digest == sample().digest
    again = build_files(compose(kept, FORM), made_at=NOW)
    assert again[FileKind.PDF] == files[FileKind.PDF]
    for kind in (FileKind.DOCX, FileKind.XLSX):
        assert words_of(again[kind], kind) == words_of(files[kind], kind)


def test_self_reports_and_official_figures_never_meet():
    text = "\n".join(getattr(block, "text", "") for block in compose(sample(), FORM).blocks)
    assert "31.250 máy đã cài đặt" in text
    assert "634 người tự khai báo" in text
    assert f"{31250 + 634:,}".replace(",", ".") not in text
    assert "Chưa đủ số liệu của tất cả các huyện" in text  # one of two districts is not the province
    assert "1.102/1.180 người có điện thoại thông minh" in text  # of the agency that gave both figures


def test_a_correction_says_what_changed_from_what_to_what():
    before = sample()
    late = replace(before.agencies[2], staff=80, with_smartphone=78, installed=70, day=DAY, is_missing=False)
    after = replace(before, agencies=(replace(before.agencies[0], installed=1110), before.agencies[1], late))
    changes = find_changes(before, after, done=FORM.done)
    assert [(each.what, each.before, each.after, each.kind) for each in changes] == [
        ("Cộng các cơ quan, đơn vị đủ số liệu: số người đã cài đặt", 1102, 1180, ChangeKind.CORRECTED),
        (
            "Cộng các cơ quan, đơn vị đủ số liệu: người có điện thoại thông minh",
            1180,
            1258,
            ChangeKind.CORRECTED,
        ),
        ("Số cơ quan, đơn vị đã gửi số liệu trong ngày", 1, 2, ChangeKind.CORRECTED),
        ("Sở Y tế: số người đã cài đặt", 1102, 1110, ChangeKind.CORRECTED),
        ("Sở Tài chính: tổng số người", None, 80, ChangeKind.ADDED),
        ("Sở Tài chính: người có điện thoại thông minh", None, 78, ChangeKind.ADDED),
        ("Sở Tài chính: số người đã cài đặt", None, 70, ChangeKind.ADDED),
        ("Sở Tài chính: số liệu ngày", None, "05/8/2020", ChangeKind.ADDED),
    ]
    paper = compose_correction(after, FORM, changes, n=1, written_on="2020-08-06")
    assert paper.kind == "BÁO CÁO BỔ SUNG, ĐÍNH CHÍNH"
    assert paper.place_and_day == "Kon Tum, ngày 06 tháng 8 năm 2020"
    assert find_changes(before, before, done=FORM.done) == []


def full():
    """The sample with nothing unknown that could be known, and two campaigns of one name."""
    plain = sample(communes=2)
    city = plain.districts[0]
    commune = replace(
        plain.communes[0], official=OfficialInstallFigure(12, DAY, "UBND xã"), owners=city.owners
    )
    return replace(
        plain,
        whole=replace(plain.whole, official=OfficialInstallFigure(40000, DAY, "Sở TT&TT")),
        communes=(commune, plain.communes[1]),
        bodies=(replace(plain.bodies[0], id=3),),
        campaigns=tuple(
            replace(plain.campaigns[0], id=n, delivered=900 + n, launched_on=f"2020-08-0{n}") for n in (1, 2)
        ),
        outreach=(Outreach("radio", 12, 3, 50),),
        own=OwnAnswerFigures("Hài lòng không?", (OwnCount("Có", 500), OwnCount("Không", 150))),
    )


def test_where_people_promise_the_report_leads_with_it_and_calls_nobody_recorded_a_self_report():
    promise = OwnCount("Tôi sẽ đến", 500, 300, Label.NOT_YET)
    answers = (promise, OwnCount("Tôi không đến được", 150, 0, Label.NO_SMARTPHONE))
    plain = sample()
    invited = replace(plain, own=OwnAnswerFigures("Có đến được không?", answers), has_sources=False)
    told = invited.whole.reported
    text = " ".join(each.text for each in compose(invited, FORM).blocks if isinstance(each, Paragraph))
    assert f"Báo sẽ đến 500/{said(told.recipients)} người; không đến được 150; " in text
    assert f"Trong {said(told.reported)} người được ghi nhận có 300 người đã báo trước" in text
    assert "tự khai báo" not in text
    assert read_snapshot(invited.as_data()) == invited
    surveyed = replace(plain, own=OwnAnswerFigures("Hài lòng không?", (OwnCount("Có", 500),)))
    assert [*surveyed.as_data()["own"]["answers"]] == [{"text": "Có", "people": 500}], "as stored before"


def altered(data, path=()):
    """The same with one leaf after the other altered, and the leaf's name."""
    items = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    for key, value in items:
        for name, other in altered(value, (*path, key)):
            yield (
                name,
                {**data, key: other} if isinstance(data, dict) else [*data[:key], other, *data[key + 1 :]],
            )
    if isinstance(data, bool):
        yield ".".join(map(str, path)), not data
    elif isinstance(data, int | float):
        yield ".".join(map(str, path)), data + 1
    elif isinstance(data, str):
        is_day = re.fullmatch(r"\d{4}-\d\d-\d\d", data)
        yield ".".join(map(str, path)), "2020-07-07" if is_day else f"{data}1"


@cases(True, False)
def test_a_correction_lists_whatever_is_printed_differently_and_nothing_else(has_own):
    """Each figure, name and day of a snapshot in turn; what tells which is which stays."""
    before = full()
    if not has_own:
        before = replace(before, whole=replace(before.whole, official=None))
    data = json.loads(json.dumps(before.as_data()))
    seen = 0
    for name, other in altered(data):
        if (name.startswith(("day", "as_of")) and not name.startswith("days")) or name.endswith(
            (".id", ".code", ".kind", "is_missing", ".district")
        ):
            continue
        after = read_snapshot(other)
        is_printed = compose(before, FORM) != compose(after, FORM)
        assert bool(find_changes(before, after, done=FORM.done)) == is_printed, name
        seen += 1
    assert seen > 60


def test_a_kind_that_asks_no_agency_has_no_section_about_them():
    plain = full()
    places = tuple(replace(each, official=None) for each in plain.districts)
    alone = replace(plain, agencies=(), districts=places, communes=(), has_sources=False)
    alone = replace(alone, whole=replace(alone.whole, official=None))
    document = compose(alone, replace(FORM, proposals=()))
    text = "\n".join(getattr(block, "text", "") for block in document.blocks)
    shows(text, but=("cơ quan", "chính thức", "Hai nguồn", FORM.staff))
    headings = re.findall(r"^(\d)\. ", text, re.MULTILINE)
    assert headings[:3] == ["1", "2", "3"]
    assert "còn thiếu 269.585 người so với mục tiêu 50%" in text
    assert [each.title for each in document.appendices] == ["Phụ lục I"]
    assert read_snapshot(json.loads(json.dumps(alone.as_data()))) == alone


def test_of_two_campaigns_of_one_name_each_is_compared_with_itself():
    before = full()
    first, second = before.campaigns
    after = replace(before, campaigns=(first, replace(second, delivered=950)))
    assert [(each.what, each.before, each.after) for each in find_changes(before, after, done=FORM.done)] == [
        ("Đợt “Đợt 1”, bắt đầu 02/8/2020: đến máy", 902, 950)
    ]
    # An earlier issue, whose campaigns have no id.
    old = read_snapshot(
        {**before.as_data(), "campaigns": [{**each, "id": None} for each in before.as_data()["campaigns"]]}
    )
    assert [each.what for each in find_changes(old, after, done=FORM.done)] == [
        "Đợt “Đợt 1”, bắt đầu 02/8/2020: đến máy"
    ]
    assert old.digest == read_snapshot(old.as_data()).digest
    assert "id" not in old.as_data()["campaigns"][0]


def test_what_is_there_no_longer_is_a_change():
    before = full()
    after = replace(before, outreach=(), campaigns=before.campaigns[:1])
    assert [(each.what, each.before, each.after) for each in find_changes(before, after, done=FORM.done)] == [
        ("Đợt “Đợt 1”: người nhận", 1300, None),
        ("Đợt “Đợt 1”: đã gửi", 1290, None),
        ("Đợt “Đợt 1”: đến máy", 902, None),
        ("Đợt “Đợt 1”: trả lời", 700, None),
        ("Đợt “Đợt 1”: tự khai báo đã cài đặt", 634, None),
        ("Phát thanh: số lượt", 12, 0),
        ("Phát thanh: số lượt trong ngày", 3, 0),
        ("Phát thanh: số lượt người", 50, None),
    ]


def test_a_figure_that_an_agency_leaves_out_today_is_a_change():
    before = sample()
    late = replace(before.agencies[1], staff=None, day=DAY, is_missing=False)
    after = replace(before, agencies=(before.agencies[0], late, before.agencies[2]))
    assert [(each.what, each.before, each.after) for each in find_changes(before, after, done=FORM.done)] == [
        ("Số cơ quan, đơn vị đã gửi số liệu trong ngày", 1, 2),
        ("Sở Giáo dục và Đào tạo: tổng số người", 310, None),
        (
            "Sở Giáo dục và Đào tạo: số liệu ngày",
            "04/8/2020",
            "05/8/2020",
        ),  # 255 was printed, and is the same
    ]


@cases(
    (long_day("2020-08-05"), "ngày 05 tháng 8 năm 2020"),
    (long_day("2020-02-10"), "ngày 10 tháng 02 năm 2020"),
    (long_day("2020-12-31"), "ngày 31 tháng 12 năm 2020"),
    (short_day("2021-01-09"), "09/01/2021"),
    (percent(0.5034), "50,3%"),
    (percent(0.5), "50,0%"),
    (percent(0.5, is_exact=True), "50%"),
    (percent(0.9999), "99,9%"),
    (percent(0.0004), "dưới 0,1%"),
    (percent(0.0), "0,0%"),
    (percent(1.0), "100,0%"),
    (said(540438), "540.438"),
    (said(9), "09"),
    (said(10), "10"),
    (said(0), "0"),
)
def test_numbers_and_days_are_written_as_the_decree_wants_them(written, expected):
    assert written == expected


def test_a_name_with_signs_that_no_file_may_hold_costs_no_report():
    """A name copied from a PDF often has some, and the report of the day is due at 14:00."""
    agency = replace(sample().agencies[0], name="Sở \x02Y tế\ufffe\x1b")
    campaign = replace(sample().campaigns[0], name="Đợt\x08 \u202e1")
    document = compose(replace(sample(), agencies=(agency,), campaigns=(campaign,)), FORM)
    made = build_files(document, made_at=NOW)
    for kind in (FileKind.DOCX, FileKind.XLSX):
        words = words_of(made[kind], kind)
        assert "Sở Y tế" in words
        assert "Đợt 1" in words


def test_a_gap_is_the_one_that_the_leaders_page_has():
    owners, official = SmartphoneOwners(100, DAY, "Sở"), OfficialInstallFigure(7, DAY, "Bộ")
    whole = replace(sample().whole, owners=owners, official=official)
    snapshot = replace(sample(), whole=whole, residents=Target(0.07, None))
    assert people_for(0.07, 100) == 7
    said = [block.text for block in compose(snapshot, FORM).blocks if isinstance(block, Paragraph)]
    assert not any("Theo số liệu chính thức, toàn" in text for text in said)


@cases(
    ((1180, 1180), 0, "các mục tiêu đã đạt"),
    ((None, 1180), 0, "1/1 cơ quan, đơn vị đã gửi nhưng chưa đủ số liệu để tính tỷ lệ"),
    ((1180, 1180), 100, "đã gửi đầy đủ số liệu."),
)
def test_a_goal_is_said_to_be_reached_only_where_it_is_known_to_be(agency, missing, told):
    owners, official = SmartphoneOwners(1000, DAY, "Sở"), OfficialInstallFigure(900, DAY, "Bộ")
    reported = replace(sample().whole.reported, reported=500 - missing)
    whole = replace(sample().whole, owners=owners, official=official, reported=reported)
    city = replace(sample().districts[0], owners=owners, official=official, reported=reported)
    with_smartphone, installed = agency
    health = replace(sample().agencies[0], with_smartphone=with_smartphone, installed=installed)
    aim = replace(sample().headline, owners=owners)
    day = replace(sample(), whole=whole, districts=(city,), agencies=(health,), headline=aim)
    said = [block.text for block in compose(day, FORM).blocks if isinstance(block, Paragraph)]
    part = said[said.index("II. TỒN TẠI, HẠN CHẾ") + 1]
    assert told in part
    assert ("mục tiêu đã đạt" in part) == (told == "các mục tiêu đã đạt")


@cases((9999, "99,9%"), (1, "dưới 0,1%"))
def test_a_share_in_the_sheet_is_never_all_where_somebody_is_missing(installed, looks):
    agency = replace(sample().agencies[0], staff=10_000, with_smartphone=10_000, installed=installed)
    made = build_files(compose(replace(sample(), agencies=(agency,)), FORM), made_at=NOW)
    with zipfile.ZipFile(BytesIO(made[FileKind.XLSX])) as archive:
        assert f'formatCode="&quot;{looks}&quot;"' in archive.read("xl/styles.xml").decode()
