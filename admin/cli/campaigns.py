"""Campaigns by command: create, move along, look."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from admin.cli.speaking import LARGEST_ID, Group, acting_as, answer, json_option, notice
from campaigns.figures.status import read_status
from campaigns.lifecycle import STATE_NAMES, act, create_campaign, find_campaign
from campaigns.models import Campaign
from campaigns.planning.approvals import Terms, read_terms
from campaigns.planning.draft import read_draft
from campaigns.planning.kinds import load_kinds
from campaigns.planning.notices import ring_for_notices
from campaigns.rings import ring_sweep
from campaigns.states import CampaignAction, CampaignState
from outreach.access.users import find_user
from outreach.errors import BadCampaign, NotFound
from outreach.runtime import Runtime

_ACTIONS = {
    CampaignAction.SUBMIT: "Send a draft for approval.",
    CampaignAction.APPROVE: "Approve; never by whoever created it.",
    CampaignAction.LAUNCH: "Start sending, or schedule it for its `starts_at`.",
    CampaignAction.PAUSE: "Stop within a second; what waits stays.",
    CampaignAction.RESUME: "Go on after a pause.",
    CampaignAction.CANCEL: "End it; what waits is not sent.",
    CampaignAction.UNDO: "Take a launch back, as long as no message has left.",
}

_which = click.argument("campaign_id", type=click.IntRange(1, LARGEST_ID), metavar="ID")


def campaign_commands(runtime: Runtime) -> list[click.Command]:
    campaigns = Group("campaigns", help="Campaigns from draft to end.")

    @campaigns.command("create")
    @click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
    @acting_as
    @json_option
    def create(file: Path, email: str, as_json: bool) -> None:
        """Create a draft from a TOML file."""
        draft = read_draft(_read_toml(file), kinds=load_kinds())
        with runtime.db.write() as session:
            user = find_user(session, email)
            campaign = create_campaign(session, draft, user=user, now=datetime.now(UTC))
            made = {"id": campaign.id, "name": campaign.name, "state": campaign.state.value}
        answer(made, as_json=as_json, says=f"Đã tạo chiến dịch số {made['id']} (bản nháp).")

    def add_action(action: CampaignAction, help_text: str) -> None:
        @campaigns.command(action.value, help=help_text)
        @_which
        @acting_as
        @json_option
        def run(campaign_id: int, email: str, as_json: bool) -> None:
            now, terms = datetime.now(UTC), Terms()
            if action in (CampaignAction.APPROVE, CampaignAction.LAUNCH):
                with runtime.db.read() as session:
                    campaign = find_campaign(session, campaign_id, user=find_user(session, email))
                    terms = read_terms(session, campaign, settings=runtime.settings, now=now)
            with runtime.db.write() as session:
                user = find_user(session, email)
                campaign = act(session, campaign_id, action, user=user, now=now, terms=terms)
                state = campaign.state
            is_half = action is CampaignAction.APPROVE and state is CampaignState.SUBMITTED
            ring_for_notices(runtime, campaign_id)
            is_heard = state not in (CampaignState.SENDING, CampaignState.CANCELLED) or ring_sweep(
                runtime.doorbell
            )
            answer(
                {"id": campaign_id, "state": state.value},
                as_json=as_json,
                says=f"Chiến dịch số {campaign_id}: {STATE_NAMES[state]}."
                + (" Cần thêm một người khác duyệt." if is_half else ""),
            )
            if not is_heard:
                notice(
                    "Lưu ý: chưa kết nối được Redis. Lệnh đã được lưu và sẽ tự thực hiện khi Redis hoạt động trở lại."
                )

    for action, help_text in _ACTIONS.items():
        add_action(action, help_text)

    @campaigns.command("status")
    @_which
    @json_option
    def status(campaign_id: int, as_json: bool) -> None:
        """Where a campaign stands."""
        with runtime.db.read() as session:
            campaign = session.get(Campaign, campaign_id)
            if campaign is None:
                raise NotFound(f"Không có chiến dịch số {campaign_id}.")
            found = read_status(session, campaign)
        answer(found, as_json=as_json, says="\n".join(_describe(found)))

    return [campaigns]


def _read_toml(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text(encoding="utf-8-sig"))
    except UnicodeDecodeError:
        raise BadCampaign(
            f"Tệp {file.name} không phải văn bản UTF-8. Hãy lưu lại với bảng mã UTF-8."
        ) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadCampaign(f"Tệp {file.name} không đúng dạng TOML ({error}). Hãy sửa chỗ đó.") from error


def _describe(found: dict[str, Any]) -> list[str]:
    lines = [f"Chiến dịch số {found['id']} “{found['name']}”: {STATE_NAMES[CampaignState(found['state'])]}"]
    if found["pause_reason"]:
        lines.append(f"  Lý do dừng: {found['pause_reason']}")
    lines.append(f"  Người nhận: {found['recipients']}")
    counted = [("Không gửi", found["excluded"])]
    counted += [(f"Bước {step['step']}", step["messages"]) for step in found["steps"]]
    counted.append(("Trả lời", found["answers"]))
    for title, counts in counted:
        if counts:
            lines.append(
                f"  {title}: " + ", ".join(f"{name} {count}" for name, count in sorted(counts.items()))
            )
    reported = found["self_reported"]
    if reported["share"] is not None:
        share = f"{reported['share']:.1%}".replace(".", ",")
        lines.append(f"  Tự báo đã cài: {reported['installed']}/{reported['denominator']} ({share})")
    return lines
