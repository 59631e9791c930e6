"""``python -m gan_lightning.theory``: the papers' statements beside what is measured; exit code 1 if one fails."""

from gan_lightning.config.verb import verb

main = verb("theory", "gan_lightning.report.theory_page:check_theory")

if __name__ == "__main__":
    main()
