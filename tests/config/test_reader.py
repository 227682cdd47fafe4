from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import trustme
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.config import (
    CHECK_NAMES,
    AddressFamilies,
    CheckSettings,
    Config,
    Instance,
    Keyword,
    WebSettings,
    read_config,
)
from exporter.config.access_logs import ACCESS_LOG_KEYS
from exporter.config.checks import CHECK_KEYS
from exporter.config.document import MAX_DEPTH, MAX_VALUES
from exporter.config.instances import INSTANCE_KEYS
from exporter.config.media import MEDIA_KEYS, SIDES
from exporter.config.media import STORE_KEYS as MEDIA_STORE_KEYS
from exporter.config.reader import MAX_FILE_BYTES
from exporter.config.sections import LATER_SECTIONS, TOP_KEYS, WEB_KEYS
from exporter.config.stores import DATABASE_KEYS, REDIS_KEYS
from exporter.config.subscriptions import SUBSCRIPTION_KEYS
from exporter.errors import ConfigError, Problem
from tests.unprivileged import unprivileged

ROOT = Path(__file__).parents[2]
BAD = Path(__file__).parent / "bad"
BAD_FILES = sorted(path.name for path in BAD.glob("*.yml"))
BAD_ENVIRONMENT = {"SECRET": "hunter2@hunter2.example", "SECRET_NUMBER": "4711", "EMPTY": ""}
STORE_KEYS = (*DATABASE_KEYS, *REDIS_KEYS, *SUBSCRIPTION_KEYS, *MEDIA_KEYS, *MEDIA_STORE_KEYS, "acl")
QDON = Instance(name="qdon.example", url="https://qdon.example", domain="qdon.example")


@pytest.fixture
def config_path(tmp_path: Path) -> Path:
    return tmp_path / "config.yml"


def read(path: Path, text: str, **environ: str) -> Config:
    path.write_text(text, encoding="utf-8")
    return read_config(path, environ)


def read_instance(path: Path, settings: str, **environ: str) -> Instance:
    (instance,) = read(path, f"instances: [{{url: https://qdon.example, {settings}}}]", **environ).instances
    return instance


def problems(path: Path, text: str) -> tuple[Problem, ...]:
    with pytest.raises(ConfigError) as caught:
        read(path, text)
    return caught.value.problems


# Files that are right


def test_an_instance_with_nothing_but_its_url_gets_every_default(config_path: Path) -> None:
    config = read(config_path, "instances:\n  - url: https://qdon.example\n")
    assert config == Config(instances=(QDON,))
    assert config.web == WebSettings("127.0.0.1", 10747, None)
    assert config.instances[0].timeout_seconds == 8


def test_every_key_reaches_the_configuration(config_path: Path) -> None:
    folder = config_path.parent
    trustme.CA().cert_pem.write_to_path(str(folder / "authority.pem"))
    (folder / "web.yml").write_text("")
    text = """
        web: {listen: "[::1]:9000", web_config: web.yml}
        state_dir: state
        instances:
          - url: https://QDON.example:8443/
            name: 큐돈
            domain: QDON.example
            account: qdon_support
            streaming: wss://streaming.qdon.example/path
            storage: https://files.qdon.example/check.txt
            timeout: 1m30s
            ip: both
            resolve: {QDON.example: 2001:DB8:0::1}
            ca_file: authority.pem
            checks:
              web: {path: /about/more, keyword: qdon, absent: Maintenance}
              streaming: {websocket: true}
              storage: false
              health: true
        allow_unlisted_targets: true
        control: [https://www.example.org, "http://192.0.2.1:8080/up"]
    """
    checks = {
        "web": CheckSettings(path="/about/more", keyword=Keyword("qdon"), absent=Keyword("Maintenance")),
        "streaming": CheckSettings(websocket=True),
        "storage": CheckSettings(enabled=False),
        "health": CheckSettings(enabled=True),
    }
    instance = Instance(
        name="큐돈",
        url="https://qdon.example:8443",
        domain="qdon.example",
        account="qdon_support",
        streaming="wss://streaming.qdon.example/path",
        storage="https://files.qdon.example/check.txt",
        timeout_seconds=90.0,
        families=AddressFamilies.BOTH,
        resolve={"qdon.example": "2001:db8::1"},
        ca_file=folder / "authority.pem",
        checks=checks,
    )
    assert read(config_path, text) == Config(
        instances=(instance,),
        web=WebSettings("::1", 9000, folder / "web.yml"),
        state_dir=folder / "state",
        allow_unlisted_targets=True,
        control=("https://www.example.org", "http://192.0.2.1:8080/up"),
    )


def test_nulls_and_sections_left_empty_mean_the_defaults(config_path: Path) -> None:
    text = """
        web:
        state_dir: null
        control:
        allow_unlisted_targets: ~
        instances:
          - {url: https://qdon.example, name: , domain: null, account: , streaming: , storage: , timeout: ,
             ip: , resolve: , ca_file: , checks: }
    """
    assert read(config_path, text) == Config(instances=(QDON,))


def test_a_plain_word_that_yaml_takes_for_something_else_is_the_text_as_written(config_path: Path) -> None:
    for word in ("no", "on", "123", "0x1F", "1e3", "2024-01-01", "12:30", "true", ".inf", "="):
        instance = read_instance(config_path, f"name: {word}, checks: {{web: {{keyword: {word}}}}}")
        assert instance.name == word
        assert instance.settings("web").keyword == Keyword(word)


def test_a_switch_takes_each_of_yamls_words(config_path: Path) -> None:
    for word, enabled in {"true": True, "Yes": True, "ON": True, "false": False, "no": False, "off": False}.items():
        assert read_instance(config_path, f"checks: {{web: {word}}}").settings("web").enabled is enabled


def test_a_single_address_family_may_be_written_as_a_number(config_path: Path) -> None:
    assert read_instance(config_path, "ip: 4").families is AddressFamilies.IPV4
    assert read_instance(config_path, 'ip: "6"').families is AddressFamilies.IPV6


def test_a_keyword_that_is_an_expression_is_searched_for(config_path: Path) -> None:
    checks = read_instance(
        config_path, "checks: {web: {keyword_regex: 'Mastodon v?\\d', absent_regex: '(?i)error'}}"
    ).checks
    web = checks["web"]
    assert web.keyword is not None
    assert web.absent is not None
    assert web.keyword.found_in("this is Mastodon v4")
    assert not web.keyword.found_in("this is Mastodon")
    assert web.absent.found_in("an ERROR")


def test_a_file_read_twice_gives_equal_configurations(config_path: Path) -> None:
    text = "instances: [{url: https://qdon.example, checks: {web: {keyword_regex: a+}}}]"
    assert read(config_path, text) == read(config_path, text)


def test_a_variable_is_taken_from_the_environment_wherever_a_value_stands(config_path: Path) -> None:
    text = """
        web: {listen: "127.0.0.1:${PORT}"}
        allow_unlisted_targets: ${OPEN}
        instances: [{url: "https://${HOST}.example", checks: {web: {keyword: "${HOST} costs $5, ${}, $HOST"}}}]
    """
    config = read(config_path, text, PORT="9000", OPEN="true", HOST="qdon")
    assert config.web.port == 9000
    assert config.allow_unlisted_targets
    assert config.instances[0].url == "https://qdon.example"
    assert config.instances[0].settings("web").keyword == Keyword("qdon costs $5, ${}, $HOST")


def test_a_variable_cannot_change_the_structure_of_the_file(config_path: Path) -> None:
    instance = read_instance(config_path, "name: '${NAME}'", NAME="a, timeout: 1s}, {url: https:")
    assert instance.timeout_seconds == 8
    assert instance.name == "a, timeout: 1s}, {url: https:"


def test_merge_keys_and_aliases_are_followed_and_own_keys_win(config_path: Path) -> None:
    text = """
        instances:
          - &first {url: https://a.example, timeout: 3s, checks: &checks {health: false}}
          - {<<: *first, url: https://b.example, name: b}
          - {url: https://c.example, checks: *checks}
          - {<<: [{timeout: 1s}, {timeout: 2s, account: bob}], url: https://d.example}
    """
    a, b, c, d = read(config_path, text).instances
    assert (a.timeout_seconds, b.timeout_seconds, c.timeout_seconds, d.timeout_seconds) == (3, 3, 8, 1)
    assert (b.url, b.name, d.account) == ("https://b.example", "b", "bob")
    assert a.checks == b.checks == c.checks == {"health": CheckSettings(enabled=False)}


def test_no_instance_at_all_is_allowed_where_any_target_may_be_probed(config_path: Path) -> None:
    assert read(config_path, "allow_unlisted_targets: true").instances == ()


def test_no_instance_at_all_is_allowed_where_the_command_line_may_name_them(config_path: Path) -> None:
    config_path.write_text("web: {listen: ':9000'}")
    assert read_config(config_path, {}, instances_required=False).web == WebSettings("", 9000)


def test_a_byte_order_mark_is_no_part_of_the_file(config_path: Path) -> None:
    config_path.write_bytes(b"\xef\xbb\xbfinstances: [{url: https://qdon.example}]")
    assert read_config(config_path, {}) == Config(instances=(QDON,))


def test_the_example_file_can_be_used_as_it_is() -> None:
    assert [instance.name for instance in read_config(ROOT / "config.example.yml", {}).instances] == [
        "mastodon.example",
        "social",
    ]


def test_the_documentation_names_every_key_and_no_section_that_is_not_there() -> None:
    words = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    keys = {*TOP_KEYS, *WEB_KEYS, *INSTANCE_KEYS, *CHECK_KEYS, *CHECK_NAMES, *ACCESS_LOG_KEYS, *STORE_KEYS}
    assert {key for key in keys if f"`{key}`" not in words} == set()
    assert {section for section in LATER_SECTIONS if f"\n{section}:" in words} == set()


# Files that are wrong


@pytest.mark.parametrize("name", BAD_FILES)
def test_a_wrong_file_gives_exactly_its_messages(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(BAD)
    with pytest.raises(ConfigError) as caught:
        read_config(Path(name), BAD_ENVIRONMENT)
    assert f"{caught.value}\n" == Path(name).with_suffix(".expected").read_text(encoding="utf-8")


def test_every_wrong_file_has_its_messages_and_all_messages_have_their_file() -> None:
    assert [path.stem for path in sorted(BAD.glob("*.expected"))] == [Path(name).stem for name in BAD_FILES]
    assert len(BAD_FILES) >= 25


def test_no_message_shows_a_secret() -> None:
    messages = "".join(path.read_text(encoding="utf-8") for path in BAD.glob("*.expected"))
    assert [secret for secret in ("hunter2", *filter(None, BAD_ENVIRONMENT.values())) if secret in messages] == []


def test_a_problem_says_where_it_is(config_path: Path) -> None:
    (problem,) = problems(config_path, "instances:\n  - url: https://qdon.example\n    timeout: 8\n")
    assert (problem.file, problem.line, problem.key_path) == (str(config_path), 3, "instances[0].timeout")


def test_problems_are_in_the_order_of_the_file_whatever_order_it_is_read_in(config_path: Path) -> None:
    text = "control: x\nnonsense: 1\ninstances:\n - {timeout: 1, url: y}\nallow_unlisted_targets: 2\nweb: {listen: 3}\n"
    assert [problem.key_path for problem in problems(config_path, text)] == [
        "control",
        "nonsense",
        "instances[0].timeout",
        "instances[0].url",
        "allow_unlisted_targets",
        "web.listen",
    ]


def test_a_section_of_a_later_version_is_refused_even_when_empty(config_path: Path) -> None:
    for section in LATER_SECTIONS:
        (problem,) = problems(config_path, f"instances: [{{url: https://qdon.example}}]\n{section}:\n")
        assert problem.key_path == section
        assert "this version does not know this section yet" in problem.message


def test_a_name_that_is_taken_is_found_even_where_the_urls_are_wrong(config_path: Path) -> None:
    text = "instances:\n - {url: wrong, name: a}\n - {url: wrong, name: a}\n"
    assert "instances[1].name" in [problem.key_path for problem in problems(config_path, text)]


def test_a_file_that_is_missing_or_a_folder_says_so(tmp_path: Path) -> None:
    for path, words in {tmp_path / "missing.yml": "there is no such file", tmp_path: "this is a folder"}.items():
        with pytest.raises(ConfigError, match=words):
            read_config(path, {})


def test_a_file_that_may_not_be_read_says_so(config_path: Path) -> None:
    config_path.touch(mode=0)
    with unprivileged(), pytest.raises(ConfigError, match=r"config\.yml: cannot be read: Permission denied"):
        read_config(config_path, {})


def test_a_named_file_that_may_not_be_read_says_so() -> None:
    with TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        path = Path(folder) / "config.yml"
        path.write_text("instances: [{url: https://qdon.example, ca_file: authority.pem}]")
        path.with_name("authority.pem").touch(mode=0)
        with unprivileged(), pytest.raises(ConfigError, match="ca_file: may not be read by this user; looked for"):
            read_config(path, {})


def test_a_file_that_is_too_large_is_not_read_to_its_end(config_path: Path) -> None:
    with config_path.open("wb") as file:
        file.truncate(1024 * MAX_FILE_BYTES)
    with pytest.raises(ConfigError, match=f"larger than {MAX_FILE_BYTES} bytes"):
        read_config(config_path, {})


def test_depth_and_number_of_values_are_bounded_one_by_one(config_path: Path) -> None:
    assert "nested deeper" in problems(config_path, "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1))[0].message
    assert "nested deeper" not in problems(config_path, "[" * MAX_DEPTH + "]" * MAX_DEPTH)[0].message
    assert "holds more than" in problems(config_path, f"[{'x,' * MAX_VALUES}]")[0].message


def test_a_variable_that_is_not_utf8_is_refused(config_path: Path) -> None:
    with pytest.raises(ConfigError, match="`NAME` is not UTF-8"):
        read_instance(config_path, "name: '${NAME}'", NAME=b"\xff".decode("utf-8", "surrogateescape"))


_WORDS = st.sampled_from(
    [
        *(*TOP_KEYS, *WEB_KEYS, *INSTANCE_KEYS, *CHECK_KEYS, *CHECK_NAMES, *ACCESS_LOG_KEYS, *STORE_KEYS),
        *("256MiB", "<<", "postgresql://a:b@c/d", "postgresql://a:b@[c", "redis://[", "/dev/null"),
        *(
            "https://qdon.example",
            "https://[::1]:3000",
            "wss://ü.example",
            "8s",
            "auto",
            "127.0.0.1:1",
            "${HOME}",
            "${X}",
            "$request $status",
            "log_format a 'b' \"$\";",
        ),
        *("(a", "[z-a]", "a*", "\x00", "\ud800", "@bob", "/about", "//", "", " ", "true", "null"),
    ]
)
_SCALARS = st.one_of(_WORDS, st.text(max_size=20), st.none(), st.booleans(), st.integers(), st.floats(), st.dates())
_DOCUMENTS = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.one_of(_WORDS, _SCALARS), inner, max_size=5)
    ),
    max_leaves=30,
)
_INSTANCES = st.lists(
    st.fixed_dictionaries({"url": _SCALARS}, optional={key: _DOCUMENTS for key in INSTANCE_KEYS if key != "url"}),
    max_size=3,
)
_LOGS = st.lists(
    st.fixed_dictionaries({"path": _SCALARS}, optional={key: _DOCUMENTS for key in ACCESS_LOG_KEYS if key != "path"}),
    max_size=3,
)
_STORES = {
    section: st.fixed_dictionaries({}, optional=dict.fromkeys(keys, _DOCUMENTS))
    for section, keys in {"database": DATABASE_KEYS, "redis": REDIS_KEYS, "subscriptions": SUBSCRIPTION_KEYS}.items()
}
_BUCKET = st.fixed_dictionaries({}, optional=dict.fromkeys((*MEDIA_STORE_KEYS, "acl", "path"), _DOCUMENTS))
_MEDIA = st.fixed_dictionaries({}, optional={**dict.fromkeys(MEDIA_KEYS, _DOCUMENTS), **dict.fromkeys(SIDES, _BUCKET)})
_SENSIBLE = st.fixed_dictionaries(
    {},
    optional={
        **dict.fromkeys(TOP_KEYS, _DOCUMENTS),
        "instances": _INSTANCES,
        "access_logs": _LOGS,
        **_STORES,
        "media": _MEDIA,
    },
)
_MARKS = st.text(alphabet="[]{}:,-?&*!|>'\"%@`#<\n\t \\ux0=~a1$\x85\u2028\ufeff\x00", max_size=60)
_TEXTS = st.one_of(
    st.binary(max_size=200),
    st.text().map(lambda text: text.encode("utf-8", "surrogatepass")),
    _MARKS.map(lambda text: text.encode()),
    st.one_of(_DOCUMENTS, _SENSIBLE).map(lambda document: yaml.dump(document).encode("utf-8", "surrogatepass")),
)


@settings(max_examples=600, deadline=None)
@given(content=_TEXTS)
def test_no_content_of_a_file_makes_reading_fail_with_anything_but_problems(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.getbasetemp() / "generated.yml"
    path.write_bytes(content)
    try:
        read_config(path, {"HOME": "/root"})
        message = "no problem"
    except ConfigError as error:
        message = str(error)
    assert message.encode()
