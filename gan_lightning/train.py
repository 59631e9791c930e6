"""``python -m gan_lightning.train``: train a GAN."""

from gan_lightning.config.verb import verb

ARGUMENTS, FOLLOWER = "gan_lightning.runs.start:arguments", "gan_lightning.training.follow:follow"
AFTER_SWEEP = "gan_lightning.training.sweep_end:end_of_sweep"
main = verb("train", "gan_lightning.training.job:train_job", ARGUMENTS, FOLLOWER, AFTER_SWEEP)

if __name__ == "__main__":
    main()
