"""Which genres a poster suggests: training a head on frozen features, and scoring with it."""
