"""Classic mistakes of games with labels: conditions, K + 1 classes, and what measures them."""

from mutation import Mutation, P

BY_HAND = "tests/conditions/test_conditions_by_hand.py::"
CLASSES = "tests/core/test_classes.py::"
SUPERVISED = "tests/techniques/test_supervised.py::"

LABELS = [
    Mutation(
        "projection: the features meet no embedding of the class",
        P + "conditions/projection.py",
        "logits_of(self.head, features) + along",
        "logits_of(self.head, features) + 0 * along",
        BY_HAND + "test_projection_adds_the_product_of_e_and_the_features_to_the_logit",
    ),
    Mutation(
        "auxiliary: D learns the classes of the fakes twice",
        P + "conditions/auxiliary.py",
        "real = self.surprise(play.real_features, play.labels)",
        "real = self.surprise(play.fake_features, play.fake_labels)",
        BY_HAND + "test_auxiliary_terms_are_cross_entropies_of_the_class_head",
    ),
    Mutation(
        "auxiliary: G is told to make what D names wrong",
        P + "conditions/auxiliary.py",
        "return self.g_weight * self.surprise",
        "return -self.g_weight * self.surprise",
        BY_HAND + "test_auxiliary_terms_are_cross_entropies_of_the_class_head",
    ),
    Mutation(
        "discriminative: D calls the fakes real",
        P + "conditions/discriminative.py",
        "play.fake_labels + self.classes)\n        return",
        "play.fake_labels)\n        return",
        BY_HAND + "test_discriminative_terms_tell_real_from_fake_within_a_class",
    ),
    Mutation(
        "discriminative: G flees the class",
        P + "conditions/discriminative.py",
        "(fake - real).mean()",
        "(real - fake).mean()",
        BY_HAND + "test_discriminative_terms_tell_real_from_fake_within_a_class",
    ),
    Mutation(
        "condition: the labels of a run's samples are all alike",
        P + "core/labels.py",
        "return torch.searchsorted(counts.cumsum(0) / counts.sum(), u, right=True)",
        "return torch.searchsorted(counts.cumsum(0) / counts.sum(), u[:1].expand(n), right=True)",
        BY_HAND + "test_labels_come_by_the_frequency_of_the_classes",
    ),
    Mutation(
        "fd_class: the fakes of all classes are taken",
        P + "metrics/conditional.py",
        "fake[fake_labels == c]",
        "fake[fake_labels >= 0]",
        "tests/metrics/test_conditional.py::test_the_distance_of_a_class_is_that_of_its_rows",
    ),
    Mutation(
        "tstr: it is tested on the training images",
        P + "metrics/tstr.py",
        "accuracy(classifier(samples, labels, seed, *settings), test, test_labels)",
        "accuracy(classifier(samples, labels, seed, *settings), train, train_labels)",
        "tests/metrics/test_train_on_samples.py::test_it_is_trained_on_samples_and_tested_on_the_test_set_and_the_other_"
        "way_round",
    ),
    Mutation(
        "K + 1: the logit of D is its largest output",
        P + "core/classes.py",
        "return features, self.outputs(features).logsumexp(1)",
        "return features, self.outputs(features).amax(1)",
        CLASSES + "test_d_is_the_share_of_all_classes_but_fake",
    ),
    Mutation(
        "K + 1: the outputs are summed in half precision",
        P + "core/classes.py",
        "return logits.to(torch.promote_types(logits.dtype, torch.float32))",
        "return logits",
        CLASSES + "test_outputs_in_half_precision_are_summed_in_float32",
    ),
    Mutation(
        "supervised: the weight is forgotten",
        P + "techniques/supervised.py",
        "return self.weight * F.cross_entropy",
        "return F.cross_entropy",
        SUPERVISED + "test_the_term_is_the_cross_entropy_of_the_labelled_batch_times_its_weight",
    ),
    Mutation(
        "supervised: the labelled batch passes no views",
        P + "techniques/supervised.py",
        "features, _ = play.discriminate(x)",
        "features = D.features(x)",
        SUPERVISED + "test_the_views_stand_before_the_labelled_batch_too",
    ),
    Mutation(
        "labelled: batches keep the labels of all samples",
        P + "data/arrays.py",
        "torch.full_like(self.arrays.labels, HIDDEN)",
        "self.arrays.labels",
        "tests/data/test_labelled.py::test_batches_have_no_labels_and_the_counts_are_those_of_the_labelled",
    ),
    Mutation(
        "labelled: the subset does not depend on its seed",
        P + "data/labelled.py",
        "torch.Generator().manual_seed(seed)",
        "torch.Generator().manual_seed(0)",
        "tests/data/test_labelled.py::test_it_is_a_function_of_its_seed",
    ),
    Mutation(
        "labelled: the first rows are taken, balanced or not",
        P + "data/labelled.py",
        "return torch.cat([order[mixed == label][: n // classes] for label in range(classes)])",
        "return order[:n]",
        "tests/data/test_labelled.py::test_it_has_as_many_of_each_class_none_twice",
    ),
    Mutation(
        "labelled: each step sees the first batch",
        P + "game/labelled.py",
        "self.rows((step * world + rank) * n, n)",
        "self.rows(rank * n, n)",
        "tests/data/test_labelled.py::test_each_walk_sees_every_sample_once",
    ),
    Mutation(
        "labelled: two processes see one half of the batch",
        P + "game/labelled.py",
        "self.rows((step * world + rank) * n, n)",
        "self.rows(step * world * n, n)",
        SUPERVISED + "test_the_mean_over_two_processes_is_the_term_of_one",
    ),
    Mutation(
        "labelled: a label goes with another sample",
        P + "game/labelled.py",
        "self.labels[rows]",
        "self.labels[: len(rows)]",
        "tests/data/test_labelled.py::test_a_batch_is_a_function_of_seed_and_step_and_processes_share_it",
    ),
    Mutation(
        "ema_d: it averages G",
        P + "techniques/ema_d.py",
        'of: ClassVar[Player] = "D"',
        'of: ClassVar[Player] = "G"',
        "tests/techniques/test_ema_d.py::test_it_averages_d_after_each_of_its_steps_from_a_copy_on",
    ),
    Mutation(
        "test_errors: those of the validation images",
        P + "report/classifying.py",
        'test = yardstick.real["test"]',
        'test = yardstick.real["validation"]',
        "tests/report/test_semi_supervised.py::test_evaluate_counts_the_errors_of_d_and_of_its_average_on_test_images",
    ),
    Mutation(
        "validation_error: D classifies in training mode",
        P + "core/classes.py",
        "    with evaluating(D):\n        parts",
        "    with torch.no_grad():\n        parts",
        "tests/techniques/test_ema_d.py::test_wrong_names_are_counted",
    ),
    Mutation(
        "salimans2016: units begin with their sums, not with variance 1",
        P + "networks/salimans2016.py",
        "length_of(layer).div_(deviation[:, None])",
        "length_of(layer).mul_(deviation[:, None])",
        "tests/networks/test_salimans2016.py::test_units_begin_with_mean_0_and_variance_1_over_the_samples",
    ),
    Mutation(
        "salimans2016: its noise stays in eval mode",
        P + "networks/salimans2016.py",
        "if self.training and self.sigma > 0 else x",
        "if self.sigma > 0 else x",
        "tests/networks/test_salimans2016.py::test_d_sees_pixels_between_0_and_1_and_noise_in_training_only",
    ),
    Mutation(
        "late_linear: the rate falls from the first step on",
        P + "core/schedules.py",
        "return self.start + (self.end - self.start) * max(done - self.hold, 0.0) / (1 - self.hold)",
        "return self.start + (self.end - self.start) * done",
        "tests/core/test_schedules.py::test_formulas",
    ),
]
