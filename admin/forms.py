"""The base of all forms of the admin site, and their fields.

A form's values are the keyword arguments of a use case: a field has the parameter's name in Python, and with `name=`
another one in HTML. `post_form` of `layout/forms.html` renders a form.
"""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from flask import g
from flask_babel import gettext as _
from flask_wtf import FlaskForm
from flask_wtf.file import FileField as UploadField
from markupsafe import Markup, escape
from sqlalchemy.orm import Session
from wtforms import Field, StringField
from wtforms.fields import BooleanField
from wtforms.validators import StopValidation, ValidationError

from admin.wording.errors import show_error
from admin.wording.filters import label_of
from campaigns.rules.sending_hours import VIETNAM
from outreach.contacts.lists import read_names
from outreach.models.accounts import User
from outreach.places.areas import read_districts
from outreach.rules.errors import LoaError

LISTS = ".xlsx,.xlsm,.xls,.ods,.docx,.csv,.tsv,.txt,.vcf"  # files of rows
_OF_FIELDS = frozenset({"name", "default", "filters", "validators", "description", "id"})


class Form(FlaskForm):
    """Base of all forms; itself a form with a button alone.

    Where a page has several forms with equal fields, `ids` begins the ids of the fields, and the form's key ends them:
    an id, or the values of the hidden fields in `key_fields`.
    """

    class Meta(FlaskForm.Meta):
        csrf = False  # the application checks every request

    ids = ""
    key_fields: tuple[str, ...] = ()
    not_passed: tuple[str, ...] = ()  # fields that are no parameter of the use case
    main = ""  # the field that an error of the use case is about, where no field has its code

    def __init__(self, key: object = "", *, is_sent: bool = True, **values: Any) -> None:
        super().__init__(*([] if is_sent else [None]), data=values)
        self.key = str(key) or "-".join(str(self[name].data) for name in self.key_fields)
        for field in self:
            field.id = "-".join(filter(None, (self.ids, field.name, self.key)))

    @classmethod
    def on_page(cls, key: object = "", **values: Any) -> Self:
        """Return the form for a page: as it was sent if it has just been refused, else with these values."""
        form, refused = cls(key, is_sent=False, **values), g.get("refused_form")
        return refused if type(refused) is cls and refused.key == form.key else form

    def values(self) -> dict[str, Any]:
        """Return what was typed and chosen, without files."""
        return {
            name: field.data
            for name, field in self._fields.items()
            if name not in self.not_passed and not isinstance(field, FileField)
        }

    def refuse(self, error: LoaError) -> None:
        """Put a use case's error to the field that it is about, else to the form."""
        field = next(
            (field for field in self if error.code in getattr(field, "codes", ())),
            self._fields.get(self.main),
        )
        (self.form_errors if field is None else field.errors).append(show_error(error))

    @property
    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield every fault: the id of its field, "" if it is the form's, and the sentence."""
        yield from (("", str(error)) for error in self.form_errors)
        yield from ((field.id, str(error)) for field in self for error in field.errors)

    @property
    def has_file(self) -> bool:
        return any(isinstance(field, FileField) for field in self)


class _OfficeField(Field):
    """What the fields below share.

    `hint` is a sentence below the field, `codes` are those of a use case's errors that are about it, and other keywords
    become attributes in HTML; one that changes is a function.
    """

    input_type = "text"

    def __init__(
        self, label: Any = "", *, hint: Any = "", codes: Iterable[str] = (), **keywords: Any
    ) -> None:
        of_field = {key: value for key, value in keywords.items() if key[0] == "_" or key in _OF_FIELDS}
        attributes = {
            key: value if isinstance(value, bool | int) else str(value() if callable(value) else value)
            for key, value in keywords.items()
            if key not in of_field and value
        }
        self.input_type = str(attributes.pop("type", self.input_type))
        super().__init__(label, description=hint, render_kw=attributes, **of_field)
        self.codes = frozenset(codes)
        self.is_required = bool(attributes.get("required"))

    def __call__(self, **_more: Any) -> Markup:
        """Write the field. WTForms' own widgets take several times as long, and a page may have a hundred fields."""
        attributes = {"id": self.id, "name": self.name, **(self.render_kw or {})}
        hints = [f"error-{self.id}"] * bool(self.errors) + [f"hint-{self.id}"] * bool(self.description)
        if self.errors:
            attributes["aria-invalid"] = "true"
        if hints:
            attributes["aria-describedby"] = " ".join(hints)
        return Markup(self.html(attributes))  # noqa: S704 - its parts are escaped

    def html(self, attributes: dict[str, Any]) -> str:
        if self.input_type == "hidden":
            del attributes["id"]
        attributes["value"] = self._value()
        return f'<input type="{self.input_type}"{_written(attributes)}>'


def _written(attributes: dict[str, Any]) -> str:
    """Return attributes as HTML."""
    return "".join(
        f" {name.rstrip('_')}" if value is True else f' {name.rstrip("_")}="{escape(value)}"'
        for name, value in attributes.items()
    )


class TextField(_OfficeField, StringField):
    """A line of text, as it was typed; `type="date"` and others change its looks. `maxlength` is checked as well."""

    def __init__(self, label: Any = "", *, default: Any = "", **keywords: Any) -> None:
        super().__init__(label, default=default, **keywords)

    def process_formdata(self, valuelist: list[str]) -> None:
        if valuelist:
            self.data = valuelist[0]

    def pre_validate(self, form: Any) -> None:
        longest = (self.render_kw or {}).get("maxlength")
        if longest and len((self.data or "").replace("\r\n", "\n")) > longest:
            raise ValidationError(
                _("“%(name)s” dài quá %(n)s chữ. Hãy viết ngắn hơn.", name=self.label.text, n=longest)
            )


class LongTextField(TextField):
    """A text of several lines."""

    input_type = "textarea"

    def html(self, attributes: dict[str, Any]) -> str:
        return f"<textarea{_written(attributes)}>{escape(self._value())}</textarea>"


class SecretField(TextField):
    """A password, which no page shows again."""

    input_type = "password"

    def _value(self) -> str:
        return ""


class DayField(TextField):
    """A day, or None."""

    input_type = "date"
    data: Any

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else (self.data.isoformat() if self.data else "")

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0].strip() if valuelist else ""
        self.data = None
        if text:
            try:
                day = date.fromisoformat(text)
                if not 1900 < day.year < 3000:  # others overflow beside a time zone
                    raise ValueError(text)
            except ValueError as error:
                raise ValueError(_("“%(name)s” chưa phải là một ngày.", name=self.label.text)) from error
            self.data = day

    def pre_validate(self, form: Any) -> None:
        if self.is_required and not self.data and not self.errors:
            raise StopValidation(_("Hãy chọn ngày ở ô “%(name)s”.", name=self.label.text))


def this_day() -> date:
    """Return today in Vietnam."""
    return datetime.now(VIETNAM).date()


def today() -> str:
    """Return today as a day's field has it."""
    return this_day().isoformat()


class NumberField(TextField):
    """A whole number, or None."""

    input_type = "number"
    data: Any

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else ("" if self.data is None else str(self.data))

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist:
            return
        text = valuelist[0].strip()
        self.data = int(text) if text.isascii() and text.isdecimal() and len(text) < 10 else None
        if text and self.data is None:
            raise ValueError(_("“%(name)s” phải là một số.", name=self.label.text))

    def pre_validate(self, form: Any) -> None:
        if self.is_required and self.data is None and not self.errors:
            raise StopValidation(_("Hãy ghi một số ở ô “%(name)s”.", name=self.label.text))


class RowField(_OfficeField):
    """The id of a row in a hidden field; 0, which no row has, for anything else."""

    input_type = "hidden"

    def _value(self) -> str:
        return str(self.data or "")

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = row_id(valuelist[0]) if valuelist else 0


def row_id(text: str) -> int:
    """Return the id of a row, 0 for what is none."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else 0


class Option(NamedTuple):
    """A choice as a page shows it."""

    value: str
    label: str
    selected: bool


class ChoiceField(_OfficeField):
    """One of several choices: pairs of value and title, or those by the title of their group.

    Choices that only a page sets are not checked here, but by the use case. `coerce` makes the value of what was sent,
    `empty` is the title of no choice: "" or None.
    """

    input_type = "select"

    def __init__(
        self,
        label: Any = "",
        choices: Any = (),
        *,
        coerce: Callable[[str], Any] = str,
        empty: Any = None,
        default: Any = "",
        **keywords: Any,
    ) -> None:
        super().__init__(label, default=default, **keywords)
        self.choices = choices
        self.coerce = coerce
        self.empty = empty

    def process_formdata(self, valuelist: list[str]) -> None:
        text = valuelist[0] if valuelist else str(self.default)
        if not text and (self.coerce is str or self.empty is not None):
            self.data = "" if self.coerce is str else None
            return
        known = [choice.value for choice in self.iter_choices()] if self.choices else [text]
        try:
            self.data = self.coerce(text) if text in known else None
        except ValueError:
            self.data = None
        if self.data is None:
            raise ValueError(_("Hãy chọn một mục ở ô “%(name)s”.", name=self.label.text))

    def pre_validate(self, form: Any) -> None:
        if self.is_required and not self.data and not self.errors:
            raise StopValidation(_("Hãy chọn một mục ở ô “%(name)s”.", name=self.label.text))

    def _value(self) -> str:
        return self.raw_data[0] if self.raw_data else ("" if self.data is None else str(self.data))

    def html(self, attributes: dict[str, Any]) -> str:
        if self.input_type == "hidden":
            return super().html(attributes)
        parts = [f"<select{_written(attributes)}>"]
        for title, choices in self.iter_groups():
            options = "".join(
                f'<option value="{escape(each.value)}"{" selected" if each.selected else ""}>{escape(each.label)}</option>'
                for each in choices
            )
            parts.append(
                options if title is None else f'<optgroup label="{escape(title)}">{options}</optgroup>'
            )
        return "".join([*parts, "</select>"])

    def iter_choices(self) -> Iterator[Option]:
        for _title, choices in self.iter_groups():
            yield from choices

    def iter_groups(self) -> Iterator[tuple[str | None, Iterable[Option]]]:
        if self.empty is not None:
            yield None, [Option("", str(self.empty), not self._value())]
        choices = self.choices() if callable(self.choices) else self.choices
        for title, pairs in choices.items() if isinstance(choices, Mapping) else [(None, choices)]:
            yield title, list(self._options(pairs))

    def _options(self, pairs: Iterable[tuple[Any, Any]]) -> Iterator[Option]:
        chosen = self._value()
        for value, title in pairs:
            yield Option(str(value), str(title), str(value) == chosen)


class RadioField(ChoiceField):
    """One of a few choices, all in sight."""

    input_type = "radio"
    box = "radio"


class ChecksField(RadioField):
    """Any number of choices, all in sight; its value is a list of strings."""

    box = "checkbox"
    data: Any

    def process_formdata(self, valuelist: list[str]) -> None:
        self.data = valuelist

    def _options(self, pairs: Iterable[tuple[Any, Any]]) -> Iterator[Option]:
        for value, title in pairs:
            yield Option(str(value), str(title), str(value) in (self.data or ()))


def labelled(values: Iterable[Any], family: str) -> Callable[[], list[tuple[Any, str]]]:
    """Return choices of an enum's values with their labels in the language of the page."""
    return lambda: [(value, label_of(value, family)) for value in values]


def communes(session: Session) -> dict[str, list[tuple[str, str]]]:
    """Return the communes by district, as choices."""
    return {district: communes for _code, district, communes in read_districts(session)}


def lists_by_organisation(session: Session, user: User) -> dict[str, list[tuple[int, str]]]:
    """Return the lists that a user may see, as choices."""
    lists: dict[str, list[tuple[int, str]]] = {}
    for list_id, name, organisation in read_names(session, user):
        lists.setdefault(organisation, []).append((list_id, name))
    return lists


class CheckField(_OfficeField, BooleanField):
    """A box to tick; `missing` says why it has to be."""

    input_type = "checkbox"

    def __init__(self, label: Any = "", *, missing: Any = "", **keywords: Any) -> None:
        super().__init__(label, required=bool(missing), **keywords)
        self.missing = missing

    def pre_validate(self, form: Any) -> None:
        if self.missing and not self.data:
            raise StopValidation(str(self.missing))

    def html(self, attributes: dict[str, Any]) -> str:
        return super().html(attributes | ({"checked": True} if self.data else {}))

    def _value(self) -> str:
        return "1"


class FileField(_OfficeField, UploadField):
    """A file; `missing` says what to do if none was chosen.

    A browser does not fill it in again, so a refused form shows the name of the file that it came with.
    """

    input_type = "file"

    def html(self, attributes: dict[str, Any]) -> str:
        return f'<input{_written(attributes)} type="file">'

    def __init__(self, label: Any = "", *, missing: Any, accept: str = LISTS, **keywords: Any) -> None:
        super().__init__(label, required=True, accept=accept, **keywords)
        self.missing = missing

    def pre_validate(self, form: Any) -> None:
        if not self.data:
            raise StopValidation(str(self.missing))

    @contextmanager
    def saved(self) -> Iterator[Path]:
        """Keep the file in a folder for the length of the block."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, f"given{Path(self.file_name).suffix[:8]}")
            self.data.save(path)
            yield path

    @property
    def file_name(self) -> str:
        return self.data.filename or "" if self.data else ""
