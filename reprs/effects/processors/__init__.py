"""One file an effect, or two that differ by a sign.

The folders in REPRS_EFFECTS, written as PATH is, add their files to this one's.
"""

import os

__path__.extend(folder for folder in os.environ.get("REPRS_EFFECTS", "").split(os.pathsep) if folder)
