# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Buckets as hosts: list them, choose, read what was asked for, and hand the result to Ansible or to its cache."""

from __future__ import annotations

DOCUMENTATION = r"""
name: buckets
short_description: S3 buckets of one or more accounts and Regions as hosts
version_added: 0.1.0
description:
  - Makes a host of each S3 bucket, so that P(sealed.s3.encrypted_s3#role) and the playbooks of this collection run on
    many buckets with C(--limit), C(--forks), C(serial) and job slices.
  - Lists with the paginated C(ListBuckets), with prefix and Region, in as many accounts as there are O(connections).
  - Every bucket is in group C(s3_buckets), on which the playbooks run by themselves.
  - The file of the inventory is called C(sealed_s3.yml) or C(sealed_s3.yaml), or its name ends in C(.sealed_s3.yml) or
    C(.sealed_s3.yaml).
  - It reads only. Beside the calls that list, it makes calls for each bucket only where O(with_tags) or O(posture) asks
    for them.
author:
  - sealed.s3 contributors (@sealed-s3)
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - amazon.aws.boto3
  - amazon.aws.common.plugins
  - amazon.aws.region.plugins
  - amazon.aws.assume_role.plugins
options:
  plugin:
    description: Marks the file as one of this plugin.
    type: str
    required: true
    choices: [sealed.s3.buckets]
  assume_role_external_id:
    description: The external ID with which O(assume_role_arn) is assumed.
    type: str
  aws_ca_bundle:
    description: A file with the certificate authorities by which the endpoints are trusted.
    type: path
    env:
      - name: AWS_CA_BUNDLE
  validate_certs:
    description: Whether the certificates of the endpoints are checked. Checked when omitted.
    type: bool
  aws_config:
    description: Settings of C(botocore.config.Config), by their names there.
    type: dict
  connections:
    description:
      - The accounts, one connection each. When omitted, there is one connection, of the options beside this one.
      - A connection has what is given beside this option, and its own options win. One that names a profile or keys of
        its own takes neither credentials nor a role from there.
      - A bucket that several connections list belongs to the first of them.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - What C(s3_bucket_connection) of its buckets is, and how messages name it.
          - When omitted, the profile, else the ARN of the role.
        type: str
      profile:
        description: As O(profile).
        type: str
      access_key:
        description:
          - As O(access_key). Keys stay here, no host variable holds them. The role must then get its own, from its
            environment or by C(encrypted_s3_access_key) and C(encrypted_s3_secret_key).
        type: str
      secret_key:
        description: As O(secret_key).
        type: str
      session_token:
        description: As O(session_token).
        type: str
      assume_role_arn:
        description: As O(assume_role_arn).
        type: str
      assume_role_external_id:
        description: As O(assume_role_external_id).
        type: str
      region:
        description: As O(region).
        type: str
      regions:
        description: As O(regions).
        type: list
        elements: str
      endpoint_url:
        description: As O(endpoint_url).
        type: str
      aws_ca_bundle:
        description: As O(aws_ca_bundle).
        type: path
      validate_certs:
        description: As O(validate_certs).
        type: bool
      aws_config:
        description: As O(aws_config).
        type: dict
  strict_connections:
    description:
      - With V(true), a connection that fails fails the inventory.
      - With V(false), it is warned of, and the inventory has the buckets of the others. It fails when none is left.
        What is incomplete is not cached.
    type: bool
    default: true
  regions:
    description:
      - The Regions whose buckets become hosts. Empty for all.
      - Where no O(region) is given, the first of them is the one that is asked.
    type: list
    elements: str
    default: []
  prefix:
    description: What the names of the buckets begin with.
    type: str
  include:
    description: Patterns as of file names (C(*), C(?), C([abc])). Buckets whose name fits one of them. Empty for all.
    type: list
    elements: str
    default: []
  exclude:
    description: Patterns as of file names. Buckets whose name fits one of them are left out, whatever O(include) says.
    type: list
    elements: str
    default: []
  tags:
    description:
      - Tags that a bucket must have, all of them. A value is a pattern as of file names, or a list of patterns one of
        which fits. V(*) asks that the tag be there.
      - A bucket whose tags cannot be read is left out, and is warned of.
    type: dict
    default: {}
  with_tags:
    description:
      - Whether the tags of the buckets are read, for C(s3_bucket_tags).
      - When omitted, they are read where O(tags), or an expression of O(compose), O(groups) or O(keyed_groups) that
        names C(s3_bucket_tags), needs them.
    type: bool
  posture:
    description:
      - Whether each bucket is read and judged as M(sealed.s3.sse_kms_info) does, for C(s3_bucket_compliance) and
        C(s3_bucket_findings).
      - That takes about five calls for each bucket. The playbooks read for themselves and do not need it.
    type: bool
    default: false
  intent:
    description:
      - With O(posture), what the buckets are held against, by the names that the options of
        M(sealed.s3.sse_kms_info) have. They are the same for all buckets.
      - Without C(key), a bucket is to stay under the customer managed key that its default encryption names.
    type: dict
    default: {}
  default_groups:
    description: Whether to make groups by Region, such as C(region_eu_central_1), by account, such as
      C(account_111122223333), and with O(posture) by compliance, such as C(compliance_not_compliant).
    type: bool
    default: true
  threads:
    description: How many requests are under way at once, V(1) to V(64). While AWS throttles, all of them slow down.
    type: int
    default: 16
notes:
  - An option that is not known fails the inventory, so that a mistyped O(exclude) is no inventory of all buckets.
  - Needs C(s3:ListAllMyBuckets), C(s3:GetBucketTagging) where tags are read, and with O(posture) what
    M(sealed.s3.sse_kms_info) needs.
  - Tags are shown as they are and are never taken for a template. A tag whose name begins with C(__ansible_) is left
    out.
  - The cache holds names, Regions, accounts, dates, tags and findings, and no credentials.
"""

EXAMPLES = r"""
# The buckets that the credentials of the environment see: sealed_s3.yml
plugin: sealed.s3.buckets
region: eu-central-1

---
# What is not as it should be: drift.sealed_s3.yml
plugin: sealed.s3.buckets
region: eu-central-1
posture: true
intent:
  enforcement: deny_other_keys
  block_public_access: true

---
# Production in two accounts, by roles: production.sealed_s3.yml
plugin: sealed.s3.buckets
region: eu-central-1
regions: [eu-central-1, eu-west-1]
profile: audit
connections:
  - name: shop
    assume_role_arn: arn:aws:iam::111122223333:role/BucketOperator
  - name: warehouse
    assume_role_arn: arn:aws:iam::444455556666:role/BucketOperator
    assume_role_external_id: "{{ lookup('ansible.builtin.env', 'WAREHOUSE_EXTERNAL_ID') }}"
exclude: ["*-access-logs"]
tags:
  environment: [production, staging]
keyed_groups:
  - key: s3_bucket_tags.team
    prefix: team
groups:
  old: s3_bucket_created < '2023'
compose:
  # One key for each team.
  encrypted_s3_key_alias: s3_bucket_tags.team | default('shared')
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/sealed_s3
cache_timeout: 3600
"""

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ansible import constants
from ansible.errors import AnsibleParserError
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.template import trust_as_template

from ansible_collections.amazon.aws.plugins.module_utils.botocore import HAS_BOTO3

from ansible_collections.sealed.s3.plugins.module_utils import arguments, fleet_arguments
from ansible_collections.sealed.s3.plugins.module_utils.aws import fleet, survey
from ansible_collections.sealed.s3.plugins.module_utils.aws.bucket import Bucket
from ansible_collections.sealed.s3.plugins.module_utils.aws.errors import AwsError
from ansible_collections.sealed.s3.plugins.module_utils.aws.fleet import Listed
from ansible_collections.sealed.s3.plugins.module_utils.aws.session import Session
from ansible_collections.sealed.s3.plugins.module_utils.fleet_arguments import Asked, Connections
from ansible_collections.sealed.s3.plugins.module_utils.policy.errors import PolicyError

if TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.parsing.dataloader import DataLoader

NAME = "sealed.s3.buckets"
GROUP = "s3_buckets"
FILE_NAMES = ("sealed_s3.yml", "sealed_s3.yaml")

CREDENTIALS = ("profile", "access_key", "secret_key", "session_token")
SECRETS = CREDENTIALS[2:]
ROLE = ("assume_role_arn", "assume_role_external_id")
SETTINGS = ("region", "endpoint_url", "aws_ca_bundle", "validate_certs", "aws_config")
OF_A_CONNECTION = (*CREDENTIALS, *ROLE, *SETTINGS)
# Which of these a host is given, as encrypted_s3_..., so that the role reaches the bucket by the same connection.
HANDED_ON = ("profile", *ROLE, *SETTINGS[1:])

# Ansible reads a mapping with such a key in JSON, as AWX hands variables over, as a value of its own.
RESERVED = "__ansible_"

_HARMLESS = re.compile(r"[A-Za-z0-9._:+-]+")


@dataclass(frozen=True)
class Connection:
    """One account.

    :ivar params: what Session takes.
    :ivar handed_on: of these, what the hosts are given. What the environment says, the role finds there itself.
    """

    name: str
    params: Mapping[str, Any]
    handed_on: Mapping[str, Any]
    regions: tuple[str, ...]

    def told(self) -> dict[str, Any]:
        """All that decides on which buckets there are."""
        params = {name: value for name, value in self.params.items() if name not in SECRETS}
        return {"name": self.name, "params": params, "regions": self.regions}


@dataclass(frozen=True)
class Found:
    """A bucket that was listed.

    :ivar session: by which more of it can be asked.
    """

    session: Session
    connection: str
    account: str
    listed: Listed


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin sealed.s3.buckets."""

    NAME = NAME
    # Set by parse.
    inventory: Any

    def verify_file(self, path: str) -> bool:
        """Whether the file is one of ours, by its name."""
        name = PurePath(path).name
        ours = name in FILE_NAMES or name.endswith(tuple(f".{ending}" for ending in FILE_NAMES))
        return ours and bool(BaseInventoryPlugin.verify_file(self, path))

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Make the hosts from what AWS says, or from what the cache holds."""
        super().parse(inventory, loader, path, cache)
        self._check_names(BaseInventoryPlugin._read_config_data(self, path))
        connections = self._connections()
        try:
            buckets = self._buckets(connections, path, cache)
        except AwsError as error:
            raise AnsibleParserError(str(error)) from error
        self._populate(buckets, {connection.name: connection for connection in connections})

    # --- the options ---

    def _check_names(self, config: Mapping[str, Any]) -> None:
        known: set[str] = set()
        for name, definition in constants.config.get_configuration_definitions("inventory", self._load_name).items():
            known.update((name, *definition.get("aliases", ())))
        unknown = sorted(str(name) for name in set(config) - known)
        if unknown:
            raise AnsibleParserError(
                f"{NAME} has no option {', '.join(unknown)}. ansible-doc -t inventory {NAME} shows those that it has."
            )

    def _as_given(self, name: str) -> Any:
        # Ansible's methods are called by way of its classes, since mypy would take an untyped one of self for ours.
        return BaseInventoryPlugin.get_option(self, name)

    def _option(self, name: str) -> Any:
        """An option whose templates are filled in."""
        return self.templar.template(self._as_given(name))

    def _connections(self) -> list[Connection]:
        everywhere, file = self._beside_connections()
        regions = _strings(self._option("regions"))
        entries = self._option("connections")
        if not entries:
            return [_connection("default", everywhere, file, regions)]
        made = [
            _of_entry(entry, f"connections[{number}]", everywhere, file, regions)
            for number, entry in enumerate(entries)
        ]
        names = [connection.name for connection in made]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise AnsibleParserError(
                f"Several connections are called {', '.join(twice)}. Give each a name of its own with name."
            )
        return made

    def _beside_connections(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """What is given beside connections: by the file and the environment, and by the file alone."""
        everywhere, file = {}, {}
        for name in OF_A_CONNECTION:
            value = self._option(name)
            if value is None or value == "":
                continue
            everywhere[name] = value
            if not str(BaseInventoryPlugin.get_option_and_origin(self, name)[1]).startswith("env"):
                file[name] = value
        if set(file) & set(CREDENTIALS):
            # Half of the one with half of the other would be nobody's.
            everywhere = {name: everywhere[name] for name in everywhere if name in file or name not in CREDENTIALS}
        elif "access_key" in everywhere:
            # As the AWS SDKs have it: keys of the environment win over AWS_PROFILE.
            everywhere.pop("profile", None)
        return everywhere, file

    # --- what there is ---

    def _buckets(self, connections: Sequence[Connection], path: str, cache: bool) -> list[dict[str, Any]]:
        """The buckets, as plain values without anything secret."""
        if not self._as_given("cache"):
            return self._read(connections)[0]
        # Other options, and other credentials, make another inventory.
        asked = json.dumps(self._asked(connections), sort_keys=True, default=str)
        key = f"{self.get_cache_key(path)}_{hashlib.sha256(asked.encode()).hexdigest()[:16]}"
        if cache:
            try:
                return _from_cache(self._cache[key])
            except KeyError:
                pass
        buckets, complete = self._read(connections)
        if complete:
            self._cache[key] = _to_cache(buckets)
        return buckets

    def _asked(self, connections: Sequence[Connection]) -> dict[str, Any]:
        """All that decides on what is read."""
        return {
            "connections": [connection.told() for connection in connections],
            "with_tags": self._with_tags(),
            **{name: self._option(name) for name in ("prefix", "include", "exclude", "tags", "posture", "intent")},
        }

    def _read(self, connections: Sequence[Connection]) -> tuple[list[dict[str, Any]], bool]:
        """The buckets of all connections, and whether these are all."""
        if not HAS_BOTO3:
            raise AnsibleParserError(
                f"{NAME} needs boto3 for the Python that runs Ansible. Install it there: pip install boto3."
            )
        intent = self._intent() if self._as_given("posture") else None
        reach = Connections(
            {
                "connections": [{"name": connection.name, **connection.params} for connection in connections],
                "threads": self._as_given("threads"),
            }
        )
        found, complete = self._list(connections, reach)
        buckets = {
            one.listed.name: {
                "name": one.listed.name,
                "region": one.listed.region,
                "account": one.account,
                "created": one.listed.created,
                "connection": one.connection,
            }
            for one in found
        }
        if self._with_tags():
            tags, unread = self._tags(found, reach.threads)
            complete = complete and not unread
            found = [one for one in found if one.listed.name in tags]
            buckets = {one.listed.name: {**buckets[one.listed.name], "tags": tags[one.listed.name]} for one in found}
        if intent is not None:
            for name, judged in _postures(found, reach, intent):
                buckets[name].update(judged)
        return list(buckets.values()), complete

    def _list(self, connections: Sequence[Connection], reach: Connections) -> tuple[list[Found], bool]:
        """The buckets that are asked for, by their names and Regions."""
        prefix = self._option("prefix")
        include, exclude = _strings(self._option("include")), _strings(self._option("exclude"))

        sessions = {connection.name: reach.session(connection.name) for connection in connections}

        def look(connection: Connection) -> tuple[str, list[Found] | AwsError]:
            session = sessions[connection.name]
            try:
                account = session.caller().account
                listed = fleet.list_buckets(session, prefix=prefix, regions=connection.regions)
                return connection.name, [
                    Found(session, connection.name, account, bucket)
                    for bucket in listed
                    if (not include or _fits(bucket.name, include)) and not _fits(bucket.name, exclude)
                ]
            except AwsError as error:
                return connection.name, error

        answers = dict(fleet.each(look, connections, threads=reach.threads))
        failed = {
            name: f"Connection {name}: {answer}" for name, answer in answers.items() if isinstance(answer, AwsError)
        }
        if failed and (self._as_given("strict_connections") or len(failed) == len(connections)):
            raise AnsibleParserError(" ".join(failed.values()))
        for sentence in failed.values():
            self.display.warning(f"{sentence} The inventory goes on without its buckets.")
        found: dict[str, Found] = {}
        for connection in connections:
            answer = answers[connection.name]
            for bucket in [] if isinstance(answer, AwsError) else answer:
                first = found.setdefault(bucket.listed.name, bucket)
                if first.account != bucket.account:
                    self.display.warning(
                        f"Bucket {bucket.listed.name} of connection {bucket.connection} is left out, since connection "
                        f"{first.connection} has a bucket of that name, too."
                    )
        return list(found.values()), not failed

    def _with_tags(self) -> bool:
        expressions = [self._as_given(name) for name in ("compose", "groups", "keyed_groups")]
        asked = self._as_given("with_tags")
        needed = "s3_bucket_tags" in json.dumps(expressions, default=str) if asked is None else asked
        return bool(self._as_given("tags")) or needed

    def _tags(self, found: Sequence[Found], threads: int) -> tuple[dict[str, Any], bool]:
        """The tags of the buckets that have those that are asked for, and whether some could not be read.

        Such tags are None, and where tags are asked for, the bucket is left out.
        """
        wanted = {str(name): _strings(patterns) for name, patterns in self._option("tags").items()}
        tags: dict[str, dict[str, str] | None] = {}
        unread: dict[str, str] = {}
        reserved: list[str] = []
        for name, answer in fleet.each(_tags_of, found, threads=threads):
            if isinstance(answer, str):
                unread[name] = answer
                if not wanted:
                    tags[name] = None
            elif answer is not None and all(
                tag in answer and _fits(answer[tag], patterns) for tag, patterns in wanted.items()
            ):
                tags[name] = {tag: value for tag, value in answer.items() if not tag.startswith(RESERVED)}
                if tags[name] != answer:
                    reserved.append(name)
        if unread:
            effect = "They are left out" if wanted else "Their s3_bucket_tags is null"
            first = min(unread)
            self.display.warning(
                f"The tags of {len(unread)} of {len(found)} buckets could not be read. {effect}. "
                f"The first is {first}: {unread[first]}"
            )
        if reserved:
            self.display.warning(
                f"Tags whose names begin with {RESERVED} are left out of s3_bucket_tags, since Ansible would take them "
                f"for something else. Buckets that have some: {len(reserved)}. The first is {min(reserved)}."
            )
        return tags, bool(unread)

    def _intent(self) -> dict[str, Any]:
        """What the buckets are held against, as parameters of sse_kms_info."""
        validator = ArgumentSpecValidator(arguments.INTENT_ARGUMENTS)
        parameters, wrong = fleet_arguments.validated(self._option("intent"), validator)
        if wrong:
            raise AnsibleParserError(f"intent: {'. '.join(wrong)}.")
        return parameters

    # --- what Ansible gets ---

    def _populate(self, buckets: Iterable[Mapping[str, Any]], connections: Mapping[str, Connection]) -> None:
        strict = self._as_given("strict")
        self.inventory.add_group(GROUP)
        for bucket in buckets:
            name = bucket["name"]
            self.inventory.add_host(name, group=GROUP)
            variables = _variables(bucket, connections[bucket["connection"]])
            for variable, value in variables.items():
                self.inventory.set_variable(name, variable, value)
            for group in _default_groups(bucket) if self._as_given("default_groups") else []:
                self.inventory.add_child(self.inventory.add_group(self._sanitize_group_name(group)), name)
            Constructable._set_composite_vars(self, self._as_given("compose"), variables, name, strict=strict)
            Constructable._add_host_to_composed_groups(self, self._as_given("groups"), variables, name, strict=strict)
            Constructable._add_host_to_keyed_groups(
                self, self._as_given("keyed_groups"), variables, name, strict=strict
            )


def _connection(name: str, params: Mapping[str, Any], file: Mapping[str, Any], regions: tuple[str, ...]) -> Connection:
    somewhere = {"region": regions[0]} if regions else {}
    handed_on = {option: file[option] for option in HANDED_ON if option in file}
    return Connection(name, {**somewhere, **params}, handed_on, regions)


def _of_entry(
    entry: Any, place: str, everywhere: Mapping[str, Any], file: Mapping[str, Any], regions: tuple[str, ...]
) -> Connection:
    """A connection of the list.

    :param place: which one, for messages.
    :param everywhere, file: what is given beside the list, by anybody and by the file.
    """
    options = ("name", *OF_A_CONNECTION, "regions")
    if not isinstance(entry, Mapping):
        raise AnsibleParserError(f"{place} is no mapping. It takes {', '.join(options)}.")
    unknown = sorted(str(name) for name in set(entry) - set(options))
    if unknown:
        raise AnsibleParserError(f"{place} has no option {', '.join(unknown)}. It takes {', '.join(options)}.")
    own = {
        name: _value(f"{place}.{name}", entry[name]) for name in OF_A_CONNECTION if entry.get(name) not in (None, "")
    }
    if set(own) & set(CREDENTIALS):
        everywhere = {name: everywhere[name] for name in everywhere if name in SETTINGS}
        file = {name: file[name] for name in file if name in SETTINGS}
    name = entry.get("name") or own.get("profile") or own.get("assume_role_arn")
    if not name:
        raise AnsibleParserError(f"{place} has no name. Give it one with name.")
    return _connection(str(name), {**everywhere, **own}, {**file, **own}, _strings(entry.get("regions")) or regions)


def _value(place: str, value: Any) -> Any:
    """The value of an option of a connection in the type that Session takes."""
    if place.endswith(".aws_config"):
        if not isinstance(value, Mapping):
            raise AnsibleParserError(f"{place} is no mapping. See botocore.config.Config for what it takes.")
        return dict(value)
    if place.endswith(".validate_certs"):
        try:
            return boolean(value)
        except TypeError as error:
            raise AnsibleParserError(f"{place} is neither true nor false.") from error
    return value if isinstance(value, str) else str(value)


def _strings(value: Any) -> tuple[str, ...]:
    """A list of text, which may be given as one text."""
    return tuple(str(one) for one in ([value] if isinstance(value, str) else value or []))


def _fits(text: str, patterns: Iterable[str]) -> bool:
    return any(fnmatchcase(text, pattern) for pattern in patterns)


def _tags_of(found: Found) -> tuple[str, dict[str, str] | str | None]:
    """The bucket's name, and its tags; why they could not be read; or None where the bucket is gone."""
    name, region = found.listed.name, found.listed.region
    try:
        return name, Bucket(found.session.in_region(region) if region else found.session, name).tags()
    except (AwsError, PolicyError) as error:
        return name, None if getattr(error, "code", None) == "NoSuchBucket" else str(error)


def _postures(
    found: Sequence[Found], reach: Connections, intent: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """The names of the buckets, with what sse_kms_info says of them."""
    looking = [
        survey.Found(
            Asked(one.listed.name, one.connection, one.listed.region, {**intent, "bucket": one.listed.name}), one.listed
        )
        for one in found
    ]
    # None stands for a bucket whose tags do not fit, and none were asked for.
    for answer in filter(None, fleet.each(survey.Survey(reach).look, looking, threads=reach.threads)):
        result = answer.to_dict()
        findings = [finding["id"] for finding in result["findings"]]
        yield answer.asked.name, {"compliance": result["compliance"], "findings": findings}


def _variables(bucket: Mapping[str, Any], connection: Connection) -> dict[str, Any]:
    """The variables of a host."""
    shown = {name: _shown(value) for name, value in bucket.items()}
    variables: dict[str, Any] = {
        "ansible_connection": trust_as_template("local"),
        "ansible_python_interpreter": trust_as_template("{{ ansible_playbook_python }}"),
        "encrypted_s3_bucket": shown.pop("name"),
    }
    if shown["region"]:
        variables["encrypted_s3_region"] = shown["region"]
    variables.update({f"encrypted_s3_{name}": value for name, value in connection.handed_on.items()})
    variables.update({f"s3_bucket_{name}": value for name, value in shown.items()})
    return variables


def _shown(value: Any) -> Any:
    """What AWS says, as Ansible is to take it: as text, whatever stands in it, and never as a template.

    ansible-inventory marks such text with __ansible_unsafe. Names, Regions, accounts and dates, in which there is
    nothing but letters, digits and a few signs, are spared that. Tags are not.
    """
    if isinstance(value, list):
        return [_shown(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) and _HARMLESS.fullmatch(value) else value


def _default_groups(bucket: Mapping[str, Any]) -> list[str]:
    return [f"{name}_{bucket[name]}" for name in ("region", "account", "compliance") if bucket.get(name)]


# As text in which nothing can be taken for a value of Ansible's own.
def _to_cache(buckets: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {"buckets": json.dumps(buckets)}


def _from_cache(cached: Mapping[str, str]) -> list[dict[str, Any]]:
    buckets: list[dict[str, Any]] = json.loads(cached["buckets"])
    return buckets
