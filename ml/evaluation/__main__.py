"""`python -m ml.evaluation --posters CSV --images DIR --model NAME -o report/`."""

import sys

from ml.evaluation.command import main

if __name__ == "__main__":
    sys.exit(main())
