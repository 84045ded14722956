# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job, shown on a real LocalStack: what "make demo" runs. It fails when what it says does not hold."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import textwrap
from typing import Any

import boto3
from environments import ROOT, program
from localstack import REGION, LocalStack, stop_on_signals

BUCKET = "demo-reports"
ALIAS = "alias/demo-reports"
FOREIGN_POLICY = {
    "Version": "2008-10-17",
    "Id": "HandWritten",
    "Statement": [
        {
            "Sid": "CloudFrontReads",
            "Effect": "Allow",
            "Principal": {"Service": "cloudfront.amazonaws.com"},
            "Action": "s3:GetObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/*",
            "Condition": {"StringEquals": {"AWS:SourceArn": "arn:aws:cloudfront::000000000000:distribution/EXAMPLE"}},
        },
        {
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:DeleteObject",
            "Resource": f"arn:aws:s3:::{BUCKET}/archive/*",
            "Condition": {"Bool": {"aws:MultiFactorAuthPresent": False}},
        },
    ],
}


class DemoFailed(Exception):
    """Something that the demo says does not hold."""


def step(number: int, title: str, text: str) -> None:
    print(f"\n{'=' * 100}\n{number}. {title}\n{'=' * 100}")
    print(textwrap.fill(text, 100), end="\n\n", flush=True)


def holds(claim: str, truth: bool) -> None:
    """Say that something holds.

    :raises DemoFailed: when it does not.
    """
    if not truth:
        raise DemoFailed(claim)
    print(f"  yes: {claim}", flush=True)


def playbook(name: str, *arguments: str, show: bool = True) -> str:
    """Run a playbook of the collection as a user does; return what it printed."""
    command = ["ansible-playbook", f"sealed.s3.{name}", *arguments]
    command += ["-e", f"encrypted_s3_bucket={BUCKET}", "-e", f"encrypted_s3_key_alias={ALIAS.removeprefix('alias/')}"]
    print(f"$ {' '.join(command)}\n", flush=True)
    running = subprocess.Popen(
        [program("dev", command[0]), *command[1:]],
        cwd=ROOT,
        env={**os.environ, "ANSIBLE_FORCE_COLOR": "1" if sys.stdout.isatty() else "0"},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert running.stdout is not None
    printed = []
    with running:
        for line in running.stdout:
            if show:
                print(f"  {line}", end="", flush=True)
            printed.append(line)
    text = re.sub(r"\x1b\[[0-9;]*m", "", "".join(printed))
    if running.returncode:
        raise DemoFailed(f"the playbook ends well (it ended with code {running.returncode})" + ("" if show else text))
    return text


def changes(printed: str) -> int:
    """The number of changes in the recap."""
    (count,) = re.findall(r"changed=(\d+)", printed)
    return int(count)


def show(localstack: LocalStack) -> None:
    s3 = boto3.client("s3", endpoint_url=localstack.endpoint)
    kms = boto3.client("kms", endpoint_url=localstack.endpoint)

    step(
        2,
        "A bucket that is in use",
        f"The bucket {BUCKET} has a policy that somebody wrote by hand: CloudFront may read, and archived reports are "
        "deleted with a second factor only. No key, no default encryption of ours.",
    )
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_policy(Bucket=BUCKET, Policy=json.dumps(FOREIGN_POLICY))
    print(textwrap.indent(json.dumps(FOREIGN_POLICY, indent=2), "  "))

    step(
        3,
        "Seal it",
        "The playbook creates the key and its alias, sets the bucket's default encryption to SSE-KMS under that key "
        "with the S3 Bucket Key, and merges the guard into the policy. --diff shows each change.",
    )
    holds("the run changed something", changes(playbook("encrypt", "--diff")) > 0)

    step(4, "Run it again", "Nothing is left to be done, so nothing may change.")
    holds("the second run reports changed=0", changes(playbook("encrypt", "--diff")) == 0)

    step(5, "Is it so?", "Asked of the service itself, not of the playbook. An object is uploaded without any "
         "encryption header, as an application does that knows nothing of all this.")  # fmt: skip
    check(s3, kms)

    step(
        6,
        "Prove it",
        "Uploads in every way and under every encryption, some of which the guard has to refuse. This LocalStack "
        "enforces bucket policies, as S3 does and LocalStack by itself does not.",
    )
    prove(localstack, kms.create_key(Description="somebody else's")["KeyMetadata"]["Arn"])


def prove(localstack: LocalStack, other_key: str) -> None:
    printed = playbook(
        "verify",
        *("-e", f"encrypted_s3_verify_other_key={other_key}"),
        *("-e", f"encrypted_s3_verify_http_endpoint_url={localstack.http_endpoint}"),
        show=False,
    )
    (table,) = re.findall(r"proof\.table\": (\[.*?\n    \])", printed, re.S)
    lines = json.loads(table)
    print(textwrap.indent("\n".join(lines), "  "))
    holds("uploads that must fail did fail", sum("refused" in line and "kept" in line for line in lines) > 5)
    holds("uploads that must pass did pass", sum("passed" in line and "kept" in line for line in lines) > 2)
    holds("no promise is broken", not any(line.endswith("broken") for line in lines))


def check(s3: Any, kms: Any) -> None:
    key_arn = kms.describe_key(KeyId=ALIAS)["KeyMetadata"]["Arn"]
    s3.put_object(Bucket=BUCKET, Key="report.txt", Body=b"an ordinary upload")
    stored = s3.head_object(Bucket=BUCKET, Key="report.txt")
    found = {name: stored.get(name) for name in ("ServerSideEncryption", "SSEKMSKeyId", "BucketKeyEnabled")}
    print(textwrap.indent(json.dumps(found, indent=2), "  "))
    holds("the object is encrypted with SSE-KMS", found["ServerSideEncryption"] == "aws:kms")
    holds(f"under the key {key_arn}", found["SSEKMSKeyId"] == key_arn)
    holds("with the S3 Bucket Key", found["BucketKeyEnabled"] is True)
    holds("the key is rotated", kms.get_key_rotation_status(KeyId=key_arn)["KeyRotationEnabled"])

    policy = json.loads(s3.get_bucket_policy(Bucket=BUCKET)["Policy"])
    foreign = [one for one in policy["Statement"] if not one.get("Sid", "").startswith("SealedS3")]
    ours = [one["Sid"] for one in policy["Statement"] if one.get("Sid", "").startswith("SealedS3")]
    holds("both hand-written statements are there, to the letter", foreign == FOREIGN_POLICY["Statement"])
    holds("so are the policy's Version and Id",
          {**policy, "Statement": 0} == {**FOREIGN_POLICY, "Statement": 0})  # fmt: skip
    holds(f"and the guard beside them: {', '.join(ours)}", len(ours) > 1)


def main() -> None:
    stop_on_signals()
    step(1, "Start LocalStack", "LocalStack answers as S3 and KMS do. It runs on this machine only, and is stopped and "
         "forgotten at the end.")  # fmt: skip
    with LocalStack(enforce="effective") as localstack:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            # The user's own account has no part in this. A bundle of certificates is not an account.
            if name != "AWS_CA_BUNDLE":
                del os.environ[name]
        os.environ.update(localstack.variables)
        print(f"  It listens on {localstack.endpoint}")
        show(localstack)

    step(7, "On a real account", "The same command, with credentials in the environment. First see what it would "
         "change, then let it.")  # fmt: skip
    real = f"-e encrypted_s3_bucket=YOUR-BUCKET -e encrypted_s3_key_alias=YOUR-ALIAS -e encrypted_s3_region={REGION}"
    print(f"  $ .venv/bin/ansible-playbook sealed.s3.encrypt --check --diff {real}")
    print(f"  $ .venv/bin/ansible-playbook sealed.s3.encrypt --diff {real}")
    print(f"  $ .venv/bin/ansible-playbook sealed.s3.verify {real}")
    print("\nLocalStack is stopped. Everything above held.")


if __name__ == "__main__":
    try:
        main()
    except DemoFailed as failure:
        raise SystemExit(f"\nThe demo failed: it does not hold that {failure}.") from None
    except KeyboardInterrupt:
        raise SystemExit("\nStopped.") from None
