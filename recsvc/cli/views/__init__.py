"""What commands print: tables, plots and live views."""
