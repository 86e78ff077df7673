"""Every screen of the office, with the state that shows most of it, seen by the role that sees most.

A route that is not here fails `test_every_route_is_looked_at`. `docs/screens.md` tells what each is for.
"""

from dataclasses import dataclass

from tests.browser.fixtures import ADMINISTRATOR, APPROVER, AUDITOR, AUTHOR, LEADER


@dataclass(frozen=True)
class Screen:
    """`path` may name what `seed_site` made: `{draft}` is the id of the draft campaign."""

    endpoint: str
    path: str
    email: str | None = ADMINISTRATOR
    status: int = 200

    @property
    def id(self):
        return f"{self.path} as {self.email.split('@')[0] if self.email else 'nobody'}"


SCREENS = [
    Screen("login.front", "/", None),
    Screen("login.show", "/login", None),
    # Home and progress: the same page tells each role something else.
    Screen("admin.index", "/admin/"),
    Screen("admin.index", "/admin/", AUTHOR),
    Screen("admin.index", "/admin/", APPROVER),
    Screen("admin.index", "/admin/", LEADER),
    Screen("admin.index", "/admin/", AUDITOR),
    Screen("incidents.index", "/admin/incidents/"),
    Screen("progress.index", "/admin/progress/?campaign={demo}"),
    Screen("progress.index", "/admin/progress/?campaign={demo}", LEADER),
    Screen("progress.index", "/admin/progress/?campaign={demo}&district=608"),
    Screen("progress.index", "/admin/progress/?campaign={standing_still}"),
    Screen("urging.index", "/admin/urging/?drive={drive}&area=608", LEADER),
    Screen("agencies.index", "/admin/agencies/", AUTHOR),
    Screen("agencies.index", "/admin/agencies/", LEADER),
    Screen("agencies.show", "/admin/agencies/{agency}/", AUTHOR),
    Screen("goals.index", "/admin/goals/?subject=residents:62", AUTHOR),
    Screen("goals.index", "/admin/goals/", LEADER),
    Screen("drives.index", "/admin/drives/", AUTHOR),
    Screen("kinds.index", "/admin/kinds/", AUTHOR),
    Screen("kinds.create", "/admin/kinds/new?of=bao-lu", AUTHOR),
    Screen("kinds.edit", "/admin/kinds/{kind}/edit", AUTHOR),
    Screen("kinds.page", "/admin/kinds/khao-sat/page", AUTHOR),
    Screen("drives.index", "/admin/drives/?edit=1", AUTHOR),
    Screen("guides.index", "/admin/huong-dan/", LEADER),
    Screen("guides.show", "/admin/huong-dan/can-bo", AUTHOR),
    Screen("guides.show", "/admin/huong-dan/quan-tri"),
    Screen("report.index", "/admin/report/", AUTHOR),
    Screen("report.index", "/admin/report/?day={yesterday}", AUTHOR),
    Screen("report.preview", "/admin/report/preview?day={yesterday}&n=1", AUTHOR),
    Screen("report.form", "/admin/report/form", AUTHOR),
    Screen("report_page.show", "/report/{report_token}", None),
    Screen("report_page.show", "/report/{ended_token}", None, status=410),
    Screen("urge_page.form", "/urge/{urge_token}", None),
    Screen("answer_page.show", "/{copy}", None),  # of a control phone
    Screen("agency_page.form", "/agency/{agency_token}", None),
    Screen("public_page.index", "/hoi", None),
    Screen("public_page.poster", "/hoi/to-roi", None),
    Screen("activities.index", "/admin/publicity/", AUTHOR),
    Screen("activities.create", "/admin/publicity/new", AUTHOR),
    Screen("activities.show", "/admin/publicity/{entry}/", AUTHOR),
    # Campaigns, in each state.
    Screen("calendar.index", "/admin/calendar/", AUTHOR),
    Screen("calendar.index", "/admin/calendar/?collisions=1", LEADER),
    Screen("campaigns.index", "/admin/campaigns/", AUTHOR),
    Screen("campaigns.create", "/admin/campaigns/new", AUTHOR),
    Screen("campaigns.edit", "/admin/campaigns/{draft}/edit", AUTHOR),
    Screen("campaigns.sheet", "/admin/campaigns/{draft}/", AUTHOR),
    Screen("campaigns.sheet", "/admin/campaigns/{submitted}/", APPROVER),
    Screen("campaigns.sheet", "/admin/campaigns/{approved}/", AUTHOR),
    Screen("campaigns.sheet", "/admin/campaigns/{scheduled}/", AUTHOR),
    Screen("campaigns.sheet", "/admin/campaigns/{standing_still}/", AUTHOR),
    Screen("campaigns.sheet", "/admin/campaigns/{cancelled}/", AUDITOR),
    Screen("campaigns.sheet", "/admin/campaigns/{demo}/", AUTHOR),
    Screen("campaigns.page", "/admin/campaigns/{draft}/page", AUTHOR),
    Screen("campaigns.page", "/admin/campaigns/{demo}/page?answer=need_help", AUDITOR),
    Screen("campaigns.texts", "/admin/campaigns/{demo}/texts", APPROVER),
    Screen("installs.index", "/admin/campaigns/{demo}/installs/?all=1", AUTHOR),
    Screen("reach.index", "/admin/campaigns/{demo}/reach/", AUTHOR),
    Screen("reach.index", "/admin/campaigns/{demo}/reach/?step=1&district=608", LEADER),
    Screen("reach.index", "/admin/campaigns/{standing_still}/reach/", AUDITOR),
    Screen("hand_over.index", "/admin/campaigns/{demo}/hand-over/", AUTHOR),
    Screen("visits.index", "/admin/rounds/?campaign={demo}&list={list}", AUTHOR),
    Screen("visits.index", "/admin/rounds/", AUDITOR),
    Screen("visits.show", "/admin/rounds/{round}/", AUTHOR),
    Screen("visit_officers.index", "/admin/rounds/officers/", AUTHOR),
    Screen("visit_officers.index", "/admin/rounds/officers/", AUDITOR),
    Screen("visits_app.page", "/visits/", None),
    Screen("visits.sheet", "/admin/rounds/{round}/sheet?numbers=1", AUTHOR),
    Screen("senders.index", "/admin/senders/"),
    Screen("office.index", "/admin/settings/"),
    Screen("gateways.index", "/admin/gateways/"),
    Screen("gateways.index", "/admin/gateways/?edit=1"),
    Screen("templates.index", "/admin/templates/", AUTHOR),
    Screen("templates.index", "/admin/templates/"),
    Screen("reply_log.index", "/admin/reply-log/"),
    Screen("do_not_call.index", "/admin/do-not-call/"),
    Screen("inbox.index", "/admin/inbox/", AUTHOR),
    Screen("inbox.index", "/admin/inbox/?state=done", AUTHOR),
    Screen("inbox.show", "/admin/inbox/{help}/", AUTHOR),
    Screen("inbox.show", "/admin/inbox/{doubt}/", AUDITOR),
    Screen("rescue.index", "/admin/rescue/", AUTHOR),
    Screen("rescue.unheard", "/admin/rescue/unheard", AUTHOR),
    Screen("rescue.paper", "/admin/rescue/paper", AUTHOR),
    Screen("team_page.show", "/team/{team_token}", None),
    Screen("team_page.show", "/team/ended", None, status=410),
    Screen("safety_page.index", "/an-toan", None),
    Screen("alike.index", "/admin/inbox/alike/", AUTHOR),
    Screen("alike.show", "/admin/inbox/alike/{alike}/", AUTHOR),
    Screen("saved_texts.index", "/admin/inbox/texts/", AUTHOR),
    Screen("search.index", "/admin/search/", LEADER),
    # People and their lists.
    Screen("contacts.index", "/admin/people/", AUTHOR),
    Screen("contacts.index", "/admin/people/?area=00", AUTHOR),
    Screen("contacts.show", "/admin/people/{person}/", AUTHOR),
    Screen("contacts.show", "/admin/people/{merged}/", AUTHOR),
    Screen("contacts.compare", "/admin/people/{merged}/compare", AUTHOR),
    Screen("contacts.compare", "/admin/people/{merged}/compare?with={alike_person}", AUTHOR),
    Screen("privacy_requests.index", "/admin/requests/", APPROVER),
    Screen("data_protection.index", "/admin/data-protection/"),
    Screen("data_protection.impact", "/admin/data-protection/impact", AUDITOR),
    Screen("lists.index", "/admin/lists/", AUTHOR),
    Screen("lists.show", "/admin/lists/{list}/", AUTHOR),
    Screen("lists.waiting", "/admin/lists/waiting", AUTHOR),
    Screen("lists.places", "/admin/lists/places"),
    Screen("lists.languages", "/admin/lists/languages"),
    Screen("imports.index", "/admin/imports/", AUTHOR),
    Screen("imports.show", "/admin/imports/{ready}/", AUTHOR),
    Screen("imports.show", "/admin/imports/{nameless}/", AUTHOR),
    Screen("imports.show", "/admin/imports/{unreadable}/", AUTHOR),
    Screen("imports.show", "/admin/imports/{done}/", AUTHOR),
    # Who uses the office, and what they did.
    Screen("organisations.index", "/admin/organisations/"),
    Screen("organisations.show", "/admin/organisations/{organisation}/"),
    Screen("users.index", "/admin/users/"),
    Screen("users.show", "/admin/users/{user}/"),
    Screen("tokens.index", "/admin/tokens/"),
    Screen("webhook_subscriptions.index", "/admin/hooks/"),
    Screen("webhook_subscriptions.show", "/admin/hooks/{hook}/"),
    Screen("account.index", "/admin/account/", LEADER),
    Screen("notices.index", "/admin/notices/", APPROVER),
    Screen("second_factor.index", "/admin/account/second-factor/", LEADER),
    Screen("login.ask_password", "/login/confirm", AUTHOR),
    Screen("login.forgotten", "/login/forgotten", None),
    Screen("invitation.show", "/login/invitation/{invitation}", None),
    Screen("audit.index", "/admin/audit/", AUDITOR),
    Screen("security.index", "/admin/security/"),
    Screen("checks.index", "/admin/checks/"),
    # Refusals.
    Screen("admin.index", "/admin/campaigns/", LEADER, status=403),
    Screen("admin.index", "/admin/campaigns/999999/", AUTHOR, status=404),
]
# Answers that are no page of their own: a part of one, a file, or for machines.
NO_SCREENS = {
    "account.token",  # for forms whose session has ended: test_kept_form.py
    "campaigns.keep",  # for the script of the form: test_kept_form.py
    "visits_app.file",
    "login.ask_code",  # after a right password alone: looked at in test_second_factor.py
    "first_setup.show",  # open while there is no user: looked at in test_first_setup.py
    "login.go_to_provider",  # these three lead on: test_provider.py
    "login.return_from_provider",
    "login.leave_provider",
    "admin.running",
    "calendar.collisions",
    "rescue.live",
    "rescue.letter",
    "report.live",
    "report.file",
    "report_page.file",
    "sending.panel",
    "imports.live",
    "imports.errors",
    "do_not_call.export",
    "organisations.export",
    "users.export",
    "templates.form",
    "aggregator_callbacks.status",
    "exchange.wishes",
    "static_files.static",
    "guides.picture",
    "answer_page.show_with_rest",  # leads to the next one
    "progress.picture",
    "progress.places",
    "health.healthz",
    "health.readyz",
    "health.metrics",
}
