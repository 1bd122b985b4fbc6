"""Where a study is, as people may see it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

__all__ = ["has_password", "to_remember", "without_password"]


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


def has_password(target: str) -> bool:
    """Return whether a path or URL of a study holds a password."""
    return "://" in target and to_remember(target) != target


def to_remember(target: str) -> str:
    """Return the path or URL of a study as it may be kept in a file of settings: complete, but for the password.

    Parameters
    ----------
    target
        As `matae.store.Study.open` takes it. A URL that cannot be taken apart is not to be kept: nothing is returned.
    """
    if "://" not in target:
        return target
    try:
        parts = urlsplit(target)
        user, at, place = parts.netloc.rpartition("@")
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=bool(parts.query))
    except ValueError:
        return ""
    kept = [(name, value) for name, value in pairs if name.lower() != "password"]
    name, colon, _ = user.partition(":")
    if not colon and len(kept) == len(pairs):
        return target
    return urlunsplit((parts.scheme, f"{name}{at}{place}", parts.path, urlencode(kept), parts.fragment))
