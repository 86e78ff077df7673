"""What the browser tests say where there is no Chromium."""

from subprocess import CompletedProcess

import pytest

from tests.browser import chromium


def test_without_chromium_the_line_to_type_is_said(monkeypatch, tmp_path):
    refused = CompletedProcess([], 100, "", "E: Unable to locate package")
    monkeypatch.setattr("subprocess.run", lambda *_arguments, **_options: refused)
    monkeypatch.setattr(chromium, "UNPACKED", tmp_path / "chromium")
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(chromium.NoChromium, match=r"sudo apt-get install .*chromium"):
        chromium.install_chromium()


def test_chromium_is_found_by_any_of_its_names(monkeypatch):
    monkeypatch.setattr(
        "shutil.which", lambda name: f"/usr/bin/{name}" if name == "chromium-browser" else None
    )
    assert chromium.find_chromium() == "/usr/bin/chromium-browser"
