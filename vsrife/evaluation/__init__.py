"""How good made frames are: metrics, test sets and clips, what runs a model on them, and what is reported."""
