"""Process every lead that is not disabled, at once: python process_leads.py DATABASE."""

from __future__ import annotations

import sqlite3
import sys
import time

PROCESS = "UPDATE leads SET processed_at = ? WHERE processed_at IS NULL AND NOT disabled"

if __name__ == "__main__":
    database = sqlite3.connect(sys.argv[1], timeout=20)
    with database:
        database.execute(PROCESS, [int(time.time())])
    database.close()
