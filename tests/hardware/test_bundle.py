import json
import shutil
import subprocess

import numpy as np
import pytest

from hardware import verify
from hardware.base import rotations
from hardware.base.errors import UserError
from hardware.bundle import arrays, store

ALL = (*store.FILES, *store.VISION_FILES)


@pytest.fixture
def copy(folder, tmp_path):
    return shutil.copytree(str(folder), str(tmp_path / "bundle"))


def test_the_training_codes_actions_come_out_on_this_machine(folder, capsys):
    assert verify.main([str(folder)]) == 0
    assert "16 steps of the training code, the same actions in each" in capsys.readouterr().out


@pytest.mark.parametrize("name", [*ALL, store.CHECKSUMS])
def test_any_changed_byte_is_refused_by_the_files_name(folder, copy, name, capsys):
    content = (folder / name).read_bytes()
    rng = np.random.default_rng(0)
    places = {0, len(content) - 1, *rng.integers(0, len(content), 20).tolist()}
    if name == store.CHECKSUMS:
        places = set(range(len(content)))
    for place in places:
        changed = bytearray(content)
        changed[place] ^= int(rng.integers(1, 256))
        with open(f"{copy}/{name}", "wb") as file:
            file.write(changed)
        assert verify.main([copy]) == 2
        captured = capsys.readouterr()
        assert captured.out == "" and len(captured.err.splitlines()) == 1
        assert f"{copy}/{name}'" in captured.err


@pytest.mark.parametrize("name", ALL)
def test_cut_missing_and_strange_files_are_refused(folder, copy, name, capsys):
    path = f"{copy}/{name}"
    content = (folder / name).read_bytes()
    for spoilt in (content[:-1], content + b"\0", b""):
        with open(path, "wb") as file:
            file.write(spoilt)
        with pytest.raises(UserError, match=f"{name}' is damaged"):
            store.load(copy)
    shutil.move(path, path + ".orig")
    with pytest.raises(UserError, match=r"does not belong to the bundle|is missing"):
        store.load(copy)


def test_files_whose_lines_are_gone_from_the_checksums_are_not_trusted(folder, tmp_path):
    files = {name: (folder / name).read_bytes() for name in ALL}
    for name in ALL:
        target = tmp_path / name
        target.mkdir()
        rest = {other: files[other] for other in files if other != name}
        for other, content in rest.items():
            (target / other).write_bytes(content)
        (target / store.CHECKSUMS).write_bytes(store._checksums(rest))
        with pytest.raises(UserError, match=r"the files of .* are not"):
            store.load(str(target))


def test_another_version_is_refused(folder, tmp_path):
    files = {name: (folder / name).read_bytes() for name in ALL}
    contract = json.loads(files["bundle.json"].decode())
    files["bundle.json"] = json.dumps({**contract, "version": 99}).encode()
    store.write(tmp_path / "new", files)
    with pytest.raises(UserError, match=r"version 99; this program reads .* version 4"):
        store.load(str(tmp_path / "new"))
    with pytest.raises(UserError, match="already exists"):
        store.write(tmp_path / "new", files)


def test_what_differs_from_training_is_found(contents, folder, tmp_path, capsys):
    """Changed golden numbers in an intact bundle look like different results of this machine."""
    files = {name: (folder / name).read_bytes() for name in ALL}
    golden = contents.golden()
    cases = {
        "observation": ("observation", 1e-3, "observation of golden episode 1, step 3"),
        "logits": ("logits", 1e-3, "logits of golden episode 1, step 3"),
        "targets": ("targets", 1e-6, "targets of golden episode 1, step 3"),
        "average": ("next_average", 1e-6, "next_average of golden episode 1, step 3"),
        "weight": ("next_weight", 1e-7, "next_weight of golden episode 1, step 3"),
        "greedy": ("greedy", 1, "the greedy action of golden episode 1, step 3"),
        "sampled": ("sampled", 1, "the sampled action of golden episode 1, step 3"),
    }
    for name, (array, change, message) in cases.items():
        spoilt = {key: values.copy() for key, values in golden.items()}
        spoilt[array][1, 3] += np.asarray(change, spoilt[array].dtype)
        files["golden.npz"] = arrays.pack(spoilt)
        store.write(tmp_path / name, files)
        assert verify.main([str(tmp_path / name)]) == 2
        assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("file", "array"),
    [
        *(("golden.npz", name) for name in ("observation", "logits", "targets", "joint_angles")),
        *(("pictures.npz", name) for name in ("place", "position", "orientation", "doubt")),
    ],
)
def test_what_is_no_number_differs(file, array, folder, tmp_path, capsys):
    files = {name: (folder / name).read_bytes() for name in ALL}
    spoilt = arrays.unpack(files[file])
    spoilt[array].flat[-1] = np.nan
    files[file] = arrays.pack(spoilt)
    store.write(tmp_path / "spoilt", files)
    assert verify.main([str(tmp_path / "spoilt")]) == 2
    assert "off by nan" in capsys.readouterr().err


def test_a_network_that_sees_something_else_is_found(contents, folder, tmp_path, capsys):
    files = {name: (folder / name).read_bytes() for name in ALL}
    golden = contents.golden_pictures()
    turn = rotations.from_axis_angle(np.array([0.0, 1.0, 0.0]), np.array(2e-3))
    cases = {
        "position": (golden["position"][1] + 3e-4, "position in pictures: golden frame 1 is off"),
        "orientation": (
            rotations.multiply(turn, golden["orientation"][1]),
            "orientation in pictures: golden frame 1 is off by 0.002",
        ),
        "place": (golden["place"][1] + 3e-4, "places in pictures: golden frame 1 is off"),
        "doubt": (golden["doubt"][1] + 0.1, "cosine of the doubt in pictures: golden frame 1"),
        "pictures": (255 - golden["pictures"][1], "golden frame 1 is off"),
    }
    for name, (values, message) in cases.items():
        spoilt = {key: array.copy() for key, array in golden.items()}
        spoilt[name][1] = values
        files["pictures.npz"] = arrays.pack(spoilt)
        store.write(tmp_path / name, files)
        assert verify.main([str(tmp_path / name)]) == 2
        assert message in capsys.readouterr().err


def test_a_pose_network_and_a_contract_without_one_are_not_trusted(folder, blind, tmp_path):
    files = {name: (folder / name).read_bytes() for name in ALL}
    blind_contract = (blind / "bundle.json").read_bytes()
    store.write(tmp_path / "a", {**files, "bundle.json": blind_contract})
    store.write(tmp_path / "b", {name: files[name] for name in store.FILES})
    for name in ("a", "b"):
        with pytest.raises(
            UserError, match=r"pose.onnx' belong to different bundles; export it again"
        ):
            store.load(str(tmp_path / name))
    assert verify.main([str(blind)]) == 0 and not store.load(str(blind)).pose_network


def test_nothing_in_a_bundle_is_pickled(contents):
    found = [*contents.golden().values(), *contents.golden_pictures().values()]
    assert all(array.dtype.kind in "fiub" for array in found)
    with pytest.raises(ValueError, match=r"[Oo]bject arrays"):
        arrays.pack({"x": np.array([object()])})


def test_the_contract_says_what_a_controller_needs(contents):
    parts = contents.contract["observation"]["parts"]
    assert sum(part["size"] for part in parts) == contents.contract["observation"]["size"] == 128
    assert len(contents.joints) == 24 and len(contents.actuators) == 20
    assert contents.coupling.sum() == 24 and (contents.coupling.sum(axis=0) == 1).all()
    low, high = contents.limits.T
    assert (low < high).all() and ((low <= contents.start_targets).all())
    # The fastest command crosses the whole range in one control step.
    np.testing.assert_allclose(contents.max_rates * 0.9 * 0.08, high - low)
    assert contents.contract["action"] == {
        **{"mode": "relative", "bins": 11, "smoothed": "action", "smoothing_kept": 0.3}
    }


def test_a_signature_says_who_made_a_bundle(folder, tmp_path, capsys):
    if shutil.which("ssh-keygen") is None:
        pytest.skip("no ssh-keygen")
    for name in ("ours", "others"):
        key = [
            "ssh-keygen",
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            name,
            "-f",
            str(tmp_path / name),
        ]
        subprocess.run(key, check=True)
    signing = ("ssh-keygen", "-Y", "sign", "-f", str(tmp_path / "ours"), "-n", "dactyl")
    sums = (folder / store.CHECKSUMS).read_bytes()
    signed = subprocess.run(signing, input=sums, check=True, capture_output=True).stdout
    (tmp_path / "bundle.sig").write_bytes(signed)
    for name in ("ours", "others"):
        (tmp_path / f"{name}.allowed").write_text(
            f"me@lab {(tmp_path / f'{name}.pub').read_text()}"
        )
    flags = [str(folder), f"--signature={tmp_path / 'bundle.sig'}"]
    assert verify.main([*flags, f"--allowed_signers={tmp_path / 'ours.allowed'}"]) == 0
    assert "signed by me@lab" in capsys.readouterr().out
    assert verify.main([*flags, f"--allowed_signers={tmp_path / 'others.allowed'}"]) == 2
    assert "nobody in" in capsys.readouterr().err
    (tmp_path / "bundle.sig").write_bytes(signed.replace(b"A", b"B", 1))
    assert verify.main([*flags, f"--allowed_signers={tmp_path / 'ours.allowed'}"]) == 2
    assert verify.main(flags) == 2
    assert "--signature and --allowed_signers go together" in capsys.readouterr().err
