"""``python -m gan_lightning.export``: a trained generator as a folder of weights, or as a program."""

from gan_lightning.config.verb import verb

main = verb("export", "gan_lightning.report.exporting:export_job")

if __name__ == "__main__":
    main()
