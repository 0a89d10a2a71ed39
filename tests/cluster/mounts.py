from pathlib import Path

from process import call


def below(folder: Path) -> list[Path]:
    """The mount points at a folder and below it, the latest first."""
    # The mount point is the fifth field; blanks in it are written as octal numbers.
    points = [
        Path(line.split()[4].encode().decode("unicode_escape"))
        for line in Path("/proc/self/mountinfo").read_text().splitlines()
    ]
    return [point for point in reversed(points) if point.is_relative_to(folder)]


def remove(folder: Path) -> None:
    """Unmounts all that is mounted at a folder and below it."""
    for point in below(folder):
        call("umount", point)
