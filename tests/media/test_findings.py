import tracemalloc

import pytest

from exporter.ledger.names import REOPENED
from exporter.mastodon.attachments import Attachment, MediaClass, MediaObject, objects_of
from exporter.media.findings import Finding, FindingFile, What


@pytest.fixture
def media_object() -> MediaObject:
    name = "na\udcefve \u2028 ☃.png"
    attachment = Attachment(MediaClass.ACCOUNTS, 7, "avatar", name, is_remote=True, domain="remote.example")
    return objects_of(attachment)[0]


def test_what_is_missing_is_told_with_its_record(media_object: MediaObject) -> None:
    finding = Finding(media_object, f"new/{media_object.key}")
    assert finding.document() == {
        "key": f"new/{media_object.key}",
        "class": "accounts",
        "id": 7,
        "domain": "remote.example",
    }


def test_what_differs_is_told_with_what_differs(media_object: MediaObject) -> None:
    finding = Finding(media_object, "a", What.CACHE_CONTROL)
    assert finding.document() == {"key": "a", "what": "cache_control"}


@pytest.mark.parametrize(
    ("what", "detail"), [(None, "it was not there"), (What.CONTENT_TYPE, "its content type differed")]
)
def test_the_ledger_gets_to_know_the_object_by_the_key_that_it_has_at_any_store(
    media_object: MediaObject, what: What | None, detail: str
) -> None:
    trouble = Finding(media_object, "new/a", what).trouble()
    assert (trouble.media_class, trouble.record_id, trouble.key) == ("accounts", 7, media_object.key)
    assert (trouble.result, trouble.domain, trouble.detail) == (REOPENED, "remote.example", detail)
    assert trouble.is_wrong is (what is not None)


def test_the_file_gives_back_what_was_added_as_often_as_it_is_asked(media_object: MediaObject) -> None:
    findings = [Finding(media_object, f"{media_object.key}{number}") for number in range(3)]
    with FindingFile() as file:
        assert (file.count, list(file)) == (0, [])
        file.add(findings[:2])
        file.add(findings[2:])
        assert file.count == 3
        for _ in range(2):
            assert list(file) == [finding.document() for finding in findings]


def test_a_great_many_findings_take_no_memory(media_object: MediaObject) -> None:
    with FindingFile() as file:
        tracemalloc.start()
        file.add(Finding(media_object, str(number)) for number in range(20_000))
        assert sum(1 for _ in file) == 20_000
        peak_bytes = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak_bytes < 200_000
