"""Train the extractor on labelled posters: `python -m ml.extractor_training`."""

import sys

from .command import main

if __name__ == "__main__":
    sys.exit(main())
