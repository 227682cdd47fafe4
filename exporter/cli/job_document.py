"""A run of a job as an object of JSON: what `mastodon-remedy jobs` lists, and what a media sync ends with."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from exporter.ledger import (
    MEDIA_SYNC,
    MEDIA_SYNC_BYTES,
    MEDIA_SYNC_OBJECTS,
    JobRecord,
    MediaResult,
    Progress,
    Series,
)


def job_object(record: JobRecord) -> dict[str, Any]:
    """Return a run; a media sync by `classes`, any other with its `counts` and `gauges`."""
    told = {"classes": _classes(record)} if record.job == MEDIA_SYNC else _told(record)
    return {
        "job": record.job,
        "state": record.state.value,
        "started": _iso_text(record.started_timestamp_seconds),
        "ended": _iso_text(record.ended_timestamp_seconds),
        "heartbeat": _iso_text(record.heartbeat_timestamp_seconds),
        **told,
    }


def _told(record: JobRecord) -> dict[str, Any]:
    return {"counts": _nested(record.counts), "gauges": _nested(record.gauges)}


def _classes(record: JobRecord) -> dict[str, Any]:
    # What a newer version has counted under further labels is not this version's to show.
    counted = {series.labels[0] for series in record.counts if series.labels}
    return {name: _class(record, name) for name in sorted({*record.progress, *counted})}


def _class(record: JobRecord, name: str) -> dict[str, Any]:
    progress = record.progress.get(name, Progress(0, 0))
    results = {result.value: record.counts.get(Series(MEDIA_SYNC_OBJECTS, (name, result))) for result in MediaResult}
    return {
        "rows": progress.total,
        "rows_done": progress.done,
        "objects": {result: count or 0 for result, count in results.items()},
        "bytes": record.counts.get(Series(MEDIA_SYNC_BYTES, (name,)), 0),
    }


def _iso_text(timestamp_seconds: float | None) -> str | None:
    if timestamp_seconds is None:
        return None
    return datetime.fromtimestamp(timestamp_seconds, UTC).isoformat(timespec="seconds")


def _nested(values: Mapping[Series, float]) -> dict[str, Any]:
    """Return values by series name, and below it by one label value after the other where it has labels."""
    document: dict[str, Any] = {}
    for series, value in sorted(values.items(), key=lambda one: one[0].columns):
        *above, last = (series.name, *series.labels)
        place = document
        for name in above:
            place = place.setdefault(name, {})
        place[last] = int(value) if float(value).is_integer() else value
    return document
