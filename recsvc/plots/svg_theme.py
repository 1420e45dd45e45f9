"""Fonts and colours of SVG plots, light and dark, with eight distinguishable job colours."""

# Renderers other than browsers do not know system-ui, so real font names precede sans-serif.
FONTS = (
    'system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,"Noto Sans",'
    '"Liberation Sans","DejaVu Sans",sans-serif'
)
LIGHT = {
    "validation": ("#2563eb", "#2563eb"),
    "training": ("#d97706", "#b45309"),
    "best": ("#059669", "#047857"),
    "problem": ("#dc2626", "#b91c1c"),
    "warning": ("#d97706", "#b45309"),
    "note": ("#0891b2", "#0e7490"),
    "job1": ("#2563eb", "#2563eb"),
    "job2": ("#d97706", "#b45309"),
    "job3": ("#059669", "#047857"),
    "job4": ("#c026d3", "#a21caf"),
    "job5": ("#dc2626", "#b91c1c"),
    "job6": ("#0891b2", "#0e7490"),
    "job7": ("#65a30d", "#4d7c0f"),
    "job8": ("#6b7280", "#4b5563"),
}
DARK = {
    "validation": ("#60a5fa", "#93c5fd"),
    "training": ("#fbbf24", "#fcd34d"),
    "best": ("#34d399", "#6ee7b7"),
    "problem": ("#f87171", "#fca5a5"),
    "warning": ("#fbbf24", "#fcd34d"),
    "note": ("#22d3ee", "#67e8f9"),
    "job1": ("#60a5fa", "#93c5fd"),
    "job2": ("#fbbf24", "#fcd34d"),
    "job3": ("#34d399", "#6ee7b7"),
    "job4": ("#e879f9", "#f0abfc"),
    "job5": ("#f87171", "#fca5a5"),
    "job6": ("#22d3ee", "#67e8f9"),
    "job7": ("#a3e635", "#bef264"),
    "job8": ("#9ca3af", "#d1d5db"),
}


def _color_rules(colours: dict[str, tuple[str, str]]) -> str:
    return "".join(
        f".{kind}{{stroke:{line}}}text.{kind}{{stroke:none;fill:{words}}}"
        for kind, (line, words) in colours.items()
    )


STYLE = f"""
.paper{{fill:#ffffff}}.grid{{stroke:#e5e7eb}}.axis{{stroke:#9ca3af}}
text{{font-family:{FONTS};font-size:12px;fill:#4b5563}}
text.title{{font-size:16px;font-weight:600;fill:#111827}}text.name{{font-weight:600;fill:#111827}}
.line{{fill:none;stroke-width:2;stroke-linejoin:round;stroke-linecap:round}}
.dashed{{stroke-dasharray:3 5}}.span{{stroke-width:5;stroke-linecap:round}}
.level{{stroke:#6b7280;stroke-width:1.2;stroke-dasharray:6 4}}
{_color_rules(LIGHT)}
line.best{{stroke-dasharray:2 3}}line.span{{stroke-dasharray:none}}
circle.best{{fill:#059669;stroke:none}}
@media (prefers-color-scheme:dark){{
.paper{{fill:#0f172a}}.grid{{stroke:#1e293b}}.axis{{stroke:#64748b}}
text{{fill:#cbd5e1}}text.title,text.name{{fill:#f8fafc}}
.level{{stroke:#94a3b8}}circle.best{{fill:#34d399}}
{_color_rules(DARK)}}}
"""
