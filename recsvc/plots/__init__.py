"""Error curves as plots: what is drawn, and two that draw it. Pure: figures in, text out.

panels (what) → svg (for a browser, a file) · terminal (for a terminal); axes for both
"""
