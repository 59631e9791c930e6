"""``python -m gan_lightning.judge``: train a judge and print what conf/judge/ has to say of it."""

from gan_lightning.config.verb import verb

main = verb("judge", "gan_lightning.training.train_judge:train_judge")

if __name__ == "__main__":
    main()
