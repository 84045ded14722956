# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection: the clients, and who calls."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar, cast

from ansible_collections.amazon.aws.plugins.module_utils.botocore import get_aws_connection_info

from ansible_collections.sealed.s3.plugins.module_utils.aws.call import call, translated
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError, BadCredentials, Refused, Unreachable

try:
    import boto3
    import botocore.config
    import botocore.session
    from botocore.credentials import AssumeRoleCredentialFetcher, DeferredRefreshableCredentials
    from botocore.exceptions import BotoCoreError
except ImportError:
    # AnsibleAWSModule fails with a sentence before anything here is used.
    pass

if TYPE_CHECKING:
    from ansible_collections.amazon.aws.plugins.module_utils.modules import AnsibleAWSModule

T = TypeVar("T")

# aws_config of the task wins over each of these. The standard mode tries throttled and failed requests again, with
# jitter (AWS SDKs and Tools Reference Guide, "Retry behavior"). The connect timeout is shorter than botocore's 60
# seconds, so that a wrong endpoint is told within a minute.
DEFAULT_CONFIG: dict[str, Any] = {
    "retries": {"mode": "standard", "total_max_attempts": 5},
    "connect_timeout": 10,
    "read_timeout": 60,
    "user_agent_extra": "sealed.s3",
}

ROLE_SESSION_NAME = "sealed-s3"
"""Under which name a role is assumed, as CloudTrail shows it."""

SHARED_RETRIES = {"mode": "adaptive", "total_max_attempts": 8}
"""As the standard mode, and all threads slow down together while AWS throttles one of them."""

IMPATIENT_RETRIES = {"mode": "standard", "total_max_attempts": 2}


@dataclass(frozen=True)
class Caller:
    """Who calls, as GetCallerIdentity says."""

    account: str
    arn: str
    partition: str


class Session:
    """Clients with the connection options of amazon.aws.

    Each client is made when it is first used, all from one boto3 session: with a session for each, as
    AnsibleAWSModule.client does it, they take three times as long, because each session loads its data anew. Threads
    may share a Session and its clients.

    :param params: options by their names in amazon.aws (``region``, ``profile``, ``access_key``, ``secret_key``,
        ``session_token``, ``endpoint_url``, ``aws_ca_bundle``, ``validate_certs``, ``aws_config``), all else is
        ignored; and ``assume_role_arn`` with ``assume_role_external_id``: a role that is assumed first, anew whenever
        its credentials are about to expire.
    :param threads: how many share it; with more than one, requests are slowed down together while AWS throttles.
    """

    def __init__(self, params: Mapping[str, Any], *, threads: int = 1) -> None:
        self._params = params
        self._threads = threads
        self._clients: dict[tuple[Any, ...], Any] = {}
        self._made: dict[str, Any] = {}
        self._lock = threading.RLock()
        # Of its own: who waits for an answer keeps nobody from a client that is there.
        self._asking = threading.Lock()

    def in_region(self, region: str) -> Session:
        """The same connection for another Region. Clients, credentials and caller are shared."""
        return self if region == self.region else _Elsewhere(self, region)

    @property
    def s3(self) -> Any:
        """The S3 client of the Region."""
        return self.client("s3")

    @property
    def s3_once(self) -> Any:
        """An S3 client of the Region that sends each request once, for those that must not be repeated unseen."""
        return self._client("s3", self.region, None, None, True)

    @property
    def kms(self) -> Any:
        """The KMS client of the Region."""
        return self.client("kms")

    @property
    def kms_once(self) -> Any:
        """A KMS client of the Region that sends each request once."""
        return self._client("kms", self.region, None, None, True)

    @property
    def sts(self) -> Any:
        """The STS client of the Region."""
        return self.client("sts")

    @functools.cached_property
    def region(self) -> str:
        """The Region: of the option, the environment or the profile.

        :raises Refused: when there is none.
        """
        region = self._connection[0] or self._sdk_session.region_name
        if not region:
            raise Refused("No Region was given. Set region, AWS_REGION, or a region in the profile.")
        return str(region)

    def client(self, service: str, *, region: str | None = None) -> Any:
        """The boto3 client of a service, made once for each Region.

        :param region: the session's Region when omitted.
        :raises AwsError: when it cannot be made.
        """
        return self._client(service, region or self.region)

    def impatient_s3(self, *, timeout: float, endpoint_url: str | None = None) -> Any:
        """An S3 client that waits for each answer no longer than ``timeout`` seconds, and tries twice.

        :param endpoint_url: another than the connection's.
        """
        return self._client("s3", self.region, timeout, endpoint_url)

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
        with self._asking:
            return self._caller

    @functools.cached_property
    def _caller(self) -> Caller:
        asked = "find out whose credentials these are"
        answer = call(self.sts, "GetCallerIdentity", asked=asked)
        if not {"Account", "Arn"} <= set(answer):
            raise Unreachable(f"Could not {asked}: what answered is not AWS. Check endpoint_url and proxies.")
        return Caller(account=answer["Account"], arn=answer["Arn"], partition=answer["Arn"].split(":")[1])

    def _once(self, what: str, make: Callable[[], T]) -> T:
        """What is made once, also where several threads come at the same time."""
        if what not in self._made:
            with self._lock:
                if what not in self._made:
                    self._made[what] = make()
        made: T = self._made[what]
        return made

    @property
    def _connection(self) -> tuple[str | None, str | None, dict[str, Any]]:
        return self._once("connection", self._make_connection)

    def _make_connection(self) -> tuple[str | None, str | None, dict[str, Any]]:
        try:
            region, endpoint_url, options = get_aws_connection_info(cast("AnsibleAWSModule", _Asking(self._params)))
        except (TypeError, ValueError, BotoCoreError) as error:
            # botocore: "Got unexpected keyword argument ...", "Invalid value provided to ...".
            raise AwsError(f"aws_config is not what botocore takes: {error}. See botocore.config.Config.") from error
        # A default of the options of amazon.aws, which not everybody who asks here has.
        options["verify"] = True if options.get("verify") is None else options["verify"]
        return region, endpoint_url, options

    @property
    def _sdk_session(self) -> Any:
        return self._once("SDK session", self._make_sdk_session)

    def _make_sdk_session(self) -> Any:
        with translated("connect to AWS"):
            session = boto3.session.Session(profile_name=self._connection[2].get("profile_name") or None)
            role = self._params.get("assume_role_arn")
            return self._assuming(session, role) if role else session

    def _assuming(self, session: Any, role: str) -> Any:
        """A session with the credentials of a role, which ``session`` assumes."""
        given = self._connection[2]
        source = botocore.session.Session(profile=given.get("profile_name") or None)
        if given.get("aws_access_key_id"):
            source.set_credentials(
                given["aws_access_key_id"], given["aws_secret_access_key"], given["aws_session_token"]
            )

        def sts(_service: str, **credentials: Any) -> Any:
            return session.client(
                "sts",
                region_name=self.region,
                endpoint_url=self._connection[1],
                config=self._config(),
                verify=given["verify"],
                **credentials,
            )

        extra = {"RoleSessionName": ROLE_SESSION_NAME}
        if self._params.get("assume_role_external_id"):
            extra["ExternalId"] = self._params["assume_role_external_id"]
        credentials = source.get_credentials()
        if credentials is None:
            raise BadCredentials(
                f"There are no credentials that could assume the role {role}. Give some, or a profile."
            )
        fetcher = AssumeRoleCredentialFetcher(sts, credentials, role, extra_args=extra, cache={})

        def fetch() -> Any:
            with translated(f"assume the role {role}", actions=("sts:AssumeRole",)):
                return fetcher.fetch_credentials()

        assuming = botocore.session.Session()
        assuming._credentials = DeferredRefreshableCredentials(fetch, "assume-role")
        return boto3.session.Session(botocore_session=assuming)

    def _client(self, *wanted: Any) -> Any:
        with self._lock:
            if wanted not in self._clients:
                self._clients[wanted] = self._make(*wanted)
            return self._clients[wanted]

    def _config(self) -> Any:
        config = botocore.config.Config(**DEFAULT_CONFIG)
        if self._threads > 1:
            config = config.merge(botocore.config.Config(max_pool_connections=self._threads, retries=SHARED_RETRIES))
        asked_for = self._connection[2].get("aws_config")
        return config if asked_for is None else config.merge(asked_for)

    def _make(
        self,
        service: str,
        region: str,
        timeout: float | None = None,
        other_endpoint: str | None = None,
        once: bool = False,
    ) -> Any:
        _region, endpoint_url, options = self._connection
        given = {name: value for name, value in options.items() if name not in ("profile_name", "aws_config")}
        if self._params.get("assume_role_arn"):
            given = {"verify": options["verify"]}
        config = self._config()
        if timeout is not None:
            impatient = {"connect_timeout": timeout, "read_timeout": timeout, "retries": IMPATIENT_RETRIES}
            # What is signed for later is signed with version 2 in some Regions, which SSE-KMS does not take.
            impatient["signature_version"] = "s3v4"
            config = config.merge(botocore.config.Config(**impatient))
        if once:
            # Without what they may say of the number of tries, in each mode.
            mode = (config.retries or {}).get("mode", "standard")
            config = config.merge(botocore.config.Config(retries={"mode": mode, "total_max_attempts": 1}))
        with translated(f"connect to {service} in {region}"):
            return self._sdk_session.client(
                service, region_name=region, endpoint_url=other_endpoint or endpoint_url, config=config, **given
            )


class _Elsewhere(Session):
    """A session for another Region than that of the one it belongs to."""

    def __init__(self, home: Session, region: str) -> None:
        super().__init__(home._params, threads=home._threads)
        self._home = home
        self.region = region

    def in_region(self, region: str) -> Session:
        return self._home.in_region(region)

    def caller(self) -> Caller:
        return self._home.caller()

    @property
    def verify(self) -> bool | str:
        return self._home.verify

    def _client(self, service: str, region: str, *how: Any) -> Any:
        return self._home._client(service, region, *how)


class _Asking:
    """As much of a module as amazon.aws asks for the connection."""

    def __init__(self, params: Mapping[str, Any]) -> None:
        self.params = params

    def fail_json(self, *, msg: str, **_more: Any) -> NoReturn:
        raise BadCredentials(f"{msg} Give either profile or access_key and secret_key.")
