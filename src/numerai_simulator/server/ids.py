"""Ids as Numerai has them: UUIDs and hashes, stable where they can be."""

import hashlib
from uuid import NAMESPACE_URL, UUID, uuid4, uuid5

_NAMESPACE: UUID = uuid5(NAMESPACE_URL, "numerai-pipeline/simulator")


def stable_id(kind: str, name: object) -> str:
    """Return the UUID that this thing has in every simulated tournament."""
    return str(uuid5(_NAMESPACE, f"{kind}/{name}"))


def new_id() -> str:
    """Return a UUID that nothing else has."""
    return str(uuid4())


def stable_hash(kind: str, name: object) -> str:
    """Return something that looks like a transaction hash or an address's source."""
    return "0x" + hashlib.sha256(f"{kind}/{name}".encode()).hexdigest()
