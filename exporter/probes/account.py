"""Which account is asked about: the configured one, else the contact account, else the instance actor."""

from dataclasses import dataclass

from exporter.mastodon.versions import INSTANCE_ACTOR_IN_WEBFINGER_SINCE, Version
from exporter.probes.look import Look
from exporter.probes.result import Failure, Reason

NEVER_LEARNT = "the instance API has never told {what}; {remedy}"


@dataclass(frozen=True)
class ProbedAccount:
    """An account of the server. `must_exist` False: only newer servers have the instance actor in webfinger."""

    name: str
    is_instance_actor: bool = False
    must_exist: bool = True


async def probed_account(look: Look) -> ProbedAccount | Failure:
    """Return the account to ask about, or the failure of a server that never told of one."""
    configured = look.instance.account
    if configured is not None:
        return ProbedAccount(configured)
    known = await look.knowledge()
    if not known.learnt:
        return Failure(Reason.DISCOVERY, NEVER_LEARNT.format(what="of an account", remedy="name one under `account:`"))
    if known.account is not None:
        return ProbedAccount(known.account)
    return ProbedAccount(look.instance.domain, is_instance_actor=True, must_exist=_has_instance_actor(known.version))


def _has_instance_actor(version: Version | None) -> bool:
    return version is not None and version >= INSTANCE_ACTOR_IN_WEBFINGER_SINCE
