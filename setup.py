"""Packaging: everything on Python 3.11 or later; on 3.8 to 3.10 only the robot host's part."""

from pathlib import Path

from setuptools import find_packages, setup

TRAINING = '; python_version >= "3.11"'
ROBOT_HOST = '; python_version < "3.11"'

training_stack = [
    "absl-py>=2.1",
    "flax>=0.12.8",
    "imageio>=2.36",
    "imageio-ffmpeg>=0.6",
    "jax>=0.10",
    "matplotlib>=3.9",
    "ml_collections>=1.0",
    "mujoco==4.0.*",
    "mujoco-mjx[warp]==3.17.*",
    "numpy>=2.0",
    "optax>=0.2.5",
    "orbax-checkpoint>=0.11.20",
    "pillow>=10.1",
    "rich>=13",
    "scipy>=1.15",
    "tensorboardX>=2.6.2",
]
robot_host = ["mcap", "numpy", "onnxruntime"]
documentation = ["furo>=2024.8", "myst-parser>=4", "sphinx>=8"]
export = ["jax2onnx>=0.17", "mcap>=1.2", "onnxruntime>=1.20"]
notebook = [
    "ipykernel>=6.29",
    "nbclient>=0.10",
    "nbformat>=5.10",
    *export,
]  # the last cell exports a bundle
gymnasium = ["gymnasium>=1.1"]
viewer = ["mjviser>=0.0.14", "viser>=1.1"]

setup(
    name="dactyl_jax",
    version="0.1.0",
    description="Dactyl in JAX: a simulated Shadow hand learns to turn objects in its palm",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    python_requires=">=3.8",
    packages=find_packages(include=["dactyl_jax*", "experiments*", "hardware*"]),
    package_data={"dactyl_jax": ["**/*.xml", "pretrained/*/*.json", "pretrained/*/*.npz"]},
    install_requires=[name + TRAINING for name in training_stack]
    + [name + ROBOT_HOST for name in robot_host],
    extras_require={
        "dev": [
            "mypy>=1.15" + TRAINING,
            "opencv-python-headless>=4.7" + TRAINING,
            "playwright>=1.50" + TRAINING,
            "pre-commit>=4" + TRAINING,
            "pytest>=8",
            "pytest-xdist>=3.6" + TRAINING,
            "ruff>=0.9",
            "setuptools>=65",
            "wheel",
            *(name + TRAINING for name in (*documentation, *gymnasium, *notebook, *viewer)),
        ],
        "docs": [name + TRAINING for name in documentation],
        "notebook": [name + TRAINING for name in notebook],
        "gymnasium": [name + TRAINING for name in gymnasium],
        "export": [name + TRAINING for name in export],
        "viewer": [name + TRAINING for name in viewer],
        "calibration": ["opencv-python-headless>=4.7" + TRAINING],
        "cuda": ["jax[cuda13]>=0.10" + TRAINING],
        "cuda12": ["jax[cuda12]>=0.10" + TRAINING],
        "tpu": ["jax[tpu]>=0.10" + TRAINING],
    },
    classifiers=[
        "License :: OSI Approved :: Apache Software License",
        "Programming Language :: Python :: 3",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
