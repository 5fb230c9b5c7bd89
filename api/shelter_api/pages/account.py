"""My sign-in: what I sign in with, where I am signed in, and how to change it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from litestar import MediaType, Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect

from shelter.domain.errors import Conflict, NotFound, NotSignedIn, ShelterError, TooMany
from shelter.services import accounts, passkeys, second_factor, sessions, steps
from shelter.services.context import Tx
from shelter_api.access import signed_in
from shelter_api.auth import visit_of
from shelter_api.pages.common import Call, Notice, read, system_of
from shelter_api.pages.forms import Form, Posted
from shelter_api.pages.qr import grouped, qr_code
from shelter_api.pages.rendering import render

HOME = "/account"
APP = f"{HOME}/app"
AGAIN = f"/sign-in?again&to={HOME}"


def _page(request: Call, form: Form | None = None, notice: Notice | None = None) -> Response[Any]:
    def look(tx: Tx) -> dict[str, Any]:
        return {
            "factors": second_factor.factors_of(tx.session, accounts.own(tx)),
            "own": accounts.own(tx),
            "sessions": [(row, sessions.is_this(row, request.auth)) for row in sessions.own(tx)],
            "now": tx.now,
        }

    return render(
        "account/view.html",
        status=notice.status if notice is not None else 200,
        notice=notice,
        form=form or Form(),
        passkeys_offered=passkeys.offered(system_of(request).settings),
        done=request.query_params.get("done"),
        came_from=HOME,
        **read(request, look),
    )


def _change(
    request: Call, work: Callable[[Tx], object], *, form: Form | None = None, done: str
) -> Response[Any]:
    """Do something to one's own sign-in, when that sign-in is fresh; else it is asked for again."""

    try:
        steps.settled(system_of(request).run(request.user, _fresh(request, work)))
    except NotFound:
        raise
    except ShelterError as error:
        return _refused(request, error, form)
    return Redirect(f"{HOME}?done={done}", status_code=303)


def _refused(request: Call, error: ShelterError, form: Form | None = None) -> Response[Any]:
    if isinstance(error, NotSignedIn) and error.code == "sign_in_again":
        return Redirect(AGAIN, status_code=303)
    answer = _page(request, form, _notice(error))
    if isinstance(error, TooMany):
        answer.headers["Retry-After"] = str(error.params["seconds"])
    return answer


def _notice(error: ShelterError) -> Notice:
    """A wrong code or passkey here does not mean that nobody is signed in."""
    if error.code == "too_many_tries":  # whose advice is how to get in: she is
        return Notice(TooMany("too_many_present", **error.params))
    wrong = isinstance(error, NotSignedIn)
    return Notice(Conflict(error.code, **error.params) if wrong else error)


@get(HOME, sync_to_thread=True, include_in_schema=False, **signed_in())
def view(request: Call) -> Response[Any]:
    return _page(request)


# --- the password ---------------------------------------------------------------------------------


@post(f"{HOME}/password", sync_to_thread=True, include_in_schema=False, **signed_in())
def change_password(request: Call, form: Posted) -> Response[Any]:
    try:
        accounts.change_password(
            system_of(request),
            request.user,
            request.auth,
            form.text("present_password"),
            form.text("password"),
        )
    except ShelterError as error:
        return _refused(request, error)
    return Redirect(f"{HOME}?done=password", status_code=303)


# --- copies by mail -------------------------------------------------------------------------------


@post(f"{HOME}/mail", sync_to_thread=True, include_in_schema=False, **signed_in())
def choose_mail(request: Call, form: Posted) -> Response[Any]:
    """Where copies of alerts go; saying it twice is no other thing."""
    return _change(
        request,
        lambda tx: accounts.choose_mail(tx, form.optional("mail"), wanted=form.has("wants_mail")),
        form=form,
        done="mail",
    )


# --- the code app ---------------------------------------------------------------------------------


@post(APP, sync_to_thread=True, include_in_schema=False, **signed_in())
def offer_app(request: Call) -> Response[Any]:
    def offer(tx: Tx) -> None:
        second_factor.offer_app(tx, second_factor.locked(tx, accounts.own(tx).id))

    answer = _change(request, offer, done="")
    if isinstance(answer, Redirect) and answer.url != AGAIN:
        return Redirect(APP, status_code=303)
    return answer


def _app_page(request: Call, notice: Notice | None = None) -> Response[Any]:
    def look(tx: Tx) -> tuple[str, str] | None:
        sessions.require_fresh(tx, request.auth)
        return second_factor.offered_app(tx, accounts.own(tx))

    try:
        offered = read(request, look)
    except NotSignedIn as error:
        return _refused(request, error)
    if offered is None:
        return Redirect(HOME, status_code=303)
    return render(
        "account/app.html",
        status=notice.status if notice is not None else 200,
        notice=notice,
        qr=qr_code(offered[1]),
        secret=grouped(offered[0]),
        came_from=APP,
    )


@get(APP, sync_to_thread=True, include_in_schema=False, **signed_in())
def app_page(request: Call) -> Response[Any]:
    return _app_page(request)


@post(f"{APP}/code", sync_to_thread=True, include_in_schema=False, **signed_in())
def prove_app(request: Call, form: Posted) -> Response[Any]:
    """The first code: the app has the key. Who had no factor before gets recovery codes."""
    codes: list[str] = []

    def prove(tx: Tx) -> ShelterError | None:
        user = second_factor.locked(tx, accounts.own(tx).id)
        first = not second_factor.factors_of(tx.session, user).any
        if not second_factor.add_app(tx, user, form.text("code")):
            return second_factor.refused()
        codes[:] = second_factor.new_recovery_codes(tx, user) if first else []
        return None

    try:
        steps.settled(system_of(request).run(request.user, _fresh(request, prove)))
    except NotSignedIn as error:
        if error.code == "sign_in_again":
            return _refused(request, error)
        return _app_page(request, _notice(error))
    return _codes_page(codes) if codes else Redirect(f"{HOME}?done=app", status_code=303)


@post(f"{APP}/remove", sync_to_thread=True, include_in_schema=False, **signed_in())
def remove_app(request: Call) -> Response[Any]:
    def remove(tx: Tx) -> None:
        second_factor.remove_app(tx, second_factor.locked(tx, accounts.own(tx).id))

    return _change(request, remove, done="removed")


# --- passkeys -------------------------------------------------------------------------------------


@post(f"{HOME}/passkeys/options", sync_to_thread=True, include_in_schema=False, **signed_in())
def passkey_options(request: Call) -> Response[bytes]:
    """For the script of the button that makes a passkey."""
    if not passkeys.offered(system_of(request).settings):
        raise NotFound("not_found", what="page")
    made = system_of(request).run(
        request.user,
        _fresh(request, lambda tx: passkeys.options_to_add(tx, accounts.own(tx))),
    )
    return Response(made.encode(), status_code=200, media_type=MediaType.JSON)


@post(f"{HOME}/passkeys", sync_to_thread=True, include_in_schema=False, **signed_in())
def add_passkey(request: Call, form: Posted) -> Response[Any]:
    codes: list[str] = []

    def add(tx: Tx) -> object:
        user = second_factor.locked(tx, accounts.own(tx).id)
        first = not second_factor.factors_of(tx.session, user).any
        name = form.text("name").strip() or visit_of(request).device
        added = passkeys.add(tx, user, form.text("credential"), name)
        if first and not isinstance(added, ShelterError):
            codes[:] = second_factor.new_recovery_codes(tx, user)
        return added

    answer = _change(request, add, done="passkey")
    return _codes_page(codes) if codes else answer


@post(
    f"{HOME}/passkeys/{{passkey_id:uuid}}/remove",
    sync_to_thread=True,
    include_in_schema=False,
    **signed_in(),
)
def remove_passkey(request: Call, passkey_id: FromPath[UUID]) -> Response[Any]:
    def remove(tx: Tx) -> None:
        user = second_factor.locked(tx, accounts.own(tx).id)
        second_factor.remove_passkey(tx, user, passkey_id)

    return _change(request, remove, done="removed")


# --- codes on paper -------------------------------------------------------------------------------


@post(f"{HOME}/recovery-codes", sync_to_thread=True, include_in_schema=False, **signed_in())
def new_codes(request: Call) -> Response[Any]:
    codes: list[str] = []

    def make(tx: Tx) -> None:
        user = second_factor.locked(tx, accounts.own(tx).id)
        codes[:] = second_factor.new_recovery_codes(tx, user)

    answer = _change(request, make, done="codes")
    return _codes_page(codes) if codes else answer


def _codes_page(codes: list[str]) -> Response[Any]:
    return render("account/recovery_codes.html", codes=codes, to=HOME, came_from=HOME)


def _fresh(request: Call, work: Callable[[Tx], Any]) -> Callable[[Tx], Any]:
    def act(tx: Tx) -> Any:
        # locked before the session is looked at: whoever ends it ends what it was about to change
        second_factor.locked(tx, accounts.own(tx).id)
        sessions.require_fresh(tx, request.auth)
        return work(tx)

    return act


# --- sessions -------------------------------------------------------------------------------------


@post(
    f"{HOME}/sessions/{{session_id:uuid}}/end",
    sync_to_thread=True,
    include_in_schema=False,
    **signed_in(),
)
def end_session(request: Call, session_id: FromPath[UUID]) -> Response[Any]:
    """Ending needs no fresh sign-in: it can only ever take away."""
    system_of(request).run(request.user, lambda tx: sessions.end(tx, session_id))
    return Redirect(f"{HOME}?done=ended", status_code=303)


@post(f"{HOME}/sessions/end-others", sync_to_thread=True, include_in_schema=False, **signed_in())
def end_others(request: Call) -> Response[Any]:
    def end(tx: Tx) -> None:
        sessions.end_all(tx, accounts.own(tx).id, but=request.auth)

    system_of(request).run(request.user, end)
    return Redirect(f"{HOME}?done=ended", status_code=303)


route_handlers = (
    view,
    change_password,
    choose_mail,
    offer_app,
    app_page,
    prove_app,
    remove_app,
    passkey_options,
    add_passkey,
    remove_passkey,
    new_codes,
    end_session,
    end_others,
)
