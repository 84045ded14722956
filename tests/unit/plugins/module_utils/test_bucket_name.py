# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from ansible_collections.sealed.s3.plugins.module_utils import bucket_name
from ansible_collections.sealed.s3.plugins.module_utils.bucket_name import BucketNameError


@pytest.mark.parametrize("name", ["uploads", "a-b.c", "0ab", "a" * 63, "my.bucket.example.com", "abc"])
def test_names_of_today(name: str) -> None:
    bucket_name.validate(name)
    bucket_name.validate(name, new=True)


@pytest.mark.parametrize("name", ["Uploads", "old_bucket", "A" * 255, "abc_", "192.168.5.4", "xn--abc", "sthree-abc"])
def test_names_that_may_exist_and_are_not_given_any_more(name: str) -> None:
    bucket_name.validate(name)
    with pytest.raises(BucketNameError) as refused:
        bucket_name.validate(name, new=True)
    assert "S3 creates no bucket named" in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "ab",
        "a" * 256,
        "-abc",
        ".abc",
        "abc.",
        "a b c",
        "a/b/c",
        "s3://abc",
        "abc\n",
        "a..b",
        "bücher",
        "{{ bucket }}",
    ],
)
def test_names_that_no_bucket_can_have(name: str) -> None:
    with pytest.raises(BucketNameError) as refused:
        bucket_name.validate(name)
    assert "cannot be the name of a bucket" in str(refused.value)


def test_what_is_shown_of_a_name_is_printable_and_short() -> None:
    with pytest.raises(BucketNameError) as refused:
        bucket_name.validate("\x1b[31m" + "x" * 500)
    assert "\x1b" not in str(refused.value)
    assert len(str(refused.value)) < 300


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("data--use1-az4--x-s3", "a directory bucket"),
        ("data--table-s3", "a table bucket"),
        ("reports-abc-s3alias", "the alias of an access point"),
        ("lambda-abc--ol-s3", "the alias of an Object Lambda access point"),
        ("mfzwi23gnjvgw.mrap", "the alias of a multi-Region access point"),
        ("arn:aws:s3:eu-west-3:111122223333:accesspoint/reports", "the ARN of an access point"),
        ("arn:aws:s3::111122223333:accesspoint/mfzwi23gnjvgw.mrap", "the ARN of an access point"),
        ("arn:aws:s3:::uploads", "an ARN"),
    ],
)
def test_what_is_no_general_purpose_bucket_is_called_by_its_name(name: str, said: str) -> None:
    with pytest.raises(BucketNameError) as refused:
        bucket_name.validate(name)
    assert f'"{name}" is {said}' in str(refused.value)
