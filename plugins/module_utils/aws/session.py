# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The connection of one module run: the clients, and who calls."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info

from ansible_collections.sealed.s3.plugins.module_utils.aws.call import call, translated
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, Refused, Unreachable

try:
    import boto3
    import botocore.config
    from botocore.exceptions import BotoCoreError
except ImportError:
    # AnsibleAWSModule fails with a sentence before anything here is used.
    pass

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

# aws_config of the task wins over each of these. The standard mode tries throttled and failed requests again, with
# jitter (AWS SDKs and Tools Reference Guide, "Retry behavior"). The connect timeout is shorter than botocore's 60
# seconds, so that a wrong endpoint is told within a minute.
DEFAULT_CONFIG: dict[str, Any] = {
    "retries": {"mode": "standard", "total_max_attempts": 5},
    "connect_timeout": 10,
    "read_timeout": 60,
    "user_agent_extra": "sealed.s3",
}

IMPATIENT_RETRIES = {"mode": "standard", "total_max_attempts": 2}


@dataclass(frozen=True)
class Caller:
    """Who calls, as GetCallerIdentity says."""

    account: str
    arn: str
    partition: str


class Session:
    """Clients with the task's connection options.

    Each client is made when it is first used, all from one boto3 session: with a session for each, as
    AnsibleAWSModule.client does it, they take three times as long, because each session loads its data anew.
    """

    def __init__(self, module: AnsibleAWSModule) -> None:
        self._module = module
        self._clients: dict[tuple[Any, ...], Any] = {}

    @property
    def s3(self) -> Any:
        """The S3 client of the task's Region."""
        return self.client("s3")

    @property
    def kms(self) -> Any:
        """The KMS client of the task's Region."""
        return self.client("kms")

    @property
    def sts(self) -> Any:
        """The STS client of the task's Region."""
        return self.client("sts")

    @functools.cached_property
    def region(self) -> str:
        """The task's Region: of the option, the environment or the profile.

        :raises Refused: when there is none.
        """
        region = self._connection[0] or self._sdk_session.region_name
        if not region:
            raise Refused("No Region was given. Set region, AWS_REGION, or a region in the profile.")
        return str(region)

    def client(self, service: str, *, region: str | None = None) -> Any:
        """The boto3 client of a service, made once for each Region.

        :param region: the task's Region when omitted.
        :raises AwsError: when it cannot be made.
        """
        wanted = (service, region or self.region)
        if wanted not in self._clients:
            self._clients[wanted] = self._make(*wanted)
        return self._clients[wanted]

    def impatient_s3(self, *, timeout: float, endpoint_url: str | None = None) -> Any:
        """An S3 client that waits for each answer no longer than ``timeout`` seconds, and tries twice.

        :param endpoint_url: another than the task's.
        """
        wanted = ("s3", self.region, timeout, endpoint_url)
        if wanted not in self._clients:
            self._clients[wanted] = self._make("s3", self.region, timeout=timeout, other_endpoint=endpoint_url)
        return self._clients[wanted]

    @functools.cached_property
    def verify(self) -> bool | str:
        """How certificates are checked: by a file with authorities, by those that are known anyway, or not at all."""
        given = self._connection[2].get("verify", True)
        if given is not True:
            return given if isinstance(given, str) else bool(given)
        return self._sdk_session._session.get_config_variable("ca_bundle") or True

    @property
    def uses_tls(self) -> bool:
        """Whether S3 is asked over TLS."""
        return not str(self.s3.meta.endpoint_url).startswith("http://")

    def caller(self) -> Caller:
        """Who calls. Asked once.

        :raises AwsError: when AWS does not take the credentials or cannot be reached.
        """
        return self._caller

    @functools.cached_property
    def _caller(self) -> Caller:
        asked = "find out whose credentials these are"
        answer = call(self.sts, "GetCallerIdentity", asked=asked)
        if not {"Account", "Arn"} <= set(answer):
            raise Unreachable(f"Could not {asked}: what answered is not AWS. Check endpoint_url and proxies.")
        return Caller(account=answer["Account"], arn=answer["Arn"], partition=answer["Arn"].split(":")[1])

    @functools.cached_property
    def _connection(self) -> tuple[str | None, str | None, dict[str, Any]]:
        try:
            region, endpoint_url, options = get_aws_connection_info(self._module)
        except (TypeError, ValueError, BotoCoreError) as error:
            # botocore: "Got unexpected keyword argument ...", "Invalid value provided to ...".
            raise AwsError(f"aws_config is not what botocore takes: {error}. See botocore.config.Config.") from error
        return region, endpoint_url, options

    @functools.cached_property
    def _sdk_session(self) -> Any:
        with translated("connect to AWS"):
            return boto3.session.Session(profile_name=self._connection[2].get("profile_name") or None)

    def _make(
        self, service: str, region: str, *, timeout: float | None = None, other_endpoint: str | None = None
    ) -> Any:
        _region, endpoint_url, options = self._connection
        given = dict(options)
        given.pop("profile_name", None)
        config = botocore.config.Config(**DEFAULT_CONFIG)
        asked_for = given.pop("aws_config", None)
        if asked_for is not None:
            config = config.merge(asked_for)
        if timeout is not None:
            impatient = {"connect_timeout": timeout, "read_timeout": timeout, "retries": IMPATIENT_RETRIES}
            # What is signed for later is signed with version 2 in some Regions, which SSE-KMS does not take.
            impatient["signature_version"] = "s3v4"
            config = config.merge(botocore.config.Config(**impatient))
        with translated(f"connect to {service} in {region}"):
            return self._sdk_session.client(
                service, region_name=region, endpoint_url=other_endpoint or endpoint_url, config=config, **given
            )
