"""``python -m gan_lightning.evaluate run=latest``: a run's numbers beside those of real data."""

from omegaconf import DictConfig

from gan_lightning.cli import verb


@verb("evaluate")
def main(cfg: DictConfig) -> None:
    from gan_lightning.checks import check_values
    from gan_lightning.evaluation import evaluate

    check_values(cfg)
    evaluate(cfg)


if __name__ == "__main__":
    main()
