"""Every text that is sent, in the four languages, and what may be answered."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from litestar import Response, get

from shelter import i18n
from shelter.domain.command_words import Verb
from shelter.domain.messages import SEGMENT_SEPTETS, septets
from shelter_api.access import only
from shelter_api.pages.common import Call
from shelter_api.pages.messages import READERS
from shelter_api.pages.rendering import show

#: of nobody: the numbers are of a range that is kept for drama
SAMPLE = {
    "ref": "H7K2M",
    "code": "QRT47",
    "number": "+447700900123",
    "second": "+447700900124",
}
#: what is shown of the commands; the words of the carriers are nobody's to be sent
COMMANDS = tuple(verb for verb in Verb if verb not in {Verb.OPT_OUT, Verb.OPT_IN})


@dataclass(frozen=True, slots=True)
class Said:
    """One text in one language; ``length`` in septets, None for what is read aloud."""

    language: str
    words: str
    length: int | None


@dataclass(frozen=True, slots=True)
class Sent:
    """A text in all languages, by its key."""

    key: str
    said: tuple[Said, ...]

    @property
    def name(self) -> str:
        return self.key.split(".", 1)[1]


def texts(family: str) -> tuple[Sent, ...]:
    """All texts of ``sms`` or ``voice``, in the order of the language files."""
    keys = [key for key in i18n.keys("fr") if key.startswith(f"{family}.")]
    return tuple(Sent(key, tuple(_said(key, each) for each in i18n.LANGUAGES)) for key in keys)


def _said(key: str, language: str) -> Said:
    nights = i18n.text(language, "sms_nights.span", first="12/3/27", last="15/3/27")
    words = i18n.text(language, key, **SAMPLE, nights=nights)
    return Said(language, words, septets(words) if key.startswith("sms.") else None)


def _spoken(verb: Verb) -> list[tuple[str, str]]:
    """A command in each language that has a word of its own for it, with the language."""
    words = {
        i18n.text(each, f"command.{verb}", code=SAMPLE["code"]): each
        for each in reversed(i18n.LANGUAGES)
    }
    return [(language, said) for said, language in reversed(words.items())]


@get("/messages/preview", sync_to_thread=True, include_in_schema=False, **only(*READERS))
def preview(request: Call) -> Response[Any]:
    sms = texts("sms")
    replies = [each for each in sms if each.name.startswith("reply_")]
    commands = [(verb.value, _spoken(verb)) for verb in COMMANDS]
    return show(
        request,
        "messages_preview.html",
        lambda _tx: {},
        sent=[each for each in sms if each not in replies],
        replies=replies,
        voice=texts("voice"),
        commands=commands,
        most=SEGMENT_SEPTETS,
    )


route_handlers = (preview,)
