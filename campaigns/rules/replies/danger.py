"""Words of danger in replies: water, fire, illness, people trapped, lost or dying (data).

Groups of phrases without accents. What a reply's groups mean together is learned (`campaigns.rules.replies.model`): "nước" and "cổ" are
nothing alone. `a/b` is either word; a phrase may stand anywhere in a reply.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from itertools import product

from campaigns.rules.replies.spelling import unaccent_word

_GROUPS = {
    "RESCUE": """
        cuu | cuu voi/toi/em/minh/me/tui/con/nguoi/mang/ba/gap/lay | cuu ho/nan | keu cuu | sos | cap cuu | khan cap | nguy cap/kich | nguy hiem | save me/us | rescue | emergency | ambulance
        goi 114/115/113/112 | 114 | 115 | 113 | 112 | xe cap cuu | keu xe | goi xe | ho danh | hay den/toi ngay | giup gap | gap gap | gap lam | mau len | nhanh len | le len | xuong ngay | toi ngay
    """,
    "BOAT": "xuong | ghe | cano | ca no | ao phao | thuyen cuu | truc thang | tau cuu",
    "WATER": "nuoc | nac | lu | lut | lu quet/ong | ngap | ngap lut | trieu | song | suoi | de vo | vo de | be de/dap | vo dap | water | flood",
    "RISES": "dang | len | lenh | vo | vao | tran | tran vao | ngap | xiet | chay xiet | ao ao | cao | bung | cuon | keo | rising | zo | zo nha | len nhanh | dang nhanh | bao vay | co lap",
    "HEIGHT": "co | nguc | dau | bung | cam | nach | mui | hong | lung | noc | noc nha | mai nha | tren mai | mai ton | gac | tren gac | giuong | guong | cua so | ban tho | tren cay | cot dien | xa nha | toi noc | nua nha | 2m | tran nha | roof",
    "TRAPPED": "ket | mac ket | bi ket | nhot | ket lai | khong ra duoc | khong ve duoc | k ra duoc | ko ra duoc | bi de | de len | de nha | de trung | de nguoi | vui | lap | chon | bi lap | bi vui | trapped | stuck | bam | bam phao/cot | deo bam | khong thoat | co lap | bi vay",
    "SWEPT": "cuon | cuon troi | bi cuon | troi | troi mat | nuoc cuon/keo/lay | tuot tay | rot xuong | roi xuong | te xuong | nga xuong | duoi | duoi nuoc | chet duoi | chim | lat | lat xe/ghe/thuyen/tau | drown | drowning | sinking | dut neo | thung | nhay cau/lau/song | mac can",
    "SLIDE": "sat lo | sat | lo dat | lo nui | dat do | nui do | nui lo | nui nut | dat nut | nut nha | da lan | sap | sap nha | do nha | do sap | nghieng | tuong do | cay do | cay nga | nha nghieng | ton bay | toc mai | bay mai | bay noc | loc | cau troi/sap | lan",
    "LOST": "mat tich | mat lien lac | khong lien lac duoc | chua thay | khong thay | tim khong thay | lac | bi lac | di lac | mat tieu | chua ve | khong ve | bo di | missing | lost | bat coc | khong nghe may",
    "FAINT": "ngat | xiu | ngat xiu | bat tinh | hon me | me man | lim | lim di | khong tinh | goi khong tinh/day | khong day duoc/nua | khong day | nam im | nam bat dong | bat dong | nam thin thit | guc | dot quy | tai bien | lan ra | te xiu | unconscious | fainted | collapsed | khong noi nua | khong khoc | cung nguoi | cung do",
    "BREATH": "tho | kho tho | khong tho | ngat | ngat tho | ngop | nghet tho | tho khong | ngung tho | het oxy | oxy | tim tai | tim moi | tim ngat | tim tai di | moi tim | hen | tuc nguc | dau nguc | dau tim | nhoi mau | con dau tim | tim dap | breathe | breathing | chest pain",
    "FIT": "co giat | giat | dong kinh | sui bot | tron mat | mat tron | tron len | me sang | soc | soc phan ve | phan ve | sot cao | sot 40/41/39 | bon muoi do | liet | sung len | sung vu | phu mat | noi me day | hoc | nuot | hoc di vat | lanh run | run cam cap",
    "BLOOD": "mau | chay mau | ra mau | mat mau | mau me | bi thuong | thuong nang | gay chan/tay/xuong/co | dut | cua dut | cat tay | ra huyet | bang huyet | vo oi | dau de | sap sinh | de rot | sinh con | chuyen da | sap de | dau bung | lan lon | bleeding | injured | bi nguoi | dap vao dau | trung dau",
    "DEATH": "chet | chet nguoi | nguoi chet | chet mat | sap chet | dang chet | hap hoi | sap di | tu vong | dying | dead | die | giet | doa giet | chet duoi | xac",
    "SELFHARM": "tu tu | tu sat | tu van | muon chet | khong muon song | khong thiet song | chan song | uong thuoc sau/co/ngu/tru/chuot | treo co | cat tay | nhay lau/cau | kill myself | uong nham",
    "FIRE": "chay | bi chay | chay nha | chay lon | chay rung/cho | no | no ga | gas | bi no | khoi | boc khoi | hoa hoan | fire | chap dien | tia lua | lua",
    "SHOCK": "dien giat | giat | ro dien | dien roi | day dien | set danh | set | can | ran | ran can | cho can | cho dai | ong dot | ngo doc | soc thuoc | trung doc",
    "ATTACK": "cuop | danh | danh dap | dao | hung khi | doa | dam | chem | hiep | nhot | bat coc | dot nhap | bi danh | bao hanh | trom | bi bat | bi lua sang | campuchia | nguoi ta danh | bao luc",
    "CRASH": "tai nan | tong | dam xe | xe tong/dam/can/lat | lat xe | va cham | crash | accident | xe lat",
    "WHO": "tre | be | em be | con | con nit | dua nho | chau | me | ma | ba | bo | cha | ong | vo | chong | ba bau | mang bau/thai | cu | cu gia | ong ba | gia yeu | hang xom | nguoi | may nguoi | so sinh | thang be | 2/3/4/5/6/7/8/10/hai/ba/bon/nam/may nguoi | kid | child | wife | son | mother | ban em/toi | cong nhan | em trai/gai",
    "HUNGER": "doi | doi qua | doi va lanh | khat | het gao | het nuoc | khong con gi an | lanh | khong an | la di | het pin | sap het pin",
    "SEA": "tau chim | chet may | hong may | giua bien | ngoai khoi | ngoai bien | hai ly | toa do | song to | song danh | troi tu do | be dut",
    "MEAN": "may/app/dien/dth/mang/pin chet | chet cuoi | cuoi chet | nong/met/chan/buon chet | chet me/cha/quen/that | chet roi | chay tui | chay hang/pin | chay lut/lu/cho/xe/an/show/deadline | danh may/chu/dau/gia | no lam | no may | ba bon | nuoc ngoai/ta/minh/mam/uong/sach | ngap dau | sot ruot | dau dau",
}


@cache
def _index() -> dict[str, dict[tuple[str, ...], tuple[str, ...]]]:
    """Return first word -> phrase -> groups."""
    found: dict[str, dict[tuple[str, ...], tuple[str, ...]]] = {}
    for group, table in _GROUPS.items():
        for phrase in table.replace("\n", "|").split("|"):
            for words in product(*(word.split("/") for word in phrase.split())):
                if words:
                    phrases = found.setdefault(words[0], {})
                    if group not in phrases.get(words, ()):
                        phrases[words] = (*phrases.get(words, ()), group)
    return found


def find_danger(words: Sequence[str]) -> tuple[str, ...]:
    """Return the groups of the phrases in a reply, each once, in the order of their names."""
    plain: tuple[str, ...] | None = None
    index = _index()
    groups: set[str] = set()
    for at, word in enumerate(words):
        phrases = index.get(unaccent_word(word))
        if phrases:
            if plain is None:
                plain = tuple(map(unaccent_word, words))
            for phrase, named in phrases.items():
                if plain[at : at + len(phrase)] == phrase:
                    groups.update(named)
    return tuple(sorted(groups))


def features_of_danger(groups: Sequence[str]) -> Iterator[str]:
    """Yield the features of groups: each, each two together, and how many."""
    for at, group in enumerate(groups):
        yield "d" + group
        for other in groups[:at]:
            yield f"d{other} {group}"
    yield f"d{min(len(groups), 5)}"
