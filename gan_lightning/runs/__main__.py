"""``python -m gan_lightning.runs``: a list of the runs that are there."""

from gan_lightning.config.verb import verb

main = verb("runs", "gan_lightning.runs.listing:list_runs")

if __name__ == "__main__":
    main()
