"""The wheel's dependencies: the pins of requirements.txt, so that an installation gets what was tested."""

import re
from pathlib import Path

from setuptools import setup

PIN = re.compile(r"^([A-Za-z0-9._-]+(?:\[[a-z,]+\])?==[^\s\\]+(?: ; [^\\]+?)?)\s*\\?$", re.MULTILINE)

setup(install_requires=PIN.findall(Path(__file__).with_name("requirements.txt").read_text(encoding="utf-8")))
