"""What this machine has, and sizes as people write them."""

import re
from pathlib import Path

from numerai_pipeline.core.errors import ConfigError

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,12})?)\s*(%|[KMGT]?B)", re.IGNORECASE)

# Memory that a container may use; the machine may have more.
_CGROUP_LIMIT = Path("/sys/fs/cgroup/memory.max")


def memory_bytes() -> int:
    """Return the memory of this machine, or of the container."""
    import psutil

    total = int(psutil.virtual_memory().total)
    limit = _CGROUP_LIMIT.read_text().strip() if _CGROUP_LIMIT.is_file() else ""
    return min(total, int(limit)) if limit.isdigit() else total


def parse_bytes(text: str, *, whole: int) -> int:
    """Return a size in bytes.

    Args:
        text: such as ``800MB``, ``1.5 GB`` or ``25%``.
        whole: what a percentage is of.

    Raises:
        ConfigError: if it is not a valid size.

    >>> parse_bytes("1.5 GB", whole=0), parse_bytes("25%", whole=16_000)
    (1500000000, 4000)
    """
    match = _SIZE.fullmatch(text.strip())
    amount = float(match[1]) if match else 0.0
    unit = match[2].upper() if match else "B"
    size = int(amount * whole / 100 if unit == "%" else amount * _UNITS[unit])
    if size <= 0:
        raise ConfigError(f"'{text}' is not a valid size. Write 800MB, 1.5GB or 25%.")
    return size


def show_bytes(amount: float) -> str:
    """Return a size for people.

    >>> show_bytes(999), show_bytes(5_800_000_000), show_bytes(64e6)
    ('999 B', '5.8 GB', '64 MB')
    """
    units = list(_UNITS)
    while amount >= 999.5 and len(units) > 1:
        amount /= 1000
        del units[0]
    digits = 1 if amount < 10 and units[0] != "B" else 0
    return f"{amount:.{digits}f} {units[0]}"
