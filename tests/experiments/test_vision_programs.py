"""The vision programs: sheet, dataset, training and evaluation on tiny images of a few states."""

import contextlib
import dataclasses
import json
import shutil

import jax
import numpy as np
import pytest
from PIL import Image

from dactyl_jax import hand
from dactyl_jax.vision import config as schema
from dactyl_jax.vision import dataset as dataset_lib
from dactyl_jax.vision.checkpoints import restore_estimator
from dactyl_jax.vision.pool import Pool
from experiments import (
    benchmark_views,
    calibrate_cameras,
    command_line,
    evaluate_vision,
    publish_vision,
    render_dataset,
    train_vision,
    vision_sheet,
)
from experiments.vision import directory, loop, preset, work
from experiments.vision import frames as frames_lib

TINY = [
    "--config.image_size=32",
    "--config.network.channels=(8,8)",
    "--config.network.blocks=(1,1)",
    "--config.network.strides=(1,1)",
    "--config.network.points=14",
    "--config.closer.object.channels=8",
    "--config.closer.object.dilations=(1,)",
    "--config.closer.forearm.channels=8",
    "--config.closer.forearm.dilations=(1,)",
    "--config.network.dense=(16,)",
    "--config.training.frames=8",
    "--config.training.batch=4",
    "--config.training.passes=1",
    "--config.run.eval_every=1",
    "--config.run.eval_frames=8",
    "--config.run.max_minutes=0",
]


@pytest.fixture(scope="module", autouse=True)
def few_states():
    """Replaces the states of episodes, which take minutes to collect, with a few others."""

    def make_pool(config, seed, count):
        qpos = frames_lib.resting_states(hand.load_model(config.object), 16, seed)
        return Pool(qpos, np.zeros(16, np.int32))

    before = frames_lib.make_pool
    frames_lib.make_pool = make_pool
    yield
    frames_lib.make_pool = before


class Stop:
    """A stop event that is set as if a signal arrived in the second iteration."""

    asked = 0

    def is_set(self) -> bool:
        self.asked += 1
        return self.asked > 2


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Returns a work directory after four iterations, stopped and resumed after two."""
    folder = tmp_path_factory.mktemp("vision") / "run"
    arguments = [*TINY, f"--workdir={folder}", "--max_iterations=4"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loop, "stop_signals", lambda: contextlib.nullcontext(Stop()))
        assert train_vision.main(arguments) == 0
    shutil.copytree(folder / "report", folder.parent / "report")
    assert train_vision.main(arguments) == 0
    return folder


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    """Returns a dataset of three shards."""
    folder = tmp_path_factory.mktemp("vision") / "frames"
    assert render_dataset.main([*TINY, f"--out={folder}", "--shards=3"]) == 0
    return folder


def rows(folder) -> list[dict]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line) for line in lines]


def test_training_leaves_a_report_and_a_network(trained):
    metrics = rows(trained)
    assert [row["iteration"] for row in metrics] == [1, 2, 3, 4]
    assert metrics[-1]["frames"] == 32
    assert all(row["rotation_deg"] > 0 and row["position_mm"] > 0 for row in metrics)
    minutes = [row["wall_minutes"] for row in metrics]
    assert minutes == sorted(minutes)
    assert (trained / "report" / "learning_curve.png").stat().st_size > 10_000
    report = json.loads((trained / "report" / "evaluation.json").read_text())
    assert (report["iteration"], report["frames"], report["held_out_frames"]) == (4, 32, 8)
    assert report["rotation_deg"]["median"] == pytest.approx(metrics[-1]["rotation_deg"])
    estimator = restore_estimator(trained)
    assert (estimator.iteration, estimator.frames) == (4, 32)


def test_a_stopped_run_leaves_a_report(trained):
    folder = trained.parent / "report"
    assert json.loads((folder / "evaluation.json").read_text())["iteration"] == 2
    assert (folder / "learning_curve.png").stat().st_size > 10_000


@pytest.mark.slow
def test_a_continued_run_is_the_uninterrupted_one(trained, tmp_path):
    arguments = [*TINY, f"--workdir={tmp_path}/run", "--max_iterations=4"]
    assert train_vision.main(arguments) == 0
    whole, parts = restore_estimator(tmp_path / "run"), restore_estimator(trained)
    for one, other in zip(*(jax.tree.leaves(e.parameters) for e in (whole, parts)), strict=True):
        np.testing.assert_array_equal(one, other)


def test_minutes_are_of_the_whole_run(trained, tmp_path, capsys):
    folder = tmp_path / "run"
    shutil.copytree(trained, folder)
    last = rows(folder)[-1]
    longer = last | {"wall_minutes": 500.0}
    (folder / "metrics.jsonl").write_text(json.dumps(longer) + "\n")
    assert train_vision.main([*TINY, f"--workdir={folder}", "--max_minutes=400"]) == 0
    assert "Continuing after iteration 4" in capsys.readouterr().out
    assert rows(folder) == [longer]


def moved_rig(file, by: float = 0.01):
    """Writes a calibration whose cameras are displaced from the simulation's."""
    cameras = [
        dataclasses.replace(camera, position=tuple(x + by for x in camera.position))
        for camera in hand.RIG
    ]
    hand.write_rig(file, cameras)
    return file


def test_a_run_keeps_the_calibration_it_began_with(tmp_path):
    rig = moved_rig(tmp_path / "rig.json")
    first = configured(f"--config.cameras={rig}")
    workdir = directory.work_directory(str(tmp_path / "run"))
    workdir.claim(first, {})
    assert workdir.check(first)
    kept = hand.read_rig(rig)
    # Calibrations are compared by content, not by name.
    assert workdir.check(configured(f"--config.cameras={moved_rig(tmp_path / 'elsewhere.json')}"))
    moved_rig(rig, 0.02)
    with pytest.raises(ValueError, match="has cameras="):
        workdir.check(first)
    # On another machine the run uses its copy.
    rig.unlink()
    moved = directory.work_directory(str(workdir.path.rename(tmp_path / "moved")))
    assert schema.cameras(moved.load_config()) == kept
    assert moved.check(moved.load_config())


def test_another_configuration_is_refused(trained, capsys):
    arguments = [*TINY, f"--workdir={trained}", "--config.seed=3"]
    assert train_vision.main(arguments) == 2
    error = capsys.readouterr().err
    assert "seed=0" in error and error.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("renderer", ["warp", "gl"])
def test_evaluation_writes_what_it_measured(trained, tmp_path, renderer, capsys):
    target, worst = tmp_path / "errors.json", tmp_path / "worst.png"
    flags = [f"--workdir={trained}", f"--renderer={renderer}", "--frames=9"]
    status = evaluate_vision.main([*flags, f"--json={target}", f"--worst={worst}"])
    printed = capsys.readouterr()
    if status == 2 and "no OpenGL" in printed.err:
        pytest.skip("there is no OpenGL here")
    assert status == 0
    result = json.loads(target.read_text())
    assert result["renderer"] == renderer and result["frames"] == 9
    for name in ("rotation_deg", "position_mm"):
        assert set(result[name]) == {"median", "mean", "std", "99%"}
        assert 0 < result[name]["median"] < 1000
        for camera in ("fingers", "thumb", "little"):
            assert result["without_camera"][camera][name]["mean"] > 0
    assert sum(row["frames"] for row in result["by_occlusion"]) == 9
    assert len(result["by_deviation"]) == 3
    assert 0 <= result["doubt"]["over_largest"] <= 1
    assert "9 frames:" in printed.out
    assert Image.open(worst).size == (3 * 32, 6 * 32)


@pytest.mark.parametrize(
    ("program", "flag"),
    [
        (evaluate_vision, "image_size=40"),
        (evaluate_vision, "object=prism"),
        (evaluate_vision, "network.points=15"),
        (publish_vision, "terms.lights.fewest=2"),
    ],
)
def test_networks_are_taken_as_they_were_trained(trained, program, flag, capsys):
    assert program.main([f"--workdir={trained}", f"--config.{flag}"]) == 2
    error = capsys.readouterr().err
    field = flag.partition("=")[0]
    assert f"--config.{field}: the run's training configuration is used" in error
    assert error.count("\n") == 1


def test_the_sheet_shows_frames_and_what_the_network_sees(tmp_path):
    target = tmp_path / "sheet.png"
    assert vision_sheet.main([f"--out={target}", "--frames=2", "--config.image_size=32"]) == 0
    picture = np.asarray(Image.open(target))
    assert picture.shape == (2 * 32, 6 * 32, 3)
    rendered, seen = picture[:, :96], picture[:, 96:]
    assert rendered.std() > 10 and seen.std() > 20
    assert np.abs(rendered.astype(int) - seen).mean() > 5


def configured(*flags):
    """Returns the configuration of a training command line."""
    arguments = [*TINY, *flags]
    return command_line.parse(
        arguments, command_line.define_training_flags, preset.device_preset, schema
    )[1]


def copied(dataset, folder, shards: int, change=lambda pictures: pictures):
    """Copies the first shards of a dataset and changes their pictures."""
    folder.mkdir()
    index = json.loads((dataset / "index.json").read_text())
    del index["shards"][shards:]
    for number, row in enumerate(index["shards"]):
        pictures, truth = dataset_lib.Dataset(dataset).read(number)
        content, new = dataset_lib.pack(number, change(pictures), truth)
        (folder / row["file"]).write_bytes(content)
        row |= new
    (folder / "index.json").write_text(json.dumps(index))
    return folder


def test_training_from_a_dataset_is_training_on_the_frames_it_holds(
    trained, dataset, tmp_path, monkeypatch
):
    collected = []
    make_pool = frames_lib.make_pool
    monkeypatch.setattr(
        frames_lib, "make_pool", lambda *given: collected.append(given[2]) or make_pool(*given)
    )
    losses = {}
    for name, change in (("same", lambda x: x), ("inverted", lambda x: 255 - x)):
        frames = copied(dataset, tmp_path / name, 1, change)
        folder = tmp_path / f"run_{name}"
        arguments = [*TINY, f"--config.dataset={frames}", f"--workdir={folder}"]
        assert train_vision.main([*arguments, "--max_iterations=1"]) == 0
        losses[name] = rows(folder)[0]["loss"]
    assert losses["same"] == rows(trained)[0]["loss"]
    assert losses["inverted"] != losses["same"]
    # Only the held-out frames are rendered, and need states.
    assert set(collected) == {frames_lib._HELD_OUT_STATES}


def test_each_pass_goes_through_all_shards_and_what_breaks_meanwhile_is_skipped(
    dataset, tmp_path, capsys
):
    folder = copied(dataset, tmp_path / "frames", 3)
    stored = [dataset_lib.Dataset(folder).read(number)[1].position for number in range(3)]
    read = work._stored(configured(f"--config.dataset={folder}", "--config.skip_damaged=true"))

    def shards(iterations) -> list[int]:
        found = [read(number)[1].position for number in iterations]
        return [next(i for i in range(3) if np.array_equal(stored[i], x)) for x in found]

    assert sorted(shards(range(3))) == sorted(shards(range(3, 6))) == [0, 1, 2]
    file = folder / "frames-00001.npz"
    file.write_bytes(file.read_bytes()[:-2000])
    assert set(shards(range(9))) == {0, 2}
    assert capsys.readouterr().out == f"1 damaged shards skipped: {file.name}\n"
    strict = work._stored(configured(f"--config.dataset={copied(dataset, tmp_path / 'b', 1)}"))
    (tmp_path / "b" / "frames-00000.npz").write_bytes(b"")
    with pytest.raises(ValueError, match=r"frames-00000\.npz' cannot be read"):
        strict(0)


def test_rendering_goes_on_where_it_was(dataset, capsys):
    index = json.loads((dataset / "index.json").read_text())
    (dataset / index["shards"][1]["file"]).unlink()
    before = (dataset / index["shards"][0]["file"]).stat().st_mtime_ns
    assert render_dataset.main([*TINY, f"--out={dataset}", "--shards=3"]) == 0
    assert capsys.readouterr().out.count("MB") == 1
    assert (dataset / index["shards"][0]["file"]).stat().st_mtime_ns == before
    assert json.loads((dataset / "index.json").read_text()) == index  # the same bytes again
    assert render_dataset.main([*TINY, f"--out={dataset}", "--config.seed=1"]) == 2
    assert "another configuration" in capsys.readouterr().err


def test_a_damaged_shard_ends_the_program_or_is_skipped_and_counted(dataset, tmp_path, capsys):
    index = json.loads((dataset / "index.json").read_text())
    file = dataset / index["shards"][2]["file"]
    whole = file.read_bytes()
    file.write_bytes(whole[:1000] + b"\0" + whole[1001:])
    try:
        arguments = [*TINY, f"--config.dataset={dataset}", "--max_iterations=2"]
        assert train_vision.main([*arguments, f"--workdir={tmp_path}/one"]) == 2
        error = capsys.readouterr().err
        assert file.name in error and error.count("\n") == 1
        skipping = [*arguments, "--config.skip_damaged=true", f"--workdir={tmp_path}/two"]
        assert train_vision.main(skipping) == 0
        assert f"1 damaged shards skipped: {file.name}" in capsys.readouterr().out
    finally:
        file.write_bytes(whole)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--config.image_size=40"], "config.image_size"),
        (["--config.object=prism"], "config.object"),
        (["--config.training.frames=16"], "config.training.frames"),
        (["--config.tilt=0.2"], "set --config.tilt=0.3"),
        (["--config.pose.kept=0.5"], "set --config.pose.kept=0.2"),
        (["--config.terms.lights.fewest=2"], "set --config.terms.lights.fewest=4"),
        (["--config.terms.shadows.enabled=false"], "set --config.terms.shadows.enabled=true"),
        (["--config.cameras=RIG"], "config.cameras"),
    ],
)
def test_a_dataset_of_other_frames_is_refused(dataset, tmp_path, flags, said, capsys):
    rig = moved_rig(tmp_path / "rig.json")
    flags = [flag.replace("RIG", str(rig)) for flag in flags]
    arguments = [*TINY, f"--config.dataset={dataset}", f"--workdir={tmp_path}/run", *flags]
    assert train_vision.main(arguments) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1


def test_a_run_starts_with_another_runs_networks(trained, tmp_path, capsys):
    """The first look stays as it is with `closer`; a network of another design starts anew."""
    flags = [
        *TINY,
        f"--workdir={tmp_path}/run",
        f"--config.init_from={trained}",
        "--config.training.learns=closer",
        "--config.closer.forearm.channels=4",
        "--max_iterations=1",
    ]
    assert train_vision.main(flags) == 0
    told = capsys.readouterr().out
    assert f"Loaded from {trained}: networks first, object. Initialised: forearm." in told
    theirs, ours = restore_estimator(trained), restore_estimator(tmp_path / "run")
    changed = {
        name: not all(
            np.array_equal(*pair)
            for pair in zip(*map(jax.tree.leaves, (old, ours.parameters[name])), strict=True)
        )
        for name, old in theirs.parameters.items()
        if name != "forearm"
    }
    assert changed == {"first": False, "object": True}


def test_the_sheet_shows_what_the_networks_find(trained, tmp_path):
    target = tmp_path / "sheet.png"
    assert vision_sheet.main([f"--workdir={trained}", "--frames=2", f"--out={target}"]) == 0
    assert Image.open(target).size == (6 * 240, 2 * 240)


def test_what_is_missing_is_named(tmp_path, capsys):
    calibration = tmp_path / "rig.json"
    for program, arguments, said in (
        (vision_sheet, [], "--out is missing"),
        (vision_sheet, ["--out=sheet.jpg"], "must end in .png"),
        (vision_sheet, ["--out=a.png", f"--config.cameras={calibration}"], "no calibration"),
        (render_dataset, [], "--out is missing"),
        (evaluate_vision, [], "--workdir is missing"),
        (evaluate_vision, [f"--workdir={tmp_path}/nowhere"], "nowhere"),
        (train_vision, [*TINY, f"--config.dataset={tmp_path}"], "index.json"),
    ):
        workdir = [f"--workdir={tmp_path}/run"] if program is train_vision else []
        assert program.main([*arguments, *workdir]) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1


@pytest.mark.slow
def test_the_package_gets_a_network_and_gives_it_back(trained, tmp_path, monkeypatch, capsys):
    from dactyl_jax.pretrained import vision_store

    monkeypatch.setattr(vision_store, "FOLDER", tmp_path / "vision")
    assert evaluate_vision.main(["--pretrained"]) == 2
    assert "experiments.publish_vision" in capsys.readouterr().err
    if publish_vision.main([f"--workdir={trained}", "--frames=4"]) == 2:
        assert "no OpenGL" in capsys.readouterr().err
        pytest.skip("there is no OpenGL here")
    _, estimator, metrics = vision_store.load_vision()
    ours = restore_estimator(trained)
    assert estimator.eyes == ours.eyes
    for one, other in zip(*(jax.tree.leaves(e.parameters) for e in (estimator, ours)), strict=True):
        np.testing.assert_array_equal(one, other)
    assert metrics["frames_learned"] == 32
    assert metrics["origin"]["command"].startswith("python -m experiments.train_vision")
    assert set(metrics["evaluation"]) == {"warp", "gl"}
    assert not (tmp_path / "vision" / "cameras.json").exists()
    target = tmp_path / "errors.json"
    flags = ["--pretrained", "--frames=4", f"--json={target}"]
    assert evaluate_vision.main(flags) == 0
    result = json.loads(target.read_text())
    assert result["rotation_deg"] == pytest.approx(
        metrics["evaluation"]["warp"]["rotation_deg"], rel=1e-3
    )
    (tmp_path / "vision" / "parameters.npz").write_bytes(b"")
    assert evaluate_vision.main(["--pretrained"]) == 2
    assert "damaged" in capsys.readouterr().err


@pytest.mark.slow
def test_the_benchmark_compares_both_renderers(tmp_path, capsys):
    target = tmp_path / "rates.json"
    flags = ["--seconds=0.01", "--config.image_size=16", f"--json={target}"]
    if benchmark_views.main(flags) == 2:
        assert "no OpenGL" in capsys.readouterr().err
        pytest.skip("there is no OpenGL here")
    result = json.loads(target.read_text())
    assert all(result[f"{name}_images_per_second"] > 0 for name in ("warp", "gl", "gl_coarse"))
    assert result["ratio"] == pytest.approx(
        result["warp_images_per_second"] / result["gl_images_per_second"]
    )


@pytest.mark.slow
def test_the_ray_tracer_is_four_times_as_fast_as_opengl_at_full_quality(tmp_path):
    """On two or more cores, with all appearance terms on; absolute rates are not checked."""
    target = tmp_path / "rates.json"
    assert benchmark_views.main([f"--json={target}"]) == 0
    result = json.loads(target.read_text())
    assert result["ratio"] >= 4


def test_calibration_says_what_is_missing(tmp_path, capsys):
    place = ["--board_position=0,0,0", "--board_quaternion=1,0,0,0"]
    for arguments, said in (
        ([], "--board=FILE.png"),
        ([f"--pictures={tmp_path}", "--board_position=0,0"], "--board_position"),
        ([f"--pictures={tmp_path}", place[0], "--board_quaternion=1,1,0,0"], "length is not 1"),
        ([f"--pictures={tmp_path}", *place], "there is no folder"),
    ):
        assert calibrate_cameras.main(arguments) == 2
        error = capsys.readouterr().err
        assert said in error and error.count("\n") == 1


def test_the_board_can_be_printed(tmp_path):
    pytest.importorskip("cv2")
    target = tmp_path / "board.png"
    assert calibrate_cameras.main([f"--board={target}"]) == 0
    picture = Image.open(target)
    # 210 mm by 150 mm at 300 dots per inch.
    assert picture.size == (2480, 1772)
    assert picture.info["dpi"] == pytest.approx((300, 300), abs=0.5)
