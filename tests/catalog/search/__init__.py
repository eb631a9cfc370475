"""Search: folding, ranking, corrections, and the index behind them."""
