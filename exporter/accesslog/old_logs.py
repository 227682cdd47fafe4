"""Several old logs, in the order in which they were written, whatever the order in which they were named."""

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass

from exporter.accesslog.old_log import OldLog
from exporter.accesslog.writing import Hints, Writing, find_writing, first_time
from exporter.errors import UnclearLog, UnreadableLog


@dataclass(frozen=True)
class DatedLog:
    """An open log, how it was written, and the Unix time of its first line that has one."""

    log: OldLog
    writing: Writing
    begins_seconds: float | None = None


def open_old_logs(names: Sequence[str], hints: Hints, opened: ExitStack) -> list[DatedLog]:
    """Return the logs that hold anything, oldest first, each once; `opened` closes them.

    A log without any time keeps its given place. UnreadableLog names all that cannot be opened; UnclearLog is
    raised where it is not known how one was written, or where they are of several servers, whose ids are not the same.
    """
    dated = [_dated(log, hints) for log in _open_all(names, opened) if log.head]
    instances = sorted({one.writing.instance for one in dated if one.writing.instance})
    if len(instances) > 1:
        raise UnclearLog(several_instances(instances))
    return _in_order(dated)


def several_instances(instances: Sequence[str]) -> str:
    """Return the message for logs of several servers."""
    listed = ", ".join(f"`{instance}`" for instance in instances)
    return f"the logs are of several instances ({listed}), and each has account ids of its own; choose with --log"


def _open_all(names: Sequence[str], opened: ExitStack) -> list[OldLog]:
    logs: dict[tuple[int, int], OldLog] = {}
    problems = []
    for name in dict.fromkeys(names):
        try:
            log = OldLog(name)
        except UnreadableLog as error:
            problems.append(str(error))
            continue
        opened.callback(log.close)
        logs.setdefault(log.identity, log)
    if problems:
        raise UnreadableLog("\n".join(problems))
    return list(logs.values())


def _dated(log: OldLog, hints: Hints) -> DatedLog:
    writing = find_writing(log, hints)
    return DatedLog(log, writing, first_time(log, writing))


def _in_order(logs: Sequence[DatedLog]) -> list[DatedLog]:
    in_order = iter(sorted((one for one in logs if one.begins_seconds is not None), key=_begins_seconds))
    return [one if one.begins_seconds is None else next(in_order) for one in logs]


def _begins_seconds(one: DatedLog) -> float:
    return one.begins_seconds or 0.0
