# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a real LocalStack from its package, without a container, and always stops it.

    python tests/harness/localstack.py                    runs one until Ctrl-C
    python tests/harness/localstack.py COMMAND ARG ...    runs the command beside one, with the variables set
    python tests/harness/localstack.py --enforce effective|header_only [COMMAND ARG ...]
                                                          one that enforces bucket policies, and has TLS
    python tests/harness/localstack.py --as-s3 [COMMAND ARG ...]
                                                          one that hands policies back in another form, as S3 does

It listens on 127.0.0.1 only, on a port that is free at start, and keeps its state in a temporary folder.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import FrameType

import groups
from environments import ROOT, folder, program

REGION = "us-east-1"
_START_SECONDS = 60
_STOP_SECONDS = 10
_STATE_FOLDERS = ("FILESYSTEM_ROOT", "TMPDIR", "XDG_CACHE_HOME", "HOME")
# Its standard input is a pipe from us that says nothing and ends when we do, so that not even SIGKILL leaves it behind.
_RUN_WHILE_WE_DO = """\
import os, shutil, signal, sys, threading
folder = os.getcwd()
def watch():
    os.read(0, 1)
    shutil.rmtree(folder, ignore_errors=True)
    os.kill(os.getpid(), signal.SIGKILL)
threading.Thread(target=watch, daemon=True).start()
"""
# LocalStack itself would listen on every address of the machine.
_LISTEN_HERE_ONLY = """\
import functools
from twisted.internet import endpoints
endpoints.TCP4ServerEndpoint = functools.partial(endpoints.TCP4ServerEndpoint, interface="127.0.0.1")
"""
# Run by its path, since what lies beside it may not be found there: this module has the name of LocalStack's package.
_WITH_A_CERTIFICATE = f"""\
import runpy
runpy.run_path({str(ROOT / "tests" / "harness" / "certificate.py")!r}, run_name="__main__")
"""
_PLAIN = """\
from localstack.runtime.main import main
main()
"""
_ENFORCING = """\
import runpy
runpy.run_path(sys.argv[1], run_name="__main__")
"""
_AS_S3 = """\
sys.path.insert(0, {folder!r})
import in_localstack
in_localstack.install({seed})
"""
_START_ENFORCING = ROOT / "tests" / "enforcing" / "start.py"
_AS_S3_FOLDER = ROOT / "tests" / "as_s3"
KEY_ID_MODELS = ("effective", "header_only")
SEED = "SEALED_S3_AS_S3_SEED"
"""The variable with the seed of --as-s3; without it, there is another one each time."""


class LocalStack:
    """A LocalStack for the time of a ``with`` block.

    :param enforce: let it enforce bucket policies, under this model of the key-id condition key; see
        tests/enforcing/condition_keys.py for this and the other two. None leaves it as LocalStack is.
    :param named_key: what an alias or a bare key id in a header becomes.
    :param parts: what the parts of a multipart upload see of its encryption.
    :param as_s3: let it hand policies back in another form each time, as S3 does; chosen by this seed. See
        tests/as_s3/rewriting.py.
    :ivar endpoint: its URL; with TLS where it enforces.
    :ivar http_endpoint: its URL without TLS.
    :ivar ca_bundle: where it enforces, the file with the authority that its certificate is from.
    :ivar log: the file it logs to, one line for each API call.
    """

    def __init__(
        self,
        enforce: str | None = None,
        *,
        named_key: str | None = None,
        parts: str | None = None,
        as_s3: int | None = None,
    ) -> None:
        self.enforce = enforce
        self.as_s3 = as_s3
        self._model = {
            "SEALED_S3_ENFORCE": enforce,
            "SEALED_S3_ENFORCE_NAMED_KEY": named_key,
            "SEALED_S3_ENFORCE_PARTS": parts,
        }
        self._folder = Path(tempfile.mkdtemp(prefix="sealed-s3-localstack-"))
        self.log = self._folder / "log.txt"
        self.ca_bundle = self._folder / "authority.pem"
        self.endpoint = self.http_endpoint = ""
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def variables(self) -> dict[str, str]:
        """What boto3 and Ansible have to find in the environment."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_URL": self.endpoint,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "SEALED_S3_LOCALSTACK_LOG": str(self.log),
            **({} if self.as_s3 is None else {SEED: str(self.as_s3)}),
            **(self._enforcing_variables if self.enforce else {}),
        }

    @property
    def _enforcing_variables(self) -> dict[str, str]:
        return {
            "AWS_CA_BUNDLE": str(self.ca_bundle),
            "SEALED_S3_CA_BUNDLE": str(self.ca_bundle),
            "SEALED_S3_HTTP_ENDPOINT": self.http_endpoint,
            **{name: value for name, value in self._model.items() if value},
        }

    def __enter__(self) -> LocalStack:
        try:
            self._start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_failure: object) -> None:
        self.stop()

    def _start(self) -> None:
        port = free_port()
        self.http_endpoint = f"http://127.0.0.1:{port}"
        self.endpoint = f"https://127.0.0.1:{port}" if self.enforce else self.http_endpoint
        ours = ("AWS_", "SEALED_S3_ENFORCE")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
        environment.update(
            GATEWAY_LISTEN=f"127.0.0.1:{port}",
            SERVICES="s3,kms,sts,iam",
            SKIP_SSL_CERT_DOWNLOAD="1",
            DNS_ADDRESS="0",
            DISABLE_EVENTS="1",
            CUSTOM_SSL_CERT_PATH=str(self.ca_bundle.with_name("certificate.pem")),
            # In a container it would keep its state elsewhere, whatever it is told.
            OVERRIDE_IN_DOCKER="0",
        )
        for name in _STATE_FOLDERS:
            state = self._folder / name.lower()
            state.mkdir()
            environment[name] = str(state)
        before = _RUN_WHILE_WE_DO + _LISTEN_HERE_ONLY + _WITH_A_CERTIFICATE
        if self.as_s3 is not None:
            before += _AS_S3.format(folder=str(_AS_S3_FOLDER), seed=self.as_s3)
        run = [program("localstack", "python"), "-c", before + _PLAIN]
        if self.enforce:
            run = [*run[:2], before + _ENFORCING, str(_START_ENFORCING)]
            environment.update({name: value for name, value in self._model.items() if value})
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                run,
                env=environment,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self._folder,
                # A group of its own: Ctrl-C is ours to handle, and nothing of it stays behind.
                start_new_session=True,
            )
        deadline = time.monotonic() + _START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                tail = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-20:]
                raise SystemExit("LocalStack did not start. The end of its log:\n" + "\n".join(tail))
            time.sleep(0.2)

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.http_endpoint}/_localstack/health", timeout=2) as answer:
                return set(json.load(answer)["services"]) >= {"s3", "kms", "sts", "iam"}
        except (OSError, ValueError, KeyError):
            return False

    def stop(self) -> None:
        """Stop it, by its process group, and remove its state."""
        try:
            if self._process is not None:
                self._signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_STOP_SECONDS)
        finally:
            # Also after a second Ctrl-C, and also what of its group outlived it.
            if self._process is not None:
                self._signal(signal.SIGKILL)
                self._process.communicate()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        groups.send(self._process.pid, number)


def free_port() -> int:
    """A port of the loopback interface that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def seed() -> int:
    """The seed of --as-s3. It is printed, so that what failed can be repeated."""
    chosen = int(os.environ.get(SEED) or random.randrange(1_000_000))
    print(f"Policies are handed back as S3 does. To repeat it: {SEED}={chosen}", file=sys.stderr, flush=True)
    return chosen


def stop_on_signals() -> None:
    """Let SIGTERM and SIGHUP end the program as Ctrl-C does: through every ``with`` and ``finally``."""

    def leave(number: int, _frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, leave)
    # What was started in the background of a shell has inherited to ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--enforce", choices=KEY_ID_MODELS, help="enforce bucket policies, under this key-id model")
    parser.add_argument("--named-key", choices=("resolved", "as_sent"), help="what an alias or a bare key id becomes")
    parser.add_argument("--parts", choices=("unseen", "upload"), help="the encryption that parts of an upload see")
    parser.add_argument("--as-s3", action="store_true", help=f"hand policies back as S3 does; {SEED} is its seed")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="COMMAND ARG")
    options = parser.parse_args()
    stop_on_signals()
    as_s3 = seed() if options.as_s3 else None
    with LocalStack(options.enforce, named_key=options.named_key, parts=options.parts, as_s3=as_s3) as localstack:
        if options.command:
            path = os.pathsep.join((str(folder("dev") / "bin"), os.environ["PATH"]))
            environment = {**os.environ, "PATH": path, **localstack.variables}
            return subprocess.run(options.command, check=False, env=environment).returncode
        print(f"LocalStack listens on {localstack.endpoint}. In another terminal:\n")
        for name, value in localstack.variables.items():
            print(f"export {name}={value}")
        print("\nCtrl-C stops it.", flush=True)
        signal.pause()
    return 0


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        raise SystemExit(main())
