"""Set-up of the environment where uv cannot be used."""

from pathlib import Path

import pytest

from deploy import environment


@pytest.mark.parametrize("status", [0, 1])
def test_where_uv_installs_nothing_pip_does(tmp_path, monkeypatch, status):
    asked = []
    monkeypatch.setattr(environment, "install_by_uv", lambda *_: False)
    monkeypatch.setattr(environment, "run_pip", lambda _folder, *words: asked.append(words) or status)
    if status:
        with pytest.raises(environment.CannotSetUp, match="try the same command again"):
            environment.install(tmp_path, Path("requirements.txt"))
    else:
        environment.install(tmp_path, Path("requirements.txt"))
        environment.install(tmp_path, Path("requirements.txt"))  # nothing has changed: nothing is asked
    assert asked == [("--requirement", "requirements.txt")]


def test_without_the_index_uv_is_not_fetched(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, "run_pip", lambda *_: 1)
    assert not environment.install_by_uv(tmp_path, Path("requirements.txt"), tmp_path)
    assert (tmp_path / "uv.txt").read_text().startswith("uv==")
