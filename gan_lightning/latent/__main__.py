"""``python -m gan_lightning.latent``: edit, repair, enlarge and choose with a trained generator."""

from gan_lightning.config.verb import verb

main = verb("latent", "gan_lightning.latent.running:run_task")

if __name__ == "__main__":
    main()
