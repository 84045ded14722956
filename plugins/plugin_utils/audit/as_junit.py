# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The audit as JUnit XML, for CI systems: a suite for each account and Region, a test case for each bucket."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape, quoteattr

from ansible_collections.sealed.s3.plugins.module_utils import posture
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.report import Report, place, unread
from ansible_collections.sealed.s3.plugins.plugin_utils.audit.text import visible

FAILURE = "failure"
ERROR = "error"
OUTPUT = "system-out"


def pieces(report: Report) -> Iterator[str]:
    """The text of the file, bucket by bucket."""
    suites: dict[str, list[Mapping[str, Any]]] = {}
    for result in report.results:
        suites.setdefault(".".join(place(result)), []).append(result)
    outcomes = {name: [outcome(report, result) for result in results] for name, results in sorted(suites.items())}
    everything = [one for of_suite in outcomes.values() for one in of_suite]
    # Without the zone, as the schemas of the format have it.
    when = report.generated.removesuffix("Z")
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites name={_attribute(report.title)} {_counts(everything)}>\n"
    for name, of_suite in outcomes.items():
        yield f"<testsuite name={_attribute(name)} {_counts(of_suite)} timestamp={_attribute(when)}>\n"
        for result, kind in zip(suites[name], of_suite, strict=True):
            yield from _case(report, name, result, kind)
        yield "</testsuite>\n"
    yield "</testsuites>\n"


def outcome(report: Report, result: Mapping[str, Any]) -> str:
    """How a bucket ends: with a failure, with an error, or, with an empty text, well.

    A finding that is grave enough is a failure. Where there is none, what could not be looked at is an error, for it
    may hide one.
    """
    if any(report.fails(finding) for finding in result.get("findings") or ()):
        return FAILURE
    if result["compliance"] == posture.COULD_NOT_LOOK:
        return ERROR
    return ERROR if result["compliance"] == posture.NOT_COMPLIANT and result.get("could_not_look") else ""


def _case(report: Report, suite: str, result: Mapping[str, Any], kind: str) -> Iterator[str]:
    yield f'<testcase classname={_attribute(suite)} name={_attribute(result["name"])} time="0"'
    findings = result.get("findings") or ()
    lines = [*_told(findings), *(f"Could not look: {visible(sentence)}" for sentence in unread(result))]
    if not kind and not lines:
        yield "/>\n"
        return
    yield ">\n"
    text = escape("\n".join(lines))
    if kind == FAILURE:
        grave = [finding for finding in findings if report.fails(finding)]
        message = ". ".join(str(finding["title"]) for finding in grave)
        yield f"<failure type={_attribute(grave[0]['severity'])} message={_attribute(message)}>{text}</failure>\n"
    elif kind == ERROR:
        message = " ".join(unread(result)) or "It could not be looked at."
        yield f"<error type={_attribute(posture.COULD_NOT_LOOK)} message={_attribute(message)}>{text}</error>\n"
    else:
        yield f"<{OUTPUT}>{text}</{OUTPUT}>\n"
    yield "</testcase>\n"


def _told(findings: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for finding in findings:
        yield f"[{visible(finding['severity'])}] {visible(finding['id'])}: {visible(finding['title'])}"
        for name in ("observed", "wanted"):
            if finding.get(name) is not None:
                yield f"    {name}: {visible(finding[name])}"
        if finding.get("remedy"):
            yield f"    remedy: {visible(finding['remedy'])}"
        if finding.get("controls"):
            yield f"    controls: {visible(', '.join(finding['controls']))}"


def _counts(outcomes: Sequence[str]) -> str:
    failures, errors = outcomes.count(FAILURE), outcomes.count(ERROR)
    return f'tests="{len(outcomes)}" failures="{failures}" errors="{errors}" skipped="0" time="0"'


def _attribute(value: Any) -> str:
    return quoteattr(visible(value))
