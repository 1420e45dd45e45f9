"""Error curves as plots: a layout and two renderers. Pure: metrics in, text out.

curve_plot builds the panels; svg renders them for a browser or a file, terminal for a terminal.
Both use axes.
"""
