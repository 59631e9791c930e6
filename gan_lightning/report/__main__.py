"""``python -m gan_lightning.report``: one HTML file of a run or of a sweep, which opens from disk without a network."""

from gan_lightning.config.verb import verb

main = verb("report", "gan_lightning.report.reporting:write_report")

if __name__ == "__main__":
    main()
