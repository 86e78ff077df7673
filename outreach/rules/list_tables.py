"""A sheet's rows as tables that stand upright, one person a row. Pure.

What a sheet may be besides: lines pasted from a chat, a table that lies on its side, two tables beside each other, people
whose number is on the line below.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise

from outreach.rules.cells import Row, cell_at, cell_text
from outreach.rules.list_columns import (
    PHONE,
    Column,
    Header,
    count_known_labels,
    find_header,
    is_phone,
    meaning_of,
)
from outreach.rules.list_rows import closes, is_title
from outreach.rules.people_beside import begins_with_family, is_full_name, is_sentence
from outreach.rules.phone_numbers import unaccented
from outreach.rules.phone_texts import split_line

MOST_LYING = 2000  # rows of a sheet that is turned
Line = tuple[int, Row]
Struck = Mapping[tuple[int, int], str]
_LEAST_LYING = 2  # people
_KIN = {"vợ", "chồng", "cha", "mẹ", "bố", "bà", "ông", "con", "vo", "chong", "me"}
_OTHERS = ("ho ten giao vien", "ho va ten giao vien", "giao vien", "gvcn")
_UPRIGHT = {Column.STT, Column.NAME, PHONE}  # two of them in a row are headings
_OF_PEOPLE = {*_UPRIGHT, Column.BIRTH, Column.SEX, Column.NOTE}


def is_pasted(rows: Sequence[Row]) -> bool:
    """Check for name and number in one cell in most rows, as pasted from a chat, and no headings."""
    people = numbered = 0
    for row in rows:
        if count_known_labels(row) > 1:
            return False
        texts = [text for cell in row if isinstance(cell, str) and (text := cell_text(cell))]
        lines = [(text, parts) for text in texts if (parts := split_line(text))]
        people += any(
            " " in name and name in text.partition(phone)[0] for text, (_, name, phone, _) in lines if phone
        )
        numbered += any(not phone for _, (_, _, phone, _) in lines)
    return people > 1 and 3 * people > len(rows) and 2 * (people + numbered) > len(rows)


def split_lines(rows: Iterable[Line], struck: Struck, first: Sequence[Row]) -> Iterator[Line]:
    """Yield each row of a pasted sheet as running number, name, phone and the rest, without a part that is struck through.

    Cells with a number each, as of a roster, are people of their own. Where the people among the `first` rows are numbered, a
    line without a number that names nobody is none.
    """
    found = _people_in(cell_text(cell) for row in first for cell in row)
    is_numbered = 2 * sum(bool(number) for number, *_ in found) > len(found)
    for line, row in rows:
        cells = [cell_text(struck.get((line, at)) or cell) for at, cell in enumerate(row)]
        is_roster = len(_people_in(cells)) > 1
        for text in filter(None, cells if is_roster else ["\t".join(filter(None, cells))]):
            parts = split_line(text)
            if parts and is_numbered and not parts[0] and (is_title(text) or not is_full_name(parts[1])):
                parts = None
            yield line, parts or [text]


def _people_in(texts: Iterable[str]) -> list[list[str]]:
    """Return the parts of those texts that have a number of a phone."""
    return [parts for text in texts if (parts := split_line(text)) and parts[2]]


def is_lying(rows: Sequence[Row]) -> bool:
    """Check for headings below each other, with people's names and numbers to the right of theirs."""
    if any(len({*map(_meaning, row)} & _UPRIGHT) > 1 for row in rows):
        return False
    at = _column_of_headings(rows)
    headed = [(_meaning(cell_at(row, at)), row[at + 1 :]) for row in rows]
    names = sum(
        bool(cell_text(cell)) for meaning, cells in headed if meaning == Column.NAME for cell in cells
    )
    numbers = sum(is_phone(cell) for meaning, cells in headed if meaning == PHONE for cell in cells)
    return min(names, numbers) >= _LEAST_LYING


def _split_blocks(lines: Sequence[Line], at: int) -> list[list[Line]]:
    """Split a lying sheet before each title, behind it, and where its headings begin anew."""
    blocks, known = [list[Line]()], set[str]()
    for line, row in lines:
        meaning, is_filled = _meaning(cell_at(row, at)), sum(map(bool, map(cell_text, row))) > 1
        is_title = not is_filled and not (blocks[-1] and meaning in _OF_PEOPLE)
        if is_title or (meaning in known and meaning in (Column.STT, Column.NAME)):
            blocks.append([])
            known = set()
        blocks[-1].append((line, row))
        known.add(meaning)
        if is_title:
            blocks.append([])
    return blocks


def upright_rows(lines: Sequence[Line], struck: Struck) -> tuple[list[Row], Struck]:
    """Return the rows of a lying sheet upright, for each block its headings, then a row for each person; and what is struck of them.

    Titles between blocks stand behind all columns, where they are no names.
    """
    at = _column_of_headings([row for _, row in lines])
    blocks = _split_blocks(lines, at)
    width, turned, marks = max(map(len, blocks)), list[Row](), dict[tuple[int, int], str]()
    for block in filter(None, blocks):
        is_title = len(block) == 1 and sum(map(bool, map(cell_text, block[0][1]))) < 2
        for n in range(at, max(len(row) for _, row in block)):
            column = [cell_at(row, n) for _, row in block]
            if any(map(cell_text, column)):
                turned.append([None] * (width * is_title) + column)
                marks |= {
                    (len(turned), k): struck[line, n]
                    for k, (line, _) in enumerate(block)
                    if (line, n) in struck
                }
    return turned, marks


def _column_of_headings(rows: Sequence[Row]) -> int:
    first, second = ({*(_meaning(cell_at(row, at)) for row in rows)} & _OF_PEOPLE for at in (0, 1))
    return int(len(second) > len(first))


def _meaning(cell: object) -> str:
    return meaning_of(cell_text(cell))


def tables_beside(rows: Sequence[Row]) -> list[range]:
    """Return the columns of each table if a sheet has several beside each other, else [].

    Two people in a row under the same headings are one table that goes on beside itself, or a couple.
    """
    header = find_header(rows)
    if header is None or not header.people or header.people[-1].name >= len(header.labels):
        return []
    starts, after = list[int](), 0
    for person in header.people:  # a table begins at its running number
        numbers = (at for at in range(after, person.name) if _meaning(header.labels[at]) == Column.STT)
        start = next(numbers, min(person.name, *person.phones))
        # Headings before these may be those before the first person, again.
        before = starts[0] if starts else 0
        while starts and before and header.labels[start - 1] == header.labels[before - 1] != "":
            start, before = start - 1, before - 1
        starts.append(start)
        after = max(person.name, *person.phones) + 1
    at = next((n for n, row in enumerate(rows) if tuple(map(cell_text, row)) == header.labels), 0)
    tables = [range(start, end) for start, end in pairwise([*starts, max(map(len, rows))])]
    lines = [_texts_of(rows[n], tables) for n in (at, at - 1) if n >= 0]
    if not any(all(texts) and len({*texts}) == len(tables) for texts in lines):
        return []
    is_apart = all(_is_apart(header.labels, start) for start in starts[1:])
    return [range(tables[0].stop), *tables[1:]] if is_apart else []


def _texts_of(row: Row, tables: Sequence[range]) -> list[str]:
    return [" ".join(filter(None, (cell_text(cell_at(row, at)) for at in table))) for table in tables]


def _is_apart(labels: Sequence[str], start: int) -> bool:
    """Check whether a table has a running number of its own or a blank column before it, or other people than kin."""
    words = unaccented(labels[start])
    is_split = meaning_of(labels[start]) == Column.STT or not labels[start - 1] or words.startswith(_OTHERS)
    return is_split and not _KIN & {*labels[start].lower().split()}


def join_lines(rows: Iterable[Line], header: Header, struck: Struck) -> Iterator[Line]:
    """Yield the rows, each with what is alone on the line below it: the number that a name lacks, a remark, as behind the name.

    Where all numbers are below their names, so are words in their place.
    """
    name = header.columns.get(Column.NAME)
    if name is None or not header.phones:
        yield from rows
        return
    held: Line | None = None
    for line, row in rows:
        if held is not None:
            at, text = _told_below(held[1], line, row, header, struck)
            if text:
                above = [*held[1], *[None] * (at + 1 - len(held[1]))]
                above[at] = f"{cell_text(above[at])} {text}".strip()
                held = held[0], above
                continue
            yield held
            held = None
        if name < len(row) and row[name]:
            held = line, row
        else:
            yield line, row
    if held is not None:
        yield held


def _told_below(above: Row, line: int, row: Row, header: Header, struck: Struck) -> tuple[int, str]:
    """Return what a row holds alone that belongs to the row above it, and in which column; "" where it is a row of its own."""
    only, name, phones = _only_cell(row), header.columns[Column.NAME], header.phones
    if only is None:
        return name, ""
    is_number = only in (name, *phones) and is_phone(row[only]) and _lacks_number(above, name, phones)
    if is_number or (header.numbers_below and only == name and not is_title(cell_text(row[only]))):
        return phones[0], cell_text(struck.get((line, only), row[only])) or "-"
    return name, _only_remark(row, only, name, phones)


def _lacks_number(row: Row, name: int, phones: Sequence[int]) -> bool:
    written, text = "".join(str(cell_at(row, at)) for at in phones), cell_text(row[name])
    return not (any(map(str.isdecimal, written)) or ":" in text or is_sentence(text))  # a remark


def _only_cell(row: Row) -> int | None:
    """Return which cell of a row is filled, if it is one alone."""
    filled = (at for at, cell in enumerate(row) if cell is not None and cell != "" and cell_text(cell))
    only = next(filled, None)
    return only if next(filled, None) is None else None  # most rows have two soon


def _only_remark(row: Row, only: int, name: int, phones: Sequence[int]) -> str:
    """Return in brackets what a row says that holds nothing else, in brackets, behind an arrow or in small letters; else ""."""
    if only > name or name in phones or only in phones or not isinstance(cell := row[only], str):
        return ""
    text = cell_text(cell)
    said = text.strip("()→ ")
    is_said = text[:1] in ("(", "→") or (text[:1].islower() and text.count(" ") > 2)
    if not is_said or is_title(said) or closes([said]) or begins_with_family(said):
        return ""
    return f"({said.replace('(', ', ').replace(')', ', ')})"
