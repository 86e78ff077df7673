"""The form that goes to the gateway is encoded as the standard library would."""

from urllib.parse import parse_qsl, urlencode

from hypothesis import given
from hypothesis import strategies as st

from outreach.sms.http_gateway import encode_form

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.dictionaries(TEXT, st.one_of(TEXT, st.integers(), st.lists(TEXT, max_size=3)), max_size=5))
def test_a_form_is_encoded_as_urlencode_does(form):
    encoded = encode_form(form)
    assert encoded == urlencode(form, doseq=True).encode("ascii")
    values = [item for value in form.values() for item in (value if isinstance(value, list) else [value])]
    assert [value for _name, value in parse_qsl(encoded.decode(), keep_blank_values=True)] == list(
        map(str, values)
    )
