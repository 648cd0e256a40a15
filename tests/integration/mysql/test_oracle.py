"""MySQL of Oracle's by the engine: what is promised of MariaDB, as far as the server can keep it.
  test_oracle.py 5.6|current [tests]      exit code 77: this machine cannot get that server; the reason is printed"""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from mysql_pair import enter_own_network, use  # noqa: E402
from oracle_pair import SERVERS  # noqa: E402
from oracle_server import Unavailable  # noqa: E402
from test_approach import Approach  # noqa: E402, F401
from test_mariadb import Accounts, Return, Roles, Takeover  # noqa: E402, F401
from test_retention import Retention  # noqa: E402, F401
from test_verify import Verify  # noqa: E402, F401

SKIPPED = 77

if __name__ == "__main__":
    try:
        use(SERVERS[sys.argv.pop(1)].prepare())
    except Unavailable as reason:
        print(f"skipped: {reason}")
        sys.exit(SKIPPED)
    enter_own_network()
    unittest.main(verbosity=2)
