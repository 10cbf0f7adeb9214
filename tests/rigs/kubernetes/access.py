"""Who may do what: tokens, and rules that deny."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rigs.kubernetes.objects import Manifest
from rigs.kubernetes.status import unauthorized


@dataclass(frozen=True)
class Denial:
    """A rule that denies; ``*`` and other shell patterns match, ``resource`` is ``pods/log``."""

    verb: str = "*"
    resource: str = "*"
    namespace: str = "*"
    user: str = "*"

    def matches(self, verb: str, resource: str, namespace: str, user: str) -> bool:
        """Whether the rule is about this request."""
        asked = ((verb, self.verb), (resource, self.resource), (user, self.user))
        return all(fnmatch.fnmatchcase(value, pattern) for value, pattern in asked) and (
            self.namespace in ("*", namespace)
        )


@dataclass(frozen=True)
class Grant:
    """What a Role allows users in a namespace; both may be shell patterns."""

    rules: tuple[Manifest, ...]
    user: str
    namespace: str

    def is_about(self, user: str) -> bool:
        """Whether it is about this user."""
        return fnmatch.fnmatchcase(user, self.user)

    def allows(self, verb: str, resource: str, namespace: str, group: str, name: str) -> bool:
        """Whether one of its rules allows a request."""
        return fnmatch.fnmatchcase(namespace, self.namespace) and any(
            _holds(rule.get("verbs"), verb)
            and _holds(rule.get("resources"), resource)
            and _holds(rule.get("apiGroups"), group)
            and (not rule.get("resourceNames") or name in rule["resourceNames"])
            for rule in self.rules
        )


def _holds(allowed: list[str] | None, asked: str) -> bool:
    return "*" in (allowed or []) or asked in (allowed or [])


class Access:
    """Tokens and the users that they stand for, and what is denied. All else is allowed.

    A user whom a ``grant`` is about may do only what grants allow.

    Args:
        token: the token of ``user``; None lets everybody in, with any token or none.
        user: name of the user, as in messages of refusal.
    """

    def __init__(self, token: str | None, user: str) -> None:
        self.user = user
        self._open = token is None
        self._users: dict[str, str] = {} if token is None else {token: user}
        self._revoked: set[str] = set()
        self._denials: list[Denial] = []
        self._grants: list[Grant] = []

    def admit(self, token: str, user: str) -> None:
        """Let a token in as a user."""
        self._users[token] = user

    def revoke(self, token: str) -> None:
        """Refuse a token from now on, also where everybody is let in."""
        self._revoked.add(token)

    def restore(self, token: str) -> None:
        """Take a revocation back."""
        self._revoked.discard(token)

    def authenticate(self, authorization: str) -> str:
        """Return the user that an ``Authorization`` header stands for.

        Raises:
            ApiError: 401.
        """
        scheme, _, token = authorization.partition(" ")
        known = scheme.lower() == "bearer" and token not in self._revoked
        if known and token in self._users:
            return self._users[token]
        if self._open and token not in self._revoked:
            return self.user
        raise unauthorized()

    def deny(
        self, verb: str = "*", resource: str = "*", namespace: str = "*", user: str = "*"
    ) -> Denial:
        """Add a rule that denies, and return it. ``resource`` is a plural or ``pods/log``."""
        denial = Denial(verb, resource, namespace, user)
        self._denials.append(denial)
        return denial

    def allow(self, denial: Denial) -> None:
        """Take a rule back."""
        self._denials.remove(denial)

    @contextmanager
    def denied(
        self, verb: str = "*", resource: str = "*", namespace: str = "*", user: str = "*"
    ) -> Iterator[Denial]:
        """Deny for as long as the block runs."""
        denial = self.deny(verb, resource, namespace, user)
        try:
            yield denial
        finally:
            self.allow(denial)

    def grant(
        self, rules: Iterable[Manifest], *, user: str = "*", namespace: str = "default"
    ) -> Grant:
        """Allow users what a Role's rules say, and from now on nothing else; return the grant.

        Args:
            rules: those of a Role: ``apiGroups``, ``resources``, ``verbs`` and ``resourceNames``.
            user: the users, such as ``system:serviceaccount:default:*``.
            namespace: where; ``*`` everywhere, as a ClusterRole that is bound by name.
        """
        made = Grant(tuple(rules), user, namespace)
        self._grants.append(made)
        return made

    def take_back(self, grant: Grant) -> None:
        """Take a grant back; users whom no other is about may do everything again."""
        self._grants.remove(grant)

    def allows(
        self, verb: str, resource: str, namespace: str, user: str, group: str, name: str = ""
    ) -> bool:
        """Whether no rule denies it, and a grant allows it to a user whom grants are about."""
        if any(rule.matches(verb, resource, namespace, user) for rule in self._denials):
            return False
        grants = [grant for grant in self._grants if grant.is_about(user)]
        asked = (verb, resource, namespace, group, name)
        return not grants or any(grant.allows(*asked) for grant in grants)

    def review(self, review: Manifest, user: str) -> Manifest:
        """Return a SelfSubjectAccessReview with its answer."""
        asked: dict[str, Any] = (review.get("spec") or {}).get("resourceAttributes") or {}
        resource = asked.get("resource", "*")
        if asked.get("subresource"):
            resource = f"{resource}/{asked['subresource']}"
        where = (asked.get("namespace", ""), user, asked.get("group", ""), asked.get("name", ""))
        allowed = self.allows(asked.get("verb", "*"), resource, *where)
        status = {"allowed": allowed} if allowed else {"allowed": False, "reason": ""}
        return {
            "kind": "SelfSubjectAccessReview",
            "apiVersion": "authorization.k8s.io/v1",
            **review,
            "status": status,
        }
