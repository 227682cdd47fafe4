"""Reading a secret at the moment in which it is needed."""

import os
from collections.abc import Mapping

from exporter.config.files import one_line, readable_file
from exporter.config.media_model import LazySecret
from exporter.config.values import substitute
from exporter.errors import ConfigError, InvalidValue, Problem


def secret_text(secret: LazySecret, environ: Mapping[str, str] = os.environ) -> str:
    """Return what a secret says: printable ASCII without spaces, at least one character.

    Raises ConfigError, which quotes nothing of it.
    """
    try:
        return _fit_for_a_header(_told(secret, environ))
    except InvalidValue as error:
        raise ConfigError([Problem(str(error), secret.named)]) from None


def _told(secret: LazySecret, environ: Mapping[str, str]) -> str:
    if secret.file is not None:
        return one_line(readable_file(secret.file.parent, secret.file.name))
    text = secret.text.text if secret.text else ""
    return text if secret.is_literal else substitute(text, environ)


def _fit_for_a_header(text: str) -> str:
    if not text:
        raise InvalidValue("is empty")
    if not text.isascii() or not text.isprintable() or " " in text:
        raise InvalidValue("holds a character that no key has: a space, a line break, or one that is not ASCII")
    return text
