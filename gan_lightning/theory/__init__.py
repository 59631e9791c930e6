"""The papers' theorems as numbers: information, the optimal discriminator, toy games with exact answers."""
