"""Where a study is, as people may see it."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

__all__ = ["without_password"]


def without_password(target: str) -> str:
    """Return the path or URL of a study without its password: for a tooltip, a log or a message.

    Parameters
    ----------
    target
        As `matae.store.Study.open` takes it. A URL that cannot be taken apart is cut after its scheme.
    """
    if "://" not in target:
        return target
    try:
        parts = urlsplit(target)
        user = parts.netloc.rpartition("@")[0].partition(":")[0]
        place = parts.netloc.rpartition("@")[2]
    except ValueError:
        return f"{target.partition('://')[0]}://…"
    # A query may hold the password too (password=, passfile=).
    return urlunsplit((parts.scheme, f"{user}@{place}" if user else place, parts.path, "", ""))
