"""Accounts, for administrators: the list, one account, a new one, and what ends or resets one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from shelter.db.tables import User
from shelter.domain.errors import NotSignedIn, ShelterError
from shelter.domain.sides import Role, Side
from shelter.services import hashing, sessions, users
from shelter.services.context import Tx
from shelter.services.idempotency import once
from shelter_api.access import only
from shelter_api.pages.common import Call, Notice, system_of, write_once
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.rendering import show

HOME = "/users"
A_PAGE = 50
DONE = ("changed", "ended", "factors", "sessions", "before")
ACTIVE = {"": True, "ended": False, "all": None}


def _wanted(request: Call) -> users.Wanted:
    """What the address asks for; what it names wrongly narrows nothing."""
    named = request.query_params
    role = named.get("role", "")
    return users.Wanted(
        service=named.get("service") or None,
        role=Role(role) if role in set(Role) else None,
        active=ACTIVE.get(named.get("state", ""), True),
    )


def _identifier(typed: str | None) -> UUID | None:
    try:
        return UUID(typed) if typed else None
    except ValueError:
        return None


@get(HOME, sync_to_thread=True, include_in_schema=False, **only(Role.ADMINISTRATOR))
def list_users(request: Call) -> Response[Any]:
    wanted, named = _wanted(request), request.query_params

    def look(tx: Tx) -> dict[str, Any]:
        after = _identifier(named.get("after"))
        found = users.list_accounts(tx, wanted, after=after, limit=A_PAGE + 1)
        shown = found[:A_PAGE]
        kept = {name: named[name] for name in ("service", "role", "state") if named.get(name)}
        more = urlencode(kept | {"after": str(shown[-1].user.id)}) if found[A_PAGE:] else None
        return {"accounts": shown, "more": more, "wanted": wanted}

    return show(
        request,
        "users/list.html",
        look,
        form=Form({name: [value] for name, value in named.items()}),
        roles=tuple(Role),
        states=tuple(ACTIVE),
    )


# --- a new account --------------------------------------------------------------------------------


def _new_page(request: Call, form: Form, notice: Notice | None) -> Response[Any]:
    return show(
        request,
        "users/new.html",
        lambda tx: {"spoken": tx.network.languages, "services": tx.network.services},
        status=notice.status if notice is not None else 200,
        form=form,
        notice=notice,
        roles=tuple(Role),
        sides=tuple(Side),
        came_from=f"{HOME}/new",
    )


@get(f"{HOME}/new", sync_to_thread=True, include_in_schema=False, **only(Role.ADMINISTRATOR))
def new_page(request: Call) -> Response[Any]:
    return _new_page(request, Form(), None)


@post(
    HOME, status_code=200, sync_to_thread=True, include_in_schema=False, **only(Role.ADMINISTRATOR)
)
def add(request: Call, form: Posted) -> Response[Any]:
    """Make an account and show its first password, this once."""

    def work(tx: Tx, password: str, hashed: str) -> User:
        given = users.NewAccount(
            login=form.text("login"),
            name=form.text("full_name"),
            role=form.required_choice("role", Role),
            side=form.choice("side", Side, Side.VICTIMS) if form.text("side") else None,
            service=form.optional("service"),
            phone=_phone(form),
            language=form.text("language"),
        )
        form.check()
        return users.add_account(tx, given, password, hashed)

    try:
        return _with_password(request, form, work, again=f"{HOME}/new")
    except ShelterError as error:
        return _new_page(request, form, Notice(error))


def _phone(form: Form) -> str | None:
    return "".join(form.text("phone").split()) or None


def _with_password(
    request: Call, form: Form, work: Callable[[Tx, str, str], User], *, again: str
) -> Response[Any]:
    """Do something that gives a password, and show it. A repeated call shows none: none is kept."""
    password = users.first_password()
    # before the transaction: hashing takes half a second, in which SQLite serves nobody else
    hashed = hashing.hash_password(password)
    made: list[User] = []

    def act(tx: Tx) -> dict[str, Any]:
        sessions.require_fresh(tx, request.auth)

        def give() -> dict[str, Any]:
            made[:] = [work(tx, password, hashed)]
            return {"to": f"{HOME}/{made[0].id}?done=before"}

        made.clear()
        return once(tx, form.text("key"), [request.url.path, form.content], give)

    try:
        answer = system_of(request).run(request.user, act)
    except NotSignedIn:
        return _sign_in_again(again)
    if not made:
        return Redirect(answer["to"], status_code=303)
    (user,) = made
    return show(
        request,
        "users/password.html",
        lambda tx: {"account": users.account(tx, user.id)},
        password=password,
        came_from=f"{HOME}/{user.id}",
    )


def _sign_in_again(to: str) -> Response[Any]:
    return Redirect(f"/sign-in?again&to={quote(to)}", status_code=303)


# --- one account ----------------------------------------------------------------------------------


def _page(
    request: Call, user_id: UUID, form: Form | None = None, notice: Notice | None = None
) -> Response[Any]:
    done = request.query_params.get("done")

    def look(tx: Tx) -> dict[str, Any]:
        account = users.account(tx, user_id)
        user = account.user
        filled = form if form is not None and form.has("form", "edit") else None
        given = {
            "full_name": user.name,
            "service": user.service or "",
            "phone": user.phone or "",
            "language": user.language,
        }
        return {
            "account": account,
            "form": filled or Form({name: [value] for name, value in given.items()}),
            "spoken": tx.network.languages,
            "services": tx.network.services,
            "oneself": user.id == tx.actor.user_id,
        }

    return show(
        request,
        "users/view.html",
        look,
        status=notice.status if notice is not None else 200,
        notice=notice,
        done=done if done in DONE else None,
        reasons=tuple(users.FactorReset),
        came_from=f"{HOME}/{user_id}",
    )


@get(
    f"{HOME}/{{user_id:uuid}}",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ADMINISTRATOR),
)
def view(request: Call, user_id: FromPath[UUID]) -> Response[Any]:
    return _page(request, user_id)


def _change(
    request: Call, user_id: UUID, form: Form, work: Callable[[Tx], Any], *, done: str
) -> Response[Any]:
    """Change an account once; what changes how somebody signs in needs a fresh sign-in itself."""

    def act(tx: Tx) -> str:
        sessions.require_fresh(tx, request.auth)
        work(tx)
        return f"{HOME}/{user_id}?done={done}"

    try:
        return write_once(request, form, act)
    except NotSignedIn:
        return _sign_in_again(f"{HOME}/{user_id}")
    except ShelterError as error:
        return _page(request, user_id, form, Notice(error))


@post(
    f"{HOME}/{{user_id:uuid}}/edit",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ADMINISTRATOR),
)
def edit(request: Call, user_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> None:
        given = users.AccountChange(
            name=form.text("full_name"),
            service=form.optional("service"),
            phone=_phone(form),
            language=form.text("language"),
        )
        version = form.whole("version")
        form.check()
        users.edit_account(tx, user_id, given, version)

    return _change(request, user_id, form, work, done="changed")


@post(
    f"{HOME}/{{user_id:uuid}}/end",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ADMINISTRATOR),
)
def end(request: Call, user_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> None:
        users.end_account(tx, user_id, form.whole("version"))

    return _change(request, user_id, form, work, done="ended")


@post(
    f"{HOME}/{{user_id:uuid}}/factors",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ADMINISTRATOR),
)
def reset_factors(request: Call, user_id: FromPath[UUID], form: Posted) -> Response[Any]:
    def work(tx: Tx) -> None:
        reason = form.required_choice("factor_reason", users.FactorReset)
        version = form.whole("version")
        form.check()
        users.reset_factors(tx, user_id, reason, version)

    return _change(request, user_id, form, work, done="factors")


@post(
    f"{HOME}/{{user_id:uuid}}/sessions",
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ADMINISTRATOR),
)
def end_sessions(request: Call, user_id: FromPath[UUID], form: Posted) -> Response[Any]:
    return _change(
        request, user_id, form, lambda tx: users.end_sessions(tx, user_id), done="sessions"
    )


@post(
    f"{HOME}/{{user_id:uuid}}/password",
    status_code=200,
    sync_to_thread=True,
    include_in_schema=False,
    **only(Role.ADMINISTRATOR),
)
def give_password(request: Call, user_id: FromPath[UUID], form: Posted) -> Response[Any]:
    """Another password, shown once: for who forgot theirs, or comes back."""

    def work(tx: Tx, _password: str, hashed: str) -> User:
        version = form.whole("version")
        if form.has("back"):
            return users.bring_back(tx, user_id, hashed, version)
        return users.give_password(tx, user_id, hashed, version)

    try:
        return _with_password(request, form, work, again=f"{HOME}/{user_id}")
    except ShelterError as error:
        return _page(request, user_id, form, Notice(error))


route_handlers = (
    list_users,
    new_page,
    add,
    view,
    edit,
    end,
    reset_factors,
    end_sessions,
    give_password,
)
