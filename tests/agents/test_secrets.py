"""The secrets in an agent's options: shown as `*`, put back, and known to every redaction."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_runner.agents.secrets import MASK, masked, restored, secrets_of
from agent_runner.errors import BadRequestError

SECRET = "s3cr3t-0123456789-abcdef"


def options(**changes: Any) -> dict[str, Any]:
    return {"cwd": "/work", "model": "sonnet-with-a-long-name-4-5", **changes}


def server(**fields: Any) -> dict[str, Any]:
    return options(mcpServers={"tracker": fields})


JSON = json.dumps({"mcpServers": {"x": {"env": {"T": SECRET}}}})
EVERY_ROUTE = {
    "an agent's variable": options(env={"MY_API_KEY": SECRET, "PLAIN": "1"}),
    "one with a neutral name": options(env={"TRACKER": SECRET}),
    "a server's variable": server(command="x", env={"TRACKER": SECRET}),
    "a header": server(url="https://m.example/", headers={"X-Custom": SECRET}),
    "a bearer": server(url="https://m.example/", headers={"Authorization": f"Bearer {SECRET}"}),
    "a header list": server(http_headers=[f"Authorization: {SECRET}"]),
    "a cookie": server(url="https://m.example/", headers={"Cookie": f"a=b; sid={SECRET}"}),
    "the user of a URL": server(url=f"https://me:{SECRET}@m.example/mcp"),
    "the user alone": server(url=f"https://{SECRET}@m.example/mcp"),
    "a query": server(url=f"https://m.example/mcp?api_key={SECRET}&page=2"),
    "a fragment": server(url=f"https://m.example/mcp#access_token={SECRET}"),
    "a query with a neutral name": server(url=f"https://m.example/mcp?x={SECRET}"),
    "a path": server(url="https://m.example/s/0a1b2c3d4e5f6a7b8c9d/mcp"),
    "a key of its own": server(oauth={"clientSecret": SECRET}),
    "a flag": server(command="npx", args=["-y", "mcp", "--token", SECRET]),
    "a flag in one word": server(command="npx", args=[f"--api-key={SECRET}"]),
    "a variable in words": server(command="docker", args=["run", "-e", f"TRACKER={SECRET}"]),
    "a header in words": server(command="x", args=["--header", f"Authorization: {SECRET}"]),
    "a key of a known kind": server(command="x", args=["ghp_0123456789abcdefghij"]),
    "an address in words": server(command="psql", args=[f"postgres://me:{SECRET}@db/x"]),
    "JSON in a flag": options(extraArgs=["--mcp-config", JSON]),
    "a flag of the CLI": options(extraArgs=["--api-key", SECRET]),
    "a command": options(command=["tool", f"--password={SECRET}"]),
    "deep in a server": server(transport={"options": [{"headers": {"T": SECRET}}]}),
}


def secret_of(given: dict[str, Any]) -> str:
    text = json.dumps(given)
    found = (SECRET, "ghp_0123456789abcdefghij", "0a1b2c3d4e5f6a7b8c9d")
    return next(value for value in found if value in text)


@pytest.mark.parametrize("given", EVERY_ROUTE.values(), ids=EVERY_ROUTE)
def test_a_secret_is_shown_nowhere_and_known(given: dict[str, Any]) -> None:
    secret = secret_of(given)
    shown = masked(given)
    assert secret not in json.dumps(shown)
    assert MASK in json.dumps(shown)
    assert secret in secrets_of(given)


@pytest.mark.parametrize("given", EVERY_ROUTE.values(), ids=EVERY_ROUTE)
def test_what_is_shown_sent_back_changes_nothing(given: dict[str, Any]) -> None:
    assert restored(masked(given), given) == given
    assert restored(given, given) == given


def test_names_and_what_is_no_secret_are_shown() -> None:
    given = server(
        command="docker",
        args=["run", "--rm", "-p", "8080:80", "mcp/tracker:1.2.3", "https://m.example/a/b?page=2"],
        type="stdio",
        env={"TRACKER": "x", "EMPTY": ""},
    )
    shown = masked(given)
    assert shown["mcpServers"]["tracker"]["env"] == {"TRACKER": "*", "EMPTY": ""}
    del given["mcpServers"]["tracker"]["env"], shown["mcpServers"]["tracker"]["env"]
    assert shown == given


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *[("FEATURE", value) for value in ("1", "true", "off", "short", "20", "production")],
        ("FEATURE", "/usr/local/bin:/usr/bin"),
        ("FEATURE", "127.0.0.1:8080"),
        ("FEATURE", "2026-11-30"),
        ("FEATURE", "us-east-1"),
        ("FEATURE", "--max-old-space-size=4096"),
        ("ANTHROPIC_MODEL", "claude-sonnet-4-5-20250929"),
        ("TZ", "America/Argentina/Buenos_Aires"),
        ("API_KEY", "1234567"),
        ("API_KEY_FILE", "/run/secrets/api-key"),
        ("MAX_TOKENS", "100000000"),
        ("Accept", "application/json, text/event-stream"),
        ("FEATURE", "${MY_VARIABLE_OF_A_LONG_NAME}"),
    ],
)
def test_what_is_no_secret_by_nature_is_masked_in_no_text(name: str, value: str) -> None:
    given = options(env={name: value})
    assert secrets_of(given) == []
    assert masked(given)["env"] == {name: MASK}


def test_the_lines_of_a_key_are_secrets_too() -> None:
    key = "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nBAQEFAASCBKcwggSj\n"
    assert "MIIEvQIBADANBgkqhkiG9w0" in secrets_of(options(env={"SIGNING_KEY": key}))


def test_the_password_in_basic_credentials_is_a_secret() -> None:
    given = server(headers={"Authorization": "Basic bWU6aHVudGVyMi1odW50ZXIy"})
    assert "hunter2-hunter2" in secrets_of(given)


@pytest.mark.parametrize(
    ("given", "kept", "place"),
    [
        (options(env={"NEW": "*"}), options(env={"OLD": SECRET}), "NEW"),
        (options(env={"NEW": "*"}), options(), "NEW"),
        (server(env={"A": "*"}), options(mcpServers={"other": {"env": {"A": SECRET}}}), "A"),
        (server(url="https://*@m.example/"), server(url="https://m.example/"), "the user"),
        (server(args=["--token", "*"]), server(args=[]), "--token"),
        (server(url="https://m.example/?api_key=*"), options(), "api_key"),
    ],
)
def test_nothing_is_kept_for_a_name_that_was_not_there(
    given: dict[str, Any], kept: dict[str, Any], place: str
) -> None:
    with pytest.raises(BadRequestError, match=place) as error:
        restored(given, kept)
    assert error.value.code == "nothing_to_keep"
    assert error.value.hint
    assert SECRET not in error.value.message


def test_each_value_is_kept_by_its_name() -> None:
    kept = server(
        url=f"https://me:{SECRET}@m.example/?key={SECRET}",
        args=["--token", "first-0123456789", "-v", "--password=second-0123456789"],
        env={"A": "1", "B": "2"},
    )
    given = server(
        url="https://*@other.example/?page=3&key=*",
        args=["--verbose", "--password=*", "--token", "*"],
        env={"B": "*", "C": "3"},
    )
    assert restored(given, kept) == server(
        url=f"https://me:{SECRET}@other.example/?page=3&key={SECRET}",
        args=["--verbose", "--password=second-0123456789", "--token", "first-0123456789"],
        env={"B": "2", "C": "3"},
    )


def test_an_asterisk_of_its_own_is_one() -> None:
    given = options(command=["find", "-name", "*"], extraArgs=["--tools", "*"])
    assert restored(given, options()) == given


text = st.text(max_size=30) | st.sampled_from(
    [SECRET, "--token", MASK, f"https://a:{SECRET}@b/?k={SECRET}", JSON, "[1", "A=b", "x: y z"]
)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
)


@given(st.dictionaries(st.sampled_from(["env", "mcpServers", "extraArgs", "command"]), values))
def test_any_options_can_be_shown_and_sent_back(given: dict[str, Any]) -> None:
    secrets_of(given)
    try:
        back = restored(masked(given), given)
    except BadRequestError:
        raise AssertionError from None
    assert back == given
