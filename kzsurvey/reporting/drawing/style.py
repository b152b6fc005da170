"""The look of every figure: sizes, shades that are readable in grey, the font that has Chinese."""

from matplotlib import font_manager

from kzsurvey.reporting.fonts import chinese_font

WIDTH, ROW, MARGIN, PANEL = 5.6, 0.31, 1.0, 0.68  # inches; MARGIN is what stands around the rows
UPRIGHT, SQUARE = 3.0, 4.9  # inches high
DOTS = 180  # per inch
INK, SOFT, LINE = "#1d2b36", "#5b6b78", "#c9d1d8"
SHADES = ("#1f3a4d", "#6f93ab", "#b9cedb", "#e6edf1", "#f6f2e7")
DASHES = ("-", (0, (5, 2)), (0, (1, 1.5)), (0, (5, 1.5, 1, 1.5)))
BROKEN = (0, (4, 3))  # a line at 0, or an arrow whose interval includes 0
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": SOFT,
    "ytick.color": INK,
    "ytick.major.size": 0,
    "axes.axisbelow": True,
    "figure.constrained_layout.use": True,
    "svg.hashsalt": "kzsurvey",
}


def families() -> list[str]:
    """The Chinese font first, then the one that comes with matplotlib, for other scripts."""
    path = str(chinese_font())
    if not any(entry.fname == path for entry in font_manager.fontManager.ttflist):
        font_manager.fontManager.addfont(path)
    return [font_manager.FontProperties(fname=path).get_name(), "DejaVu Sans"]
