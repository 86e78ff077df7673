"""Writer of a drawing as PNG, by Typst with the fonts of the report."""

from pathlib import Path

_HERE = Path(__file__).parent
_PPI = 288


def svg_as_png(svg: str) -> bytes:
    """Return an SVG as PNG, about 1500 pixels wide, on one page."""
    import typst  # noqa: PLC0415 - as in pdf.py

    pictures = typst.compile(
        str(_HERE / "picture.typ"),
        root=str(_HERE),
        font_paths=[str(_HERE.parent / "fonts")],
        ignore_system_fonts=True,
        format="png",
        ppi=_PPI,
        sys_inputs={"svg": svg},
    )
    return pictures if isinstance(pictures, bytes) else pictures[0]
