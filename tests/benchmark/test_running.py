# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is read from a run's output and from LocalStack's log, and that a run which did not do its work is no figure."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from buckets import NotAsMeant
from running import Run, Runner, calls_in, peaks_of, to_json

RECAP = """\
PLAY RECAP *********************************************************************
bench-00000                : ok=3    changed=1    unreachable=0    failed=0    skipped=8    rescued=0    ignored=0
bench-00001                : ok=3    changed=0    unreachable=0    failed=0    skipped=8    rescued=0    ignored=0
"""
LOG = """\
2026-11-24T11:49:55.762  INFO --- [t.reactor-19] localstack.request.aws     : AWS s3.GetPublicAccessBlock => 200
2026-11-24T11:49:55.770  INFO --- [t.reactor-11] localstack.request.http    : GET /_localstack/health => 200
2026-11-24T11:49:55.774  INFO --- [et.reactor-5] localstack.request.aws     : AWS s3.GetBucketTagging => 404
2026-11-24T11:49:55.780  INFO --- [et.reactor-3] localstack.request.aws     : AWS s3.GetPublicAccessBlock => 200
"""


def run(printed: str) -> Run:
    return Run(1.0, 0.5, {"s3.ListBuckets": 1, "s3.GetBucketPolicy": 2}, printed)


def test_the_raw_numbers_are_kept() -> None:
    told = to_json(Run(1.23456, 0.5, {"s3.ListBuckets": 1}, "long", {"own": 60.0}))
    assert told == {"seconds": 1.235, "processor": 0.5, "calls": {"s3.ListBuckets": 1}, "peaks": {"own": 60.0}}
    assert "peaks" not in to_json(run(""))


def test_the_recap_is_read() -> None:
    assert run(RECAP).recap() == {"bench-00000": (1, 0), "bench-00001": (0, 0)}


def test_calls_are_counted() -> None:
    assert calls_in(LOG) == {"s3.GetBucketTagging": 1, "s3.GetPublicAccessBlock": 2}
    assert run("").call_count == 3


def test_a_run_as_expected_is_a_figure() -> None:
    nothing = run(RECAP.replace("changed=1", "changed=0"))
    assert nothing.expect(hosts=2, changed=False) is nothing
    everything = run(RECAP.replace("changed=0", "changed=2"))
    assert everything.expect(hosts=2, changed=True) is everything


@pytest.mark.parametrize(
    ("printed", "hosts", "changed"),
    [
        (RECAP, 2, False),
        (RECAP, 2, True),
        (RECAP.replace("changed=1", "changed=0"), 3, False),
        (RECAP.replace("changed=1", "changed=0").replace("failed=0", "failed=1", 1), 2, False),
        (RECAP.replace("changed=1", "changed=0").replace("unreachable=0", "unreachable=1", 1), 2, False),
        ("", 1, False),
    ],
)
def test_any_other_run_is_none(printed: str, hosts: int, changed: bool) -> None:
    with pytest.raises(NotAsMeant):
        run(printed).expect(hosts=hosts, changed=changed)


def test_a_command_is_run_beside_the_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = tmp_path / "log.txt"
    log.write_text("AWS s3.CreateBucket => 200\n", encoding="utf-8")
    monkeypatch.setenv("AWS_PROFILE", "of-the-machine")
    program = (
        "import os; open(os.environ['SEALED_S3_LOCALSTACK_LOG'], 'a').write('AWS kms.DescribeKey => 200\\n'); "
        "print(sorted((name, value) for name, value in os.environ.items() if name.startswith('AWS_')))"
    )
    runner = Runner({"AWS_ENDPOINT_URL": "http://near", "SEALED_S3_LOCALSTACK_LOG": str(log)}, log)
    done = runner([sys.executable, "-c", program], endpoint="http://far")
    assert done.calls == {"kms.DescribeKey": 1}
    assert done.printed == "[('AWS_ENDPOINT_URL', 'http://far'), ('AWS_URL', 'http://far')]\n"
    assert done.seconds > 0 and done.processor > 0


def test_a_command_that_fails_is_no_figure(tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    log.touch()
    with pytest.raises(NotAsMeant, match=r"code 3:\nwhy"):
        Runner({}, log)([sys.executable, "-c", "print('why'); raise SystemExit(3)"])


def test_the_memory_of_what_a_process_starts_is_seen() -> None:
    held = "import sys, time; held = bytearray(80_000_000); print('held', flush=True); sys.stdin.read()"
    starts = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {held!r}])"
    with subprocess.Popen([sys.executable, "-c", starts], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stdin is not None
        with peaks_of(process.pid, True) as peaks:
            assert process.stdout.readline() == b"held\n"
            while peaks.get("started", 0) < 80:
                pass
            process.stdin.close()
            process.wait()
    assert peaks["own"] < 80 < peaks["started"]
    with peaks_of(os.getpid(), False) as nothing:
        pass
    assert nothing == {}
