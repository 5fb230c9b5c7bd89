"""The words of the commands by SMS, in four languages, in capitals and without accents.

A word that is in none of these lists may turn a meaning round ("plus", "pas", "si", "demain"), so a
text that has one changes nothing (``commands.understand``).
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from shelter.domain.messages import OPT_OUT_WORDS as OPT_OUT_WORDS


class Verb(StrEnum):
    """What somebody says to do; what that does is a matter of the message that it answers."""

    YES = "yes"
    NO = "no"
    HAND_ON = "hand_on"
    STILL_TRUE = "still_true"
    FREE = "free"
    OCCUPIED = "occupied"
    CLOSED = "closed"
    WHO = "who"
    HELP = "help"
    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"


#: words that carriers understand as "write to me again"; YES is one for them, and a yes for us
OPT_IN_WORDS = frozenset({"START", "UNSTOP"})


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_VERBS: Mapping[Verb, Mapping[str, str]] = {
    Verb.YES: {
        "fr": "OUI OUAIS OK OKAY DACCORD CONFIRME CONFIRMER",
        "nl": "JA JAWEL OK OKAY OKE AKKOORD BEVESTIG BEVESTIGD",
        "de": "JA JAWOHL OK OKAY EINVERSTANDEN BESTATIGT BESTATIGE",
        "en": "YES YEP OK OKAY CONFIRM CONFIRMED AGREED",
    },
    Verb.NO: {
        "fr": "NON IMPOSSIBLE REFUSE",
        "nl": "NEE NEEN ONMOGELIJK",
        "de": "NEIN UNMOGLICH",
        "en": "NO NOPE IMPOSSIBLE DECLINE DECLINED",
    },
    Verb.HAND_ON: {
        "fr": "SUIVANT SUIVANTE PASSER TRANSFERER RELAIS",
        "nl": "VOLGENDE DOORGEVEN",
        "de": "NACHSTER NACHSTE WEITERGEBEN",
        "en": "NEXT PASS HANDON",
    },
    Verb.STILL_TRUE: {
        "fr": "EXACT EXACTE TOUJOURS ENCORE INCHANGE",
        "nl": "KLOPT JUIST NOG STEEDS ONGEWIJZIGD",
        "de": "STIMMT AKTUELL NOCH WEITERHIN RICHTIG UNVERANDERT",
        "en": "STILL TRUE CORRECT UNCHANGED",
    },
    Verb.FREE: {
        "fr": "LIBRE LIBRES DISPO DISPONIBLE VIDE",
        "nl": "VRIJ BESCHIKBAAR LEEG",
        "de": "FREI VERFUGBAR LEER",
        "en": "FREE AVAILABLE EMPTY",
    },
    Verb.OCCUPIED: {
        "fr": "OCCUPE OCCUPEE OCCUPES PRIS PRISE COMPLET PLEIN",
        "nl": "BEZET VOL VOLZET",
        "de": "BELEGT BESETZT VOLL",
        "en": "OCCUPIED TAKEN FULL",
    },
    Verb.CLOSED: {
        "fr": "FERME FERMEE FERMES",
        "nl": "GESLOTEN DICHT",
        "de": "GESCHLOSSEN GESPERRT ZU",
        "en": "CLOSED SHUT",
    },
    Verb.WHO: {"fr": "QUI", "nl": "WIE", "de": "WER", "en": "WHO"},
    Verb.HELP: {"fr": "AIDE INFO", "nl": "HULP INFO", "de": "HILFE INFO", "en": "HELP INFO"},
}
#: what may stand beside a command without changing it
_POLITE: Mapping[str, str] = {
    "fr": "MERCI SVP STP SIL VOUS PLAIT BONJOUR BONSOIR SALUT LE LA LES CEST BIEN RECU BON CODE "
    "MAINTENANT LOGEMENT DE A NOUVEAU",
    "nl": "DANK U BEDANKT AUB ALSTUBLIEFT HALLO DAG GOEDEMORGEN GOEDENAVOND DE HET IS GOED "
    "ONTVANGEN NU CODE WEER",
    "de": "DANKE BITTE HALLO GUTEN TAG ABEND DER DIE DAS IST GUT ERHALTEN JETZT CODE WIEDER",
    "en": "THANKS THANK YOU PLEASE PLS HELLO HI THE IS IT ITS GOOD RECEIVED NOW CODE AGAIN",
}
#: "to", between two dates or before the only one
TO = _words("AU JUSQUAU JUSQUA JUSQUE JUSQU TOT TM BIS ZUM TO UNTIL TILL THROUGH")
#: beside "to" or "from", and of no meaning there
BESIDE_A_DATE = _words("EN MET A LE DEN AM ON OP")
#: behind the last date: it counts, as it does here anyway
INCLUDED = _words("INCLUS INCLUSE INCLUSIVE INCLUSIEF INBEGREPEN EINSCHLIESSLICH INCLUDED")
#: "from" when a "to" follows
FROM = _words("DU VAN VOM VON")
#: "from" that needs no "to": until further notice
FROM_ON = _words("DES DEPUIS PARTIR VANAF SINDS AB SEIT FROM SINCE")

_MONTHS: tuple[str, ...] = (
    "JANVIER JANV JANUARI JANUAR JANUARY JAN",
    "FEVRIER FEVR FEV FEBRUARI FEBRUAR FEBRUARY FEB",
    "MARS MAART MRT MARZ MARCH",
    "AVRIL AVR APRIL APR",
    "MAI MEI MAY",
    "JUIN JUNI JUNE JUN",
    "JUILLET JUIL JULI JULY JUL",
    "AOUT AUGUSTUS AUGUST AUG",
    "SEPTEMBRE SEPTEMBER SEPT SEP",
    "OCTOBRE OKTOBER OCTOBER OCT OKT",
    "NOVEMBRE NOVEMBER NOV",
    "DECEMBRE DECEMBER DEZEMBER DEC DEZ",
)
MONTHS: Mapping[str, int] = {
    name: number for number, names in enumerate(_MONTHS, 1) for name in names.split()
}

VERBS: Mapping[str, Verb] = {
    word: verb
    for verb, languages in _VERBS.items()
    for words in languages.values()
    for word in words.split()
}
POLITE = frozenset(word for words in _POLITE.values() for word in words.split())
#: words of a question after "who", which name no service
ON_CALL_WORDS = POLITE | _words(
    "EST GARDE DE SERVICE A LA EN CE SOIR CETTE NUIT REPOND HEEFT WACHT VAN DIENST "
    "VANAVOND NU HAT DIENST BEREITSCHAFT HEUTE ABEND NACHT ER ON CALL DUTY TONIGHT NUMERO "
    "NUMMER NUMBER"
)
#: the languages that know a word, for an answer to somebody of whom nothing else is known
SPOKEN: Mapping[str, frozenset[str]] = {
    word: frozenset(
        language
        for languages in (*_VERBS.values(), _POLITE)
        for language, words in languages.items()
        if word in words.split()
    )
    for word in VERBS.keys() | POLITE
}
#: signs that people put beside a yes; any other picture counts as a word that is not known
FRIENDLY = frozenset("👍👌🙏✅✔🙂😊🏻🏼🏽🏾🏿")
