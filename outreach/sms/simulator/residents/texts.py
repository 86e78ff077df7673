"""What residents write back: invented, as people type on small keys."""

from __future__ import annotations

REPLIES: dict[str, tuple[str, ...]] = {
    "installed": (
        "1",
        "da cai roi",
        "Tôi cài rồi nhé",
        "Dạ em cài xong hôm qua rồi ạ",
        "cai roi can bo oi",
        "so 1",
        "Đã cài đặt thành công",
        "nha toi 3 may deu cai roi",
        "ddax caif roofi",
        "Ok minh cai xong r 👍",
    ),
    "not_yet": (
        "2",
        "chua cai",
        "Để tối về tôi cài",
        "mai em cai ạ, gio dang o ray",
        "chưa, đợi có mạng đã",
        "chua co 4G, ra xa moi cai dc",
        "Tôi xóa mất rồi, để cài lại sau",
    ),
    "no_smartphone": (
        "3",
        "dt cui ko cai dc",
        "Nhà tôi chỉ có máy bàn phím",
        "toi dung dien thoai den trang",
        "Bà không có máy cảm ứng cháu ạ",
        "may cuc gach thoi",
    ),
    "need_help": (
        "4",
        "giup toi voi",
        "tải về mà không mở được",
        "bam vao link ko ra gi het",
        "Tôi không biết cài, nhờ cán bộ thôn giúp",
        "cai xong no doi bluetooth toi ko biet lam",
    ),
    "refuse": (
        "khong cai",
        "Tôi không muốn cài",
        "ton pin lam, k cai dau",
        "cài làm gì, thôi khỏi",
    ),
    "opt_out": (
        "TC",
        "tc",
        "HUY",
        "Từ chối nhận tin",
        "dung nhan tin cho toi nua",
        "STOP",
    ),
    "wrong_number": (
        "nham so roi",
        "Nhầm máy rồi bạn ơi",
        "toi o Gia Lai, khong phai nguoi do",
        "số này đổi chủ rồi",
    ),
    "question": (
        "cai o dau vay?",
        "Ai gửi tin này thế?",
        "co mat tien khong",
        "App này có theo dõi tôi không?",
        "cai xong thi duoc gi",
    ),
}


def choose_text(label: str, chance: float) -> str:
    """One of the replies that mean `label`; `chance` lies in [0, 1)."""
    texts = REPLIES[label]
    return texts[int(chance * len(texts))]
