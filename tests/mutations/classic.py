"""Mistakes that leave every program running and make a number wrong; each must turn its named test red.

A mutation replaces ``old``, which occurs once in ``file``, by ``new``. ``python tests/mutations/run.py`` applies them.
"""

from typing import NamedTuple


class Mutation(NamedTuple):
    name: str
    file: str
    old: str
    new: str
    test: str


P = "gan_lightning/"
CLASSIC = [
    Mutation(
        "lsgan: the real target is 0",
        P + "losses/lsgan.py",
        "return (real_logits - 1).square()",
        "return real_logits.square()",
        "tests/test_losses_by_hand.py::test_value_and_gradients",
    ),
    Mutation(
        "wgan: the real term is dropped",
        P + "losses/wgan.py",
        "fake_logits.mean() - real_logits.mean()",
        "fake_logits.mean()",
        "tests/test_losses_by_hand.py::test_value_and_gradients",
    ),
    Mutation(
        "hinge: D is turned round at the data",
        P + "losses/hinge.py",
        "F.relu(1 - real_logits)",
        "F.relu(1 + real_logits)",
        "tests/test_losses_by_hand.py::test_value_and_gradients",
    ),
    Mutation(
        "rpgan: D does not look at the data",
        P + "losses/rpgan.py",
        "F.softplus(fake_logits - real_logits)",
        "F.softplus(fake_logits)",
        "tests/test_losses_by_hand.py::test_value_and_gradients",
    ),
    Mutation(
        "nsgan: G descends the minimax loss",
        P + "losses/nsgan.py",
        "return F.softplus(-fake_logits).mean()",
        "return -F.softplus(fake_logits).mean()",
        "tests/test_losses_by_hand.py::test_value_and_gradients",
    ),
    Mutation(
        "mmgan: the sign of G's loss",
        P + "losses/mmgan.py",
        "return -F.softplus(fake_logits).mean()",
        "return F.softplus(fake_logits).mean()",
        "tests/test_losses_by_hand.py::test_value_and_gradients",
    ),
    Mutation(
        "smoothing: the fake target gets the real one's sign",
        P + "losses/cross_entropy.py",
        "- fake_target * fake_logits",
        "+ fake_target * fake_logits",
        "tests/test_losses.py::test_smoothing_moves_d_only",
    ),
    Mutation(
        "dragan: the spread forgets the standard deviation of the data",
        P + "techniques/dragan.py",
        "self.spread * global_std(real) * rng",
        "self.spread * rng",
        "tests/test_penalties.py::test_dragan_is_taken_around_the_data_as_far_as_they_are_spread",
    ),
    Mutation(
        "gradient_penalty: at the data",
        P + "techniques/gradient_penalty.py",
        "u * real + (1 - u) * fake",
        "real",
        "tests/test_penalties.py::test_gradient_penalty_is_taken_between_with_one_u_per_sample",
    ),
    Mutation(
        "gradient_penalty: one u for the batch",
        P + "techniques/gradient_penalty.py",
        "rng.uniform(len(real), *[1] * (real.ndim - 1))",
        "rng.uniform(1, *[1] * (real.ndim - 1))",
        "tests/test_penalties.py::test_gradient_penalty_is_taken_between_with_one_u_per_sample",
    ),
    Mutation(
        "r1: at the samples",
        P + "techniques/r1.py",
        "slopes(play, play.real)",
        "slopes(play, play.fake)",
        "tests/test_penalties.py::test_r1_is_taken_at_the_data_and_r2_at_the_samples",
    ),
    Mutation(
        "r2: at the data",
        P + "techniques/r2.py",
        "slopes(play, play.fake)",
        "slopes(play, play.real)",
        "tests/test_penalties.py::test_r1_is_taken_at_the_data_and_r2_at_the_samples",
    ),
    Mutation(
        "slopes: one norm over the whole batch",
        P + "techniques/slopes.py",
        "torch.linalg.vector_norm(gradient.reshape(len(logits), -1), dim=1)",
        "torch.linalg.vector_norm(gradient).expand(len(logits))",
        "tests/test_techniques.py::test_penalties_on_a_linear_critic_in_closed_form",
    ),
    Mutation(
        "slopes: a lazy penalty is not multiplied by its interval",
        P + "techniques/slopes.py",
        "return self.interval * weight *",
        "return weight *",
        "tests/test_techniques.py::test_a_lazy_penalty_costs_the_same_on_average",
    ),
    Mutation(
        "instance_noise: it never falls",
        P + "techniques/instance_noise.py",
        "(self.final_sigma - self.sigma) * progress",
        "(self.final_sigma - self.sigma) * 0",
        "tests/test_penalties.py::test_instance_noise_falls_to_its_final_sigma",
    ),
    Mutation(
        "ema: the weights of old and new change places",
        P + "techniques/ema.py",
        "value.lerp_(live[name].to(value), (1 - d).to(value))",
        "value.lerp_(live[name].to(value), d.to(value))",
        "tests/test_techniques.py::test_ema_against_an_average_kept_by_hand",
    ),
    Mutation(
        "ema: it also counts D's steps",
        P + "techniques/ema.py",
        'if player != "G":',
        'if player not in ("G", "D"):',
        "tests/test_techniques.py::test_ema_against_an_average_kept_by_hand",
    ),
    Mutation(
        "historical_averaging: the mean is the last weights",
        P + "techniques/historical_averaging.py",
        "mean.lerp_(p, 1 / t)",
        "mean.copy_(p)",
        "tests/test_techniques.py::test_historical_averaging_against_a_stored_list",
    ),
    Mutation(
        "feature_matching: one mean over batch and features",
        P + "techniques/feature_matching.py",
        "at_least_float32(f).flatten(1).mean(0)",
        "at_least_float32(f).flatten(1).mean()",
        "tests/test_techniques.py::test_feature_matching_by_hand_and_blind_to_the_order_of_the_batch",
    ),
    Mutation(
        "packing: what lies apart in the batch is packed",
        P + "techniques/packing.py",
        "x.reshape(len(x) // self.m, self.m * x.shape[1], *x.shape[2:])",
        "x.unflatten(0, (self.m, -1)).transpose(0, 1).flatten(1, 2)",
        "tests/test_techniques.py::test_packing_counts_and_keeps_the_samples_apart",
    ),
    Mutation(
        "dropout: G's half has the masks of the next D half",
        P + "game/game.py",
        """        self.seed_half(1)
        fake = self.G(self.prior(len(real), self.rng["z/G"]))""",
        """        self.seed_half(0)
        fake = self.G(self.prior(len(real), self.rng["z/G"]))""",
        "tests/test_masks.py::test_no_two_halves_share_a_mask",
    ),
    Mutation(
        "z: G's half sees that of D's half",
        P + "game/game.py",
        'self.rng["z/G"]',
        'self.rng.make("z/D")',
        "tests/test_algorithm1.py::test_noise_is_fresh_in_both_halves_and_reproducible",
    ),
    Mutation(
        "k: G moves with each step of D",
        P + "game/game.py",
        "        return self.d_steps_done % self.d_steps == 0",
        "        return self.d_steps_done % 1 == 0",
        "tests/test_algorithm1.py::test_updates_are_counted_and_the_run_ends_after_exactly_steps",
    ),
    Mutation(
        "simultaneous: D moves on fakes of the new G",
        P + "game/game.py",
        """        self.seed_half(0)
        return self.d_losses(""",
        """        self.seed_half(0)
        fake = self.G(self.prior(len(real), self.rng["z/D"])).detach()
        return self.d_losses(""",
        "tests/test_simultaneous.py::test_both_players_move_from_the_old_weights_on_one_z_and_one_mask",
    ),
    Mutation(
        "simultaneous: the masks of D's dropout are drawn for each player",
        P + "game/game.py",
        "order = reversed(batches) if self.simultaneous else batches",
        "order = batches",
        "tests/test_simultaneous.py::test_both_players_move_from_the_old_weights_on_one_z_and_one_mask",
    ),
    Mutation(
        "simultaneous: views draw for each player",
        P + "game/game.py",
        """        self.begin_step(*self.place)
        self.seed_half(0)""",
        """        self.seed_half(0)""",
        "tests/test_simultaneous.py::test_d_says_the_same_of_the_fakes_in_both_halves",
    ),
    Mutation(
        "d_loss_weight: it is not used",
        P + "game/game.py",
        "self.d_loss_weight * self.loss",
        "self.loss",
        "tests/test_simultaneous.py::test_d_loss_weight_halves_ds_step_and_leaves_terms_alone",
    ),
    Mutation(
        "schedules: they follow D's steps",
        P + "game/module.py",
        "follow(self.schedules, self.players(), self.g_steps_done)",
        "follow(self.schedules, self.players(), self.d_steps_done)",
        "tests/test_schedules.py::test_momentum_follows_and_k_does_not_hurry_it",
    ),
    Mutation(
        "moments: they are due in each of the k batches",
        P + "game/game.py",
        "return self.g_steps_done > 0 and self.d_steps_done % self.d_steps == 0",
        "return self.g_steps_done > 0",
        "tests/test_resume.py::test_with_three_d_steps_per_g_step_each_moment_comes_once",
    ),
    Mutation(
        "rng: each process draws for itself",
        P + "core/rng.py",
        "return full[self.rank * n : (self.rank + 1) * n]",
        "return full[:n]",
        "tests/test_rng.py::test_processes_share_out_the_draw_of_one",
    ),
    Mutation(
        "rng: the draws of a stream are one draw",
        P + "core/rng.py",
        "        self.draws += 1\n",
        "",
        "tests/test_rng.py::test_the_second_draw_of_a_stream_is_fresh_and_the_global_generator_untouched",
    ),
    Mutation(
        "maxout: start_from is never called",
        P + "config/build.py",
        "        G.start_from(mean())\n",
        "        pass\n",
        "tests/test_beginnings.py::test_g_begins_at_the_mean_of_the_data",
    ),
    Mutation(
        "data: the mean is that of the first rows",
        P + "data/arrays.py",
        "parts = self.arrays.images.split(rows)",
        "parts = self.arrays.images.split(rows)[:1]",
        "tests/test_data.py::test_the_mean_is_that_of_all_training_samples",
    ),
    Mutation(
        "digits: validation images are test images",
        P + "data/digits.py",
        "torch.arange(TRAIN - 300, TRAIN)",
        "torch.arange(TRAIN, len(everything))",
        "tests/test_which_data.py::test_the_parts_of_digits",
    ),
    Mutation(
        "mnist: train50k trains on the validation images",
        P + "data/mnist.py",
        'n = 50_000 if self.split == "train50k" else 60_000',
        "n = 60_000",
        "tests/test_which_data.py::test_the_parts_of_mnist",
    ),
    Mutation(
        "data: the passes have one order",
        P + "data/arrays.py",
        "manual_seed(mix(self.seed, epoch))",
        "manual_seed(mix(self.seed, 0))",
        "tests/test_data.py::test_each_pass_serves_every_image_once_in_another_order",
    ),
    Mutation(
        "evaluate: validation images in place of test images",
        P + "report/yardstick.py",
        "(source.train(), source.validation(), source.test())",
        "(source.train(), source.validation(), source.validation())",
        "tests/test_which_data.py::test_evaluate_shows_each_metric_the_data_that_it_names",
    ),
    Mutation(
        "evaluate: the first n test images in file order",
        P + "report/yardstick.py",
        "test[fixed_rows(whole, n)]",
        "test[:n]",
        "tests/test_which_data.py::test_evaluate_shows_each_metric_the_data_that_it_names",
    ),
    Mutation(
        "evaluate: the floor's images are among its training images",
        P + "report/yardstick.py",
        "rest = Observed(self.train[self.n :], self.judge)",
        "rest = Observed(self.train, self.judge)",
        "tests/test_which_data.py::test_evaluate_shows_each_metric_the_data_that_it_names",
    ),
    Mutation(
        "parzen: sigma is chosen on the test images",
        P + "metrics/parzen.py",
        "log_likelihoods(samples, validation, SIGMAS)",
        "log_likelihoods(samples, test, SIGMAS)",
        "tests/test_which_data.py::test_sigma_is_chosen_on_validation_images_and_the_value_is_of_test_images",
    ),
    Mutation(
        "parzen: the windows forget how many they are",
        P + "metrics/parzen.py",
        "-math.log(len(samples)) - x",
        "-x",
        "tests/test_metrics.py::test_parzen_is_the_mean_of_its_windows",
    ),
    Mutation(
        "frechet: the cross term once",
        P + "metrics/frechet.py",
        "- 2 * cross",
        "- cross",
        "tests/test_metrics.py::test_fd_of_a_set_with_itself_is_0_also_when_rank_deficient",
    ),
    Mutation(
        "kernel: the biased estimate",
        P + "metrics/kernel.py",
        "within_f = (kernel_sum(fake, fake, chunk) - kernel_diagonal(fake)) / (m * (m - 1))",
        "within_f = kernel_sum(fake, fake, chunk) / (m * m)",
        "tests/test_metrics.py::test_kernel_distance_against_a_plain_loop",
    ),
    Mutation(
        "neighbours: a row is its own nearest neighbour",
        P + "metrics/neighbours.py",
        "kthvalue(k + 1, dim=1)",
        "kthvalue(k, dim=1)",
        "tests/test_metrics.py::test_neighbours_against_plain_loops",
    ),
    Mutation(
        "neighbours: precision and recall change places",
        P + "metrics/neighbours.py",
        '"recall": recalled / len(real)',
        '"recall": covered / len(real)',
        "tests/test_metrics.py::test_neighbours_against_plain_loops",
    ),
    Mutation(
        "cheap evaluation: training images",
        P + "callbacks/evaluation.py",
        "self.see(data.validation())",
        "self.see(data.reference())",
        "tests/test_which_data.py::test_the_curves_of_the_average_are_of_the_average",
    ),
    Mutation(
        "curves: D(x) and D(G(z)) change places",
        P + "callbacks/diagnostics.py",
        '{"d/real_prob": real_logits.sigmoid().mean(), "d/fake_prob": fake_logits.sigmoid().mean()}',
        '{"d/real_prob": fake_logits.sigmoid().mean(), "d/fake_prob": real_logits.sigmoid().mean()}',
        "tests/test_curves.py::test_log_odds_are_shown_as_probabilities_real_as_real_and_fake_as_fake",
    ),
    Mutation(
        "generator=ema: it is the live G",
        P + "runs/load.py",
        "gan.generators[generator], gan.prior",
        "gan.G, gan.prior",
        "tests/test_which_data.py::test_load_gives_the_average_for_its_name_and_g_for_g",
    ),
    Mutation(
        "resume: what moves as steps does is free",
        P + "runs/resume.py",
        "not key.startswith(FREE)",
        "not key.startswith(FREE) and (before.get(key), now.get(key)) != (own.steps, cfg.steps)",
        "tests/test_resume.py::test_only_what_follows_from_steps_may_move_with_it",
    ),
]
