"""``python -m gan_lightning.sample``: N samples of a run as a PNG grid and a .npz."""

from gan_lightning.config.verb import verb

main = verb("sample", "gan_lightning.report.sampling:sample_job")

if __name__ == "__main__":
    main()
