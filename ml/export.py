"""Deprecated name of `python -m ml.extractors.export`; removed in the next version."""

import sys

from ml.extractors.export import main

if __name__ == "__main__":
    sys.stderr.write(
        "python -m ml.export is deprecated and will be removed: use python -m ml.extractors.export.\n"
    )
    sys.exit(main())
