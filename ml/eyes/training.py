"""Deprecated name of `python -m ml.extractor_training`; removed in the next version."""

import sys

from ml.extractor_training.command import main

if __name__ == "__main__":
    sys.stderr.write(
        "python -m ml.eyes.training is deprecated and will be removed: use python -m ml.extractor_training.\n"
    )
    sys.exit(main())
