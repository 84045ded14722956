# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs ansible-playbook, each run through a proxy, and tells what the tasks did and which calls were made.

Takes on stdin a JSON object {"rules": {...}, "stages": [[["sealed.s3.encrypt", "-e", "..."], ...], ...]}: stages one
after the other, the runs of a stage at once. Prints {"stages": [[{"rc": 0, "calls": [...], ...}, ...], ...]}.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from proxy import Board, Proxy, Rules

HERE = Path(__file__).resolve().parent


def start(arguments: list[str], *, endpoint: str, recording: Path, output: Any) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "AWS_URL": endpoint,
        "AWS_ENDPOINT_URL": endpoint,
        # Ansible blots a secret out wherever it meets it, so that a word would spoil what is compared.
        "AWS_SECRET_ACCESS_KEY": "only-for-localstack",
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "callback_plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "recorder",
        "ANSIBLE_NOCOLOR": "1",
        "RECORDER_FILE": str(recording),
    }
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-e", f"encrypted_s3_endpoint_url={endpoint}"]
    return subprocess.Popen([*command, *arguments], env=environment, stdout=output, stderr=subprocess.STDOUT)


def outcome(process: subprocess.Popen[bytes], recording: Path, output: Path) -> dict[str, Any]:
    code = process.wait()
    text = recording.read_text(encoding="utf-8") if recording.exists() else ""
    tasks = [json.loads(line) for line in text.splitlines()]
    results = [task["facts"]["encrypted_s3_result"] for task in tasks if "encrypted_s3_result" in (task["facts"] or {})]
    return {
        "rc": code,
        "output": output.read_text(encoding="utf-8"),
        "changed": [f"{task['host']}: {task['task']}" for task in tasks if task["changed"]],
        "diffs": {task["task"]: task["diff"] for task in tasks if task["changed"]},
        "failed": [task["msg"] for task in tasks if task["outcome"] == "failed"],
        "actions": sorted({task["action"] for task in tasks if task["outcome"] != "skipped"}),
        "results": results,
    }


def stage(runs: list[list[str]], *, endpoint: str, rules: Rules, folder: Path) -> list[dict[str, Any]]:
    board = Board(rules)
    proxies = [Proxy(endpoint, board=board, run=number) for number in range(len(runs))]
    started = []
    for number, arguments in enumerate(runs):
        recording, output = folder / f"{number}.jsonl", folder / f"{number}.txt"
        with output.open("wb") as file:
            process = start(arguments, endpoint=proxies[number].url, recording=recording, output=file)
        started.append((process, recording, output))
    outcomes = [outcome(*each) for each in started]
    for proxy, done in zip(proxies, outcomes, strict=True):
        proxy.close()
        done["calls"] = proxy.calls
    return outcomes


def main() -> None:
    asked = json.load(sys.stdin)
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    done: list[list[dict[str, Any]]] = []
    for runs in asked["stages"]:
        with tempfile.TemporaryDirectory() as folder:
            done.append(stage(runs, endpoint=endpoint, rules=Rules(**asked.get("rules", {})), folder=Path(folder)))
    json.dump({"stages": done}, sys.stdout)


if __name__ == "__main__":
    main()
