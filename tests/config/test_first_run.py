import stat

from config.first_run import write_env


def test_writes_an_env_that_only_its_owner_can_read(tmp_path):
    path = tmp_path / ".env"

    assert write_env(path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert "DEBUG=true" in path.read_text()


def test_makes_other_keys_each_time(tmp_path):
    write_env(tmp_path / "one")
    write_env(tmp_path / "two")

    assert (tmp_path / "one").read_text() != (tmp_path / "two").read_text()


def test_never_touches_an_env_that_exists(tmp_path):
    path = tmp_path / ".env"
    path.write_text("SECRET_KEY=mine")

    assert not write_env(path)

    assert path.read_text() == "SECRET_KEY=mine"
