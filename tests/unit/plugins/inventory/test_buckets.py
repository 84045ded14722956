# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import importlib
import json
import os
import pathlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from unittest import mock

import pytest
import yaml
from ansible import constants
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.sealed.s3.plugins.inventory import buckets
from ansible_collections.sealed.s3.plugins.module_utils.aws import session as sessions
from ansible_collections.sealed.s3.plugins.module_utils.policy.guard import GuardSpec, statements
from ansible_collections.sealed.s3.tests.unit.fake_aws import ACCOUNT, OTHER_ACCOUNT, REGION, FakeAws, Fault

HOSTILE = "{{ lookup('ansible.builtin.pipe', 'touch /tmp/sealed-s3-was-here') }}"


def definitions() -> dict[str, Any]:
    """The options of the plugin, those of its fragments included. Ansible's loader would read them as well."""
    documented = yaml.safe_load(buckets.DOCUMENTATION)
    options = dict(documented["options"])
    for fragment in documented["extends_documentation_fragment"]:
        where, variable = "ansible.plugins.doc_fragments", "DOCUMENTATION"
        name = fragment
        if "." in fragment:
            namespace, collection, name, *section = fragment.split(".")
            where = f"ansible_collections.{namespace}.{collection}.plugins.doc_fragments"
            variable = section[0].upper() if section else variable
        text = getattr(importlib.import_module(f"{where}.{name}").ModuleDocFragment(), variable)
        options.update(yaml.safe_load(text).get("options") or {})
    return options


constants.config.initialize_plugin_configuration_definitions("inventory", buckets.NAME, definitions())


class Account(FakeAws):
    """The buckets of one account, of those whose credentials it takes."""

    def __init__(self, account: str = ACCOUNT) -> None:
        super().__init__()
        self.arn = f"arn:aws:iam::{account}:user/operator"

    def answer(self, operation: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        answer = super().answer(operation, parameters)
        return {**answer, "Account": self.arn.split(":")[4]} if operation == "GetCallerIdentity" else answer

    def add(self, *names: str, **settings: Any) -> None:
        for name in names:
            self.add_bucket(name, owner=self.arn.split(":")[4], **settings)

    def refuse(self, operation: str, code: str = "AccessDenied", status: int = 403) -> None:
        def refusing(called: str, _parameters: Mapping[str, Any]) -> None:
            if called == operation:
                raise Fault(code, "no", status)

        self.before.append(refusing)


@dataclass
class Bench:
    """Runs the plugin.

    :ivar accounts: which account the credentials of a profile, key or role are of; "" for all others.
    :ivar params: with what sessions were made.
    """

    folder: pathlib.Path
    accounts: dict[str, Account] = field(default_factory=lambda: {"": Account()})
    params: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def aws(self) -> Account:
        return self.accounts[""]

    def client(self, session: sessions.Session, service: str, region: str, *_how: Any) -> Any:
        given = {name: session._params.get(name) for name in buckets.OF_A_CONNECTION}
        self.params.append({name: value for name, value in given.items() if value is not None})
        names = (session._params.get(name) for name in ("assume_role_arn", "profile", "access_key"))
        account = next((self.accounts[name] for name in names if name in self.accounts), self.aws)
        return account.client(service, region)

    def plugin(self) -> Any:
        made = buckets.InventoryModule()
        made._load_name = made.ansible_name = buckets.NAME
        made._redirected_names = [buckets.NAME]
        made.display = mock.Mock()
        made.display.warning = self.warnings.append
        return made

    def __call__(self, *, flush: bool = False, file: str = "sealed_s3.yml", **options: Any) -> Inventory:
        path = self.folder / file
        path.write_text(yaml.safe_dump({"plugin": buckets.NAME, "region": REGION, **options}), encoding="utf-8")
        data = InventoryData()
        plugin = self.plugin()
        plugin.parse(data, DataLoader(), str(path), cache=not flush)
        if options.get("cache"):
            plugin.update_cache_if_changed()
        return Inventory(data)


@dataclass
class Inventory:
    data: InventoryData

    @property
    def hosts(self) -> list[str]:
        return list(self.data.hosts)

    @property
    def groups(self) -> dict[str, list[str]]:
        members = self.data.get_groups_dict()
        return {name: members[name] for name in members if name not in ("all", "ungrouped")}

    def of(self, host: str) -> dict[str, Any]:
        variables = dict(self.data.hosts[host].vars)
        return {name: value for name, value in variables.items() if name not in ("inventory_file", "inventory_dir")}

    def shown(self, host: str, expression: str) -> Any:
        """What a task of that host would make of it."""
        variables = {**self.of(host), "ansible_playbook_python": "/usr/bin/python3"}
        return Templar(DataLoader(), variables=variables).template(trust_as_template(f"{{{{ {expression} }}}}"))


@pytest.fixture
def inventory(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Bench:
    for name in [name for name in os.environ if name.startswith(("AWS_", "ANSIBLE_INVENTORY", "ANSIBLE_CACHE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    bench = Bench(tmp_path)

    def make(session: sessions.Session, *wanted: Any) -> Any:
        return bench.client(session, *wanted)

    monkeypatch.setattr(sessions.Session, "_make", make)
    return bench


# --- the file ---


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("sealed_s3.yml", True),
        ("sealed_s3.yaml", True),
        ("production.sealed_s3.yml", True),
        ("production.sealed_s3.yaml", True),
        ("mysealed_s3.yml", False),
        ("sealed_s3.json", False),
        ("hosts.yml", False),
    ],
)
def test_a_file_is_known_by_its_name(inventory: Bench, tmp_path: pathlib.Path, name: str, ours: bool) -> None:
    (tmp_path / name).write_text("plugin: sealed.s3.buckets\n", encoding="utf-8")
    assert inventory.plugin().verify_file(str(tmp_path / name)) is ours


def test_a_file_that_is_not_there_is_not_ours(inventory: Bench, tmp_path: pathlib.Path) -> None:
    assert inventory.plugin().verify_file(str(tmp_path / "sealed_s3.yml")) is False


def test_a_mistyped_option_is_refused(inventory: Bench) -> None:
    inventory.aws.add("uploads")
    with pytest.raises(AnsibleParserError, match=r"has no option excludes, prefx\. ansible-doc -t inventory"):
        inventory(excludes=["*"], prefx="a")
    assert inventory.aws.calls == []


def test_without_boto3_it_says_so(inventory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(buckets, "HAS_BOTO3", False)
    with pytest.raises(AnsibleParserError, match="needs boto3 for the Python that runs Ansible"):
        inventory()


# --- the hosts ---


def test_each_bucket_becomes_a_host_that_the_role_can_run_on(inventory: Bench) -> None:
    inventory.aws.add("reports", "uploads")
    inventory.aws.add("archive", region="eu-west-1")
    found = inventory()
    assert found.hosts == ["archive", "reports", "uploads"]
    assert found.of("archive") == {
        "ansible_connection": "local",
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        "encrypted_s3_bucket": "archive",
        "encrypted_s3_region": "eu-west-1",
        "s3_bucket_region": "eu-west-1",
        "s3_bucket_account": ACCOUNT,
        "s3_bucket_connection": "default",
        "s3_bucket_created": "2026-11-01T00:00:00+00:00",
    }
    assert found.shown("archive", "ansible_python_interpreter") == "/usr/bin/python3"
    assert found.groups == {
        "s3_buckets": ["archive", "reports", "uploads"],
        "region_eu_west_1": ["archive"],
        "region_eu_central_1": ["reports", "uploads"],
        f"account_{ACCOUNT}": ["archive", "reports", "uploads"],
    }
    assert inventory.aws.calls == ["GetCallerIdentity", "ListBuckets"]
    assert inventory.warnings == []


def test_the_group_of_all_buckets_is_there_without_a_bucket(inventory: Bench) -> None:
    assert inventory().groups == {"s3_buckets": []}


def test_all_pages_are_read(inventory: Bench) -> None:
    inventory.aws.page = 2
    inventory.aws.add(*(f"bucket-{number}" for number in range(7)))
    assert len(inventory().hosts) == 7
    assert inventory.aws.calls.count("ListBuckets") == 4


def test_a_bucket_whose_region_is_not_told_has_none(inventory: Bench) -> None:
    inventory.aws.add("uploads")
    inventory.aws.buckets["uploads"].region = None  # type: ignore[assignment]
    found = inventory(with_tags=True)
    assert "encrypted_s3_region" not in found.of("uploads")
    assert found.of("uploads")["s3_bucket_region"] is None
    assert found.of("uploads")["s3_bucket_tags"] == {}
    assert list(found.groups) == ["s3_buckets", f"account_{ACCOUNT}"]


def test_default_groups_may_be_left_out(inventory: Bench) -> None:
    inventory.aws.add("uploads")
    assert list(inventory(default_groups=False).groups) == ["s3_buckets"]


# --- which buckets ---


def test_prefix_and_one_region_are_asked_of_the_service(inventory: Bench) -> None:
    inventory.aws.add("prod-a", "test-a")
    inventory.aws.add("prod-b", region="eu-west-1")
    assert inventory(prefix="prod-", regions=["eu-west-1"]).hosts == ["prod-b"]
    (asked,) = inventory.aws.parameters_of("ListBuckets")
    assert (asked["Prefix"], asked["BucketRegion"]) == ("prod-", "eu-west-1")


def test_several_regions_are_chosen_here(inventory: Bench) -> None:
    for region in ("eu-west-1", "eu-central-1", "us-east-1"):
        inventory.aws.add(f"in-{region}", region=region)
    assert inventory(regions=["eu-west-1", "us-east-1"]).hosts == ["in-eu-west-1", "in-us-east-1"]


def test_the_first_region_is_asked_where_none_is_given(inventory: Bench) -> None:
    inventory(region=None, regions=["eu-west-1", "us-east-1"])
    assert inventory.params[0]["region"] == "eu-west-1"


def test_names_are_included_and_excluded_by_patterns(inventory: Bench) -> None:
    inventory.aws.add("app-data", "app-logs", "app-data-logs", "web", "Web")
    assert inventory(include=["app-*", "web"], exclude=["*-logs"]).hosts == ["app-data", "web"]
    assert inventory(exclude=["app*"]).hosts == ["Web", "web"]
    assert inventory(include="app-data").hosts == ["app-data"]


# --- tags ---


def tagged(inventory: Bench) -> None:
    inventory.aws.add("bucket-a", tags={"environment": "production", "team": "web"})
    inventory.aws.add("bucket-b", tags={"environment": "staging"})
    inventory.aws.add("bucket-c", tags={"team": "data"})
    inventory.aws.add("bucket-d")


@pytest.mark.parametrize(
    ("tags", "hosts"),
    [
        ({"environment": "production"}, ["bucket-a"]),
        ({"environment": ["production", "staging"]}, ["bucket-a", "bucket-b"]),
        ({"environment": "*"}, ["bucket-a", "bucket-b"]),
        ({"environment": "prod*", "team": "web"}, ["bucket-a"]),
        ({"environment": "*", "team": "data"}, []),
    ],
)
def test_buckets_are_chosen_by_tags(inventory: Bench, tags: dict[str, Any], hosts: list[str]) -> None:
    tagged(inventory)
    found = inventory(tags=tags)
    assert found.hosts == hosts
    assert all("s3_bucket_tags" in found.of(host) for host in hosts)


@pytest.mark.parametrize(
    ("options", "reads"),
    [
        ({}, False),
        ({"with_tags": True}, True),
        ({"keyed_groups": [{"key": "s3_bucket_tags.team"}]}, True),
        ({"keyed_groups": [{"key": "s3_bucket_tags.team"}], "with_tags": False}, False),
        ({"compose": {"owner": "s3_bucket_tags.team"}}, True),
        ({"groups": {"web": "s3_bucket_tags.team == 'web'"}}, True),
        ({"groups": {"web": "encrypted_s3_bucket == 'bucket-a'"}}, False),
        ({"tags": {"team": "*"}, "with_tags": False}, True),
    ],
)
def test_tags_are_read_where_they_are_needed(inventory: Bench, options: dict[str, Any], reads: bool) -> None:
    tagged(inventory)
    inventory(**options)
    assert inventory.aws.calls.count("GetBucketTagging") == (4 if reads else 0)


def test_tags_are_read_in_the_region_of_the_bucket_from_its_owner(inventory: Bench) -> None:
    inventory.aws.add("uploads", region="eu-west-1", tags={"team": "web"})
    assert inventory(with_tags=True).of("uploads")["s3_bucket_tags"] == {"team": "web"}
    assert ("s3", "eu-west-1") in inventory.aws.made
    assert inventory.aws.parameters_of("GetBucketTagging")[0]["ExpectedBucketOwner"] == ACCOUNT


def test_tags_that_cannot_be_read_are_null_and_warned_of_once(inventory: Bench) -> None:
    tagged(inventory)
    inventory.aws.refuse("GetBucketTagging")
    found = inventory(with_tags=True, keyed_groups=[{"key": "s3_bucket_tags", "prefix": "tag"}], strict=False)
    assert [found.of(host)["s3_bucket_tags"] for host in found.hosts] == [None] * 4
    (warning,) = inventory.warnings
    assert warning.startswith(
        "The tags of 4 of 4 buckets could not be read. Their s3_bucket_tags is null. The first is bucket-a: Not "
        "permitted to read the tags of bucket bucket-a: s3:GetBucketTagging is denied."
    )


def test_a_bucket_whose_tags_cannot_be_read_does_not_fit(inventory: Bench) -> None:
    tagged(inventory)
    inventory.aws.refuse("GetBucketTagging")
    assert inventory(tags={"team": "*"}).hosts == []
    assert "They are left out" in inventory.warnings[0]


def test_a_bucket_that_was_deleted_meanwhile_is_no_host(inventory: Bench) -> None:
    tagged(inventory)

    def deleted(operation: str, parameters: Mapping[str, Any]) -> None:
        if operation == "GetBucketTagging":
            inventory.aws.buckets.pop("bucket-b", None)

    inventory.aws.before.append(deleted)
    assert inventory(with_tags=True, threads=1).hosts == ["bucket-a", "bucket-c", "bucket-d"]
    assert inventory.warnings == []


def test_a_name_that_is_none_of_a_bucket_fails_that_bucket_alone(inventory: Bench) -> None:
    inventory.aws.add("uploads", "cache--x-s3")
    found = inventory(with_tags=True)
    assert found.of("cache--x-s3")["s3_bucket_tags"] is None
    assert found.of("uploads")["s3_bucket_tags"] == {}
    assert "is a directory bucket" in inventory.warnings[0]


# --- posture ---


def sealed(inventory: Bench, name: str, key_arn: str) -> None:
    rule = {
        "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key_arn},
        "BucketKeyEnabled": True,
    }
    bucket = inventory.aws.add_bucket(name, owner=ACCOUNT, encryption=rule)
    guard = statements(GuardSpec(bucket=name, key_arn=key_arn))
    bucket.put_policy({"Version": "2012-10-17", "Statement": guard})


def test_each_bucket_is_judged_where_that_is_asked_for(inventory: Bench) -> None:
    key_arn = inventory.aws.add_key(alias="uploads")
    sealed(inventory, "sealed", key_arn)
    inventory.aws.add("open", region="eu-west-1")
    inventory.aws.add("hidden--x-s3")
    found = inventory(posture=True)
    assert found.of("sealed")["s3_bucket_findings"] == ["key_rotation_off", "public_access_not_blocked"]
    assert {host: found.of(host)["s3_bucket_compliance"] for host in found.hosts} == {
        "sealed": "compliant",
        "open": "not_compliant",
        "hidden--x-s3": "could_not_look",
    }
    assert "default_encryption_algorithm" in found.of("open")["s3_bucket_findings"]
    assert found.groups["compliance_compliant"] == ["sealed"]
    assert found.groups["compliance_not_compliant"] == ["open"]
    assert found.groups["compliance_could_not_look"] == ["hidden--x-s3"]


def test_the_intent_is_what_they_are_held_against(inventory: Bench) -> None:
    key_arn = inventory.aws.add_key(alias="uploads")
    sealed(inventory, "sealed", key_arn)
    found = inventory(posture=True, intent={"key": "alias/uploads", "versioning": True})
    assert found.of("sealed")["s3_bucket_compliance"] == "not_compliant"
    assert "versioning_differs" in found.of("sealed")["s3_bucket_findings"]
    assert inventory.aws.calls.count("GetBucketVersioning") == 1


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"enforcement": "all"}, r"^intent: .*enforcement must be one of"),
        ({"key_settings": [1]}, r"^intent: key_settings is no mapping\.$"),
        ({"key_settings": {"rotation_period_in_days": "Infinity"}}, r"^intent: an option is not what it is to be: "),
    ],
)
def test_a_wrong_intent_is_told_before_any_call(inventory: Bench, wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(AnsibleParserError, match=said):
        inventory(posture=True, intent={**wrong, "key": "alias/uploads"})
    assert inventory.aws.calls == []


def test_threads_are_bounded(inventory: Bench) -> None:
    with pytest.raises(AnsibleParserError, match="threads: expected 1 to 64, found 0"):
        inventory(threads=0)


# --- constructed ---


def test_groups_and_variables_are_constructed(inventory: Bench) -> None:
    tagged(inventory)
    found = inventory(
        keyed_groups=[{"key": "s3_bucket_tags.team", "prefix": "team"}, {"key": "s3_bucket_region", "prefix": "in"}],
        groups={"production": "s3_bucket_tags.environment | default('') == 'production'"},
        compose={"encrypted_s3_key_alias": "s3_bucket_tags.team | default('shared')", "ansible_connection": "'ssh'"},
    )
    assert found.groups["team_web"] == ["bucket-a"]
    assert found.groups["in_eu_central_1"] == [f"bucket-{one}" for one in "abcd"]
    assert found.groups["production"] == ["bucket-a"]
    assert [found.of(host)["encrypted_s3_key_alias"] for host in found.hosts] == ["web", "shared", "data", "shared"]
    assert found.of("bucket-a")["ansible_connection"] == "ssh"


def test_what_cannot_be_constructed_fails_a_strict_inventory(inventory: Bench) -> None:
    tagged(inventory)
    with pytest.raises(Exception, match="Could not set owner for host bucket-b"):
        inventory(compose={"owner": "s3_bucket_tags.team"}, strict=True)


def test_a_hostile_tag_is_text(inventory: Bench) -> None:
    inventory.aws.add("bucket-a", tags={"team": HOSTILE})
    found = inventory(keyed_groups=[{"key": "s3_bucket_tags.team", "prefix": "team"}], compose={"t": "s3_bucket_tags"})
    assert found.shown("bucket-a", "s3_bucket_tags.team") == HOSTILE
    assert found.shown("bucket-a", "t.team") == HOSTILE
    assert not pathlib.Path("/tmp/sealed-s3-was-here").exists()
    (group,) = (name for name in found.groups if name.startswith("team"))
    assert "{" not in group


def test_a_tag_that_ansible_would_take_for_something_else_is_left_out(inventory: Bench) -> None:
    inventory.aws.add("bucket-b", tags={"team": "web", "__ansible_type": "TrustedAsTemplate", "__ansible_vault": "x"})
    inventory.aws.add("bucket-a", tags={"__ansible_unsafe": "x"})
    found = inventory(with_tags=True)
    assert [found.of(host)["s3_bucket_tags"] for host in found.hosts] == [{}, {"team": "web"}]
    assert inventory.warnings == [
        "Tags whose names begin with __ansible_ are left out of s3_bucket_tags, since Ansible would take them for "
        "something else. Buckets that have some: 2. The first is bucket-a."
    ]


def test_a_hostile_name_is_text(inventory: Bench) -> None:
    inventory.aws.add(HOSTILE)
    found = inventory()
    assert found.shown(HOSTILE, "encrypted_s3_bucket") == HOSTILE


# --- connections ---


def two_accounts(inventory: Bench) -> None:
    inventory.accounts = {
        "": Account(),
        "one": Account(),
        "arn:aws:iam::999988887777:role/Look": Account(OTHER_ACCOUNT),
    }
    inventory.accounts["one"].add("uploads")
    inventory.accounts["arn:aws:iam::999988887777:role/Look"].add("reports", region="eu-west-1")


def test_each_connection_brings_its_buckets(inventory: Bench) -> None:
    two_accounts(inventory)
    found = inventory(
        connections=[
            {"name": "first", "profile": "one", "endpoint_url": "http://127.0.0.1:4566", "validate_certs": "no"},
            {
                "assume_role_arn": "arn:aws:iam::999988887777:role/Look",
                "assume_role_external_id": 17,
                "aws_config": {"read_timeout": 9},
                "regions": "eu-west-1",
            },
        ]
    )
    assert found.hosts == ["uploads", "reports"]
    first, second = found.of("uploads"), found.of("reports")
    assert first["s3_bucket_connection"] == "first"
    assert first["encrypted_s3_profile"] == "one"
    assert first["encrypted_s3_endpoint_url"] == "http://127.0.0.1:4566"
    assert first["encrypted_s3_validate_certs"] is False
    assert "encrypted_s3_assume_role_arn" not in first
    assert second["s3_bucket_connection"] == "arn:aws:iam::999988887777:role/Look"
    assert second["s3_bucket_account"] == OTHER_ACCOUNT
    assert second["encrypted_s3_assume_role_arn"] == "arn:aws:iam::999988887777:role/Look"
    assert second["encrypted_s3_assume_role_external_id"] == "17"
    assert second["encrypted_s3_aws_config"] == {"read_timeout": 9}
    assert "encrypted_s3_profile" not in second
    assert found.groups[f"account_{OTHER_ACCOUNT}"] == ["reports"]


def test_a_connection_has_what_is_given_beside_it(inventory: Bench) -> None:
    two_accounts(inventory)
    inventory(
        profile="one",
        assume_role_arn="arn:aws:iam::111122223333:role/Hub",
        endpoint_url="https://s3.example",
        connections=[
            {"name": "same"},
            {"name": "role", "assume_role_arn": "arn:aws:iam::999988887777:role/Look"},
            {"name": "keys", "access_key": "AKIDEXAMPLE", "secret_key": "very-secret", "region": "us-east-1"},
        ],
    )
    made = {json.dumps(params, sort_keys=True): params for params in inventory.params}.values()
    everywhere = {"endpoint_url": "https://s3.example", "region": REGION, "profile": "one"}
    for expected in (
        {**everywhere, "assume_role_arn": "arn:aws:iam::111122223333:role/Hub"},
        {**everywhere, "assume_role_arn": "arn:aws:iam::999988887777:role/Look"},
        {
            "endpoint_url": "https://s3.example",
            "region": "us-east-1",
            "access_key": "AKIDEXAMPLE",
            "secret_key": "very-secret",
        },
    ):
        assert expected in made


def test_no_host_holds_a_key(inventory: Bench) -> None:
    inventory.aws.add("uploads")
    found = inventory(connections=[{"name": "keys", "access_key": "AKIDEXAMPLE", "secret_key": "very-secret"}])
    assert "very-secret" not in str(found.of("uploads"))
    assert "AKIDEXAMPLE" not in str(found.of("uploads"))


@pytest.mark.parametrize(
    ("environment", "options", "expected"),
    [
        ({"AWS_PROFILE": "env"}, {}, {"profile": "env"}),
        ({"AWS_PROFILE": "env", "AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s"}, {},
         {"access_key": "A", "secret_key": "s"}),
        ({"AWS_ACCESS_KEY_ID": "A", "AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}, {"profile": "one"},
         {"profile": "one"}),
        ({"AWS_PROFILE": "env", "AWS_SESSION_TOKEN": "t"}, {"access_key": "A", "secret_key": "s"},
         {"access_key": "A", "secret_key": "s"}),
        ({"AWS_PROFILE": "env", "AWS_URL": "http://u"}, {"connections": [{"name": "n", "aws_ca_bundle": "/ca"}]},
         {"profile": "env", "endpoint_url": "http://u", "aws_ca_bundle": "/ca"}),
    ],
)  # fmt: skip
def test_the_file_wins_over_the_environment(
    inventory: Bench,
    monkeypatch: pytest.MonkeyPatch,
    environment: dict[str, str],
    options: dict[str, Any],
    expected: dict[str, Any],
) -> None:
    inventory.aws.add("uploads")
    for service in ("s3", "sts"):
        inventory.aws.client(service, REGION)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    found = inventory(**options)
    assert inventory.params[0] == {"region": REGION, **expected}
    # The role finds the environment itself.
    assert "env" not in found.of("uploads").values()
    assert "encrypted_s3_endpoint_url" not in found.of("uploads")


def test_options_are_templated(inventory: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANTED", "eu-west-1")
    inventory.aws.add("uploads", region="eu-west-1")
    template = "{{ lookup('env', 'WANTED') }}"
    found = inventory(
        region=template,
        regions=[template],
        prefix="{{ 'up' }}loads",
        connections=[{"name": "{{ 'na' ~ 'me' }}", "endpoint_url": "http://{{ 'host' }}"}],
    )
    assert found.of("uploads")["s3_bucket_connection"] == "name"
    assert inventory.params[0] == {"region": "eu-west-1", "endpoint_url": "http://host"}


@pytest.mark.parametrize(
    ("connections", "sentence"),
    [
        (["one"], r"connections\[0\] is no mapping\. It takes name, profile"),
        ([{"profile": "one"}, {"role": "x", "a": 1}], r"connections\[1\] has no option a, role\. It takes name, "),
        ([{"region": "eu-west-1"}], r"connections\[0\] has no name"),
        ([{"profile": "one"}, {"name": "one"}], "Several connections are called one"),
        ([{"name": "one", "aws_config": "x"}], r"connections\[0\]\.aws_config is no mapping"),
        ([{"name": "one", "validate_certs": "maybe"}], r"connections\[0\]\.validate_certs is neither true nor false"),
    ],
)
def test_a_wrong_connection_is_told(inventory: Bench, connections: list[Any], sentence: str) -> None:
    with pytest.raises(AnsibleParserError, match=sentence):
        inventory(connections=connections)


def test_a_bucket_belongs_to_the_first_connection_that_lists_it(inventory: Bench) -> None:
    inventory.aws.add("uploads")
    found = inventory(connections=[{"name": "first"}, {"name": "second"}])
    assert found.of("uploads")["s3_bucket_connection"] == "first"
    assert inventory.warnings == []


def test_a_name_that_is_in_two_accounts_is_warned_of(inventory: Bench) -> None:
    two_accounts(inventory)
    inventory.accounts["arn:aws:iam::999988887777:role/Look"].add("uploads")
    found = inventory(
        connections=[{"profile": "one"}, {"name": "two", "assume_role_arn": "arn:aws:iam::999988887777:role/Look"}]
    )
    assert found.of("uploads")["s3_bucket_account"] == ACCOUNT
    assert inventory.warnings == [
        "Bucket uploads of connection two is left out, since connection one has a bucket of that name, too."
    ]


def failing(inventory: Bench) -> dict[str, Any]:
    two_accounts(inventory)
    inventory.accounts["one"].refuse("ListBuckets")
    role = {"name": "two", "assume_role_arn": "arn:aws:iam::999988887777:role/Look"}
    return {"connections": [{"profile": "one"}, role]}


def test_a_connection_that_fails_fails_the_inventory(inventory: Bench) -> None:
    with pytest.raises(AnsibleParserError, match=r"^Connection one: Not permitted to list the buckets: s3:ListAllMy"):
        inventory(**failing(inventory))


def test_a_connection_may_fail_where_that_is_said(inventory: Bench) -> None:
    found = inventory(strict_connections=False, **failing(inventory))
    assert found.hosts == ["reports"]
    (warning,) = inventory.warnings
    assert warning.startswith("Connection one: Not permitted to list the buckets")
    assert warning.endswith("The inventory goes on without its buckets.")


def test_all_connections_may_not_fail(inventory: Bench) -> None:
    inventory.aws.refuse("GetCallerIdentity")
    with pytest.raises(AnsibleParserError, match="Connection default: Not permitted to find out whose credentials"):
        inventory(strict_connections=False)


# --- the cache ---


def cached(inventory: Bench) -> Callable[..., Inventory]:
    def run(**options: Any) -> Inventory:
        where: dict[str, Any] = {"cache_plugin": "jsonfile", "cache_connection": str(inventory.folder / "cache")}
        return inventory(cache=True, **where, **options)

    return run


def test_a_second_run_asks_the_cache(inventory: Bench) -> None:
    inventory.aws.add("uploads", tags={"team": HOSTILE, "__ansible_type": "unheard of"})
    run = cached(inventory)
    before = run(with_tags=True)
    calls = len(inventory.aws.calls)
    after = run(with_tags=True)
    assert len(inventory.aws.calls) == calls
    assert after.of("uploads") == before.of("uploads")
    assert after.groups == before.groups
    assert after.shown("uploads", "s3_bucket_tags.team") == HOSTILE


def test_the_cache_can_be_flushed(inventory: Bench) -> None:
    run = cached(inventory)
    assert run().hosts == []
    inventory.aws.add("uploads")
    assert run().hosts == []
    assert run(flush=True).hosts == ["uploads"]
    assert run().hosts == ["uploads"]


def test_other_options_and_other_credentials_are_another_inventory(
    inventory: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    two_accounts(inventory)
    inventory.aws.add("web", "data")
    run = cached(inventory)
    assert run().hosts == ["data", "web"]
    assert run(exclude=["web"]).hosts == ["data"]
    assert run(profile="one").hosts == ["uploads"]
    # The SDK of the fake has no such profile.
    inventory.accounts["two"] = inventory.accounts["one"]
    monkeypatch.setenv("AWS_PROFILE", "two")
    assert run().hosts == ["uploads"]


def test_the_cache_holds_no_secret(inventory: Bench) -> None:
    inventory.aws.add("uploads")
    cached(inventory)(access_key="AKIDEXAMPLE", secret_key="very-secret", session_token="a-token")
    (file,) = (inventory.folder / "cache").iterdir()
    text = file.read_text(encoding="utf-8")
    assert "uploads" in text
    assert not any(secret in text for secret in ("AKIDEXAMPLE", "very-secret", "a-token"))


def test_what_is_incomplete_is_not_cached(inventory: Bench) -> None:
    options = failing(inventory)
    run = cached(inventory)
    assert run(strict_connections=False, **options).hosts == ["reports"]
    inventory.accounts["one"].before.clear()
    assert run(strict_connections=False, **options).hosts == ["uploads", "reports"]


# --- the documentation ---


@pytest.mark.parametrize("example", list(yaml.safe_load_all(buckets.EXAMPLES)))
def test_the_examples_use_options_that_there_are(example: dict[str, Any]) -> None:
    assert set(example) <= set(definitions())
    for connection in example.get("connections", []):
        assert set(connection) <= {"name", "regions", *buckets.OF_A_CONNECTION}


def test_a_connection_is_documented_as_it_is_taken() -> None:
    documented = yaml.safe_load(buckets.DOCUMENTATION)["options"]["connections"]["suboptions"]
    assert set(documented) == {"name", "regions", *buckets.OF_A_CONNECTION}
