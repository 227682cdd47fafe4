"""The section `checks` of an instance: what is asked of each check beyond its own rule."""

from exporter.config.document import Fields, Scalar, Value
from exporter.config.fields import Section, Source
from exporter.config.model import CHECK_NAMES, CheckSettings, Keyword
from exporter.config.values import keyword, keyword_expression, switch, unknown, web_path

_OWN_KEYS = {"path": "web", "websocket": "streaming"}
"""Keys that one check has, and the name of that check."""

CHECK_KEYS = ("keyword", "keyword_regex", "absent", "absent_regex", *_OWN_KEYS)

_ADVICE = "list the checks that differ, such as `streaming: false`"


def read_checks(value: Value, source: Source) -> dict[str, CheckSettings]:
    """Return the settings of the checks that are named; the others keep their defaults."""
    fields = source.fields(value, _ADVICE)
    if fields is None:
        return {}
    settings = {}
    for name, entry in fields.entries.items():
        if name in CHECK_NAMES:
            settings[name] = _settings(name, entry.value, source)
        else:
            source.problems.add(entry.place, unknown("check", name, CHECK_NAMES))
    return settings


def _settings(name: str, value: Value, source: Source) -> CheckSettings:
    if isinstance(value, Fields):
        return _detailed(name, Section(value, source))
    if isinstance(value, Scalar):
        return CheckSettings(enabled=source.parsed(value, switch) is not False)
    source.problems.add(value.place, "must be `true`, `false` or a mapping, not a list")
    return CheckSettings()


def _detailed(name: str, section: Section) -> CheckSettings:
    _refuse_foreign_keys(name, section)
    return CheckSettings(
        path=section.needed("path", web_path, None),
        keyword=_keyword("keyword", section),
        absent=_keyword("absent", section),
        websocket=section.needed("websocket", switch, False),
    )


def _refuse_foreign_keys(name: str, section: Section) -> None:
    section.refuse_unknown(CHECK_KEYS)
    for key, owner in _OWN_KEYS.items():
        if key in section and name != owner:
            message = f"belongs to the check `{owner}`; `{name}` has no such key"
            section.source.problems.add(section.place_of(key), message)


def _keyword(key: str, section: Section) -> Keyword | None:
    regex_key = f"{key}_regex"
    if key in section and regex_key in section:
        message = f"stands beside `{key}` on line {section.place_of(key).line}; only one of them can be kept"
        section.source.problems.add(section.place_of(regex_key), message)
    plain = section.needed(key, keyword, None)
    return section.needed(regex_key, keyword_expression, plain)
