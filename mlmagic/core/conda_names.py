"""Translate conda package specifications to pip requirements, where conda is not available.

There are three kinds of packages: those on PyPI, often under another name; system libraries that wheels on
PyPI already contain, which are left out; and packages that PyPI does not have, which are reported together.

Source: PEP 440, and conda's ``MatchSpec``: ``name=1.2`` means 1.2 and 1.2.x, ``name=1.2=build`` 1.2 alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from mlmagic.core.environment import EnvironmentNeeds, package_name
from mlmagic.core.replacements import replaced
from mlmagic.errors import InvalidConfig, InvalidConfigs

PYPI_NAMES = {
    "brotli-python": "brotli",
    "dask-core": "dask",
    "faiss": "faiss-cpu",
    "geopandas-base": "geopandas",
    "keras-gpu": "keras",
    "matplotlib-base": "matplotlib",
    "msgpack-python": "msgpack",
    # Without windows: a server has no screen and no libraries for one.
    "opencv": "opencv-python-headless",
    "pil": "pillow",
    "py-opencv": "opencv-python-headless",
    "py-xgboost": "xgboost",
    "py-xgboost-cpu": "xgboost",
    "py-xgboost-gpu": "xgboost",
    "pyqt": "pyqt5",
    "pytables": "tables",
    "python-blosc": "blosc",
    "python-flatbuffers": "flatbuffers",
    "python-graphviz": "graphviz",
    "python-kubernetes": "kubernetes",
    "python-levenshtein": "levenshtein",
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "ray-core": "ray",
    "ray-default": "ray",
    "seaborn-base": "seaborn",
    "tensorflow-base": "tensorflow",
    "tensorflow-gpu": "tensorflow",
    "tensorflow-mkl": "tensorflow",
    "pyg": "torch-geometric",
}
"""Conda's name of a Python package -> PyPI's, where they differ; as `package_name` writes them."""

IN_WHEELS = frozenset(
    (
        # The compilers' and the system's own libraries.
        *("libgcc", "libgcc-ng", "libgomp", "libgfortran", "libgfortran-ng", "libgfortran4", "libgfortran5"),
        *(
            "libstdcxx",
            "libstdcxx-ng",
            "libcxx",
            "llvm-openmp",
            "intel-openmp",
            "tbb",
            "libllvm",
            "vs2015-runtime",
        ),
        *(
            "bzip2",
            "ca-certificates",
            "expat",
            "gmp",
            "icu",
            "ld-impl-linux-64",
            "libedit",
            "libev",
            "libexpat",
        ),
        *(
            "libffi",
            "libiconv",
            "libnsl",
            "libsqlite",
            "libuuid",
            "libxcrypt",
            "libxml2",
            "libxslt",
            "libzlib",
        ),
        *("lz4-c", "mpc", "mpfr", "ncurses", "openssl", "readline", "snappy", "sqlite", "tk", "tzdata", "xz"),
        *("yaml", "libyaml", "zeromq", "zlib", "zstd", "python-abi", "pcre", "pcre2", "libsodium", "libcurl"),
        # Linear algebra.
        *("blas", "libblas", "libcblas", "liblapack", "liblapacke", "libopenblas", "mkl", "mkl-devel"),
        *("mkl-fft", "mkl-random", "mkl-service", "nomkl", "numpy-base", "openblas"),
        # Pictures.
        *("freetype", "giflib", "jpeg", "lcms2", "lerc", "libdeflate", "libjpeg-turbo", "libpng", "libtiff"),
        *("libwebp", "libwebp-base", "openjpeg", "libopencv"),
        # Parts that wheels for a GPU contain or require.
        *("cpuonly", "cudatoolkit", "cudnn", "cutensor", "libcublas", "libcudnn", "libcufft", "libcurand"),
        *("libcusolver", "libcusparse", "libnpp", "nccl", "pytorch-cuda", "pytorch-mutex"),
        # The native halves of Python packages.
        *(
            "arrow-cpp",
            "hdf5",
            "libarrow",
            "liblightgbm",
            "libprotobuf",
            "libtorch",
            "libxgboost",
            "netcdf4-cpp",
        ),
    )
)
"""Libraries that PyPI's wheels bring along themselves: nothing is to be installed for them."""

NOT_PYTHON = frozenset(
    (
        *("autoconf", "automake", "binutils", "bison", "clang", "compilers", "c-compiler", "cxx-compiler"),
        *(
            "cairo",
            "curl",
            "ffmpeg",
            "flex",
            "fortran-compiler",
            "gcc",
            "gcc-linux-64",
            "gxx",
            "gxx-linux-64",
        ),
        *("gdb", "geos", "ghostscript", "git", "git-lfs", "glib", "go", "graphviz", "gsl", "imagemagick"),
        *(
            "java-jdk",
            "java-jre",
            "julia",
            "libboost",
            "libgdal",
            "libspatialindex",
            "make",
            "maven",
            "mpich",
        ),
        *("nodejs", "octave", "openjdk", "openmpi", "pandoc", "perl", "pkg-config", "poppler", "postgresql"),
        *(
            "proj",
            "qt",
            "r",
            "r-base",
            "redis-server",
            "ruby",
            "rust",
            "samtools",
            "sox",
            "tesseract",
            "unzip",
        ),
        *("wget", "wkhtmltopdf", "zip"),
    )
)
"""Programs and libraries that a Python package index does not have."""

_SPEC = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9._-]*)\s*(?P<rest>.*)", re.DOTALL)
_BRACKETS = re.compile(r"\[(.*)\]\s*$", re.DOTALL)
_BRACKETED = re.compile(r"(\w+)\s*=\s*(?:'([^']*)'|\"([^\"]*)\"|([^,\]]*))")
_CLAUSE = re.compile(r"(===|==|!=|>=|<=|~=|=|>|<)?\s*(.+)", re.DOTALL)
_RELEASE = re.compile(r"v?(\d+!)?\d+(\.\d+)*")
_VERSION = re.compile(
    r"v?(\d+!)?\d+(\.\d+)*([-_.]?(a|b|c|rc|alpha|beta|pre|preview)[-_.]?\d*)?"
    r"(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?([-_.]?dev[-_.]?\d*)?(\+[a-z0-9]+([-_.][a-z0-9]+)*)?",
    re.IGNORECASE,
)
_GPU_PARTS = re.compile(r"cuda-(?!python$|bindings$|core$).+|libnv.+")


def pip_requirements(needs: EnvironmentNeeds) -> tuple[str, ...]:
    """The pip requirements of an environment: translated conda packages, then its pip packages.

    They name the versions that are used, where those that the environment names cannot be installed.

    Raises `InvalidConfigs` with every conda package that pip cannot install, and the reason.
    """
    lines: list[str] = []
    refused: list[InvalidConfig] = []
    for package in needs.conda_packages:
        try:
            lines += _translated(package)
        except InvalidConfig as error:
            refused.append(error)
    if refused:
        raise InvalidConfigs(f"environment {needs.name!r}" if needs.name else "the environment", refused)
    return replaced((*lines, *needs.pip_packages), needs.replacements)


def left_out(needs: EnvironmentNeeds) -> tuple[str, ...]:
    """The conda packages that are left out because wheels contain them."""
    return tuple(package for package in needs.conda_packages if _is_in_wheels(package_name(package)))


def _translated(package: str) -> Iterator[str]:
    """The requirement of a conda package; nothing for one that wheels contain."""
    name = package_name(package)
    if _is_in_wheels(name):
        return
    if name in NOT_PYTHON or name.startswith(("r-", "xorg-")):
        raise InvalidConfig(
            "conda package",
            package,
            "is not a Python package, so pip cannot install it",
            hint="Leave it out, or use an image that has it.",
        )
    found = _SPEC.fullmatch(package.rpartition("::")[2].strip())
    if found is None:
        raise InvalidConfig(
            "conda package",
            package,
            "is not a package specification",
            hint="For example numpy=2.2, or numpy>=2,<3.",
        )
    yield f"{PYPI_NAMES.get(name, found['name'])}{_specifiers(package, found['rest'])}"


def _is_in_wheels(name: str) -> bool:
    # An exported environment names the interpreter's own parts with an underscore: _libgcc_mutex.
    return name in IN_WHEELS or name.startswith("-") or _GPU_PARTS.fullmatch(name) is not None


def _specifiers(package: str, rest: str) -> str:
    """The PEP 440 version specifiers of a conda package."""
    brackets = _BRACKETS.search(rest)
    attributes = {key: a or b or c for key, a, b, c in _BRACKETED.findall(brackets[1])} if brackets else {}
    plain = rest[: brackets.start()] if brackets else rest
    version, build = _version_and_build(plain.strip())
    version, build = attributes.get("version", version), attributes.get("build", build)
    if "|" in version:
        raise InvalidConfig(
            "conda package",
            package,
            "allows alternative versions (|), which pip does not support",
            hint="Name one range, such as >=1.2,<2.",
        )
    clauses = [clause.strip() for clause in version.split(",")]
    return ",".join(filter(None, (_clause(package, clause, exact=bool(build)) for clause in clauses)))


def _version_and_build(rest: str) -> tuple[str, str]:
    """``=1.2=build`` and ``1.2 build`` apart; with a build the version is that one."""
    if " " in rest and not re.search(r"[<>=!~,|]\s+\S", rest) and not re.search(r"\s[<>=!~,|]", rest):
        version, _, build = rest.partition(" ")
        return version, build.strip()
    found = re.fullmatch(r"=([^=<>!~,|]+)=([^=]+)", rest)
    return (f"={found[1].strip()}", found[2].strip()) if found else (rest, "")


def _clause(package: str, clause: str, *, exact: bool) -> str:
    if clause in ("", "*", "=*", "==*"):
        return ""
    found = _CLAUSE.fullmatch(clause)
    assert found is not None  # it is not empty
    sign, version = found[1] or "==", found[2].strip()
    starred = version.endswith("*")
    bare = version.rstrip("*").rstrip(".")
    if not _VERSION.fullmatch(bare):
        raise InvalidConfig(
            "conda package", package, f"names version {version!r}, which no package on PyPI can have"
        )
    # Only a plain release can become a prefix match (1.2.*).
    family = f"{bare}.*" if _RELEASE.fullmatch(bare) else bare
    if sign == "=":
        return f"=={bare}" if exact and not starred else f"=={family}"
    if sign in ("==", "!="):
        return f"{sign}{family if starred else bare}"
    return f"{sign}{bare}"
