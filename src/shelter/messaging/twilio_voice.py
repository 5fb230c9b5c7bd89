"""Twilio's calls as a ``Gateway``: a voice reads the reference and takes a key.

What is said, and what a key does, is decided by whoever answers Twilio's questions (``url``).
"""

from __future__ import annotations

from datetime import datetime

from twilio.twiml.voice_response import Gather, VoiceResponse

from shelter.domain.messages import Channel, MessageState
from shelter.messaging.gateway import GatewayError, OutcomeUnknown, Outgoing, Receipt
from shelter.messaging.twilio_http import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    SETTLES_AFTER_S,
    client_for,
    price_of,
    problem_of,
    problem_of_asking,
)
from shelter.settings import Twilio

#: languages of the system → what Twilio's voices are told to speak
VOICES = {"fr": "fr-FR", "nl": "nl-NL", "de": "de-DE", "en": "en-GB"}
#: a mailbox answers after about half a minute, and cannot press a key
RINGS_FOR_S = 25
#: how often the words are read before the voice gives up
READ_ALOUD = 3
KEY_WITHIN_S = 6

_STATES = {
    "queued": MessageState.ACCEPTED,
    "initiated": MessageState.ACCEPTED,
    "ringing": MessageState.SENT,
    "in-progress": MessageState.SENT,
    # somebody, or a mailbox, took the call: whether they answer the alert is another thing
    "completed": MessageState.DELIVERED,
    "busy": MessageState.UNDELIVERED,
    "no-answer": MessageState.UNDELIVERED,
    "canceled": MessageState.UNDELIVERED,
    "failed": MessageState.FAILED,
}


def state_of_call(status: object) -> MessageState:
    """Twilio's status of a call as ours. A status that is new to us is accepted."""
    return _STATES.get(str(status), MessageState.ACCEPTED)


def words_alone(body: str, language: str) -> str:
    """TwiML: read ``body`` and hang up."""
    response = VoiceResponse()
    response.say(body, language=VOICES.get(language, VOICES["fr"]))
    response.hangup()
    return str(response)


def words_of_call(body: str, language: str, key_url: str, no_key: str) -> str:
    """TwiML: read ``body``, a few times, until a key is pressed, which is posted to ``key_url``."""
    response = VoiceResponse()
    for _ in range(READ_ALOUD):
        gather = Gather(num_digits=1, action=key_url, method="POST", timeout=KEY_WITHIN_S)
        gather.say(body, language=VOICES.get(language, VOICES["fr"]))
        response.append(gather)
    response.say(no_key, language=VOICES.get(language, VOICES["fr"]))
    response.hangup()
    return str(response)


class TwilioVoice:
    """Calls from a number. ``url`` is where Twilio asks what to say, reports, and posts keys.

    A call of unknown outcome is made again: a phone that rings twice harms nobody, one that does
    not ring might.
    """

    name = "twilio"
    settles_after_s = SETTLES_AFTER_S

    def __init__(
        self,
        settings: Twilio,
        *,
        caller: str,
        words_url: str,
        status_url: str,
        timeout_s: tuple[float, float] = (CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
    ) -> None:
        self._caller = caller
        self._words_url, self._status_url = words_url, status_url
        self._client = client_for(settings, timeout_s)

    def __repr__(self) -> str:
        return "TwilioVoice()"

    def send(self, out: Outgoing) -> Receipt:
        """See ``Gateway.send``."""
        problem: GatewayError
        try:
            call = self._client.calls.create(
                to=out.to,
                from_=self._caller,
                url=f"{self._words_url}?m={out.message_id}",
                timeout=RINGS_FOR_S,
                status_callback=f"{self._status_url}?m={out.message_id}",
                status_callback_event=["completed"],
            )
            if isinstance(call.sid, str) and call.sid:
                return Receipt(call.sid, state_of_call(call.status))
            problem = OutcomeUnknown("the answer names no call")
        except Exception as error:
            problem = problem_of(error)
        # Raised here, not above: the library's errors quote addresses, and would stay attached.
        raise problem

    def find(self, out: Outgoing, since: datetime) -> Receipt | None:  # noqa: ARG002
        """Nothing: a list of calls does not say which alert each was about."""
        return None

    def look(self, provider_id: str, channel: Channel) -> Receipt:  # noqa: ARG002
        """See ``Gateway.look``."""
        problem: GatewayError
        try:
            call = self._client.calls(provider_id).fetch()
            return Receipt(
                provider_id,
                state_of_call(call.status),
                None,
                *price_of(call.price, call.price_unit),
            )
        except Exception as error:
            problem = problem_of_asking(error)
        raise problem
