"""What pages do with what came from outside: it is text, and it leads nowhere else."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelter_api.pages.common import local_path

TEMPLATES = sorted((Path(__file__).parents[2] / "api/shelter_api/templates").rglob("*.html"))
#: a constant of ours, or the drawing that a library made of a secret (segno escapes what it draws)
PERMITTED = re.compile(r"""^('[^'{}]*'|"[^"{}]*"|[a-z_.\[\]]*(?:icon|shapes|svg)[a-z_.\[\]]*)$""")


def unescaped(template: str) -> list[str]:
    """Expressions that a template would write as they are."""
    written = re.findall(r"""('[^']*'|"[^"]*"|[^\s{}|(]+)\s*\|\s*safe\b""", template)
    found = [match.strip() for match in written]
    found += re.findall(r"autoescape\s+false", template)
    return [each for each in found if not PERMITTED.match(each)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_no_template_turns_escaping_off(path: Path) -> None:
    assert unescaped(path.read_text()) == []


@pytest.mark.parametrize(
    "template", ["{{ site.name|safe }}", "{{ note | safe }}", "{% autoescape false %}"]
)
def test_control_a_template_that_does_is_noticed(template: str) -> None:
    assert unescaped(template)


@pytest.mark.parametrize(
    "given_path",
    [
        "//elsewhere.example/",
        "https://elsewhere.example/",
        "/\\elsewhere.example",
        "\\\\elsewhere.example",
        "javascript:alert(1)",
        "/a\r\nSet-Cookie: x=1",
        "",
        None,
    ],
)
def test_redirects_lead_to_this_server_alone(given_path: str | None) -> None:
    assert local_path(given_path) == "/"


@given(st.text(max_size=60))
def test_whatever_is_asked_for_a_redirect_stays_a_path_here(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/") and not path.startswith(("//", "/\\"))
    assert path.isprintable() and path.isascii()


def test_control_a_path_here_is_kept() -> None:
    assert local_path("/requests?state=open") == "/requests?state=open"
