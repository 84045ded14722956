# Copyright: (c) 2026, the sealed.s3 contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parts of pages that programs write: what stands between two markers."""

from __future__ import annotations

import fcntl
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"
RELIABILITY = DOCS / "reliability.md"


def put(page: Path, name: str, text: str) -> None:
    """Put a text between the markers of a page that have this name. Programs may do so at the same time.

    :param name: of the part, such as ``faults``: it stands between ``<!-- faults: begin, ... -->`` and
        ``<!-- faults: end -->``.
    :raises ValueError: where the page has not both markers.
    """
    with page.open("r+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        written = between_markers(file.read(), name, text)
        file.seek(0)
        file.truncate()
        file.write(written)


def between_markers(page: str, name: str, text: str) -> str:
    """The page with the text between its markers.

    :raises ValueError: where it has not both.
    """
    begin, end = page.find(f"<!-- {name}: begin"), page.find(f"<!-- {name}: end -->")
    after = page.find("-->\n", begin)
    if begin < 0 or end < 0 or not begin < after < end:
        raise ValueError(f"The page has not both markers of {name}.")
    return f"{page[:after]}-->\n\n{text.strip()}\n\n{page[end:]}"
