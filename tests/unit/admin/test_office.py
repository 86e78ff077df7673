"""The settings that an office makes on its page."""

from wtforms.fields.core import UnboundField

from admin.views.gateways import OfficeForm
from admin.wording.audit import _VALUES
from outreach.core.settings import OFFICE


def test_each_setting_of_the_office_has_a_form_and_a_name_in_the_audit_log():
    made = []
    for form in OfficeForm.__subclasses__():
        fields = [name for name, value in vars(form).items() if isinstance(value, UnboundField)]
        made += form.of or fields
    assert sorted(made) == sorted(OFFICE)
    assert set(OFFICE) <= _VALUES["fields"].keys()
