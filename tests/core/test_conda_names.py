"""Conda's specifications as pip's."""

from __future__ import annotations

import pytest

from mlmagic.core.conda_names import IN_WHEELS, NOT_PYTHON, PYPI_NAMES, left_out, pip_requirements
from mlmagic.core.environment import EnvironmentNeeds, package_name
from mlmagic.errors import InvalidConfigs


@pytest.mark.parametrize(
    ("conda", "pip"),
    [
        ("numpy", "numpy"),
        ("numpy=2.2", "numpy==2.2.*"),
        ("numpy=2.2.*", "numpy==2.2.*"),
        ("numpy =2.2", "numpy==2.2.*"),
        ("numpy==2.2.1", "numpy==2.2.1"),
        ("numpy==2.2.*", "numpy==2.2.*"),
        ("numpy 2.2.1", "numpy==2.2.1"),
        ("numpy 2.2*", "numpy==2.2.*"),
        ("numpy 2.2.1 py311_0", "numpy==2.2.1"),
        ("numpy=2.2.1=py311h1234", "numpy==2.2.1"),
        ("numpy=*", "numpy"),
        ("numpy *", "numpy"),
        ("numpy>=1.3", "numpy>=1.3"),
        ("numpy >=1.3,<2", "numpy>=1.3,<2"),
        ("numpy >= 1.3, < 2", "numpy>=1.3,<2"),
        ("numpy>=1.3.*", "numpy>=1.3"),
        ("numpy!=1.4.*", "numpy!=1.4.*"),
        ("numpy~=1.4.2", "numpy~=1.4.2"),
        ("numpy=2.0.0rc1", "numpy==2.0.0rc1"),
        ("numpy[version='>=1.2,<2']", "numpy>=1.2,<2"),
        ('numpy[version="2.2.1", build=py_0]', "numpy==2.2.1"),
        ("conda-forge::scikit-learn=1.5=build", "scikit-learn==1.5"),
        ("conda-forge/linux-64::idna=3", "idna==3.*"),
        ("pytorch::pytorch=2.1", "torch==2.1.*"),
        ("pytorch-cpu", "torch"),
        ("tensorflow-gpu=2.15", "tensorflow==2.15.*"),
        ("py-xgboost", "xgboost"),
        ("py-xgboost-cpu>=2", "xgboost>=2"),
        ("msgpack-python", "msgpack"),
        ("opencv=4.10", "opencv-python-headless==4.10.*"),
        ("prometheus_client", "prometheus_client"),
        ("cuda-python=12", "cuda-python==12.*"),
        ("libsass", "libsass"),
    ],
)
def test_a_conda_package_as_pip_says_it(conda: str, pip: str) -> None:
    assert pip_requirements(EnvironmentNeeds(conda_packages=(conda,))) == (pip,)


@pytest.mark.parametrize(
    "package",
    [
        *("cudatoolkit=11.8", "libgcc", "_libgcc_mutex=0.1=main", "mkl", "mkl_fft=1.3", "ca-certificates"),
        *("ld_impl_linux-64=2.40=h41732ed_0", "openssl=1.1.1f", "pytorch-cuda=12.1", "cuda-nvcc", "jpeg=9b"),
    ],
)
def test_what_wheels_bring_along_is_left_out(package: str) -> None:
    needs = EnvironmentNeeds(conda_packages=(package, "six"))
    assert pip_requirements(needs) == ("six",)
    assert left_out(needs) == (package,)


def test_pips_packages_stay_as_they_are_and_come_last() -> None:
    needs = EnvironmentNeeds(
        conda_packages=("six=1.16",), pip_packages=("idna[all] >= 3 ; python_version>'3'",)
    )
    assert pip_requirements(needs) == ("six==1.16.*", "idna[all] >= 3 ; python_version>'3'")


def test_all_that_cannot_be_had_is_told_together() -> None:
    packages = ("openmpi=4.1", "six", "r-ggplot2", "numpy=1.2|1.3", "six=1.1.1f", "=1.2")
    with pytest.raises(InvalidConfigs) as caught:
        pip_requirements(EnvironmentNeeds(name="mine", conda_packages=packages))
    said = str(caught.value)
    assert said.startswith("environment 'mine' has 5 invalid values:")
    assert "conda package 'openmpi=4.1' is not a Python package, so pip cannot install it" in said
    assert "conda package 'r-ggplot2' is not a Python package" in said
    assert "conda package 'numpy=1.2|1.3' allows alternative versions (|), which pip does not support" in said
    assert "conda package 'six=1.1.1f' names version '1.1.1f', which no package on PyPI can have" in said
    assert "conda package '=1.2' is not a package specification" in said


def test_the_tables_do_not_contradict_each_other() -> None:
    assert not IN_WHEELS & NOT_PYTHON
    assert not (IN_WHEELS | NOT_PYTHON) & PYPI_NAMES.keys()
    for name in (*PYPI_NAMES, *IN_WHEELS, *NOT_PYTHON):
        assert name == package_name(name)
