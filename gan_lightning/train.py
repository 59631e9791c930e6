"""``python -m gan_lightning.train``: train a GAN."""

from gan_lightning.config.verb import verb

main = verb("train", "gan_lightning.training.job:train_job", arguments="gan_lightning.runs.start:arguments")

if __name__ == "__main__":
    main()
