# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fuzzes the pure rooms, guided by coverage: each target for its share of the seconds.

    python tests/fuzz/run.py --seconds N [--keep] [--write]
    python tests/fuzz/run.py --target NAME FILE ...      try files again, such as a crash

Runs in the environment ``fuzz``. An input that breaks a room is kept as a file, and named. ``--write`` puts the counts
in docs/reliability.md.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pace import in_time

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FOUND = ROOT / ".cache" / "fuzz"
SEED = 20480
# An instrumented room is about three times as slow.
SECONDS_FOR_ONE = 3
LONGEST = 4096

for folder in (ROOT / "tests" / "harness", HERE, ROOT / ".cache"):
    sys.path.insert(0, str(folder))


def targets() -> dict[str, Callable[[bytes], None]]:
    """The targets by name, their rooms instrumented."""
    import atheris

    with atheris.instrument_imports(include=["ansible_collections.sealed.s3", "rooms"], enable_loader_override=False):
        import rooms

        from ansible_collections.sealed.s3.plugins.module_utils.policy import conditions, decision, document

    def policy(data: bytes) -> None:
        """Any bytes as a policy, through every room."""
        rooms.through_all_rooms(data)

    def value(data: bytes) -> None:
        """Any text in one place of a policy that is well-formed."""
        provider = atheris.FuzzedDataProvider(data)
        places = ("Sid", "Action", "Resource", "NotResource", "operator", "key", "value", "principal")
        place = provider.PickValueInList(list(places))
        effect = provider.PickValueInList(["Allow", "Deny"])
        operator = provider.PickValueInList(["StringNotEquals", "NumericLessThan", "IpAddress", "ArnLike", "Null"])
        key = provider.PickValueInList([rooms.guard.KEY_ID, rooms.guard.ALGORITHM, "aws:SourceIp", "s3:max-keys"])
        text = provider.ConsumeUnicode(LONGEST)
        statement = {
            "Effect": effect,
            "Principal": {"AWS": text} if place == "principal" else "*",
            "Action": text if place == "Action" else "s3:PutObject",
            ("NotResource" if place == "NotResource" else "Resource"): (
                text if place in ("Resource", "NotResource") else f"arn:aws:s3:::{rooms.BUCKET}/*"
            ),
            "Condition": {
                (text if place == "operator" else operator): {
                    (text if place == "key" else key): text if place == "value" else "x"
                }
            },
            **({"Sid": text} if place == "Sid" else {}),
        }
        rooms.through_all_rooms({"Version": "2012-10-17", "Statement": [statement]})

    def decide(data: bytes) -> None:
        """Any condition and any request, and patterns against a matcher that is plain and slow."""
        provider = atheris.FuzzedDataProvider(data)
        pattern, text = ("".join(provider.PickValueInList(list("ab*?")) for _letter in range(8)) for _text in range(2))
        text = text.replace("*", "a").replace("?", "b")
        assert conditions.wildcard_match(pattern, text) == plainly(pattern, text), (pattern, text)
        request = decision.Request(
            bucket_arn=f"arn:aws:s3:::{rooms.BUCKET}",
            operation=provider.PickValueInList(
                ["PutObject", "UploadPart", "s3:ReplicateObject", "PutBucketEncryption"]
            ),
            key=provider.PickValueInList([None, "a/b", text]),
            headers={decision.ALGORITHM_HEADER: provider.PickValueInList(["aws:kms", "AES256", text])},
            secure=provider.PickValueInList([None, True, False]),
            principal=provider.PickValueInList([None, rooms.ADMIN, decision.ANONYMOUS, text]),
            key_id_model=provider.PickValueInList(list(decision.KEY_ID_MODELS)),
            context={"aws:username": text, "s3:max-keys": provider.PickValueInList(["7", text])},
        )
        try:
            condition = json.loads(provider.ConsumeUnicodeNoSurrogates(LONGEST))
        except (ValueError, RecursionError):
            return
        read = rooms.read(
            {
                "Version": "2012-10-17",
                "Statement": [
                    {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*", "Condition": condition}
                ],
            }
        )
        if read is None:
            return
        decided = decision.decide(read, request)
        assert (decided.outcome == decision.DENIED) == bool(decided.denied_by)
        assert (decided.outcome == decision.UNKNOWN) <= bool(decided.unknown_keys)
        assert decision.decide(document.parse(document.serialise(read)), request) == decided

    return {"policy": policy, "value": value, "decide": decide}


def plainly(pattern: str, text: str) -> bool:
    """Whether the text matches, by trying everything."""
    if not pattern:
        return not text
    if pattern[0] == "*":
        return any(plainly(pattern[1:], text[start:]) for start in range(len(text) + 1))
    return bool(text) and pattern[0] in ("?", text[0]) and plainly(pattern[1:], text[1:])


def one(name: str, arguments: list[str]) -> None:
    """Be the fuzzer of one target; does not return."""
    import atheris

    target = targets()[name]

    def no_longer(data: bytes) -> None:
        with in_time(SECONDS_FOR_ONE):
            target(data)

    atheris.Setup([sys.argv[0], *arguments], no_longer)
    atheris.Fuzz()


@dataclass(frozen=True)
class Fuzzed:
    """What came of a target.

    :ivar broken: whether an input was found that breaks a room, or the fuzzer did not run.
    """

    name: str
    seconds: int
    executions: int
    edges: int
    inputs: int
    broken: bool


def fuzz(name: str, seconds: int, corpus: Path) -> Fuzzed:
    """Fuzz one target, and print its counts.

    :param corpus: where new inputs go.
    """
    crashes = FOUND / f"broke-{name}-"
    FOUND.mkdir(parents=True, exist_ok=True)
    corpus.mkdir(parents=True, exist_ok=True)
    seeds = HERE / "corpus" / name
    command = [
        *(sys.executable, str(Path(__file__)), "--target", name),
        *(f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-seed={SEED}", "-rss_limit_mb=2048", "-timeout=30"),
        *("-print_final_stats=1", f"-dict={HERE / 'policy.dict'}", f"-artifact_prefix={crashes}"),
        *(str(corpus), str(seeds)),
    ]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    printed = done.stdout + done.stderr
    states = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)/(\S+)", printed)
    executions = re.findall(r"number_of_executed_units:\s+(\d+)|Done (\d+) (?:runs|in)", printed)
    # What other fuzzers do not print is 0 here, and that is a failure as well.
    edges, features, inputs, size = states[-1] if states else ("0", "0", "0", "0b")
    count = max((int(number) for pair in executions for number in pair if number), default=0)
    print(f"{name}: {count} executions, {edges} edges, {features} features, {inputs} inputs in the corpus ({size})")
    broken = done.returncode != 0 or not count
    if broken:
        print("\n".join(printed.splitlines()[-60:]))
    return Fuzzed(name, seconds, count, int(edges), int(inputs), broken)


def table(fuzzed: Sequence[Fuzzed]) -> str:
    """The counts, in Markdown."""
    rows = [
        f"| {one.name} | {one.seconds} | {one.executions:,} | {one.edges:,} | {one.inputs:,} | "
        f"{'an input that breaks a room' if one.broken else 'nothing'} |"
        for one in fuzzed
    ]
    return "\n".join(
        [
            "| Target | Seconds | Executions | Edges covered | Inputs in the corpus | Found |",
            "|---|---|---|---|---|---|",
            *rows,
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--seconds", type=int, default=20, help="for all targets together")
    parser.add_argument("--keep", action="store_true", help="go on from the inputs of the run before")
    parser.add_argument("--write", action="store_true", help="put the counts in docs/reliability.md")
    parser.add_argument("--target", help="the fuzzer of this target itself; its arguments and files follow")
    options, rest = parser.parse_known_args()
    if options.target:
        one(options.target, rest)
    names = sorted(path.name for path in (HERE / "corpus").iterdir())
    with tempfile.TemporaryDirectory(prefix="sealed-s3-fuzz-") as folder:
        where = FOUND / "corpus" if options.keep else Path(folder)
        fuzzed = [fuzz(name, max(1, options.seconds // len(names)), where / name) for name in names]
    if options.write:
        import pages

        pages.put(pages.RELIABILITY, "fuzz", table(fuzzed))
    return 1 if any(one.broken for one in fuzzed) else 0


if __name__ == "__main__":
    raise SystemExit(main())
