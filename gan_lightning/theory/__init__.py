"""What the papers prove, as numbers: information, the optimal discriminator, toy games with exact answers."""
