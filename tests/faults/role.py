# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs of the role and of sealed.s3.encrypt meet faults, many cases in one run of ansible-playbook."""

from __future__ import annotations

import contextlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from accounts import Account
from gate import Aim, Gate, Microbursts
from kinds import BY_NAME, FAULTS, SLOW, STALE
from stage import encryption_as_told
from trial import DONE, NOTHING, PART, SENTENCES, UNKNOWN, Expected, Tried

from ansible_collections.sealed.s3.tests.unit import service_authorization
from playbooks import ENCRYPT, HostRan, Ran, run, secrets_in

# How many cases run at once in one ansible-playbook.
AT_ONCE = 24
# Where an answer is to be too slow, that is held back for longer. Elsewhere nothing is: many cases run here.
READ_TIMEOUT = 1.5
_CONFIG = {"connect_timeout": 20, "read_timeout": 30, "retries": {"mode": "standard", "total_max_attempts": 3}}
_ACTION = re.compile(r"\b(?:s3|kms|sts):[A-Z][A-Za-z]+")
_NOT_KNOWN = re.compile(r"not known whether|could not be read again|could not be looked for|Could not look for a key")
# None is told of a bucket that had no policy.
_UNTOLD = "untold"
# Of what amazon.aws reads, after it has created something.
_READS = ("ListAliases", "ListGrants", "GetBucketVersioning", "GetBucketAcl")
# What it writes. Modules of ours, and what they write, are tried with all faults by themselves.
_WRITES = (
    "CreateAlias",
    "CreateBucket",
    "CreateKey",
    "PutBucketTagging",
    "PutBucketVersioning",
    "PutPublicAccessBlock",
)


def _nothing(_account: Account) -> None:
    """Neither bucket nor key."""


def _drifted(account: Account) -> None:
    """A bucket and a key with policies of others, and without all that is asked for."""
    account.add_key()
    for name in account.names:
        account.add_bucket(name)
        account.s3.delete_public_access_block(Bucket=name)


def _buckets(account: Account) -> None:
    """Buckets with policies of others, and no key."""
    for name in account.names:
        account.add_bucket(name)


@dataclass(frozen=True)
class RoleSubject:
    """A run.

    :ivar title: for the table.
    :ivar faults: those that what amazon.aws writes meets; all of them where empty.
    :ivar sealed: whether the buckets are sealed before it.
    :ivar assumes: whether it assumes a role; its call for that alone is tried then, and with every fault.
    """

    name: str
    title: str
    prepare: Callable[[Account], None]
    variables: Mapping[str, Any]
    playbook: str = ""
    buckets: int = 1
    faults: tuple[str, ...] = ()
    sealed: bool = False
    assumes: bool = False


_ALL = {
    "encrypted_s3_versioning": True,
    "encrypted_s3_tags": {"team": "uploads"},
    "encrypted_s3_block_public_access": True,
    "encrypted_s3_key_description": "For uploads",
    "encrypted_s3_key_tags": {"team": "uploads"},
    "encrypted_s3_key_rotation_days": 180,
}
_KEY_POLICY = {"encrypted_s3_key_admins": ["arn:aws:iam::111122223333:role/KeyAdmins"]}
_DIFFER_MOST = ("lost", "denied")
_ASSUME_ROLE = "AssumeRole"
ALL = tuple(fault.name for fault in FAULTS if fault.own != STALE)

ROLE_SUBJECTS = (
    RoleSubject("role", "the role, neither bucket nor key is there", _nothing, _ALL),
    RoleSubject(
        "role-drifted",
        "the role, onto a bucket and a key of others",
        _drifted,
        {**_ALL, **_KEY_POLICY},
        faults=_DIFFER_MOST,
    ),
    RoleSubject(
        "role-absent",
        "the role, `encrypted_s3_state: absent`",
        _drifted,
        {"encrypted_s3_state": "absent"},
        faults=_DIFFER_MOST,
        sealed=True,
    ),
    RoleSubject(
        "fleet",
        "`sealed.s3.encrypt`, three buckets that wait for one key",
        _buckets,
        {},
        playbook=ENCRYPT,
        buckets=3,
        faults=_DIFFER_MOST,
    ),
    # amazon.aws assumes it for the role, and we do for what reads and seals many buckets.
    RoleSubject("role-assumed", "the role, `encrypted_s3_assume_role_arn`", _drifted, {}, assumes=True),
    RoleSubject(
        "fleet-assumed",
        "`sealed.s3.encrypt`, `encrypted_s3_assume_role_arn`",
        _drifted,
        {},
        playbook=ENCRYPT,
        assumes=True,
    ),
)


@dataclass
class _Case:
    """One that is tried.

    :ivar states: what is there before the run, after it, and after the further run.
    """

    account: Account
    tried: Tried
    states: list[dict[str, Any]]
    rans: list[dict[str, HostRan]]


class RoleTrial:
    """Tries cases against a LocalStack, each through a gate of its own."""

    def __init__(self, endpoint: str, microbursts: Microbursts) -> None:
        self._endpoint = endpoint
        self._microbursts = microbursts

    def expected(self, subject: RoleSubject) -> Expected:
        """Run it without faults.

        :returns: with its calls; where it assumes a role, with those for that alone.
        :raises SystemExit: where even that fails.
        """
        with self._account(subject) as account:
            ran = self._run(subject, [account])
            if any(host.failed for host in ran.hosts.values()):
                raise SystemExit(f"{subject.name} fails without any fault: {ran.output}")
            seen = (call for call in account.gate.seen if not subject.assumes or call.operation == _ASSUME_ROLE)
            return Expected(tuple(seen), account.wanted(account.observe()))

    def cases(self, subject: RoleSubject, expected: Expected) -> Iterator[Aim]:
        """What amazon.aws writes with each fault, all else with those that differ most; reads where they are denied.

        Those that pass when they are tried again strike once, the others last.
        """
        if subject.assumes:
            yield from self._of_assuming(expected)
            return
        for call in dict.fromkeys(expected.calls):
            if call.reads:
                first = call.number == 1
                meets = (("denied",) if first else ()) + (("throttled",) if first and call.operation in _READS else ())
            else:
                meets = ALL if call.operation in _WRITES and not subject.faults else _DIFFER_MOST
            for fault in FAULTS:
                if fault.name in meets and fault.concerns(call.service):
                    yield Aim(fault, call, lasting=fault.name in ("denied", "expired"))

    @staticmethod
    def _of_assuming(expected: Expected) -> Iterator[Aim]:
        """Each call with every fault that STS has, once and lasting."""
        for call in dict.fromkeys(expected.calls):
            for fault in FAULTS:
                if fault.name in ALL and fault.concerns(call.service):
                    yield from (Aim(fault, call, lasting) for lasting in (False, True))

    def attempts(self, subject: RoleSubject, aims: Sequence[Aim], expected: Expected) -> Iterator[Tried]:
        """Try these, many at once."""
        for batch in itertools.batched(aims, AT_ONCE):
            yield from self._batch(subject, batch, expected)

    def _batch(self, subject: RoleSubject, aims: Sequence[Aim], expected: Expected) -> list[Tried]:
        with contextlib.ExitStack() as accounts:
            cases = []
            for aim in aims:
                account = accounts.enter_context(self._account(subject))
                cases.append(_Case(account, Tried(subject, aim), [account.observe()], []))
            output = ""
            for with_faults in (True, False):
                for case in cases:
                    case.account.gate.set(case.tried.aim if with_faults else None)
                ran = self._run(subject, [case.account for case in cases])
                output += ran.output
                for case in cases:
                    if with_faults:
                        case.tried.struck = case.account.gate.struck
                    case.states.append(case.account.observe())
                    case.rans.append({name: ran.hosts[name] for name in case.account.names})
        for case in cases:
            _judge(subject, case, expected)
        cases[0].tried.problems += [f"{name} is in what was said" for name in secrets_in(output)]
        return [case.tried for case in cases]

    @contextlib.contextmanager
    def _account(self, subject: RoleSubject) -> Iterator[Account]:
        with Gate(
            self._endpoint, self._microbursts, slow=READ_TIMEOUT * 1.3, now=lambda: float(len(gate.seen))
        ) as gate:
            account = Account.new(self._endpoint, gate, buckets=subject.buckets)
            subject.prepare(account)
            if subject.sealed:
                self._run(subject, [account], encrypted_s3_state="present")
            gate.set(None)
            yield account

    def _run(self, subject: RoleSubject, accounts: Sequence[Account], **more: Any) -> Ran:
        hosts = {
            name: {
                **account.connection,
                "encrypted_s3_aws_config": _config(account.gate.aim),
                "encrypted_s3_bucket": name,
                "encrypted_s3_key_alias": account.alias,
                **({"encrypted_s3_assume_role_arn": account.role_arn} if subject.assumes else {}),
                **subject.variables,
                **more,
            }
            for account in accounts
            for name in account.names
        }
        return run(hosts, playbook=subject.playbook)


def _config(aim: Aim | None) -> dict[str, Any]:
    slow = aim is not None and aim.fault.own == SLOW
    return {**_CONFIG, "read_timeout": READ_TIMEOUT} if slow else _CONFIG


def _judge(subject: RoleSubject, case: _Case, expected: Expected) -> None:
    """What came of a case, and what of that may not be."""
    tried, account = case.tried, case.account
    if not tried.struck:
        return
    before, after, final = case.states
    first, again = case.rans
    failed = [host for host in first.values() if host.failed]
    tried.msg = " | ".join(dict.fromkeys(host.msg for host in failed))
    problems = tried.problems
    if not failed:
        tried.came = DONE
        if account.wanted(after) != expected.wanted:
            problems.append("it says that it is done, and what is there is not what was wanted")
    else:
        unknown = _NOT_KNOWN.search(tried.msg)
        tried.came = UNKNOWN if unknown else PART if before != after else NOTHING
        for name, host in first.items():
            if host.failed:
                problems += _of_failure(tried.aim, account, name, host)
                problems += (f"{secret} is in what it says" for secret in secrets_in(str(host.failures)))
    problems += _of_hosts(first, before, after)
    changed = any(host.changed for host in first.values())
    if changed != (before != after) and tried.came != UNKNOWN:
        problems.append(f"it says changed={changed}, and changed is {before != after}")
    problems += _of_keys(after, first.values())
    problems += _of_others(account, before, after, "after the fault")

    if any(host.failed for host in again.values()):
        said = " | ".join(host.msg for host in again.values())
        problems.append(f"a further run without the fault fails: {said}")
    elif account.wanted(final) != expected.wanted:
        problems.append("after a further run without the fault, what is there is not what was wanted")
    elif any(host.changed for host in again.values()) != (final != after):
        problems.append("the further run does not tell truly whether it changed anything")
    problems += (f"of the further run, {problem}" for problem in _of_hosts(again, after, final))
    if more := final["other_keys"].keys() - after["other_keys"].keys():
        problems.append(f"the further run leaves keys that no alias leads to: {', '.join(sorted(more))}")
    else:
        of_keys = _of_keys(final, [*first.values(), *again.values()])
        problems += (f"after the further run, {problem}" for problem in of_keys)
    problems += _of_others(account, before, final, "after the further run")


def _of_failure(aim: Aim, account: Account, name: str, host: HostRan) -> Iterator[str]:
    """What is wrong with how a failure is told."""
    msg = host.msg
    if not SENTENCES.fullmatch(msg):
        yield "what it says is no sentence"
    if "Traceback" in msg:
        yield "it says a traceback"
    if not any(named in msg for named in (name, account.alias, account.role_arn, "key/", "whose credentials")):
        yield "the sentence does not name the step"
    if aim.fault is BY_NAME["denied"]:
        needed = service_authorization.needed(aim.call.service, aim.call.operation)
        if set(_ACTION.findall(msg)) != set(needed):
            yield f"it does not name {', '.join(needed)} alone"


def _of_hosts(hosts: Mapping[str, HostRan], before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with what each host tells of its bucket, and all of them of the key."""
    of_keys = [before[name] != after[name] for name in ("key", "other_keys")]
    for name, host in hosts.items():
        was, found = before["buckets"][name], after["buckets"][name]
        if was != found and not host.changed:
            yield f"the bucket {name} was changed, and it says that nothing was"
        if host.changed and was == found and not any(of_keys) and not _NOT_KNOWN.search(host.msg):
            yield f"it says that the bucket {name} was changed, and nothing was"
        if host.failed and host.handed_over:
            yield "it fails, and hands over a result"
        policy, told = (was or {}).get("policy"), host.told.get("previous_policy", _UNTOLD)
        if policy != (found or {}).get("policy") and told != policy:
            yield f"the policy of {name} was changed, and previous_policy is not what was there before"
        elif told not in (_UNTOLD, None, policy):
            yield f"previous_policy of {name} is not what was there before"
        # Of a bucket that is new, AWS sets one, and that is none of before.
        moved = was is not None and found is not None and was["encryption"] != found["encryption"]
        if moved and host.told.get("previous_encryption") != encryption_as_told(was):
            yield f"default encryption of {name} was changed, and previous_encryption is not what was there before"
    if before["key"] is not None:
        yield from _of_key_policy(hosts, before["key"]["policy"], after["key"]["policy"])


def _of_key_policy(hosts: Mapping[str, HostRan], was: Any, found: Any) -> Iterator[str]:
    told = [host.told.get("previous_key_policy") for host in hosts.values()]
    if was != found and was not in told:
        yield "the key's policy was changed, and nothing tells what was there before"
    if any(policy not in (None, was) for policy in told):
        yield "what is told as the key's policy of before is not that"


def _of_keys(after: Mapping[str, Any], hosts: Iterable[HostRan]) -> Iterator[str]:
    """A key that no alias leads to is disabled and named, or at least to be found by what is said."""
    hosts = list(hosts)
    shown = str([(host.msg, host.handed_over) for host in hosts])
    in_passing = str([host.failures for host in hosts])
    for key, found in after["other_keys"].items():
        named = key in shown or found["tags"].get("SealedS3Creation", "?") in shown
        disabled = found["state"] == "Disabled"
        if not named and not (disabled and key in in_passing):
            yield f"the key {key} has no alias, is {found['state']}, and is not named"


def _of_others(account: Account, before: Mapping[str, Any], after: Mapping[str, Any], when: str) -> list[str]:
    was, found = account.foreign(before), account.foreign(after)
    return [f"statements of others were changed, {when}"] if any(found.get(name) != was[name] for name in was) else []
