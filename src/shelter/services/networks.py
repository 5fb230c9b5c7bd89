"""Loading the network that this installation serves."""

from __future__ import annotations

from sqlmodel import col, select

from shelter.db.tables import NetworkRow, Site, User
from shelter.domain.errors import Conflict
from shelter.domain.network import Network
from shelter.domain.network_file import parse_network
from shelter.services.context import Tx
from shelter.services.zoning import lock_rule, refuse_conflicts


def load_network(tx: Tx, text: str, *, name: str = "network file") -> Network:
    """Make ``text`` the network of this database, or its newer edition.

    Raises NetworkFileError with every mistake and its line, and Conflict when the database serves
    another network, when a commune or service in use is missing, or when sites that exist break
    the new zoning rule.
    """
    network = parse_network(text, name=name)
    row = lock_rule(tx)
    if row is None:
        row = NetworkRow(key=network.key, text=text, loaded_at=tx.now)
    elif row.key != network.key:
        raise Conflict("other_network", present=row.key, new=network.key)
    else:
        _refuse_missing(tx, network)
        row.text, row.loaded_at, row.version = text, tx.now, row.version + 1
    refuse_conflicts(tx, network.zoning)
    tx.session.add(row)
    tx.record("network.load", f"network:{network.key}", version=row.version)
    return network


def _refuse_missing(tx: Tx, network: Network) -> None:
    communes = {commune.nis for commune in network.communes}
    services = {service.key for service in network.services}
    for used in tx.session.exec(select(Site.commune).distinct()):
        if used not in communes:
            raise Conflict("commune_in_use", commune=used)
    for model in (Site, User):
        for key in tx.session.exec(
            select(model.service).where(col(model.service).is_not(None)).distinct()
        ):
            if key not in services:
                raise Conflict("service_in_use", service=str(key))
