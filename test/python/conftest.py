"""Makes mpq_testing and the built package importable, here and in the processes that tests start."""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from mpq_testing.paths import BUILD  # noqa: E402

sys.path.insert(0, str(BUILD / "python"))
os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [str(BUILD / "python"), os.environ.get("PYTHONPATH")]))
