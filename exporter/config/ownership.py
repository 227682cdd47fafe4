"""Whose is it? The key `instance` of a log, a database and the like."""

from collections.abc import Sequence
from functools import partial

from exporter.config.fields import Section
from exporter.errors import InvalidValue


def only_instance(instances: Sequence[str]) -> str | None:
    """Return the instance of a log that names none; None where there is none. InvalidValue where there are several."""
    if len(instances) > 1:
        raise InvalidValue("several instances", f"write `instance:`, one of {_listed(instances)}")
    return instances[0] if instances else None


def whose(section: Section, instances: Sequence[str]) -> str | None:
    """Return whose it is, None where there is no instance, or an empty name once its problem has been kept."""
    if section.is_given("instance"):
        return section.optional("instance", partial(_known_instance, instances), "")
    try:
        return only_instance(instances)
    except InvalidValue as error:
        section.source.problems.add(section.place_of("instance"), str(error))
        return ""


def _known_instance(instances: Sequence[str], text: str) -> str:
    # Where the name of an instance is wrong, that has been reported, and nobody knows what it should have been.
    if text in instances or "" in instances:
        return text
    known = f"known here: {_listed(instances)}" if instances else "this file lists none under `instances`"
    raise InvalidValue("there is no instance of that name", known)


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names if name)
