"""``ipa --version``."""

import platform

import typer


def show_version(wanted: bool) -> None:
    """Print which IPA this is, and leave.

    Parameters
    ----------
    wanted
        Whether ``--version`` was given.
    """
    if not wanted:
        return
    # Imported when asked for, so that other commands start faster.
    from ipa.results.provenance import git_commit, package_version

    commit = git_commit()
    known = f"ipa {package_version('ipa') or 'that is not installed'}"
    typer.echo(f"{known}{f', commit {commit}' if commit else ''}, Python {platform.python_version()}")
    raise typer.Exit
