"""What a trained G is good for beside being sampled: one task a file."""
