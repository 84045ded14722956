# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the real LocalStack with the judge in its chain, and with TLS.

The environment chooses the model of S3 (see condition_keys.py). tests/harness/localstack.py starts it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path


def answer_tls() -> None:
    """Let twisted leave HTTP/2 alone: it sets it on a context in use, which the locked pyOpenSSL refuses."""

    def leave(_factory: object, _connection: object) -> None:
        pass

    import_module("twisted.protocols.tls").TLSMemoryBIOFactory._applyProtocolNegotiation = leave


def main() -> None:
    # LocalStack reads its settings when it is imported.
    answer_tls()
    sys.path.insert(0, str(Path(__file__).parent))
    judge = import_module("judge").Judge(import_module("condition_keys").Model.chosen())
    import_module("localstack.aws.handlers").serve_custom_service_request_handlers.append(judge)
    import_module("localstack.runtime.main").main()


if __name__ == "__main__":
    main()
