"""Workers score, measure and split without TensorFlow, Keras or matplotlib in memory."""

import subprocess
import sys
from pathlib import Path

from tests.ml.genres.heads import make_head

ROOT = Path(__file__).resolve().parents[3]

SCORE = """
import sys
from pathlib import Path
import numpy as np
import ml.genres.training, ml.genres.training_command, ml.genres.losses, ml.genres.scorecard
from ml.genres.head import load_head
scores = load_head(Path(sys.argv[1])).scores(np.zeros((2, 6)))
ml.genres.training.split(None, scores > 0.5, 0.5, 0)
assert scores.shape == (2, 3)
heavy = {"tensorflow", "keras", "tf_keras", "django", "matplotlib"} & set(sys.modules)
sys.exit(f"loaded: {sorted(heavy)}" if heavy else 0)
"""


def test_scoring_and_importing_every_module_stays_light(tmp_path):
    make_head().save(tmp_path / "head.npz")
    done = subprocess.run(
        [sys.executable, "-c", SCORE, str(tmp_path / "head.npz")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
