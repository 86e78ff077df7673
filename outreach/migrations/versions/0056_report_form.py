"""The report form that installations of Kon Tum used without saving it is theirs now; the default names no province"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import op

revision = "0056_report_form"
down_revision = "0054_place_questions"

# What stood in campaigns/reports/kontum.toml until now.
_FORM = {
    "kind": "bluezone",
    "since": "",
    "superior": ["ỦY BAN MTTQ VIỆT NAM", "TỈNH KON TUM"],
    "issuer": "BAN THƯỜNG TRỰC",
    "issuer_in_text": "Ban Thường trực Ủy ban Mặt trận Tổ quốc Việt Nam tỉnh Kon Tum",
    "symbol": "BC-MTTQ-BTT",
    "place": "Kon Tum",
    "subject": "Kết quả vận động cài đặt ứng dụng Bluezone trên địa bàn tỉnh",
    "action": "cài đặt ứng dụng Bluezone",
    "done": "cài đặt",
    "addressees": ["Ủy ban nhân dân tỉnh", "Ban Chỉ đạo phòng, chống dịch COVID-19 tỉnh (qua Sở Y tế)"],
    "bases": [
        "Căn cứ Văn bản số 3104/BTTTT-THH ngày 14 tháng 8 năm 2020 của Bộ Thông tin và Truyền thông về việc đẩy mạnh cài đặt ứng dụng Bluezone trên điện thoại thông minh",
        "Thực hiện chỉ đạo của Chủ tịch Ủy ban nhân dân tỉnh về việc đẩy mạnh cài đặt ứng dụng Bluezone trong phòng, chống dịch COVID-19",
    ],
    "staff": "Cán bộ, công chức, viên chức và người lao động",
    "residents": "Người dân có điện thoại thông minh",
    "proposals": [
        "Các cơ quan, đơn vị gửi số liệu của ngày trước 11 giờ 00 phút hằng ngày để kịp tổng hợp",
        "Các tổ chức thành viên, Ban công tác Mặt trận ở thôn, tổ dân phố tiếp tục hướng dẫn, giúp đỡ người dân chưa cài đặt được",
    ],
    "signature": ["TM. BAN THƯỜNG TRỰC", "KT. CHỦ TỊCH", "PHÓ CHỦ TỊCH"],
    "copies": [
        "Như trên",
        "Thường trực Tỉnh ủy (b/c)",
        "Sở Thông tin và Truyền thông",
        "Các tổ chức thành viên của Mặt trận tỉnh",
    ],
    "filed": "VT, BTT",
    "link_days": 7,
    "hours": {
        "chase": "11:00",
        "alarm": "13:00",
        "freeze": "13:30",
        "undelivered": "13:45",
        "deadline": "14:00",
        "correct": "16:30",
    },
}


def upgrade() -> None:
    """Save the form where it was in force: areas of Kon Tum, no form saved, somebody to name as its author."""
    connection = op.get_bind()
    forms = sa.table(
        "report_forms",
        sa.column("data", sa.JSON()),
        sa.column("saved_by", sa.BigInteger()),
        sa.column("saved_at", sa.DateTime(timezone=True)),
    )
    has_form = connection.scalar(sa.text("SELECT count(*) FROM report_forms"))
    is_kontum = connection.scalar(sa.text("SELECT count(*) FROM areas WHERE code = '62'"))
    author = connection.scalar(sa.text("SELECT min(id) FROM users WHERE role = 'administrator'"))
    author = author or connection.scalar(sa.text("SELECT min(id) FROM users"))
    if is_kontum and not has_form and author:
        now = datetime.now(UTC)
        saved_at = now.replace(tzinfo=None) if connection.dialect.name == "sqlite" else now
        connection.execute(forms.insert().values(data=_FORM, saved_by=author, saved_at=saved_at))


def downgrade() -> None:
    """The form stays: it is what the installation uses."""
