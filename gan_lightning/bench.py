"""``python -m gan_lightning.bench``: time beside a bare torch loop, start and memory of a run."""

from gan_lightning.config.verb import verb

main = verb("bench", "gan_lightning.training.speed:measure")

if __name__ == "__main__":
    main()
