"""What all figures share."""

from matplotlib.figure import Figure

from dactyl_jax.evaluation import plotting


def test_titles_and_names_are_plain_text(tmp_path):
    """A dollar sign begins no formula, and a broken formula ends no program."""
    figure = Figure()
    figure.suptitle(r"cost in $ and \$x_{")
    figure.subplots().plot([1, 2], label=r"$\nonsense{$")
    figure.axes[0].legend()
    plotting.save(figure, tmp_path / "figure.png")
    assert [file.name for file in tmp_path.iterdir()] == ["figure.png"]
