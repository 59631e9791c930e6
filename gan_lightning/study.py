"""``python -m gan_lightning.study``: an experiment that is more than one training run."""

from gan_lightning.config.verb import verb

main = verb("study", "gan_lightning.studies.running:run_study")

if __name__ == "__main__":
    main()
