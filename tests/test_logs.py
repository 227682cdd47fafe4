"""What a log line looks like, and what it can never do."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from exporter import logs

HOSTILE = "first\r\n2026-01-01T00:00:00.000Z error exporter forged\x1b[2J\u202e\x00\u2028\udc80"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    root, own = logging.getLogger(), logging.getLogger("exporter")
    handlers, root_level, own_level = root.handlers[:], root.level, own.level
    yield
    root.handlers = handlers
    root.setLevel(root_level)
    own.setLevel(own_level)


def logged(form: str | None, stream: io.StringIO | None = None) -> tuple[logging.Logger, io.StringIO]:
    stream = stream or io.StringIO()
    logs.configure("info", form, stream)
    return logging.getLogger("exporter.probes"), stream


def test_a_terminal_gets_text_and_a_pipe_gets_json() -> None:
    logger, terminal = logged(None, Terminal())
    logger.info("hello")
    assert terminal.getvalue().endswith("Z info exporter.probes hello\n")

    logger, pipe = logged(None)
    logger.info("hello")
    assert json.loads(pipe.getvalue())["message"] == "hello"


def test_the_form_asked_for_wins_over_the_kind_of_stream() -> None:
    logger, terminal = logged("json", Terminal())
    logger.info("hello")
    assert json.loads(terminal.getvalue())["message"] == "hello"

    logger, pipe = logged("text")
    logger.info("hello")
    assert pipe.getvalue().endswith(" info exporter.probes hello\n")


def test_standard_error_is_the_stream_unless_another_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure("info", "text")
    logging.getLogger("exporter").info("hello")
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.endswith(" info exporter hello\n")


def test_json_has_time_level_logger_message_and_the_extra_fields() -> None:
    logger, stream = logged("json")
    before = datetime.now(UTC).replace(microsecond=0)
    logger.warning("probe of %s failed", "web", extra={"instance": "qdon", "duration_seconds": 0.5})
    document = json.loads(stream.getvalue())
    moment = document.pop("time")
    assert document == {
        "level": "warning",
        "logger": "exporter.probes",
        "message": "probe of web failed",
        "instance": "qdon",
        "duration_seconds": 0.5,
    }
    assert moment.endswith("Z")
    assert before <= datetime.fromisoformat(moment) <= datetime.now(UTC)


def test_the_time_is_that_of_the_record_in_utc() -> None:
    record = logging.makeLogRecord({"name": "exporter", "levelname": "INFO", "msg": "hello", "created": 1.5})
    assert json.loads(logs.JsonFormatter().format(record))["time"] == "1970-01-01T00:00:01.500Z"
    assert logs.TextFormatter().format(record) == "1970-01-01T00:00:01.500Z info exporter hello"


def test_an_extra_field_cannot_replace_a_fixed_one() -> None:
    logger, stream = logged("json")
    logger.info("hello", extra={"level": "critical", "time": "never", "logger": "another"})
    document = json.loads(stream.getvalue())
    assert (document["level"], document["logger"]) == ("info", "exporter.probes")
    assert document["time"] != "never"


def test_text_quotes_the_values_that_would_read_as_several_fields() -> None:
    logger, stream = logged("text")
    logger.info("hello", extra={"plain": 3, "spaced": "a b", "faked": 'x=1 level="info"', "empty": "", "path": "a\\b"})
    assert stream.getvalue().endswith(
        r' hello plain=3 spaced="a b" faked="x=1 level=\"info\"" empty="" path="a\\b"' + "\n"
    )


@pytest.mark.parametrize("form", logs.FORMATS)
@pytest.mark.parametrize("place", ["message", "value", "key", "exception"])
def test_hostile_text_stays_in_its_line_and_cannot_steer_a_terminal(form: str, place: str) -> None:
    logger, stream = logged(form)
    if place == "exception":
        try:
            raise ValueError(HOSTILE)
        except ValueError:
            logger.exception("failed")
    else:
        extra: dict[str, dict[str, object]] = {"value": {"body": HOSTILE}, "key": {HOSTILE: 1}}
        logger.info(HOSTILE if place == "message" else "hello", extra=extra.get(place))
    lines = stream.getvalue().split("\n")
    assert lines.pop() == ""
    assert all(line.isprintable() for line in lines)
    assert "forged" in stream.getvalue()
    beginnings = [line for line in lines if not line.startswith("  ")]
    assert len(beginnings) == 1


def test_a_traceback_is_part_of_the_json_object() -> None:
    logger, stream = logged("json")
    try:
        raise ValueError("it broke")
    except ValueError:
        logger.exception("failed")
    document = json.loads(stream.getvalue())
    assert document["message"] == "failed"
    assert document["exception"].endswith("ValueError: it broke")


def test_a_value_that_json_does_not_know_is_written_as_text() -> None:
    logger, stream = logged("json")
    logger.info("hello", extra={"problem": ValueError("it broke")})
    assert json.loads(stream.getvalue())["problem"] == "it broke"


def test_the_level_holds_for_this_program_and_never_opens_the_debug_lines_of_libraries() -> None:
    stream = io.StringIO()
    logs.configure("debug", "text", stream)
    logging.getLogger("exporter.probes").debug("ours")
    logging.getLogger("urllib3").debug("theirs")
    logging.getLogger("urllib3").warning("their warning")
    assert [line.split(" ", 3)[3] for line in stream.getvalue().splitlines()] == ["ours", "their warning"]


def test_lines_below_the_level_are_left_out() -> None:
    stream = io.StringIO()
    logs.configure("error", "text", stream)
    logging.getLogger("exporter").warning("quiet")
    logging.getLogger("exporter").error("loud")
    assert stream.getvalue().endswith(" error exporter loud\n")
    assert stream.getvalue().count("\n") == 1


def test_configuring_again_replaces_what_was_before() -> None:
    _, first = logged("text")
    logger, second = logged("text")
    logger.info("hello")
    assert first.getvalue() == ""
    assert second.getvalue().count("hello") == 1
