"""``python -m gan_lightning.bench``: what the frame costs, measured against a bare torch loop."""

from gan_lightning.config.verb import verb

main = verb("bench", "gan_lightning.training.speed:measure")

if __name__ == "__main__":
    main()
