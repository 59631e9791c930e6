"""``python -m gan_lightning.compare``: one table, curves and samples of a sweep's arms."""

from gan_lightning.config.verb import verb

main = verb("compare", "gan_lightning.report.comparing:compare")

if __name__ == "__main__":
    main()
