"""Mistakes that leave every program running and make a number wrong; each must turn its named test red.

A mutation replaces ``old``, which occurs once in ``file``, by ``new``. ``python tests/mutations/run.py`` applies them.
"""

from classic_captured import CAPTURED
from classic_game import GAME
from classic_labels import LABELS
from mutation import Mutation, P

CLASSIC = [
    *CAPTURED,
    *GAME,
    *LABELS,
    Mutation(
        "maxout: start_from is never called",
        P + "config/build.py",
        "        G.start_from(mean())\n",
        "        pass\n",
        "tests/game/test_beginnings.py::test_g_begins_at_the_mean_of_the_data",
    ),
    Mutation(
        "data: the mean is that of the first rows",
        P + "data/arrays.py",
        "parts = self.arrays.images.split(rows)",
        "parts = self.arrays.images.split(rows)[:1]",
        "tests/data/test_data.py::test_the_mean_is_that_of_all_training_samples",
    ),
    Mutation(
        "digits: validation images are test images",
        P + "data/digits.py",
        "torch.arange(TRAIN - 300, TRAIN)",
        "torch.arange(TRAIN, len(everything))",
        "tests/report/test_which_data.py::test_the_parts_of_digits",
    ),
    Mutation(
        "mnist5k: the test images are trained on",
        P + "data/mnist5k.py",
        "torch.arange(4 * PART)",
        "torch.arange(PART, 5 * PART)",
        "tests/data/test_mnist5k.py::test_the_parts_share_no_image_but_as_the_page_says",
    ),
    Mutation(
        "mnist: train50k trains on the validation images",
        P + "data/mnist.py",
        'n = 50_000 if self.split == "train50k" else 60_000',
        "n = 60_000",
        "tests/report/test_which_data.py::test_the_parts_of_mnist",
    ),
    Mutation(
        "data: the passes have one order",
        P + "data/arrays.py",
        "manual_seed(mix(self.seed, epoch))",
        "manual_seed(mix(self.seed, 0))",
        "tests/data/test_data.py::test_each_pass_serves_every_image_once_in_another_order",
    ),
    Mutation(
        "evaluate: validation images in place of test images",
        P + "report/yardstick.py",
        "parts = (source.train(), source.validation(), source.test())",
        "parts = (source.train(), source.validation(), source.validation())",
        "tests/report/test_which_data.py::test_evaluate_shows_each_metric_the_data_that_it_names",
    ),
    Mutation(
        "evaluate: the first n test images in file order",
        P + "report/yardstick.py",
        "fixed_rows(whole, n)\n",
        "torch.arange(n)\n",
        "tests/report/test_which_data.py::test_evaluate_shows_each_metric_the_data_that_it_names",
    ),
    Mutation(
        "evaluate: the floor's images are among its training images",
        P + "report/yardstick.py",
        "rest = Observed(self.train[self.n :], self.judge,",
        "rest = Observed(self.train, self.judge,",
        "tests/report/test_which_data.py::test_evaluate_shows_each_metric_the_data_that_it_names",
    ),
    Mutation(
        "parzen: sigma is chosen on the test images",
        P + "metrics/parzen.py",
        "log_likelihoods(samples, validation, SIGMAS)",
        "log_likelihoods(samples, test, SIGMAS)",
        "tests/report/test_which_data.py::test_sigma_is_chosen_on_validation_images_and_the_value_is_of_test_images",
    ),
    Mutation(
        "parzen: the windows forget how many they are",
        P + "metrics/parzen.py",
        "-math.log(len(samples)) - x",
        "-x",
        "tests/metrics/test_metrics_of_images.py::test_parzen_is_the_mean_of_its_windows",
    ),
    Mutation(
        "frechet: the cross term once",
        P + "metrics/frechet.py",
        "- 2 * cross",
        "- cross",
        "tests/metrics/test_metrics.py::test_fd_of_a_set_with_itself_is_0_also_when_rank_deficient",
    ),
    Mutation(
        "kernel: the biased estimate",
        P + "metrics/kernel.py",
        "within_f = (kernel_sum(fake, fake, chunk) - kernel_diagonal(fake)) / (m * (m - 1))",
        "within_f = kernel_sum(fake, fake, chunk) / (m * m)",
        "tests/metrics/test_metrics.py::test_kernel_distance_against_a_plain_loop",
    ),
    Mutation(
        "neighbours: a row is its own nearest neighbour",
        P + "metrics/neighbours.py",
        "kthvalue(k + 1, dim=1)",
        "kthvalue(k, dim=1)",
        "tests/metrics/test_metrics.py::test_neighbours_against_plain_loops",
    ),
    Mutation(
        "neighbours: precision and recall change places",
        P + "metrics/neighbours.py",
        '"recall": recalled / len(real)',
        '"recall": covered / len(real)',
        "tests/metrics/test_metrics.py::test_neighbours_against_plain_loops",
    ),
    Mutation(
        "cheap evaluation: training images",
        P + "callbacks/evaluation.py",
        "self.see(data.validation())",
        "self.see(data.reference())",
        "tests/report/test_which_data.py::test_the_curves_of_the_average_are_of_the_average",
    ),
    Mutation(
        "curves: D(x) and D(G(z)) change places",
        P + "callbacks/diagnostics.py",
        '{"d/real_prob": real_logits.sigmoid().mean(), "d/fake_prob": fake_logits.sigmoid().mean()}',
        '{"d/real_prob": fake_logits.sigmoid().mean(), "d/fake_prob": real_logits.sigmoid().mean()}',
        "tests/callbacks/test_curves.py::test_log_odds_are_shown_as_probabilities_real_as_real_and_fake_as_fake",
    ),
    Mutation(
        "generator=ema: it is the live G",
        P + "runs/load.py",
        "gan.generators[generator], gan,",
        "gan.G, gan,",
        "tests/report/test_which_data.py::test_load_gives_the_average_for_its_name_and_g_for_g",
    ),
    Mutation(
        "resume: what moves as steps does is free",
        P + "runs/resume.py",
        "not key.startswith(FREE)",
        "not key.startswith(FREE) and (before.get(key), now.get(key)) != (own.steps, cfg.steps)",
        "tests/runs/test_resume.py::test_only_what_follows_from_steps_may_move_with_it",
    ),
]
