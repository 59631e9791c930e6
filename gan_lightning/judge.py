"""``python -m gan_lightning.judge``: train a judge; prints its accuracy and the SHA-256 for its file in conf/judge/."""

from gan_lightning.config.verb import verb

main = verb("judge", "gan_lightning.training.train_judge:train_judge")

if __name__ == "__main__":
    main()
