"""Accounts: who may sign in, as what, and with which password."""

from __future__ import annotations

import re
from uuid import UUID

from sqlmodel import Session, col, select

from shelter.db.tables import LinkedIdentity, Site, User
from shelter.domain.errors import Conflict, FieldProblem, Invalid, NotAllowed, NotFound
from shelter.domain.sides import Actor, Role, Side, other_side, sides_of
from shelter.domain.text_forms import bare, plain_form
from shelter.services import hashing, second_factor, sessions, steps, throttle
from shelter.services.context import Shelter, Tx, found
from shelter.services.passwords import password_problem

#: an address as services have them: letters and digits, a host with a dot; no quotes, no comments
_MAIL = (
    r"[A-Za-z0-9](?:[A-Za-z0-9._%+-]{0,62}[A-Za-z0-9_%+-])?"
    r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
)


def create_user(
    tx: Tx,
    *,
    login: str,
    name: str,
    password: str,
    role: Role,
    side: Side | None,
    service: str | None,
    phone: str | None = None,
    mail: str | None = None,
    language: str = "fr",
) -> User:
    """Add an account; with ``mail`` it gets copies of alerts there.

    Raises Invalid, naming every wrong field, and Conflict on a taken login.
    """
    problems: list[FieldProblem] = []
    login = normal_login(login)
    if not re.fullmatch(r"[a-z0-9][a-z0-9._@-]{2,63}", login):
        problems.append(FieldProblem("login", "login"))
    if problem := password_problem(password, (login, name, service or "")):
        problems.append(problem)
    try:
        sides_of(role, side)
    except ValueError:
        problems.append(FieldProblem("side", "side_of_role"))
    if role is not Role.ADMINISTRATOR:
        try:
            tx.network.service(service or "")
        except KeyError:
            problems.append(FieldProblem("service", "unknown_service"))
        else:
            if side is not None and acts_on(tx, service, other_side(side)):
                problems.append(FieldProblem("service", "service_other_side"))
    if phone is not None and not re.fullmatch(r"\+[1-9]\d{6,14}", phone):
        problems.append(FieldProblem("phone", "phone"))
    if mail is not None and not _is_mail(mail):
        problems.append(FieldProblem("mail", "mail"))
    if problems:
        raise Invalid(*problems)
    if tx.session.exec(select(User.id).where(col(User.login) == login)).first() is not None:
        raise Conflict("login_taken", login=login)
    user = User(
        login=login,
        name=name,
        password_hash=hashing.hash_password(password),
        role=role,
        side=side,
        service=service,
        phone=phone,
        mail=mail,
        wants_mail=mail is not None,
        language=language,
        created_at=tx.now,
    )
    tx.session.add(user)
    tx.record("user.create", f"user:{user.id}", login=login, role=role.value)
    return user


def choose_mail(tx: Tx, mail: str | None, *, wanted: bool) -> User:
    """Where one's own copies of alerts go, and whether they do. Raises Invalid.

    The copies say as little as an SMS does, so no proof that the address is one's own is asked.
    """
    if mail is not None and not _is_mail(mail):
        raise Invalid(FieldProblem("mail", "mail"))
    if wanted and mail is None:
        raise Invalid(FieldProblem("mail", "mail_needed"))
    user = second_factor.locked(tx, own(tx).id)
    user.mail, user.wants_mail = mail, wanted
    tx.session.add(user)
    tx.record("mail.choose", f"user:{user.id}", wanted=wanted)
    return user


def _is_mail(text: str) -> bool:
    """Whether a mail could go there: one plain address, nothing that a header would misread."""
    return len(text) <= 254 and re.fullmatch(_MAIL, text) is not None


def acts_on(tx: Tx, service: str | None, side: Side) -> bool:
    """Whether a service already has workers or sites of a side.

    One service has one duty phone, so it may not act on both: an alert of one side would ring on
    a phone that the other side holds. SAPV and coordination are two-sided and own neither.
    """
    return any(
        tx.session.exec(
            select(table.id).where(col(table.service) == service, col(table.side) == side).limit(1)
        ).first()
        is not None
        for table in (User, Site)
    )


def normal_login(typed: str) -> str:
    return typed.strip().lower()


def by_login(session: Session, login: str) -> User | None:
    """The active account with this login."""
    return session.exec(
        select(User).where(col(User.login) == normal_login(login), col(User.active).is_(True))
    ).first()


def named(tx: Tx, login: str) -> User:
    """The account with this login, active or not. Raises NotFound; for administrators alone."""
    query = select(User).where(col(User.login) == normal_login(login))
    return found(tx.session.exec(query).first(), "user")


def own(tx: Tx) -> User:
    """The account of whoever is acting."""
    if tx.actor.user_id is None:
        raise NotFound("not_found", what="user")
    return found(tx.session.get(User, tx.actor.user_id), "user")


def second_person(tx: Tx, asked_by: UUID, refusal: NotAllowed) -> User:
    """The account of whoever is acting, who answers what another asked.

    Raises ``refusal`` when both may be one person, and Conflict when who asked has no account any
    more: what was asked with it counts no longer.
    """
    asker: User = found(tx.session.get(User, asked_by), "user")
    decider = own(tx)
    if not decider.active or may_be_one_person(asker, decider):
        raise refusal
    if not asker.active:
        raise Conflict("asker_gone")
    return decider


def may_be_one_person(one: User, other: User) -> bool:
    """Two accounts that share a telephone or a name may be one person's: then they do not count.

    However the name is typed: spaces, dots, hyphens, accents and capitals make no second person,
    nor does the family name before or after the first.
    """
    names, others = _words_of(one.name), _words_of(other.name)
    phone = _digits_of(one.phone)
    return (
        one.id == other.id
        or "".join(names) == "".join(others)
        or sorted(names) == sorted(others)
        or (phone != "" and phone == _digits_of(other.phone))
    )


def _words_of(name: str) -> list[str]:
    return re.findall(r"[^\W_]+", bare(plain_form(name)))


def _digits_of(phone: str | None) -> str:
    return re.sub(r"\D", "", plain_form(phone or "")).lstrip("0")


def change_password(system: Shelter, actor: Actor, token: str, present: str, new: str) -> None:
    """Set one's own password; every other session of the account ends.

    Raises Invalid when the present one is wrong or the new one is not taken, NotSignedIn when the
    sign-in is too old for such a change, and TooMany: a session that was left open is no place to
    guess at the password. Hashes outside any transaction.
    """

    def look(tx: Tx) -> User:
        sessions.require_fresh(tx, token)
        return own(tx)

    user = system.run(actor, look, read_only=True)
    if problem := password_problem(new, _known_of(user)):
        raise Invalid(problem)
    key = throttle.present_key(system.keyring, user.id)
    throttle.refuse_early(system, key)
    with hashing.place_in_line(known=True):
        throttle.take_a_try(system, key, f"user:{user.id}")
        if not hashing.is_right(user.password_hash, present):
            raise Invalid(FieldProblem("present_password", "wrong_present"))
        hashed = hashing.hash_password(new)

    def change(tx: Tx) -> None:
        locked = second_factor.locked(tx, user.id)
        # what was hashed against may have been replaced meanwhile, and this session ended with it
        sessions.require_fresh(tx, token)
        if locked.password_hash != user.password_hash:
            raise Invalid(FieldProblem("present_password", "wrong_present"))
        throttle.forget(tx, key)
        _set_hash(tx, locked, hashed, but=token)

    system.run(actor, change)


def set_password(tx: Tx, login: str, password: str) -> None:
    """Give an account another password, at a terminal; all its sessions end."""
    user = named(tx, login)
    if problem := password_problem(password, _known_of(user)):
        raise Invalid(problem)
    hashed = hashing.hash_password(password)
    _set_hash(tx, second_factor.locked(tx, user.id), hashed, but=None)


def _known_of(user: User) -> tuple[str, ...]:
    return (user.login, user.name, user.service or "")


def _set_hash(tx: Tx, user: User, hashed: str, *, but: str | None) -> None:
    user.password_hash = hashed
    _end_all(tx, user, but=but)
    tx.record("password.change", f"user:{user.id}")


def _end_all(tx: Tx, user: User, *, but: str | None = None) -> None:
    """Whoever is in is out, and whoever is halfway in begins again. ``user`` is locked.

    A key that was offered to whoever is halfway in goes, too: she may be a thief who read it.
    """
    user.totp_pending = None
    tx.session.add(user)
    steps.end_all(tx, user.id)
    sessions.end_all(tx, user.id, but=but)


def deactivate(tx: Tx, login: str) -> None:
    """Nobody signs in with this account any more, and who is signed in is out at once."""
    user = second_factor.locked(tx, named(tx, login).id)
    user.active = False
    _end_all(tx, user)
    tx.record("user.deactivate", f"user:{user.id}")


def reset_factors(tx: Tx, login: str) -> None:
    """Take all second factors away from somebody who lost them; they set up new ones.

    Its sessions and half sign-ins end, too: whoever found the lost telephone may be in one of them.
    """
    user = second_factor.locked(tx, named(tx, login).id)
    second_factor.remove_all(tx, user)
    _end_all(tx, user)
    tx.record("factors.reset", f"user:{user.id}")


def link_identity(
    tx: Tx, login: str, issuer: str, *, subject: str | None = None, email: str | None = None
) -> None:
    """Let an account of the identity provider sign in as ``login``.

    ``email`` is good for the first sign-in: the provider must say that it is verified, and from
    then on the provider's own name for the account (``sub``) counts alone.
    """
    assert (subject is None) != (email is None)
    user = named(tx, login)
    identity = LinkedIdentity(
        user_id=user.id,
        issuer=issuer,
        subject_hash=subject and subject_hash(tx, issuer, subject),
        email_hash=email and email_hash(tx, issuer, email),
        created_at=tx.now,
    )
    same = (
        col(LinkedIdentity.subject_hash) == identity.subject_hash
        if subject is not None
        else col(LinkedIdentity.email_hash) == identity.email_hash
    )
    if tx.session.exec(
        select(LinkedIdentity.id).where(col(LinkedIdentity.issuer) == issuer, same)
    ).first():
        raise Conflict("identity_taken")
    tx.session.add(identity)
    tx.record("identity.link", f"user:{user.id}")


def unlink_identities(tx: Tx, login: str) -> int:
    """Take every single sign-on away from an account. How many there were."""
    user = named(tx, login)
    links = tx.session.exec(
        select(LinkedIdentity).where(col(LinkedIdentity.user_id) == user.id)
    ).all()
    for link in links:
        tx.session.delete(link)
    tx.record("identity.unlink", f"user:{user.id}", links=len(links))
    return len(links)


def subject_hash(tx: Tx, issuer: str, subject: str) -> str:
    return tx.keyring.keyed_hash(f"subject|{issuer}|{subject}")


def email_hash(tx: Tx, issuer: str, email: str) -> str:
    return tx.keyring.keyed_hash(f"email|{issuer}|{email.strip().lower()}")
