"""``python -m gan_lightning.results``: docs/results.md from what compare put into docs/results/."""

from gan_lightning.config.verb import verb

main = verb("results", "gan_lightning.report.results_page:write_page")

if __name__ == "__main__":
    main()
