import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import COMBINED, JSON, Escaping, LogFormat, Variable, log_format
from exporter.config.log_format import Piece
from exporter.errors import InvalidValue

REQUEST_AND_STATUS = (Variable("request"), " ", Variable("status"))
COMBINED_TEXT = (
    '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent"'
)


def rendered(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece if isinstance(piece, str) else f"${{{piece.name}}}" for piece in pieces)


def test_the_two_names_are_the_two_formats_that_need_no_pasting() -> None:
    assert log_format("combined") is COMBINED
    assert log_format("json") is JSON


def test_combined_is_what_nginx_documents() -> None:
    assert log_format(COMBINED_TEXT).pieces == COMBINED.pieces


@pytest.mark.parametrize(
    "text",
    [
        "$request $status",
        "${request} ${status}",
        "$REQUEST $Status",
        "$request $status\n",
        "'$request $status'",
        '"$request $status"',
        "'$request ' '$status'",
        "'$request ' '$status';",
        "'$request '\n    # and then\n    \"$status\"  # the end\n;",
        "# ours\n'$request $status'",
        "log_format main '$request $status';",
        "log_format main '$request $status'",
        "log_format main escape=default '$request' \" $status\";",
        "log_format main # in use\n  '$request' # and then\n ' $status' ; # the end",
        "  # ours\n\n  log_format 'main' $request ' ' $status;",
        "log_format\tmain\r\n\t'$request '\r\n\t'$status';\r\n",
    ],
)
def test_every_way_to_write_a_format_gives_its_pieces(text: str) -> None:
    assert log_format(text).pieces == REQUEST_AND_STATUS


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        (r"""log_format a '\'\"\\\t\r\x';""", "'\"\\\t\r\\x"),
        (r"""log_format a "\'\"\\\t\r\x";""", "'\"\\\t\r\\x"),
        (r"""log_format a b\'\"\\\tc\ d;""", "b'\"\\\tc\\ d"),
        ("log_format a b'c\"d#e}f;", "b'c\"d#e}f"),
        ("log_format a '{' '\"a\": {' '}};#';", '{"a": {}};#'),
        ("log_format a 'a')b;", "a)b"),
        (r"""log_format a "한국 '#' ;";""", "한국 '#' ;"),
    ],
)
def test_quotes_and_backslashes_are_undone_as_nginx_undoes_them(text: str, literal: str) -> None:
    directive = text.replace("log_format a ", "log_format a '$request $status|' ")
    assert log_format(directive).pieces == (*REQUEST_AND_STATUS, f"|{literal}")


def test_a_string_without_quotes_is_what_would_stand_between_nginxs_quotes() -> None:
    assert log_format(r"\"$request\" $status").pieces == ('"', Variable("request"), '" ', Variable("status"))


def test_quotes_around_every_variable_are_those_of_the_log() -> None:
    quoted = ('"', Variable("request"), '" "', Variable("status"), '"')
    assert log_format('"$request" "$status"').pieces == quoted
    assert log_format('"$request","$status"').pieces == tuple(
        piece.replace(" ", ",") if isinstance(piece, str) else piece for piece in quoted
    )


def test_a_text_after_braces_is_no_part_of_the_name() -> None:
    assert log_format("$request ${status}ms").pieces == (*REQUEST_AND_STATUS, "ms")


def test_name_and_escaping_are_those_of_the_directive() -> None:
    main = log_format("log_format main escape=json '$request $status';")
    assert (main.name, main.escaping, main.is_json_object) == ("main", Escaping.JSON, False)
    assert log_format("escape=none '$request' ' $status'").escaping is Escaping.NONE
    assert log_format("$request $status").name == "custom"


def test_method_and_uri_do_in_place_of_the_request() -> None:
    assert log_format("$request_method $request_uri $status").has("request_uri")


@pytest.mark.parametrize(
    "text", ["$request $uri$is_args$args $status", '$status$pipe "$request"', "$time_local$request $status"]
)
def test_variables_that_touch_are_fine_where_the_end_of_what_is_read_is_known(text: str) -> None:
    assert rendered(log_format(text).pieces).replace("{", "").replace("}", "") == text


@pytest.mark.parametrize(
    "text", ["$request$status", "$scheme$request_method $request_uri $status", "$request $status $host$uri"]
)
def test_variables_that_touch_where_one_is_read_are_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"`\$\w+` and `\$\w+` have no text between them"):
        log_format(text)


@pytest.mark.parametrize(
    "name",
    [
        *("request", "request_method", "request_uri", "http_user_agent", "host", "msec"),
        *("status", "time_local", "time_iso8601"),
    ],
)
def test_no_variable_that_is_read_may_follow_another_directly(name: str) -> None:
    with pytest.raises(InvalidValue, match=rf"`\$pipe` and `\${name}` have no text between them"):
        log_format(f"$request|$status|$pipe${name}")


@pytest.mark.parametrize("text", ["{}'$request $status'", "{}'$request ' '$status'", '{}"$request $status"'])
@pytest.mark.parametrize("before", ["log_format main ", "", "escape=none "])
@pytest.mark.parametrize("comment", [" # the end", " # '$x' ;", " # the end\n  "])
def test_a_comment_that_may_have_swallowed_the_rest_is_refused(text: str, before: str, comment: str) -> None:
    with pytest.raises(InvalidValue, match=r"a comment .* takes the rest of the text"):
        log_format(text.format(before) + comment)
    assert log_format(text.format(before) + ";" + comment).has("status")


def test_a_name_from_nginx_conf_says_to_paste_the_format() -> None:
    with pytest.raises(
        InvalidValue, match=r"paste the format itself; `nginx -T` shows the directive `log_format main …;`"
    ):
        log_format("main")


@pytest.mark.parametrize("text", ["", " ", "''", "log_format a '' \"\";", "log_format a escape=json;", "log_format a;"])
def test_a_format_without_text_is_refused(text: str) -> None:
    with pytest.raises(InvalidValue, match=r"empty|has no format"):
        log_format(text)


_NAMES = st.sampled_from(["remote_addr", "http_referer", "upstream_response_time", "request_time", "a_1"]).map(Variable)
_LITERALS = st.text(
    st.one_of(
        st.sampled_from("'\"\\#;{}()tnr \t|_aZ0[]=한"), st.characters(exclude_characters="$\n\x00", codec="utf-8")
    ),
    min_size=1,
    max_size=8,
)


@st.composite
def formats(draw: st.DrawFn) -> tuple[Piece, ...]:
    """Return pieces that can be counted: a text before and after each variable that is read."""
    others = draw(st.lists(st.one_of(_NAMES, _LITERALS), max_size=8))
    place = draw(st.integers(0, len(others)))
    read: list[Piece] = ["|", Variable("request"), "|", Variable("status"), "|"]
    pieces: list[Piece] = []
    for piece in [*others[:place], *read, *others[place:]]:
        if isinstance(piece, str) and pieces and isinstance(pieces[-1], str):
            pieces[-1] += piece
        else:
            pieces.append(piece)
    return tuple(pieces)


def _quoted(text: str, quote: str) -> str:
    escaped = text.replace("\\", "\\\\").replace(quote, f"\\{quote}").replace("\r", "\\r")
    return f"{quote}{escaped}{quote}"


_BETWEEN = st.sampled_from([" ", "\n    ", "\t", "  # a comment; with 'quotes'\n", "\r\n"])


@given(pieces=formats(), escaping=st.sampled_from(Escaping), data=st.data())
def test_a_format_written_as_a_directive_is_read_back_as_it_was(
    pieces: tuple[Piece, ...], escaping: Escaping, data: st.DataObject
) -> None:
    parts = [rendered((piece,)) for piece in pieces]
    # A part may hold several pieces, and pieces several parts: only a variable is never cut.
    joined = re.findall(r"\$\{\w+\}|[^$]", "".join(parts))
    cuts = sorted({0, len(joined), *data.draw(st.lists(st.integers(0, len(joined)), max_size=4))})
    words = ["".join(joined[start:end]) for start, end in pairwise(cuts)]
    quotes = [_quoted(word, data.draw(st.sampled_from("'\""))) for word in words]
    text = f"log_format main escape={escaping}" + "".join(data.draw(_BETWEEN) + quoted for quoted in quotes) + ";"
    assert log_format(text) == LogFormat("main", pieces, escaping)


@given(pieces=formats())
def test_a_format_written_without_quotes_is_read_back_as_it_was(pieces: tuple[Piece, ...]) -> None:
    text = "$http_x|" + rendered(pieces).replace("\\", "\\\\") + "|"
    assert rendered(log_format(text).pieces) == "${http_x}|" + rendered(pieces) + "|"


_SIGNS = st.lists(
    st.sampled_from(
        ["log_format a ", "escape=", "'", '"', "\\", "$request ", "$status", "$", "{", "}", ";", "#", "\n", " "]
    )
).map("".join)


@given(text=st.one_of(_SIGNS, st.text(max_size=60)))
def test_any_text_is_a_countable_format_or_an_error_in_words(text: str) -> None:
    found: LogFormat | str
    try:
        found = log_format(text)
    except InvalidValue as error:
        found = error.rule
    assert found if isinstance(found, str) else found.has("request") and found.has("status")
