"""Invented people and their numbers, written as offices write them, with what a reader must make of each."""

from dataclasses import dataclass, field
from random import Random

from tests.support.tables import words

PREFIXES = words("32 33 34 35 36 37 38 39 56 58 70 76 77 78 79 81 82 83 84 85 86 88 90 91 93 94 96 97 98")
FAMILIES = ["Nguyễn", "Trần", "Lê", "Phạm", "Huỳnh", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý"]
MIDDLES = ["Văn", "Thị", "Hữu", "Đức", "Ngọc", "Minh", "Thanh", "Quốc", "Xuân", "Kim"]
GIVEN = words(
    "An Bình Châu Dũng Đạt Hà Hạnh Hùng Khánh Lan Liên Long Mai Nam Nga Phúc Quân Sơn Thảo Trang Tuấn "
    "Vinh Yến"
)
HIGHLAND = words(
    "A Thao | A Kiêng | A Bưr | Y Blưm | Y Sương | Y Mơn | A Huynh | Y Hyar | Y Tôn | Rơ Châm Hlinh | Siu Blô | Kpă "
    "H’Ngơ"
)
VILLAGES = words(
    "Thôn 1 | Thôn 2 | Thôn 9 | Tổ dân phố 4 | Làng Le | làng Tê Rông | Kon Tu Rằng | Plei Trum | Đăk Kinh"
)
COMMUNES = ["Đăk Hring", "Đăk Mar", "Hà Mòn", "Ngọk Wang", "Đăk La", "Sa Thầy", "Ya Tăng", "Măng Bút"]
RELATIONS = ("vợ", "con", "mẹ", "con dâu", "cháu")


@dataclass(frozen=True)
class Person:
    """An invented person; `number` is nine digits, without 0 and without +84."""

    name: str
    year: int
    male: bool
    village: str
    commune: str
    number: str

    @property
    def e164(self):
        """The number in international form."""
        return f"+84{self.number}"


@dataclass(frozen=True)
class Expected:
    """What a reader must make of one row: one of the statuses, with these numbers.

    Of a row for review only a part of the numbers may be given; a rejected one has none.
    """

    numbers: frozenset[str] = frozenset()
    statuses: frozenset[str] = frozenset({"ok"})
    warning: str = ""
    name: str = ""  # what a message may say


OK = frozenset({"ok"})
REVIEW = frozenset({"review"})
REJECT = frozenset({"reject"})


def ok(*people, warning=""):
    """A row whose numbers are certain."""
    return Expected(frozenset(person.e164 for person in people), OK, warning, people[0].name)


def review(*people):
    """A row that somebody must look at."""
    return Expected(frozenset(person.e164 for person in people), REVIEW)


def either(*people, name=""):
    """A row that is certain, or that somebody must look at."""
    return Expected(frozenset(person.e164 for person in people), OK | REVIEW, name=name)


def reject():
    """A row without a number to write to."""
    return Expected(statuses=REJECT)


def _grouped(number, separator):
    return separator.join((f"0{number[:3]}", number[3:6], number[6:]))


GOOD_FORMS = {
    "plain": lambda n: f"0{n}",
    "spaces": lambda n: _grouped(n, " "),
    "dots": lambda n: _grouped(n, "."),
    "dashes": lambda n: _grouped(n, "-"),
    "pairs": lambda n: f"0{n[:1]} {n[1:3]} {n[3:5]} {n[5:7]} {n[7:]}",
    "plus84": lambda n: f"+84{n}",
    "plus84 spaced": lambda n: f"+84 {n[:3]} {n[3:6]} {n[6:]}",
    "0084": lambda n: f"0084{n}",
    "84": lambda n: f"84{n}",
    "no zero": lambda n: n,
    "no zero as number": lambda n: int(n),
    "scientific exact": lambda n: f"{n[0]}.{n[1:]}E+08",
    "brackets": lambda n: f"({f'0{n[:3]}'}) {n[3:]}",
    "apostrophe": lambda n: f"'0{n}",
    "labelled": lambda n: f"ĐT: 0{n}",
    "no-break space": lambda n: f"0{n}\u00a0",
}
BAD_CELLS = (
    "",
    None,
    *words("không có | chưa có ĐT | x | nt | 9.05E+08 | 0905000 | 0912345678901234 | #N/A | 062190000123"),
)


@dataclass
class Draw:
    """Draws people, always the same ones for the same seed."""

    seed: int
    random: Random = field(init=False)
    used: set[str] = field(default_factory=set)

    def __post_init__(self):
        self.random = Random(self.seed)

    def person(self):
        """A person whom nobody else shares the number with."""
        r = self.random
        while True:
            digits = f"{r.randrange(1000):03}"
            number = f"{r.choice(PREFIXES)}{r.randrange(10)}000{digits}"
            if number not in self.used and not number.startswith("84"):
                self.used.add(number)
                break
        male = r.random() < 0.5
        name = (
            r.choice(HIGHLAND)
            if r.random() < 0.3
            else f"{r.choice(FAMILIES)} {'Văn' if male else 'Thị'} {r.choice(MIDDLES)} {r.choice(GIVEN)}"
        )
        return Person(name, r.randrange(1940, 2004), male, r.choice(VILLAGES), r.choice(COMMUNES), number)

    def people(self, count):
        """So many people."""
        return [self.person() for _ in range(count)]

    def written(self, person, *forms):
        """The person's number in one of the forms, of all good ones when none is named."""
        return GOOD_FORMS[self.random.choice(forms or tuple(GOOD_FORMS))](person.number)

    def cell(self, person, *, bad=0.1):
        """A cell of a number column and what must be read from it; a share of them hold no number."""
        if self.random.random() < bad:
            return self.random.choice(BAD_CELLS), reject()
        return self.written(person), ok(person)

    def rows(self, count, *, bad=0.1):
        """So many people, numbered from 1, each with a cell for their number."""
        for n, person in enumerate(self.people(count), 1):
            yield n, person, *self.cell(person, bad=bad)
