"""``shelter keys``, ``shelter retention`` and ``shelter person``: looking after what is stored."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shelter import settings
from shelter.db.key_file import KeyText, change_file, load_keyring, read_key_text
from shelter.domain.sides import BOTH_SIDES, SYSTEM, Side
from shelter.services import data_subjects, figures, retention, rotation
from shelter.services.context import Shelter

Open = Callable[[settings.Settings], Shelter]


def add_upkeep_commands(commands: Any, open_system: Open) -> None:
    """Add the commands to those of ``shelter``."""
    _add_keys(commands, open_system)
    _add_retention(commands, open_system)
    _add_person(commands, open_system)


def _command(
    group: Any, name: str, text: str, work: Callable[..., int], open_system: Open
) -> argparse.ArgumentParser:
    sub: argparse.ArgumentParser = group.add_parser(name, help=text, description=text)
    sub.set_defaults(work=lambda config, options: work(config, options, open_system))
    return sub


# --- keys ----------------------------------------------------------------------------------------


def _add_keys(commands: Any, open_system: Open) -> None:
    keys = commands.add_parser("keys", help="encryption keys")
    group = keys.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, text: str, work: Callable[..., int]) -> argparse.ArgumentParser:
        return _command(group, name, text, work, open_system)

    command("create", "make a key file where there is none", _keys_create)
    command("status", "which key is current, and how much is under each", _keys_status)
    command("add", "add a key that decrypts but is not yet current", _keys_add)
    use = command("use", "make a known key the current one", _keys_use)
    use.add_argument("key")
    command(
        "rotate",
        "make a new key current and encrypt everything anew; finishes an unfinished rotation",
        _keys_rotate,
    )
    retire = command("retire", "take out a key that nothing needs, backups included", _keys_retire)
    retire.add_argument("key")


def _keys_create(config: settings.Settings, _options: Any, _open: Open) -> int:
    if config.key_file.exists():
        print(f"{config.key_file} is there already and stays as it is")
        return 0
    load_keyring(config.key_file, create=True)
    print(f"made {config.key_file}; keep a copy of it apart from the database's backups")
    return 0


def _keys_status(config: settings.Settings, _options: Any, open_system: Open) -> int:
    system = open_system(config)
    ring = system.keyring.fresh()
    found = system.database.run(
        lambda session: rotation.use_of_keys(session, ring), read_only=True, sides=BOTH_SIDES
    )
    for key_id in (*ring.keys, ""):
        counts = {name: counts[key_id] for name, counts in found.items() if counts[key_id]}
        if not key_id and not counts:
            continue
        state = "current" if key_id == ring.current else "decrypts" if key_id else "UNREADABLE"
        values = ", ".join(f"{name} {count}" for name, count in counts.items()) or "nothing"
        print(f"{key_id or '?'}: {state}; {values}")
    return 0


def _keys_add(config: settings.Settings, _options: Any, _open: Open) -> int:
    key_id = ""

    def add(keys: KeyText) -> KeyText:
        nonlocal key_id
        keys, key_id = keys.with_new_key()
        return keys

    _change(config, add)
    _say(
        f"added {key_id}; when every server has it, make it current: shelter keys use {key_id}",
    )
    return 0


def _keys_use(config: settings.Settings, options: Any, open_system: Open) -> int:
    now = open_system(config).clock.now()
    _change(config, lambda keys: keys.with_current(options.key, now))
    _say(f"{options.key} is current; encrypt everything anew: shelter keys rotate")
    return 0


def _keys_rotate(config: settings.Settings, _options: Any, open_system: Open) -> int:
    system = open_system(config)
    ring = system.keyring.fresh()
    found = system.database.run(
        lambda session: rotation.use_of_keys(session, ring), read_only=True, sides=BOTH_SIDES
    )
    others = sum(
        count
        for counts in found.values()
        for key_id, count in counts.items()
        if key_id in ring.keys
    ) - sum(counts[ring.current] for counts in found.values())
    if others:
        print(f"{others} values are not under {ring.current} yet; finishing that first")
    elif config.keys is not None:
        _say("everything is under the current key; shelter keys add makes another one")
        return 0
    else:
        now = system.clock.now()

        def add_and_use(keys: KeyText) -> KeyText:
            more, key_id = keys.with_new_key()
            return more.with_current(key_id, now)

        _change(config, add_and_use)
    done = rotation.rotate(
        system, tell=lambda count: print(f"\r{count} values", end="", flush=True)
    )
    print(f"\r{done.values} values are now under {done.key_id}")
    for problem in done.unreadable:
        print(problem, file=sys.stderr)
    return 1 if done.unreadable else 0


def _keys_retire(config: settings.Settings, options: Any, open_system: Open) -> int:
    system = open_system(config)

    def retire(keys: KeyText) -> KeyText:
        system.run(
            SYSTEM, lambda tx: rotation.refuse_to_retire(tx, keys, options.key), read_only=True
        )
        return keys.without(options.key)

    _change(config, retire)
    system.run(SYSTEM, lambda tx: tx.record("keys.retire", f"key:{options.key}"))
    _say(f"{options.key} is gone; nothing was under it")
    return 0


def _change(config: settings.Settings, edit: Callable[[KeyText], KeyText]) -> None:
    """Change the file; what comes from a secret manager is printed, for it to be put there."""
    if config.keys is None:
        change_file(config.key_file, edit)
    else:
        print(edit(read_key_text(config.key_file, config.keys)).json)
        _say("put this into SHELTER_KEYS and start every server again")


def _say(text: str) -> None:
    """To people; standard output may be going into a secret manager."""
    print(text, file=sys.stderr)


# --- retention -----------------------------------------------------------------------------------


def _add_retention(commands: Any, open_system: Open) -> None:
    parent = commands.add_parser("retention", help="what is purged, and when")
    group = parent.add_subparsers(required=True, metavar="COMMAND")
    _command(
        group,
        "show",
        "the periods, what would go now, and the figures that stay",
        _retention_show,
        open_system,
    )
    _command(
        group,
        "run",
        "purge what is due now; always after a backup was restored",
        _retention_run,
        open_system,
    )


def _retention_show(config: settings.Settings, _options: Any, open_system: Open) -> int:
    system = open_system(config)
    network = system.database.run(system.network, read_only=True)
    due = retention.due_now(system)
    print("days  kind, and what would go now")
    for kind, days in network.retention.days.items():
        now = [f"{each.count} {each.side or ''}".strip() for each in due if each.kind is kind]
        print(f"{days:5} {kind}{': ' + ', '.join(now) if now else ''}")
    print(f"{network.retention.backups:5} backups, as promised by whoever keeps them")
    totals = system.run(SYSTEM, figures.totals, read_only=True)
    print("\nfigures, of what is here and what is gone: side, month, service, outcome, urgency")
    for heading, count in totals.items():
        print(
            f"  {heading.side} {heading.month} {heading.service} {heading.outcome or 'open'} "
            f"{heading.urgency}: {count.requests} requests, {count.nights} nights"
        )
    return 0


def _retention_run(config: settings.Settings, _options: Any, open_system: Open) -> int:
    gone = retention.run(open_system(config))
    for each in gone:
        print(f"{each.kind}{f' of {each.side}' if each.side else ''}: {each.count} gone")
    if not gone:
        print("nothing was due")
    return 0


# --- person --------------------------------------------------------------------------------------


def _add_person(commands: Any, open_system: Open) -> None:
    parent = commands.add_parser("person", help="the rights of people whose data are held")
    group = parent.add_subparsers(required=True, metavar="COMMAND")
    for name, text, work in (
        ("access", "write what is held of a case on one side", _person_access),
        ("erase", "remove what is held of a case on one side", _person_erase),
    ):
        sub = _command(group, name, text, work, open_system)
        sub.add_argument("reference", help="the case reference that the services share")
        sub.add_argument("--side", required=True, choices=[side.value for side in Side])
        sub.add_argument("--by", required=True, metavar="LOGIN", help="who answers the person")
        sub.add_argument(
            "--checked-by",
            required=True,
            metavar="LOGIN",
            help="a second person, who has checked who is asking; one of both is a coordinator",
        )
        if name == "access":
            sub.add_argument("--out", required=True, type=Path, help="a new file")


def _asked(options: Any) -> data_subjects.Asked:
    return data_subjects.Asked(
        options.reference, Side(options.side), by=options.by, checked_by=options.checked_by
    )


def _person_access(config: settings.Settings, options: Any, open_system: Open) -> int:
    system = open_system(config)
    descriptor = os.open(options.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            held = data_subjects.access(system, _asked(options))
            json.dump(held, file, indent=1, ensure_ascii=False)
            file.write("\n")
    except BaseException:
        options.out.unlink()
        raise
    print(f"wrote {options.out}; read it before you hand it over")
    return 0


def _person_erase(config: settings.Settings, options: Any, open_system: Open) -> int:
    erased = data_subjects.erase(open_system(config), _asked(options))
    print(json.dumps(erased, indent=1, ensure_ascii=False))
    return 0
