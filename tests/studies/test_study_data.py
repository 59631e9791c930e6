"""A study that trains on images has a dataset of conf/data/ in its own node."""

import json


def test_a_study_of_images_takes_its_dataset_as_conf_has_it(call, tmp_path):
    """The dataset's keys for labelled samples, which a study has no use for, are left out."""
    words = ("study=saturation", "data@study.data=digits", "study.steps=4", f"out={tmp_path}/out")
    code, text = call("study", *words)
    assert code == 0, text
    record = json.loads((tmp_path / "out" / "numbers.json").read_text())
    assert record["settings"]["data"] == {"_target_": "gan_lightning.data.digits.Digits", "size": 28}
    assert len(record["numbers"]["mmgan"]["gradient_norm_of_G"]) == 4
