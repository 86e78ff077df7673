"""The settings that an office makes on its page."""

from admin.views.gateways import SETTING_NAMES, OfficeForm
from outreach.core.settings import OFFICE


def test_each_setting_of_the_office_has_a_form_and_a_name_in_the_audit_log():
    made = [name for form in OfficeForm.__subclasses__() for name in form.made()]
    assert sorted(made) == sorted(OFFICE)
    assert all(map(str, SETTING_NAMES.values()))
