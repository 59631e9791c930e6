"""``python -m gan_lightning.evaluate``: a run's numbers beside those of real data."""

from gan_lightning.config.verb import verb

main = verb("evaluate", "gan_lightning.report.measuring:evaluate_runs")

if __name__ == "__main__":
    main()
