"""``python -m gan_lightning.report``: one HTML file of a run, which opens from disk without a network."""

from gan_lightning.config.verb import verb

main = verb("report", "gan_lightning.report.run_page:write_run_page")

if __name__ == "__main__":
    main()
