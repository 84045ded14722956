# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the playbooks with all that Ansible can say, and looks for secrets in it and in every file that is written.

    python tests/faults/nothing_secret.py

The credentials are given in variables of the hosts. Modules run as Ansible runs them, in processes of their own.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "harness"))
sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[2] / ".cache"))

for name in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[name]

import yaml
from accounts import Account
from environments import ROOT
from gate import Aim, Call, Gate, Microbursts
from kinds import BY_NAME, SERVICES, Fault
from localstack import LocalStack, stop_on_signals
from stage import SECRETS

from playbooks import output_of

# What the probe uploads (plugins/module_utils/aws/probe.py, which is not asked here).
BODY = "sealed.s3 probe\n".strip()
LOOKED_FOR = {**SECRETS, "the body of an object": BODY}
# Where a signature does not match, AWS quotes the request that it signed, session token and all.
_QUOTED = (
    "The request signature we calculated does not match the signature you provided. The Canonical String for this "
    f"request should have been 'POST / x-amz-security-token:{SECRETS['session_token']} host;x-amz-date'"
)
_QUOTING = {"error": {"code": "SignatureDoesNotMatch", "status": 403, "message": _QUOTED}}
SIGNATURE = Fault("signature", "", dict.fromkeys(SERVICES, _QUOTING))


@dataclass(frozen=True)
class Scene:
    """A run of a playbook.

    :ivar fails: whether it has to.
    """

    playbook: str
    aim: Aim | None = None
    fails: bool = False

    def __str__(self) -> str:
        return f"{self.playbook}{f', {self.aim.call}, {self.aim.fault.name}' if self.aim else ''}"


def _aim(fault: Fault, service: str, operation: str) -> Aim:
    return Aim(fault, Call(service, operation, 1), lasting=True)


# On a bucket that is not there yet; then on that with one more, which is to be sealed beside it.
ALONE = (
    Scene("encrypt", _aim(SIGNATURE, "sts", "GetCallerIdentity"), fails=True),
    Scene("encrypt", _aim(SIGNATURE, "kms", "CreateKey"), fails=True),
    # A module of amazon.aws ends with a traceback.
    Scene("encrypt", _aim(BY_NAME["half"], "kms", "CreateKey"), fails=True),
    Scene("encrypt", _aim(BY_NAME["denied"], "s3", "PutBucketPolicy"), fails=True),
    Scene("encrypt"),
)
TOGETHER = (
    Scene("encrypt", _aim(BY_NAME["denied"], "s3", "PutBucketPolicy"), fails=True),
    Scene("encrypt"),
    Scene("audit"),
    # LocalStack enforces no policy.
    Scene("verify", fails=True),
    Scene("remove"),
    Scene("restore", _aim(BY_NAME["denied"], "s3", "PutBucketPolicy"), fails=True),
    Scene("restore"),
)


def _variables(account: Account, folder: Path) -> dict[str, Any]:
    return {
        **account.connection,
        "encrypted_s3_aws_config": {"retries": {"mode": "standard", "total_max_attempts": 2}},
        "encrypted_s3_key_alias": account.alias,
        "encrypted_s3_backup_dir": str(folder / "backups"),
        "audit_dir": str(folder / "reports"),
        "audit_fail_on": "never",
    }


def _run(scene: Scene, hosts: Mapping[str, Any], folder: Path, inventory: Path) -> str:
    """The output, and what is wrong with the end of the run."""
    inventory.write_text(yaml.safe_dump({"s3_buckets": {"hosts": dict(hosts)}}), encoding="utf-8")
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    ended, output = output_of(
        [program, "-vvvv", "--diff", "-i", str(inventory), f"sealed.s3.{scene.playbook}"],
        {**kept, "ANSIBLE_COLLECTIONS_PATH": str(ROOT / ".cache"), "ANSIBLE_HOME": str(folder / "ansible"),
         "ANSIBLE_LOG_PATH": str(folder / "log.txt"), "ANSIBLE_NOCOLOR": "1"},
        folder,
    )  # fmt: skip
    if bool(ended) != scene.fails:
        print(output)
        raise SystemExit(f"{scene} ended with {ended}")
    return output


def _found(output: str, folder: Path) -> Iterator[str]:
    for what, secret in LOOKED_FOR.items():
        for line in output.splitlines():
            if secret in line:
                yield f"{what} is in the output: {line[:300]}"
                break
        for path in folder.rglob("*"):
            if path.is_file() and secret.encode() in path.read_bytes():
                yield f"{what} is in {path.relative_to(folder)}"


def main() -> int:
    stop_on_signals()
    problems: list[str] = []
    written: set[str] = set()
    with (
        LocalStack() as localstack,
        Microbursts(localstack.endpoint) as microbursts,
        tempfile.TemporaryDirectory(prefix="sealed-s3-secrets-") as temporary,
    ):
        folder = Path(temporary) / "run"
        folder.mkdir()
        with Gate(localstack.endpoint, microbursts, slow=1, now=lambda: 0.0) as gate:
            account = Account.new(localstack.endpoint, gate, buckets=2)
            first, second = account.names
            account.add_bucket(second)
            for scene, names in [
                *((scene, [first]) for scene in ALONE),
                *((scene, [first, second]) for scene in TOGETHER),
            ]:
                gate.set(scene.aim)
                hosts = {name: _variables(account, folder) for name in names}
                output = _run(scene, hosts, folder, Path(temporary) / "hosts.yml")
                if scene.aim is not None and not gate.struck:
                    problems.append(f"{scene}: the fault struck nothing")
                problems += [f"{scene}: {problem}" for problem in _found(output, folder)]
                print(f"{scene}: {len(output.splitlines())} lines", flush=True)
            written = {path.name if path.parent.name == "reports" else path.parent.name for path in folder.rglob("*.*")}
    for name in ("backups", "audit.html", "audit.csv"):
        if not any(name in one for one in written):
            problems.append(f"{name} was not written")
    for problem in problems:
        print(f"WRONG {problem}")
    print(f"Looked for {', '.join(LOOKED_FOR)} in {len(ALONE) + len(TOGETHER)} runs: {len(problems)} problems.")
    return 1 if problems else 0


if __name__ == "__main__":
    raise SystemExit(main())
